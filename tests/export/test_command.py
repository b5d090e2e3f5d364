"""`tembr export` as a user meets it."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from tembr.bundle import read_facts
from tembr.corpora import load_corpus
from tembr.ensemble.folder import EnsembleFolder
from tembr.export import read_member_folder
from tembr.export.recordings import read_waveforms
from tembr.export.verify import torch_posteriors
from tembr.features import extract
from tests.command import tembr_here


@pytest.fixture(scope="module")
def exported(study, tmp_path_factory):
    """One member of a study, from features."""
    out = tmp_path_factory.mktemp("member") / "bundle"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", [
            "tembr", "export", "--study", str(study), "--member", "rms", "--out", str(out), "--inputs", "features",
            "--recordings", "20", "--name", "Member", "--licence", "CC0-1.0",
        ])  # fmt: skip
        from tembr.cli import main

        with pytest.raises(SystemExit) as end:
            main()
    assert not end.value.code
    return out


def test_a_member_becomes_a_bundle_of_features(exported, study):
    facts = read_facts(exported)
    assert (facts.name, facts.inputs, facts.licence) == ("Member", "features", "CC0-1.0")
    assert facts.shapes == {"rms": ["batch", 1, 32]} and facts.members[0]["weight"] == 1
    assert facts.corpora[0]["name"] == "demo" and facts.corpora[0]["recordings"] == 115
    assert 0 < facts.corpora[0]["hours"] < 1 and set(facts.metrics) == {"random"}


@pytest.mark.parametrize("batch", [1, 2, 17])
def test_its_features_give_what_the_waveform_gives(exported, study, batch):
    ensemble = read_member_folder(study, "rms")
    features = ensemble.settings.features
    waveforms = [np.resize(w, 16_000) for w in read_waveforms(load_corpus("demo").utterances[:batch], 16_000)]
    values = extract(np.stack(waveforms), 16_000, "rms", settings=features).numpy()
    session = onnxruntime.InferenceSession(exported / "model.onnx", providers=["CPUExecutionProvider"])
    expected = torch_posteriors(ensemble.load(), waveforms)
    assert np.abs(session.run(None, {"rms": values})[0] - expected).max() <= 1e-4


def test_the_card_says_how_features_are_given(exported):
    assert '{"rms": rms[None]}' in (exported / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--ensemble", "EMPTY"], "no ensemble.json there"),
        (["--study", "EMPTY", "--member", "rms"], "config.toml"),
        (["--study", "STUDY", "--member", "mfcc"], "no member 'mfcc'; it has rms"),
    ],
)
def test_bad_input_is_one_line(capsys, study, ensemble: EnsembleFolder, tmp_path, arguments, said):
    places = {"EMPTY": str(tmp_path), "STUDY": str(study), "ENSEMBLE": str(ensemble.folder)}
    done = tembr_here(capsys, "export", *(places.get(a, a) for a in arguments), "--out", str(tmp_path / "b"))
    assert done.status == 1 and done.one_line_error and said in done.err
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("arguments", [["--study", "STUDY"], [], ["--study", "STUDY", "--ensemble", "ENSEMBLE"]])
def test_what_to_export_is_named_one_way(capsys, tmp_path, arguments):
    done = tembr_here(capsys, "export", *arguments, "--out", str(tmp_path / "b"))
    assert done.status == 2 and "name what to export" in done.err


def test_an_out_that_is_a_file_is_one_line(capsys, ensemble: EnsembleFolder, tmp_path):
    (tmp_path / "out").write_text("mine")
    done = tembr_here(capsys, "export", "--ensemble", str(ensemble.folder), "--out", str(tmp_path / "out"))
    assert done.status == 1 and done.one_line_error and "is a file; choose another --out" in done.err


def test_a_corpus_that_is_not_there_is_one_line(capsys, ensemble: EnsembleFolder, tmp_path):
    config = (ensemble.folder / "config.toml").read_text()
    copy = tmp_path / "ensemble"
    copy.mkdir()
    (copy / "config.toml").write_text(config.replace('name = "demo"', 'name = "emodb"'))
    (copy / "ensemble.json").write_bytes((ensemble.folder / "ensemble.json").read_bytes())
    (copy / "members").symlink_to(ensemble.folder / "members")
    done = tembr_here(
        capsys, "export", "--ensemble", str(copy), "--out", str(tmp_path / "b"), "--corpus-dir", str(tmp_path / "x")
    )
    assert done.status == 1 and done.one_line_error and "no such folder" in done.err


def test_out_is_required(capsys, ensemble: EnsembleFolder):
    assert tembr_here(capsys, "export", "--ensemble", str(ensemble.folder)).status == 2
