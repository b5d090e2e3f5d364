"""One speaker as a recognizer knows them, kept in a file."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tembr.bundle import BundleError
from tembr.errors import StoreError
from tembr.recognize.speaker import LARGEST_FILE, Origin, Speaker, SpeakerError, plain

ORIGIN = Origin("polish", "1.0.0", "0123456789abcdef" * 4)
ANNA = Speaker("anna", ORIGIN, 12, (0.5, -0.5))
PLACED = replace(ANNA, means=((1.0, 2.0, 3.0),) * 2, precisions=((0.0, 0.5, 1.0),) * 2)


def network(**sizes: list[int]) -> SimpleNamespace:
    """A network of ANNA's bundle whose optional inputs have these shapes; it tells what it is given."""

    def overridable():
        return [SimpleNamespace(name=name, shape=shape) for name, shape in sizes.items()]

    return SimpleNamespace(
        facts=SimpleNamespace(name="polish", version="1.0.0", hashes={"model.onnx": ORIGIN.model}),
        variant="model.onnx",
        session=SimpleNamespace(get_overridable_initializers=overridable),
        require_adaptable=lambda: None,
        with_inputs=lambda given: given,
    )


def test_an_origin_is_told_by_the_beginning_of_its_hash():
    assert str(ORIGIN) == "polish 1.0.0 (model 0123456789ab)"
    assert Origin.of(network()) == ORIGIN


def test_inputs_are_those_of_the_network_in_single_precision():
    given = PLACED.inputs
    assert {name: values.shape for name, values in given.items()} == {
        "speaker_weight": (1,), "speaker_offset": (2,), "speaker_means": (2, 3), "speaker_precisions": (2, 3),
    }  # fmt: skip
    assert {values.dtype for values in given.values()} == {np.dtype("float32")}
    assert set(ANNA.inputs) == {"speaker_weight", "speaker_offset"}
    assert replace(ANNA, share=0.5).inputs["speaker_share"].tolist() == [0.5]


def test_a_network_is_tuned_by_what_was_learnt():
    tuned = ANNA.tune(network(speaker_weight=[1], speaker_offset=[2]))
    assert {name: values.tolist() for name, values in tuned.items()} == {
        "speaker_weight": [1.0],
        "speaker_offset": [0.5, -0.5],
    }


def test_a_network_of_another_size_is_refused():
    with pytest.raises(SpeakerError, match="^speaker 'anna': its speaker_offset is not the bundle's; adapt to"):
        ANNA.tune(network(speaker_weight=[1], speaker_offset=[6]))


def test_a_network_of_another_bundle_is_refused_with_both_names():
    other = replace(ANNA, origin=replace(ORIGIN, version="2"))
    with pytest.raises(SpeakerError, match=r"with the bundle polish 2 \(.*\), not with polish 1.0.0 \(model 0123"):
        other.tune(network())


def test_whether_a_bundle_adapts_at_all_is_asked_first():
    def refuse():
        raise BundleError("cannot adapt")

    with pytest.raises(BundleError, match="^cannot adapt$"):
        replace(ANNA, origin=replace(ORIGIN, version="2")).tune(SimpleNamespace(require_adaptable=refuse))


@pytest.mark.parametrize("speaker", [ANNA, PLACED, replace(ANNA, name="Zażółć", offset=(1 / 3, 1e-30))])
def test_a_speaker_is_read_back_to_the_same_values(tmp_path, speaker):
    speaker.save(tmp_path / "s.json")
    assert Speaker.load(tmp_path / "s.json") == speaker


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recordings": True}, "its number of recordings is not 1 or more"),
        ({"offset": ()}, "its offset is empty"),
        ({"offset": (float("inf"),)}, "not finite or beyond 1e\\+06"),
        ({"means": ((1.0,),)}, "means and precisions are not of one shape"),
        ({"means": ((1.0,),), "precisions": ((-1.0,),)}, "a precision is below 0"),
        ({"share": 1.5}, "its share of relative logits is not 0 to 1"),
        ({"share": float("nan")}, "its share of relative logits is not 0 to 1"),
        ({"name": "a\nb"}, "'a\\?b': a name is no plain text"),
    ],
)
def test_values_out_of_their_range_are_one_line(changes, said):
    with pytest.raises(SpeakerError, match=f"^speaker .*{said}; adapt to the recordings again$"):
        replace(ANNA, **changes)


def test_a_name_is_cut_and_made_printable():
    assert plain("a\x1b[2J\n" + "b" * 300) == "a?[2J?" + "b" * 194


def test_saving_loses_no_file_of_another_kind(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("print()")
    with pytest.raises(StoreError, match="not written by Tembr as speaker"):
        ANNA.save(path)
    assert path.read_text() == "print()"
    ANNA.save(path, force=True)
    replace(ANNA, recordings=7).save(path)
    assert Speaker.load(path).recordings == 7


@pytest.mark.parametrize("name", ["offset", "share"])
def test_a_file_that_lacks_something_says_what(tmp_path, name):
    ANNA.save(tmp_path / "s.json")
    content = json.loads((tmp_path / "s.json").read_text())
    del content[name]
    (tmp_path / "s.json").write_text(json.dumps(content))
    with pytest.raises(SpeakerError, match=rf"s.json: not a speaker's file \({name} is missing\); write one with"):
        Speaker.load(tmp_path / "s.json")


def test_a_file_too_large_is_not_even_parsed(tmp_path):
    (tmp_path / "s.json").write_bytes(b"[" * (LARGEST_FILE + 1))
    with pytest.raises(SpeakerError, match="larger than any speaker's file"):
        Speaker.load(tmp_path / "s.json")


def test_a_missing_file_and_a_folder_in_the_way_are_told(tmp_path):
    with pytest.raises(SpeakerError, match=r"no.json: cannot be read \(No such file or directory\); check the path"):
        Speaker.load(tmp_path / "no.json")
    with pytest.raises(StoreError, match="is a folder; choose another"):
        ANNA.save(tmp_path)
