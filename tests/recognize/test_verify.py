"""`tembr verify` tells everything that is wrong with a bundle."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
import pytest
from tests.command import tembr_here
from tests.recognize.fake_bundle import make_bundle, make_model

from tembr.bundle import hashes


@pytest.fixture
def copy(bundle, tmp_path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


@pytest.fixture
def verify(capsys):
    def run(folder: Path) -> tuple[int, list[str], list[str]]:
        done = tembr_here(capsys, "verify", str(folder))
        lines = done.out.splitlines()
        return done.status, [x for x in lines if x.startswith("ok")], [x for x in lines if x.startswith("WRONG")]

    return run


def change(folder: Path, **facts) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def test_a_bundle_as_it_should_be_passes_every_check(verify, bundle):
    status, passed, wrong = verify(bundle)
    assert (status, len(passed), wrong) == (0, 8, [])


@pytest.mark.parametrize("name", ["MODEL_CARD.md", "model.onnx"])
def test_an_altered_file_is_told(verify, copy, name):
    (copy / name).write_bytes((copy / name).read_bytes() + b" ")
    status, _, wrong = verify(copy)
    assert status == 1 and f"WRONG  {name}: altered" in wrong


def test_a_missing_model_is_told_and_the_rest_checked(verify, copy):
    (copy / "model.onnx").unlink()
    status, passed, wrong = verify(copy)
    assert status == 1 and passed and any("missing" in line for line in wrong)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"labels": ["one", "two"]}, "not [batch, 2]"),
        ({"sample_rate": 8_000}, "sample_rate: not as in bundle.json"),
        ({"window": 2.0}, "window: not as in bundle.json"),
        ({"default": "other.onnx"}, "default variant: other.onnx"),
        ({"default": "../../etc/passwd"}, "default variant"),
        ({"self_test": {}}, "no answer recorded"),
        ({"self_test": {"probabilities": [1, 0, 0, 0, 0, 0]}}, "self-test"),
        ({"self_test": []}, "self-test"),
        ({"self_test": {"probabilities": "x", "tolerance": "y"}}, "self-test"),
        ({"labels": 7}, "not names"),
        ({"hashes": {"../../etc/passwd.onnx": "0"}}, "inside the bundle"),
    ],
)
def test_facts_that_are_not_the_models_are_told(verify, copy, facts, said):
    change(copy, **facts)
    status, _, wrong = verify(copy)
    assert status == 1 and any(said in line for line in wrong)


def test_a_variant_is_held_to_its_own_answer(verify, tmp_path):
    (tmp_path / "quantized").mkdir()
    onnx.save(make_model(), tmp_path / "quantized" / "small.onnx")
    make_bundle(tmp_path)
    facts = json.loads((tmp_path / "bundle.json").read_text())
    assert verify(tmp_path)[2] == ["WRONG  quantized/small.onnx self-test: no answer recorded of 6 probabilities"]
    answer = facts["self_test"]["probabilities"]
    change(tmp_path, self_test=facts["self_test"] | {"variants": {"quantized/small.onnx": answer}})
    assert verify(tmp_path)[0] == 0


def test_a_model_with_another_input_is_told(verify, copy):
    onnx.save(make_model(waveform="picture"), copy / "model.onnx")
    change(copy, hashes=hashes(copy))
    assert "WRONG  model.onnx: inputs picture instead of waveform" in verify(copy)[2]


def test_without_a_bundle_there_is_one_line_of_error(capsys, tmp_path):
    done = tembr_here(capsys, "verify", str(tmp_path))
    assert done.status == 1 and done.one_line_error
