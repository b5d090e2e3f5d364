"""Files of segments, read back by the libraries their users have."""

from __future__ import annotations

from dataclasses import replace

import pympi
import pytest
import srt
import webvtt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from praatio import textgrid

from tembr.emotions import EMOTIONS
from tembr.recognize.annotations import ANNOTATIONS, annotation
from tembr.recognize.prediction import Prediction
from tembr.recognize.recognizer import load

ANGER = Prediction("anger", 0.75, {"anger": 0.75, "fear": 0.25}, 0.5, 2.0, likeliest="anger")
FEAR = replace(ANGER, label="fear", start=2.0, end=3.25, confidence=0.5)
CALL = [ANGER, FEAR]
SIDES = [replace(ANGER, channel=1), replace(FEAR, channel=2, start=1.0)]


@pytest.fixture
def read(tmp_path):
    """Writes segments in a form and reads them back: tier → (start, end, text) of what is in it."""

    def write_and_read(form, segments, **options):
        path = tmp_path / f"file{ANNOTATIONS[form]}"
        text = annotation(form, segments, **{"name": "call.wav", "duration": 4.0} | options)
        path.write_text(text, encoding="utf-8", newline="")
        return READERS[form](path)

    return write_and_read


def read_textgrid(path):
    grid = textgrid.openTextgrid(path, includeEmptyIntervals=True, reportingMode="error")
    return {tier.name: [tuple(entry) for entry in tier.entries] for tier in grid.tiers}


def read_eaf(path):
    file = pympi.Eaf(path)
    found = {name: sorted(file.get_annotation_data_for_tier(name)) for name in file.get_tier_names()}
    return {name: [(start / 1000, end / 1000, text) for start, end, text in all_] for name, all_ in found.items()}


def read_audacity(path):
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    return {"": [(float(start), float(end), text) for start, end, text in rows]}


def read_rttm(path):
    """As pyannote.database does, by the fields of the RT-09 evaluation plan."""
    turns: dict = {}
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        kind, file, channel, start, length, *_, label, confidence, _ = fields = line.split(" ")
        assert (kind, len(fields)) == ("SPEAKER", 10) and 0 <= float(confidence) <= 1
        turn = (float(start), round(float(start) + float(length), 3), label)
        turns.setdefault((file, int(channel)), []).append(turn)
    return turns


def read_vtt(path):
    def seconds(time):
        return 3600 * time.hours + 60 * time.minutes + time.seconds + time.milliseconds / 1000

    return {"": [(seconds(cue.start_time), seconds(cue.end_time), cue.text) for cue in webvtt.read(path)]}


def read_srt(path):
    cues = srt.parse(path.read_text(encoding="utf-8"))
    return {"": [(c.start.total_seconds(), c.end.total_seconds(), c.content) for c in cues]}


READERS = {
    "textgrid": read_textgrid, "eaf": read_eaf, "audacity": read_audacity, "rttm": read_rttm, "vtt": read_vtt,
    "srt": read_srt,
}  # fmt: skip


def test_a_textgrid_has_two_full_tiers(read):
    gap, end = (0.0, 0.5, ""), (3.25, 4.0, "")
    assert read("textgrid", CALL) == {
        "emotion": [gap, (0.5, 2.0, "anger"), (2.0, 3.25, "fear"), end],
        "emocja": [gap, (0.5, 2.0, "złość"), (2.0, 3.25, "strach"), end],
    }


def test_an_eaf_has_a_tier_for_each_language(read):
    assert read("eaf", CALL) == {
        "emotion": [(0.5, 2.0, "anger"), (2.0, 3.25, "fear")],
        "emocja": [(0.5, 2.0, "złość"), (2.0, 3.25, "strach")],
    }


def test_a_label_track_has_english_labels(read):
    assert read("audacity", CALL) == {"": [(0.5, 2.0, "anger"), (2.0, 3.25, "fear")]}


def test_rttm_has_the_label_in_the_speakers_place(read):
    assert read("rttm", CALL) == {("call", 1): [(0.5, 2.0, "anger"), (2.0, 3.25, "fear")]}


@pytest.mark.parametrize("form", ["vtt", "srt"])
def test_subtitles_say_both_names_and_the_confidence(read, form):
    assert read(form, CALL) == {"": [(0.5, 2.0, "anger (złość) 0.75"), (2.0, 3.25, "fear (strach) 0.50")]}


@pytest.mark.parametrize("form", ["textgrid", "eaf"])
def test_every_channel_has_tiers_of_its_own(read, form):
    tiers = read(form, SIDES, channels=(1, 2, 3))
    assert list(tiers) == [f"{tier} {channel}" for channel in (1, 2, 3) for tier in ("emotion", "emocja")]
    assert (1.0, 3.25, "strach") in tiers["emocja 2"] and not any(text for *_, text in tiers["emotion 3"])


def test_rttm_has_the_number_of_the_channel(read):
    assert list(read("rttm", SIDES)) == [("call", 1), ("call", 2)]


@pytest.mark.parametrize("form", ["audacity", "vtt", "srt"])
def test_where_there_are_no_tiers_the_channel_is_in_the_text(read, form):
    (found,) = read(form, SIDES).values()
    assert [text.partition(":")[0] for *_, text in found] == ["channel 1", "channel 2"]


@pytest.mark.parametrize("form", ANNOTATIONS)
def test_no_segments_are_a_file_of_nothing(read, form):
    assert not any(text for tier in read(form, []).values() for *_, text in tier)


def test_a_textgrid_is_as_long_as_the_last_segment_at_least(read):
    assert read("textgrid", CALL, duration=1.0)["emotion"][-1] == (2.0, 3.25, "fear")


@pytest.mark.parametrize("form", ANNOTATIONS)
def test_segments_of_a_channel_never_overlap(read, form):
    (found, *_) = read(form, [ANGER, replace(FEAR, start=1.5)]).values()
    assert [(start, end) for start, end, text in found if text] == [(0.5, 2.0), (2.0, 3.25)]


@pytest.mark.parametrize("form", ANNOTATIONS)
def test_what_is_shorter_than_a_millisecond_is_left_out(read, form):
    (found, *_) = read(form, [ANGER, replace(FEAR, end=2.0004)]).values()
    assert len([text for *_, text in found if text]) == 1


def test_an_hour_and_more_has_its_place_in_subtitles(read):
    late = [replace(ANGER, start=3661.5, end=360_000.25)]
    assert annotation("vtt", late, name="", duration=0).split("\n")[2] == "01:01:01.500 --> 100:00:00.250"


ODD = 'a "quoted"\n<b>&amp;\t--> 1\n\n2\r\x00\x85\u2028 \ud800 ż \U0001f600'


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("textgrid", 'a "quoted" <b>&amp; --> 1 2 ż \U0001f600'),
        ("eaf", 'a "quoted" <b>&amp; --> 1 2 ż \U0001f600'),
        ("audacity", 'a "quoted" <b>&amp; --> 1 2 ż \U0001f600'),
        ("rttm", 'a_"quoted"_<b>&amp;_-->_1_2_ż_\U0001f600'),
        ("vtt", 'a "quoted" &lt;b&gt;&amp;amp; --&gt; 1 2 ż \U0001f600 0.75'),
        ("srt", 'a "quoted" ‹b›&amp; --› 1 2 ż \U0001f600 0.75'),
    ],
)
def test_an_odd_label_comes_back_on_one_line(read, form, text):
    (found, *_) = read(form, [replace(ANGER, label=ODD)]).values()
    assert [found for *_, found in found if found] == [text]


def test_quotes_are_doubled_as_praat_wants_them():
    said = annotation("textgrid", [replace(ANGER, label='a "b"')], name="", duration=2)
    assert 'text = "a ""b"""' in said


@pytest.mark.parametrize("form", ANNOTATIONS)
def test_a_label_of_nothing_visible_is_a_dash(read, form):
    (found, *_) = read(form, [replace(ANGER, label="\n ")]).values()
    assert [text.split(" ")[0] for *_, text in found if text] == ["-"]


@pytest.mark.parametrize("form", ANNOTATIONS)
def test_an_odd_name_of_a_recording_harms_no_form(read, form):
    (found, *_) = read(form, CALL, name='a b"<&\n\udce9.wav').values()
    assert len([text for *_, text in found if text]) == 2


def test_an_eaf_names_the_recording_beside_it():
    assert 'RELATIVE_MEDIA_URL="./z%C5%82y%20%26.wav"' in annotation("eaf", CALL, name="a/zły &.wav", duration=4)


times = st.floats(0, 1e5, allow_nan=False)
odd = st.builds(
    lambda label, times, confidence, channel: replace(
        ANGER, label=label, start=min(times), end=max(times), confidence=confidence, channel=channel
    ),
    st.sampled_from(EMOTIONS) | st.text(max_size=12), st.tuples(times, times), st.floats(0, 1),
    st.sampled_from([1, 2]),
)  # fmt: skip


@pytest.mark.parametrize("form", ANNOTATIONS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(segments=st.lists(odd, max_size=6), duration=times)
def test_whatever_the_segments_are_their_libraries_read_the_files(read, form, segments, duration):
    found = read(form, segments, duration=duration, channels=(1, 2))
    for tier in found.values():
        assert all(start < end for start, end, _ in tier)
    count = sum(bool(text) for tier in found.values() for *_, text in tier)
    assert count <= len(segments) * (2 if form in ("textgrid", "eaf") else 1)


def test_a_real_call_of_several_emotions_is_annotated(read, corpora_dir):
    import numpy as np

    from tembr.audio import read as read_audio

    samples = corpora_dir / "nemo" / "samples"
    parts = [read_audio(next(samples.glob(f"*{emotion}*"))) for emotion in ("anger", "sadness", "neutral")]
    call = np.concatenate([np.pad(part, (0, 24_000)) for part in parts])
    found = load().segments((call, 16_000))
    tier = read("textgrid", found, duration=len(call) / 16_000)["emotion"]
    assert len(found) >= 2 and [text for *_, text in tier if text] == [segment.label for segment in found]
    assert (tier[0][0], tier[-1][1]) == (0, pytest.approx(len(call) / 16_000, abs=1e-3))
