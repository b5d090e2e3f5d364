"""What a corpus holds and what is wrong with it."""

from __future__ import annotations

import io
import shutil

import numpy as np
import pytest
import soundfile
from rich.console import Console

from tembr.corpora import Corpus, Utterance
from tembr.corpora.describe import describe, render, usable


@pytest.fixture
def faulty(tmp_path, tone) -> Corpus:
    """Two good recordings and one of each fault."""
    tone(tmp_path / "good.wav", seconds=1.0)
    tone(tmp_path / "long.wav", seconds=4.0, rate=8_000, channels=2)
    tone(tmp_path / "silent.wav", amplitude=0.0)
    shutil.copy(tmp_path / "good.wav", tmp_path / "copy.wav")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("not audio")
    soundfile.write(tmp_path / "nan.wav", np.full(800, np.nan, np.float32), 16_000, subtype="FLOAT")
    names = ("good", "long", "silent", "copy", "empty", "text", "nan", "missing")
    rows = (Utterance(f"{n}.wav", tmp_path / f"{n}.wav", "fear", "S1", "female") for n in names)
    return Corpus("faulty", tuple(rows))


def test_counts_are_by_emotion_speaker_and_gender(tmp_path):
    rows = (
        Utterance("a", tmp_path / "a", "fear", "S1", "male"),
        Utterance("b", tmp_path / "b", "anger", "S2", "female"),
        Utterance("c", tmp_path / "c", "fear", "S2", "female"),
    )
    d = describe(Corpus("c", rows))
    assert (d.emotions, d.speakers, d.genders) == (
        {"anger": 1, "fear": 2},
        {"S1": 1, "S2": 2},
        {"female": 2, "male": 1},
    )


def test_missing_files_are_listed(faulty):
    assert describe(faulty).missing == ("missing.wav",)


@pytest.mark.parametrize(("file", "reason"), [("empty.wav", "empty"), ("text.wav", "not readable"), ("nan.wav", "NaN")])
def test_unreadable_files_have_their_reason(faulty, file, reason):
    assert reason in describe(faulty).unreadable[file]


def test_silent_files_are_listed(faulty):
    assert describe(faulty).silent == ("silent.wav",)


def test_files_with_the_same_bytes_are_grouped(faulty):
    assert describe(faulty).duplicates == (("good.wav", "copy.wav"),)


def test_durations_are_those_of_the_readable(faulty):
    d = describe(faulty).durations
    assert (d.shortest, d.median, d.longest, d.total) == pytest.approx((0.1, 1.0, 4.0, 6.1))


def test_longer_is_the_share_beyond_the_window(faulty):
    assert describe(faulty, window=3.0).durations.longer == 0.25


def test_sample_rates_and_channels_are_as_stored(faulty):
    d = describe(faulty)
    assert (d.sample_rates, d.channels) == ({8_000: 1, 16_000: 4}, {1: 4, 2: 1})


def test_progress_ends_with_all_files(faulty):
    calls = []
    describe(faulty, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i, 8) for i in range(1, 9)]


def test_usable_leaves_out_the_missing_and_the_unreadable(faulty):
    left = [u.file for u in usable(faulty, describe(faulty)).utterances]
    assert left == ["good.wav", "long.wav", "silent.wav", "copy.wav"]


def test_part_beyond_the_end_of_its_file_is_unreadable(tmp_path, tone):
    path = tone(tmp_path / "a.wav", seconds=1.0)
    parts = (Utterance("a.wav", path, "fear", start=s, end=s + 1) for s in (0.0, 5.0))
    d = describe(Corpus("c", tuple(parts)))
    assert d.unreadable == {"a.wav@5": "starts at 5 s, the file ends at 1 s"}


def test_rendering_names_emotions_in_polish_and_every_fault(faulty):
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(render(describe(faulty)))
    text = console.export_text()
    words = ("fear (strach)", "missing (1)", "unreadable (3)", "silent (1)", "good.wav = copy.wav")
    assert [w for w in words if w not in text] == []


@pytest.mark.parametrize(
    ("speakers", "said"),
    [
        (("a", "b"), "2 speakers;"),
        (("a", ""), "1 speakers, 1 of unknown speakers;"),
        (("", ""), "2 of unknown speakers;"),
    ],
)
def test_recordings_without_a_speaker_are_no_speaker(tmp_path, tone, speakers, said):
    path = tone(tmp_path / "a.wav", seconds=1.0)
    parts = [Utterance("a.wav", path, "fear", name, start=0.1 * n, end=0.5) for n, name in enumerate(speakers)]
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(render(describe(Corpus("c", tuple(parts)))))
    assert f"c: 2 utterances, {said}" in console.export_text()


def test_parts_of_a_file_that_overlap_are_named_whatever_their_order(tmp_path, tone):
    path, other = tone(tmp_path / "a.wav", seconds=2.0), tone(tmp_path / "b.wav", seconds=2.0)
    spans = ((1.0, 1.5), (0.0, 1.0), (1.4, 1.6), (0.1, 0.2))
    parts = [Utterance("a.wav", path, "fear", start=start, end=end) for start, end in spans]
    parts += [Utterance("b.wav", other, "fear", start=0.5), Utterance("b.wav", other, "fear", start=1.0, end=1.2)]
    described = describe(Corpus("c", tuple(parts)))
    assert described.overlapping == ("a.wav@0.1", "a.wav@1.4", "b.wav@1")
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(render(described))
    assert "overlapping (3): a.wav@0.1, a.wav@1.4, b.wav@1" in console.export_text()
