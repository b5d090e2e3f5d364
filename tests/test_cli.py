"""The command line: what it prints, where, and how it ends; and what bad input gets."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tembr.corpora import load_corpus
from tembr.errors import ConfigError
from tests.command import QUICK, tembr_here


@pytest.fixture
def folder(tmp_path, blank_pictures) -> Path:
    """A folder per emotion with a few sound recordings of the demo corpus in each."""
    root = tmp_path / "recordings"
    for utterance in load_corpus("demo").utterances:
        if utterance.emotion in {"anger", "sadness"}:
            place = root / utterance.emotion
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(utterance.path, place)
    return root


def study(capsys, folder: Path, out: Path, *more: str):
    options = ("--corpus", "folder", "--corpus-dir", str(folder), "--out", str(out), "--protocol", "random")
    settings = ("--set", "track.enabled=false", "--member", "chroma")
    return tembr_here(capsys, "study", *QUICK[2:], *options, *settings, *more)


@pytest.mark.parametrize("command", ["corpus", "study", "show", "track", "compare", "cache"])
def test_help_teaches_every_command(capsys, command):
    done = tembr_here(capsys, command, "--help")
    assert done.status == 0
    assert len(done.out) > 300


def test_the_nearest_command_is_named_once(capsys):
    done = tembr_here(capsys, "predic")
    assert done.status == 2 and done.err.lower().count("did you mean") == 1
    done = tembr_here(capsys, "cache", "lst")
    assert done.status == 2 and done.err.lower().count("did you mean") == 1


def test_an_unknown_option_is_a_wrong_command(capsys):
    assert tembr_here(capsys, "study", "--nonsense").status == 2


def test_version_is_printed(capsys):
    assert tembr_here(capsys, "--version").out.strip() == "0.1.0"


def test_corpus_describes_and_writes_the_table(capsys, tmp_path):
    done = tembr_here(capsys, "corpus", "--corpus", "demo", "--out", str(tmp_path / "table.csv"))
    assert done.status == 0
    assert "180 utterances, 6 speakers" in done.out and "anger (złość)" in done.out
    assert (tmp_path / "table.csv").read_text().startswith("file,start,end,speaker,gender,age,emotion,text\n")


def test_corpus_leaves_no_file_behind_unasked(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tembr_here(capsys, "corpus", "--corpus", "demo").status == 0
    assert not list(tmp_path.iterdir())


def test_show_draws_the_eleven(capsys, tmp_path):
    clip = load_corpus("demo").utterances[0].path
    done = tembr_here(capsys, "show", str(clip), "--out", str(tmp_path / "a.png"))
    augmented = tembr_here(capsys, "show", str(clip), "--out", str(tmp_path / "b.png"), "--augment")
    assert (done.status, augmented.status) == (0, 0)
    assert (tmp_path / "b.png").stat().st_size > (tmp_path / "a.png").stat().st_size > 20_000


def test_show_says_on_stderr_that_a_part_is_drawn(capsys, tmp_path, monkeypatch, blank_pictures):
    monkeypatch.setattr("tembr.show.DEFAULT_LENGTH", 0.5)
    clip = load_corpus("demo").utterances[0].path
    done = tembr_here(capsys, "show", str(clip), "--out", str(tmp_path / "a.svg"))
    assert done.status == 0 and "0.0 to 0.5 s of" in done.err
    assert done.out == f"{tmp_path / 'a.svg'}\n"


@pytest.mark.parametrize("wrong", [("--out", "a.jpg"), ("--start", "2", "--end", "1"), ("--end", "3600")])
def test_show_refuses_what_it_cannot_draw_before_it_reads(capsys, wrong):
    done = tembr_here(capsys, "show", "there is none.wav", *wrong)
    assert done.status == 2 and "Traceback" not in done.err


def test_cache_list_verify_and_clear(capsys, tmp_path, monkeypatch, folder):
    monkeypatch.setenv("TEMBR_CACHE", str(tmp_path / "cache"))
    assert "nothing is cached" in tembr_here(capsys, "cache", "list").out
    study(capsys, folder, tmp_path / "out")
    assert "chroma" in tembr_here(capsys, "cache", "list").out
    assert tembr_here(capsys, "cache", "verify").status == 0
    victim = next((tmp_path / "cache").rglob("*.npy"))
    victim.write_bytes(victim.read_bytes()[:-1])
    damaged = tembr_here(capsys, "cache", "verify")
    assert damaged.status == 1 and str(victim.with_suffix(".json")) in damaged.out
    assert "freed" in tembr_here(capsys, "cache", "clear").out
    assert "nothing is cached" in tembr_here(capsys, "cache", "list").out


def test_compare_sets_studies_side_by_side(capsys, tmp_path, blank_pictures):
    for protocol in ("random", "speaker"):
        options = ("--member", "chroma", "--protocol", protocol, "--set", "track.enabled=false")
        assert tembr_here(capsys, "study", *QUICK, *options, "--out", str(tmp_path / protocol)).status == 0
    arguments = [str(tmp_path / p) for p in ("random", "speaker")]
    done = tembr_here(capsys, "compare", *arguments, "--out", str(tmp_path / "both"))
    assert done.status == 0
    header = (tmp_path / "both" / "comparison.csv").read_text().splitlines()[0]
    assert "random_uar" in header and "speaker_uar" in header


def test_compare_of_no_study_is_one_line(capsys, tmp_path):
    done = tembr_here(capsys, "compare", str(tmp_path / "nothing"), "--out", str(tmp_path / "both"))
    assert done.status == 1 and done.one_line_error and "no study there" in done.err


def test_results_go_to_stdout_and_the_rest_to_stderr(capsys, tmp_path, folder):
    done = study(capsys, folder, tmp_path / "out")
    assert done.status == 0
    assert "comparison.html" in done.out and "fold 1 of 1" in done.err


# What bad input gets: one line on stderr that says what to do, or the file named and the rest done.


def test_a_missing_corpus_folder_is_one_line(capsys, tmp_path):
    done = study(capsys, tmp_path / "nowhere", tmp_path / "out")
    assert done.status == 1 and done.one_line_error and "nowhere" in done.err


def test_a_folder_without_recordings_is_one_line(capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    done = study(capsys, tmp_path / "empty", tmp_path / "out")
    assert done.status == 1 and done.one_line_error


def bad_files() -> dict[str, bytes]:
    header = b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
    return {
        "empty.wav": b"",
        "text.wav": b"this is no sound\n" * 50,
        "header_only.wav": header + b"data" + struct.pack("<I", 0),
        "cut.wav": header[:30],
    }


@pytest.mark.parametrize("name", bad_files())
def test_a_bad_recording_is_named_and_the_rest_goes_on(capsys, tmp_path, folder, name):
    (folder / "anger" / name).write_bytes(bad_files()[name])
    done = study(capsys, folder, tmp_path / "out")
    assert done.status == 0
    assert name in done.err and "left out" in done.err and "Traceback" not in done.err


def test_nan_samples_are_named_and_the_rest_goes_on(capsys, tmp_path, folder):
    samples = np.zeros(16_000, np.float32)
    samples[100] = np.nan
    soundfile.write(folder / "anger" / "nan.wav", samples, 16_000, subtype="FLOAT")
    done = study(capsys, folder, tmp_path / "out")
    assert done.status == 0 and "nan.wav" in done.err and "NaN" in done.err


def test_one_emotion_is_one_line(capsys, tmp_path, folder):
    shutil.rmtree(folder / "sadness")
    done = study(capsys, folder, tmp_path / "out")
    assert done.status == 1 and done.one_line_error and "only one emotion" in done.err


def test_one_speaker_is_one_line(capsys, tmp_path):
    clips = [u for u in load_corpus("demo").utterances if u.speaker == "F01"]
    table = tmp_path / "table.csv"
    rows = [f"{u.path},{u.emotion},{u.speaker}" for u in clips]
    table.write_text("file,emotion,speaker\n" + "\n".join(rows) + "\n")
    options = ("--corpus", "manifest", "--corpus-dir", str(table), "--allow-outside", "--protocol", "speaker")
    done = tembr_here(capsys, "study", *options, "--out", str(tmp_path / "out"))
    assert done.status == 1 and done.one_line_error and "--protocol random" in done.err


def test_a_manifest_without_a_column_is_one_line(capsys, tmp_path):
    (tmp_path / "table.csv").write_text("file,emotoin\na.wav,fear\n")
    done = tembr_here(capsys, "corpus", "--corpus", "manifest", "--corpus-dir", str(tmp_path / "table.csv"))
    assert done.status == 1 and done.one_line_error and "emotoin" in done.err


def test_a_manifest_reaching_outside_its_folder_is_one_line(capsys, tmp_path):
    (tmp_path / "table.csv").write_text("file,emotion\n../../secret.wav,fear\n")
    done = tembr_here(capsys, "corpus", "--corpus", "manifest", "--corpus-dir", str(tmp_path / "table.csv"))
    assert done.status == 1 and done.one_line_error and "--allow-outside" in done.err


def test_labels_outside_the_six_are_listed(capsys, tmp_path, folder):
    shutil.copytree(folder / "anger", folder / "boredom")
    done = study(capsys, folder, tmp_path / "out")
    assert done.status == 1 and done.one_line_error and "boredom (30)" in done.err and "--unmapped drop" in done.err


def test_an_unknown_setting_is_one_line(capsys):
    done = tembr_here(capsys, "study", "--set", "train.epohcs=3")
    assert done.status == 1 and done.one_line_error and "train.epochs" in done.err


def test_debug_shows_the_traceback(capsys):
    with pytest.raises(ConfigError):  # of which Python prints the traceback
        tembr_here(capsys, "--debug", "study", "--set", "train.epohcs=3")


def test_a_result_folder_that_cannot_be_made_is_one_line(capsys, tmp_path, folder):
    (tmp_path / "out").write_text("in the way")
    done = study(capsys, folder, tmp_path / "out")
    assert done.status == 1 and done.one_line_error


def test_an_mlflow_store_that_cannot_be_made_is_one_line(capsys, tmp_path, folder):
    done = study(capsys, folder, tmp_path / "out", "--set", f"track.uri=sqlite:////dev/full/{tmp_path.name}.db",
                 "--set", "track.enabled=true")  # fmt: skip
    assert done.status == 1 and done.one_line_error and "track.enabled=false" in done.err


def test_tracking_can_be_left_out_afterwards_as_the_error_advises(capsys, tmp_path, folder):
    uri = f"track.uri=sqlite:////dev/full/{tmp_path.name}.db"
    assert study(capsys, folder, tmp_path / "out", "--set", uri, "--set", "track.enabled=true").status == 1
    assert study(capsys, folder, tmp_path / "out").status == 0


def test_a_table_that_cannot_be_written_is_one_line(capsys, tmp_path):
    done = tembr_here(capsys, "corpus", "--corpus", "demo", "--out", str(tmp_path))
    assert done.status == 1 and done.one_line_error


def test_an_unknown_representation_cannot_be_cleared(capsys):
    done = tembr_here(capsys, "cache", "clear", "../../etc")
    assert done.status == 2 and "'../../etc' is not one of" in done.err


def test_track_without_a_store_is_one_line(capsys, tmp_path):
    done = tembr_here(capsys, "track", str(tmp_path))
    assert done.status == 1 and done.one_line_error


def test_a_recording_that_is_no_audio_cannot_be_shown(capsys, tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    done = tembr_here(capsys, "show", str(tmp_path / "text.wav"))
    assert done.status == 1 and done.one_line_error and "text.wav" in done.err
