"""Which protocols are measured, what is not done again, and what is said of it; nothing is searched here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tembr.ensemble import run as module
from tembr.ensemble.combiners import BOOSTING, COMBINERS
from tembr.ensemble.folder import EnsembleFolder
from tembr.ensemble.heldout import read_heldout
from tembr.ensemble.members import finished_members, read_protocol
from tembr.ensemble.report import ProtocolResult
from tembr.ensemble.run import run_ensemble
from tembr.ensemble.settings import EnsembleSettings
from tembr.errors import StoreError
from tembr.evaluate.results import MemberResult
from tembr.experiment.study import study_settings
from tembr.lock import only_process
from tembr.progress import Progress
from tests.small_study import CORPUS, recordings_of, write_study

QUICK = EnsembleSettings(members=("chroma", "rms"), trials=3)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A study whose recordings have audio."""
    write_study(tmp_path / "study", "chroma", "rms")
    monkeypatch.setattr(module._Run, "recordings", recordings_of(tmp_path / "audio"))
    return tmp_path / "study"


def identity(folder: Path, settings: EnsembleSettings) -> str:
    protocol = read_protocol(study_settings(folder), folder, "speaker")
    return module._identity(read_heldout(protocol, list(finished_members(protocol).values())), settings)


def leave_result(folder: Path, settings: EnsembleSettings) -> None:
    """What an earlier run under these settings left."""
    scores = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in ("accuracy", "uar")}
    summary = {"member": "ensemble", "protocol": "speaker", "kind": "ensemble", "corpus": "demo", **scores}
    results = (MemberResult("ensemble", "speaker", "ensemble", summary),)
    search = {"trials": 3, "recordings": 12, "part": "held-out logits"}
    adapted = {
        "uar": {"value": 0.7},
        "recordings": 30,
        "shipped_strength": 1.0,
        "shipped_temperature": 1.0,
        "typical": [[1.0]],
    }
    weights, found = {"chroma": 0.75, "rms": 0.25}, identity(folder, settings)
    ProtocolResult(found, results, "ensemble", weights, 1.5, search, adapted, {}).write(folder / "ensemble")


def test_without_a_study_that_is_said(tmp_path):
    with pytest.raises(StoreError, match="no study there"):
        run_ensemble(tmp_path)


def test_what_was_measured_is_not_measured_again(folder, monkeypatch):
    leave_result(folder, QUICK)
    monkeypatch.setattr(module, "measure", lambda *_: pytest.fail("measured again"))
    made = run_ensemble(folder, QUICK)
    assert made.facts.weights == {"chroma": 0.75, "rms": 0.25}
    assert made.folder == folder / "ensemble" and EnsembleFolder.read(made.folder) == made


def test_under_other_settings_it_is_measured_again(folder, monkeypatch):
    def searched(*_):
        raise KeyboardInterrupt

    leave_result(folder, QUICK)
    monkeypatch.setattr(module._Run, "_search", searched)
    with pytest.raises(KeyboardInterrupt):
        run_ensemble(folder, QUICK.model_copy(update={"trials": 4}))


def test_what_was_found_is_said(folder):
    leave_result(folder, QUICK)
    said: list[str] = []
    run_ensemble(folder, QUICK, progress=Progress(said.append))
    assert "speaker · ensemble: accuracy 0.500 [0.400, 0.600], UAR 0.500" in said
    assert "speaker · adapted to 30 recordings of each speaker: UAR 0.700" in said
    found = "found in 3 trials on 12 recordings (held-out logits)"
    assert f"speaker · weights chroma 0.750, rms 0.250; temperature 1.50; {found}" in said


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"trials": 9}, False),
        ({"l1": 1.0}, False),
        ({"adapt": 3}, False),
        ({"refit": True}, True),
        ({"track": False}, True),
    ],
)
def test_a_report_depends_on_what_is_searched_and_not_on_what_ships(folder, change, same):
    assert (identity(folder, QUICK) == identity(folder, QUICK.model_copy(update=change))) == same


def test_a_report_depends_on_which_combiners_are_installed(folder, monkeypatch):
    before = identity(folder, QUICK)
    monkeypatch.setitem(COMBINERS, BOOSTING, replace(COMBINERS[BOOSTING], package="not_there"))
    assert identity(folder, QUICK) != before


def test_protocols_without_the_members_are_left_out_and_said(tmp_path):
    said: list[str] = []
    study = write_study(tmp_path, "chroma").model_copy(update={"protocols": ("speaker", "kfold")})
    assert module._protocols(study, QUICK, tmp_path, Progress(said.append)) == ["speaker"]
    assert len(said) == 1 and said[0].startswith("kfold: left out; ")


def test_protocols_asked_for_are_not_left_out(tmp_path):
    study = write_study(tmp_path, "chroma")
    asked = EnsembleSettings(protocols=("kfold", "speaker"))
    assert module._protocols(study, asked, tmp_path, Progress()) == ["kfold", "speaker"]


def test_other_recordings_than_the_studys_are_refused(tmp_path, monkeypatch):
    study = write_study(tmp_path, "chroma")
    fewer = type(CORPUS)("demo", CORPUS.utterances[:-1])
    monkeypatch.setattr(module, "usable_corpus", lambda *_: fewer)
    run = module._Run(tmp_path, study, QUICK, tmp_path / "out", Progress(), [])
    with pytest.raises(StoreError, match=r"no longer those this study was made with \(12 then, 11 now\); restore them"):
        _ = run.recordings


@pytest.mark.parametrize(("adapt", "few"), [(2, 0), (3, 1), (4, 2)])
def test_how_many_speakers_have_too_few_recordings_to_adapt_to_is_said(tmp_path, adapt, few):
    """Of those that are scored, in whichever fold."""
    folds = [SimpleNamespace(test=SimpleNamespace(speakers=np.array(list(names)))) for names in ("AAA", "BBBB")]
    said: list[str] = []
    settings = QUICK.model_copy(update={"adapt": adapt})
    run = module._Run(tmp_path, write_study(tmp_path, "chroma"), settings, tmp_path / "out", Progress(said.append), [])
    run._say_few("speaker", SimpleNamespace(folds=folds))
    words = f"speaker · {few} of 2 speakers have no more than {adapt} recordings and are adapted to by half of theirs"
    assert [line.partition(";")[0] for line in said] == [words] * bool(few)


def test_two_at_a_time_in_one_folder_are_refused(folder, tmp_path):
    with only_process(tmp_path / "out"), pytest.raises(StoreError, match="another process is working there"):
        run_ensemble(folder, QUICK, tmp_path / "out")
