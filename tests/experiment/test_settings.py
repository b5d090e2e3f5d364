from __future__ import annotations

import pytest

from tembr.errors import ConfigError
from tembr.experiment.settings import StudySettings, differences, load_settings, write_settings
from tembr.features import REPRESENTATIONS


def test_defaults_are_those_of_the_field():
    settings = load_settings()
    assert list(settings.members) == ["majority", "svm", *REPRESENTATIONS]
    assert (settings.train.epochs, settings.train.batch_size, settings.train.learning_rate) == (50, 32, 1e-3)
    assert (settings.train.patience, settings.train.dropout, settings.train.weight_decay) == (7, 0.5, 1e-5)
    assert (settings.features.sample_rate, settings.features.n_fft, settings.features.hop_length) == (16000, 2048, 512)


def test_written_settings_read_back_the_same(tmp_path):
    changes = ["train.epochs=5", "members.mfcc.train.epochs=9", "corpus.columns.emotion=label"]
    settings = load_settings(overrides=changes, members=["mfcc", "svm"])
    assert (settings.train.epochs, settings.members["mfcc"].train.epochs) == (5, 9)
    write_settings(settings, tmp_path / "config.toml")
    assert load_settings(tmp_path / "config.toml") == settings


def test_the_command_line_beats_the_file(tmp_path):
    (tmp_path / "c.toml").write_text("[train]\nepochs = 3\nbatch_size = 8\n")
    settings = load_settings(tmp_path / "c.toml", ["train.epochs=9"])
    assert (settings.train.epochs, settings.train.batch_size) == (9, 8)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epohcs=3", "unknown setting train.epohcs; did you mean train.epochs"),
        ("epochs=3", "did you mean train.epochs"),
        ("trian=3", "unknown setting trian; did you mean train?"),
        ("train.epochs=many", "setting train.epochs = 'many'.*valid integer"),
        ("train.epochs=0", "setting train.epochs = 0.*greater than or equal to 1"),
        ("train.dropout=1.5", "train.dropout"),
        ("train.precision=64", "train.precision"),
        ("train.generated=-1", "setting train.generated = -1: .*greater than or equal to 0"),
        ("train.vae.latnet=9", "unknown setting train.vae.latnet; did you mean train.vae.latent"),
        ('members=["mfc"]', "settings: member mfc: neither a representation nor a kind of member; did you mean mfcc"),
        ("members.x.kind=netwrk", "no kind of member is called 'netwrk'; did you mean network"),
        (
            "members.mfcc.train.epohcs=3",
            "unknown setting members.mfcc.train.epohcs; did you mean members.mfcc.train.epochs",
        ),
        ("members.svm.x=3", "unknown setting members.svm.x; there are kind, name"),
        (
            "members.encoder.chanels=[]",
            "unknown setting members.encoder.chanels; did you mean members.encoder.channels",
        ),
        ("members.encoder.layers=x", "setting members.encoder.layers = 'x': .*tuple"),
        ("auxiliary.emodb.foldr=x", "unknown setting auxiliary.emodb.foldr; did you mean auxiliary.emodb.folder"),
        ("protocols=[]", "name at least one"),
        ("train.epochs", "write it as key=value"),
        ("train.epochs.x=1", "train.epochs"),
        ("features.n_mfcc=200", "n_mfcc .200. cannot exceed n_mels"),
        ("features.delta_width=8", "must be odd"),
        ("features.window=0.1", "fewer than delta_width"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(override, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings(overrides=[override])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["32", "16", "bf16", '"32"'])
def test_precisions_can_be_set_as_one_would_write_them(value):
    assert load_settings(overrides=[f"train.precision={value}"]).train.precision == value.strip('"')


def test_differences_in_groups_that_were_empty_are_named():
    other = load_settings(overrides=["corpus.columns.emotion=label"])
    assert differences(StudySettings(), other) == ["corpus.columns.emotion (None → label)"]


def test_differences_are_named_with_both_values():
    assert differences(StudySettings(), load_settings(overrides=["train.epochs=9"])) == ["train.epochs (50 → 9)"]


def test_a_folder_said_on_the_command_line_is_the_same_from_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert load_settings(corpus__folder="mine").corpus.folder == str(tmp_path / "mine")
    assert load_settings(corpus__folder="amu-cai/nEMO").corpus.folder == "amu-cai/nEMO"


def test_a_member_has_its_own_settings_and_none_of_the_others():
    settings = load_settings(None, ["train.epochs=2", "members.zcr.train.epochs=1"], ["svm", "zcr", "rms"])
    assert [settings.tree_of(name)["train"]["epochs"] for name in ("zcr", "rms")] == [1, 2]
    assert "train" not in settings.tree_of("svm") and "members" not in settings.tree_of("zcr")
    assert settings.tree_of("zcr")["split"] == settings.tree()["split"]
