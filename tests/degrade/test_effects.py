"""What degradations do to sound, in numbers known beforehand, and what `tembr evaluate --degrade` makes of them."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import soundfile
from tests.command import tembr_here
from tests.recognize.fake_bundle import RATE

from tembr import extras
from tembr.cli import evaluating
from tembr.corpora.corpus import Corpus, Utterance
from tembr.degrade.effects import (
    DEGRADATIONS,
    KNOTS,
    VOICES,
    add_noise,
    babble,
    echo,
    equalise,
    mp3,
    mp3_file,
    phone,
    prepare,
    response,
)
from tembr.emotions import EMOTIONS
from tembr.errors import AudioError, ConfigError, CorpusError
from tembr.recognize.evaluation import compare, evaluate


def hiss(seconds: float = 2.0, amplitude: float = 0.1, seed: int = 0) -> np.ndarray:
    return (amplitude * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def decibels(waveform: np.ndarray, low: float, high: float) -> float:
    """Mean power density between two frequencies."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)))) ** 2
    hertz = np.fft.rfftfreq(len(waveform), 1 / RATE)
    return float(10 * np.log10(spectrum[(hertz >= low) & (hertz < high)].mean()))


def lag(heard: np.ndarray, original: np.ndarray) -> int:
    return int(np.correlate(heard, original, "full").argmax()) - len(original) + 1


@pytest.fixture
def crowd(tmp_path) -> Corpus:
    """Eight speakers with two recordings each: speaker n hums at n · 400 Hz."""
    utterances = []
    for n in range(1, 9):
        for take, seconds in enumerate((0.7, 1.5)):
            path = tmp_path / f"{n}_{take}.wav"
            hum = 0.02 * n * np.sin(2 * np.pi * 400 * n * np.arange(round(seconds * RATE)) / RATE)
            soundfile.write(path, hum, RATE, subtype="FLOAT")
            utterances.append(Utterance(path.name, path, EMOTIONS[n % 6], speaker=f"s{n}"))
    return Corpus("crowd", tuple(utterances))


def voices_in(noise: np.ndarray) -> set[str]:
    levels = {f"s{n}": decibels(noise, 400 * n - 20, 400 * n + 20) for n in range(1, 9)}
    return {speaker for speaker, level in levels.items() if level > max(levels.values()) - 25}


def test_a_telephone_passes_its_band_alone():
    heard = phone(hiss(), RATE)
    inside = decibels(heard, 350, 3_300)
    assert decibels(heard, 0, 250) < inside - 20
    assert decibels(heard, 3_600, 8_000) < inside - 20
    assert inside == pytest.approx(decibels(hiss(), 350, 3_300), abs=1)


def test_a_telephone_codes_in_eight_bits():
    """A-law keeps speech about 38 dB above its own noise, whatever the level."""
    for amplitude in (0.02, 0.6):
        heard = phone((amplitude * np.sin(2 * np.pi * 1_017 * np.arange(2 * RATE) / RATE)).astype(np.float32), RATE)
        assert 32 < decibels(heard, 1_007, 1_027) - decibels(heard, 1_100, 3_300) + 10 * np.log10(20 / 3_100) < 42


def test_the_mp3_file_is_of_32_kbit_a_second_throughout():
    """Read from the headers of its frames (ISO 13818-3: 72 · bitrate / rate bytes each, at 16 kHz)."""
    file, at, rates = mp3_file(hiss(3.0)), 0, set()
    while at < len(file):
        header = int.from_bytes(file[at : at + 4], "big")
        assert header >> 19 == 0b1111111111110 and (header >> 10) & 3 == 2, "not MPEG-2, layer III, 16 kHz"
        kbit = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)[(header >> 12) & 15]
        rates.add(kbit)
        at += 72 * kbit * 1_000 // RATE + ((header >> 9) & 1)
    assert (rates, at) == ({32}, len(file))


def test_mp3_loses_something_but_no_time():
    heard = mp3(hiss(), RATE)
    assert lag(heard, hiss()) == 0
    assert 0.5 < np.corrcoef(heard, hiss())[0, 1] < 0.98


@pytest.mark.parametrize("snr", [10.0, 0.0])
def test_noise_is_measured_against_the_active_part(snr):
    """A second of speech, a second of pause: the pause has no say in the ratio."""
    speech = np.concatenate([hiss(1.0, 0.1, 1), hiss(1.0, 1e-4, 2)])
    noise = hiss(2.0, 0.7, 3)
    added = add_noise(speech, noise, RATE, snr) - speech
    assert 10 * np.log10(np.mean(speech[:RATE] ** 2) / np.mean(added[:RATE] ** 2)) == pytest.approx(snr, abs=0.3)
    assert np.corrcoef(added, noise)[0, 1] == pytest.approx(1, abs=1e-3)


def test_the_babble_is_10_db_below_the_speech(crowd):
    speech = hiss()
    added = prepare("noise", crowd, RATE)(crowd.utterances[0], speech) - speech
    assert 10 * np.log10(np.mean(speech**2) / np.mean(added**2)) == pytest.approx(10, abs=0.3)


def test_the_babble_has_no_recording_of_the_same_speaker(crowd):
    for position, utterance in enumerate(crowd.utterances):
        voices = voices_in(babble(utterance, crowd, 2 * RATE, RATE, np.random.default_rng(position)))
        assert utterance.speaker not in voices and 3 <= len(voices) <= VOICES


def test_every_voice_of_a_babble_is_equally_loud(crowd):
    noise = babble(crowd.utterances[0], Corpus("few", crowd.utterances[:6:2]), 2 * RATE, RATE, np.random.default_rng(0))
    assert decibels(noise, 780, 820) == pytest.approx(decibels(noise, 1_180, 1_220), abs=1.5)


@pytest.mark.parametrize("speaker", ["s1", ""])
def test_without_another_speaker_the_babble_is_of_other_recordings(crowd, speaker):
    alone = Corpus("alone", tuple(Utterance(u.file, u.path, u.emotion, speaker) for u in crowd.utterances[::2]))
    voices = voices_in(babble(alone.utterances[2], alone, 2 * RATE, RATE, np.random.default_rng(0)))
    assert len(voices) == VOICES and "s3" not in voices


def test_a_corpus_of_one_file_has_no_babble(crowd):
    with pytest.raises(CorpusError, match="no other recording"):
        prepare("noise", Corpus("one", crowd.utterances[:1]), RATE)


@pytest.mark.parametrize("place", range(3))
def test_a_room_echoes_for_a_third_of_a_second(place):
    """The energy still to come (Schroeder 1965) falls from -5 to -25 dB in a third of the time to -60 dB."""
    heard = response(RATE, np.random.default_rng(place)) ** 2
    left = 10 * np.log10(heard[::-1].cumsum()[::-1] / heard.sum())
    assert 0.3 <= 3 * np.flatnonzero(left < -25)[0] / RATE - 3 * np.flatnonzero(left < -5)[0] / RATE <= 0.4


def test_an_echo_follows_a_click_and_decays(crowd):
    click = np.zeros(RATE, np.float32)
    click[4_000] = 0.5
    heard = prepare("room", crowd, RATE)(crowd.utterances[0], click)
    early, middle, late = (np.abs(heard[4_000 + at : 4_000 + at + 1_600]).max() for at in (0, 1_600, 3_200))
    assert np.abs(heard).argmax() == 4_000 and np.abs(heard[:3_900]).max() < 1e-3
    assert early > 3 * middle > 9 * late > 0


def test_a_room_leaves_the_loudness():
    heard = echo(hiss(), response(RATE, np.random.default_rng(0)))
    assert heard.std() == pytest.approx(hiss().std(), rel=1e-3)


def test_a_microphone_bends_the_spectrum_by_its_gains_and_delays_nothing():
    time = np.arange(2 * RATE) / RATE
    tones = sum(0.05 * np.sin(2 * np.pi * pitch * time) for pitch in (500, 2_000)).astype(np.float32)
    gains = np.zeros(len(KNOTS))
    gains[KNOTS.index(500)], gains[KNOTS.index(2_000)] = -6, 6
    heard, tone = equalise(tones, RATE, gains), slice(RATE // 2, -RATE // 2)
    level = lambda sound, pitch: decibels(sound[tone], pitch - 20, pitch + 20)  # noqa: E731
    assert level(heard, 2_000) - level(heard, 500) == pytest.approx(12, abs=0.5)
    assert heard.std() == pytest.approx(tones.std(), rel=1e-2)
    click = np.zeros(RATE, np.float32)
    click[4_000] = 0.1
    assert np.abs(equalise(click, RATE, gains)).argmax() == 4_000


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_the_same_seed_hears_the_same_in_any_order(crowd, name):
    first, second = (prepare(name, crowd, RATE) for _ in range(2))
    speech = {u: hiss(1.0, seed=n) for n, u in enumerate(crowd.utterances[:4])}
    once = {u: first(u, waveform) for u, waveform in speech.items()}
    for utterance in reversed(speech):
        np.testing.assert_array_equal(second(utterance, speech[utterance]), once[utterance])


@pytest.mark.parametrize("name", ["noise", "room", "microphone"])
def test_another_seed_or_recording_hears_another_draw(crowd, name):
    speech, (one, *others) = hiss(1.0), crowd.utterances
    heard = prepare(name, crowd, RATE)
    assert not np.array_equal(heard(one, speech), prepare(name, crowd, RATE, seed=1)(one, speech))
    assert any(not np.array_equal(heard(one, speech), heard(other, speech)) for other in others)


@pytest.mark.parametrize("name", DEGRADATIONS)
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050])
def test_what_comes_out_is_as_long_finite_and_never_clips(crowd, name, rate):
    effect = prepare(name, crowd, rate)
    for waveform in (hiss(0.5, 2.0), hiss(0.5, 0.0), hiss(0.001), np.ones(1, np.float32)):
        heard = effect(crowd.utterances[0], waveform)
        assert (heard.shape, heard.dtype) == (waveform.shape, np.float32)
        assert np.isfinite(heard).all() and np.abs(heard).max() < 0.99


def test_what_no_effect_changes_is_answered_as_without(recognizer, tones):
    utterances = [Utterance(path.name, path, path.stem.split("_")[0]) for path in sorted(tones.glob("*.wav"))]
    corpus = Corpus("tones", tuple(utterances))
    same = evaluate(recognizer, corpus, effect=lambda utterance, waveform: waveform)
    np.testing.assert_allclose(same.posteriors, evaluate(recognizer, corpus).posteriors, atol=1e-6)


def test_of_a_part_of_a_file_the_part_is_degraded(recognizer, crowd):
    whole, lengths = crowd.utterances[1], []
    part = Utterance(whole.file, whole.path, whole.emotion, start=0.25, end=0.75)
    evaluate(recognizer, Corpus("part", (part,)), effect=lambda _, waveform: lengths.append(len(waveform)) or waveform)
    assert lengths == [RATE // 2]


def test_a_drop_is_over_the_recordings_heard_both_ways(recognizer, tones):
    """Both recordings of fear fail when degraded, one of happiness is misheard: five recalls, one halved."""
    corpus = Corpus("tones", tuple(Utterance(p.name, p, p.stem.split("_")[0]) for p in sorted(tones.glob("*.wav"))))

    def effect(utterance, waveform):
        if utterance.emotion == "fear":
            raise AudioError("no")
        return waveform * (0.01 if utterance.file == "happiness_1.wav" else 1)

    compared = compare("some", evaluate(recognizer, corpus), evaluate(recognizer, corpus, effect=effect))
    assert compared.drop.value == pytest.approx(0.5 / 5)
    assert (compared.as_dict()["n"], compared.as_dict()["failures"]) == (10, 2)


@pytest.fixture
def command(capsys, bundle, tmp_path, tones):
    """`tembr evaluate` on the tones, of two speakers, with a file that cannot be read."""
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    rows = [f"{path},{path.stem.split('_')[0]},s{path.stem[-1]}" for path in sorted(tones.glob("*.wav"))]
    (tmp_path / "table.csv").write_text("\n".join(["file,emotion,speaker", "broken.wav,fear,s1", *rows]) + "\n")
    corpus = ("--corpus", "manifest", "--corpus-dir", str(tmp_path / "table.csv"), "--allow-outside")
    return lambda *arguments: tembr_here(capsys, "evaluate", "--bundle", str(bundle), *corpus, *map(str, arguments))


def test_the_report_says_what_each_degradation_costs(command, tmp_path):
    """The tones have 220 Hz: a telephone takes all of it, so that only the faintest emotion is ever heard."""
    out = tmp_path / "out"
    done = command("--degrade", "phone,mp3", "--degrade", "noise", "--degrade", "room", "--out", out)
    measures = json.loads(done.out.splitlines()[-1])
    assert (done.status, done.err.count("left out: ")) == (0, 1)
    assert list(measures["degraded"]) == ["phone", "mp3", "noise", "room"] and measures["uar"]["value"] == 1
    phone = measures["degraded"]["phone"]
    assert (phone["n"], phone["failures"], phone["uar"]["value"]) == (12, 0, pytest.approx(1 / 6))
    assert phone["drop"]["value"] == pytest.approx(5 / 6)
    assert phone["drop"]["low"] <= phone["drop"]["value"] <= phone["drop"]["high"]
    assert measures["degraded"]["mp3"]["drop"]["value"] < 0.5
    rows = {row["degradation"]: row for row in csv.DictReader((out / "degraded.csv").open())}
    assert list(rows) == ["clean", "phone", "mp3", "noise", "room"]
    assert (rows["clean"]["uar"], rows["clean"]["drop"], rows["clean"]["failures"]) == ("1.0", "", "1")
    assert float(rows["phone"]["drop_high"]) == phone["drop"]["high"]
    assert json.loads((out / "evaluation.json").read_text()) == measures
    assert (out / "degraded.png").read_bytes().startswith(b"\x89PNG")
    assert "degraded by" in done.out and DEGRADATIONS["phone"] in done.out


def test_degradations_are_made_for_the_rate_of_the_bundle(command, monkeypatch):
    rates = []
    monkeypatch.setattr(
        evaluating, "prepare", lambda name, corpus, rate: rates.append(rate) or (lambda _, heard: heard)
    )
    assert command("--degrade", "mp3").status == 0 and rates == [RATE]


def test_two_runs_say_the_same(command):
    first, second = (command("--degrade", "noise", "--degrade", "room", "--threads", n).out for n in (1, 2))
    assert first == second


def test_without_degradations_nothing_is_said_of_them(command, tmp_path):
    done = command("--out", tmp_path / "out")
    assert "degraded" not in done.out and not list((tmp_path / "out").glob("degraded*"))


def test_an_unknown_degradation_is_told_before_any_work(command):
    done = command("--degrade", "fax")
    assert done.status == 2 and "'fax' is not one of 'phone', 'mp3', 'noise'" in done.err


def test_what_is_not_installed_is_told_before_any_work(command, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "pyroomacoustics" else object())
    done = command("--degrade", "room")
    assert done.status == 1 and done.one_line_error
    assert f"needs pyroomacoustics; {extras.how_to_install('degrade')}" in done.err


def test_a_libsndfile_without_mp3_is_told(crowd, monkeypatch):
    monkeypatch.setattr(soundfile, "available_formats", dict)
    with pytest.raises(ConfigError, match="has no MP3"):
        prepare("mp3", crowd, RATE)


def test_help_says_what_each_degradation_is(capsys):
    said = tembr_here(capsys, "evaluate", "--help").out
    assert all(name in said for name in DEGRADATIONS) and "extra degrade" in said
