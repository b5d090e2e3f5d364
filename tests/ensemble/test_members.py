"""What a study offers an ensemble, read from its folder, and the command that trains what is missing."""

from __future__ import annotations

import json

import pytest

from tembr.ensemble.members import choose, finished_members, read_protocol, training_command
from tembr.ensemble.settings import EnsembleSettings
from tembr.errors import ConfigError, StoreError
from tembr.experiment.settings import load_settings
from tembr.experiment.study import study_settings
from tests.small_study import CORPUS, write_study


def chosen(folder, *members: str, **settings) -> list[str]:
    study = write_study(folder, *members)
    protocol = read_protocol(study, folder, "speaker")
    return [member.name for member in choose(protocol, EnsembleSettings(**settings), study, folder)]


def test_a_folder_without_a_study_is_one_line(tmp_path):
    with pytest.raises(StoreError, match=r"no study there \(no config\.toml\); name a folder that `tembr study"):
        study_settings(tmp_path)


def test_recordings_come_back_in_their_order_and_their_folds(tmp_path):
    protocol = read_protocol(write_study(tmp_path, "rms"), tmp_path, "speaker")
    assert [u.key for u in protocol.utterances] == [u.key for u in CORPUS.utterances]
    assert (protocol.labels, protocol.classes.tolist()) == (("anger", "fear"), [0, 0, 1, 1] * 3)
    assert [(fold.name, fold.test.tolist()) for fold in protocol.folds][1] == ("B", [4, 5, 6, 7])


def test_a_protocol_that_the_study_did_not_run_comes_with_its_command(tmp_path):
    study = write_study(tmp_path, "rms")
    (tmp_path / "kfold").mkdir()
    with pytest.raises(
        StoreError, match=r"of the kfold protocol \(no splits\.csv\); train: .* --protocol speaker,kfold"
    ):
        read_protocol(study, tmp_path, "kfold")


def test_a_damaged_table_of_recordings_is_one_line(tmp_path):
    study = write_study(tmp_path, "rms")
    (tmp_path / "dataset_info.csv").write_text("file\na.wav\n")
    with pytest.raises(StoreError, match="no recordings and splits of the speaker protocol"):
        read_protocol(study, tmp_path, "speaker")


def test_the_command_names_what_is_missing(tmp_path):
    study = load_settings(members=["rms"], protocols=["random"])
    command = training_command(study, tmp_path, "speaker", ["mfcc", "chroma"])
    options = "--protocol random,speaker --member mfcc,chroma"
    assert command == f"tembr study --config {tmp_path}/config.toml --out {tmp_path} {options}"


def test_a_protocol_of_the_study_is_not_named_again(tmp_path):
    study = load_settings(members=["rms"], protocols=["random"])
    assert training_command(study, tmp_path, "random").endswith(f"--out {tmp_path}")


def test_baselines_are_not_joined(tmp_path):
    study = write_study(tmp_path, "chroma", "majority")
    assert list(finished_members(read_protocol(study, tmp_path, "speaker"))) == ["chroma"]


def test_an_earlier_ensemble_is_not_joined(tmp_path):
    study = write_study(tmp_path, "chroma", "rms")
    summary = tmp_path / "rms" / "summary.json"
    summary.write_text(json.dumps(json.loads(summary.read_text()) | {"kind": "ensemble"}))
    assert list(finished_members(read_protocol(study, tmp_path, "speaker"))) == ["chroma"]


def test_a_member_has_weights_in_the_folder_of_each_fold(tmp_path):
    member = finished_members(read_protocol(write_study(tmp_path, "rms"), tmp_path, "speaker"))["rms"]
    assert [path.relative_to(tmp_path).parts[1] for path in member.weights] == ["fold-A", "fold-B", "fold-C"]


def test_mel_mfcc_and_chroma_are_joined_by_default(tmp_path):
    names = chosen(tmp_path, "rms", "chroma", "mfcc", "melspectrogram")
    assert names == ["melspectrogram", "mfcc", "chroma"]


@pytest.mark.parametrize(("members", "settings"), [(("rms", "zcr"), {}), (("chroma", "rms"), {"best": 2})])
def test_all_are_candidates_where_none_of_these_is_finished_or_the_best_are_wanted(tmp_path, members, settings):
    assert chosen(tmp_path, *members, **settings) == list(members)


def test_a_member_that_is_not_finished_comes_with_those_that_are_and_the_command(tmp_path):
    said = r"no finished mfcc under speaker; there are chroma, rms; choose with --members, or train: .* --member mfcc"
    with pytest.raises(StoreError, match=said):
        chosen(tmp_path, "chroma", "rms", members=("rms", "mfcc"))


def test_a_baseline_is_not_joined(tmp_path):
    with pytest.raises(ConfigError, match="svm: baselines are compared with, and not joined"):
        chosen(tmp_path, "chroma", "svm", members=("svm",))


def test_more_of_the_best_than_there_are_members_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"best 3 of 2 members \(chroma, rms\); choose fewer"):
        chosen(tmp_path, "chroma", "rms", best=3)
