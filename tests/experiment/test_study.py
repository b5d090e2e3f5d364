"""A study read back from its folder."""

from __future__ import annotations

import json
import shutil

import pytest

from tembr.errors import StoreError
from tembr.experiment.settings import load_settings, write_settings
from tembr.experiment.study import Study, member_folder, place_of
from tests.small_study import write_study


def leave_ensemble(folder, **changes) -> None:
    """A summary of an ensemble and its answers, where `run_ensemble` leaves them."""
    (folder / "ensemble").mkdir()
    (folder / "ensemble" / "probabilities.csv").write_text(
        "file,speaker,gender,emotion,predicted,fold,p_anger\n03,03,,anger,anger,1,1\n"
    )
    summary = json.loads((folder / "chroma" / "summary.json").read_text())
    place = folder / "ensemble" / "speaker"
    place.mkdir()
    (place / "summary.json").write_text(json.dumps(summary | {"member": "ensemble", "kind": "ensemble"} | changes))


def test_the_first_protocols_results_lie_in_the_study_itself(tmp_path):
    settings = load_settings(members=["rms"], protocols=["speaker", "random"])
    places = [place_of(settings, tmp_path, protocol) for protocol in ("speaker", "random")]
    assert places == [tmp_path, tmp_path / "random"]


def test_folders_of_baselines_are_marked():
    members = load_settings(members=["svm", "rms"]).members
    assert [member_folder(member) for member in members.values()] == ["baseline_svm", "rms"]


def test_every_finished_member_is_read_with_its_settings(tmp_path):
    settings = write_study(tmp_path, "chroma", "majority")
    study = Study.read(tmp_path)
    assert study.settings == settings
    assert [(one.member, one.kind) for one in study.results] == [("majority", "baseline"), ("chroma", "network")]


def test_an_ensemble_of_another_name_is_none_of_the_studys_results(tmp_path):
    """`tembr ensemble --out STUDY/five` beside the one in STUDY/ensemble."""
    write_study(tmp_path, "chroma")
    leave_ensemble(tmp_path)
    for name in ("ensemble", "five"):
        (tmp_path / name).mkdir(exist_ok=True)
        shutil.copy(tmp_path / "ensemble" / "speaker" / "summary.json", tmp_path / name / "summary.json")
    shutil.rmtree(tmp_path / "ensemble" / "speaker")
    study = Study.read(tmp_path)
    assert [one.kind for one in study.results] == ["network", "ensemble"] and len(study.table) == 2


def test_a_protocol_that_nothing_is_finished_under_is_passed_over(tmp_path):
    settings = write_study(tmp_path, "chroma")
    write_settings(settings.model_copy(update={"protocols": ("speaker", "random")}), tmp_path / "config.toml")
    assert [one.protocol for one in Study.read(tmp_path).results] == ["speaker"]


def test_a_study_without_a_finished_member_is_one_line(tmp_path):
    write_study(tmp_path, "chroma")
    (tmp_path / "chroma" / "summary.json").unlink()
    with pytest.raises(StoreError, match="no member has a summary.json below"):
        Study.read(tmp_path)


def test_a_folder_without_settings_is_no_study(tmp_path):
    with pytest.raises(StoreError, match="no study there"):
        Study.read(tmp_path)


def test_the_table_has_a_row_a_member(tmp_path):
    write_study(tmp_path, "chroma", "rms")
    assert set(Study.read(tmp_path).table["member"]) == {"chroma", "rms"}


def test_an_ensembles_predictions_are_its_own(tmp_path):
    write_study(tmp_path, "chroma")
    leave_ensemble(tmp_path)
    study = Study.read(tmp_path)
    assert [one.member for one in study.results] == ["chroma", "ensemble"]
    assert study.predictions("ensemble")["speaker"].tolist() == ["03"]


def test_the_history_of_a_baseline_lies_in_its_marked_folder_and_folds_stay_text(tmp_path):
    write_study(tmp_path, "majority")
    (tmp_path / "baseline_majority" / "history.csv").write_text("fold,epoch\n03,1\n")
    assert Study.read(tmp_path).history("majority").to_dict("records") == [{"fold": "03", "epoch": 1}]


def test_what_is_fitted_in_one_go_has_no_history_and_an_ensemble_is_no_study(tmp_path):
    write_study(tmp_path, "majority")
    with pytest.raises(StoreError, match="majority was fitted in one go and has no epochs"):
        Study.read(tmp_path).history("majority")
    (tmp_path / "ensemble.json").write_text("{}")
    with pytest.raises(StoreError, match="is an ensemble; its figures stand in the study"):
        Study.read(tmp_path)


def test_a_member_that_is_not_there_is_said_with_those_that_are(tmp_path):
    write_study(tmp_path, "chroma", "rms")
    with pytest.raises(StoreError, match="no mfcc under speaker; there are chroma, rms"):
        Study.read(tmp_path).history("mfcc")


def test_a_protocol_that_was_not_run_has_no_members(tmp_path):
    write_study(tmp_path, "chroma")
    with pytest.raises(StoreError, match="no chroma under random; there are none"):
        Study.read(tmp_path).predictions("chroma", "random")
