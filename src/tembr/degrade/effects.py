"""What happens to speech on its way to a recognizer: a telephone, MP3, other voices, a room, a microphone.

All is done to mono waveforms `(samples,)` float32, nominally in [-1, 1], which keep their length and timing and never
clip. Draws depend on the seed and the recording's name alone: two runs hear the same, in any order and any threads.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import soundfile

from tembr.audio import fit_length, read, resample
from tembr.corpora.corpus import Corpus, Utterance
from tembr.errors import ConfigError, CorpusError
from tembr.extras import require

BAND, TELEPHONE_RATE = (300, 3_400), 8_000  # Hz
MP3_BITRATE, MP3_RATE = 32, 16_000  # kbit/s, Hz
MP3_DELAY = 1_105  # samples: 576 of LAME's encoder, 529 of any decoder; at 32 kbit/s no header has room to tell them
VOICES, SNR = 6, 10.0  # recordings in a babble; dB
FRAME, FAINT = 0.02, 10 ** (-30 / 20)  # s; a frame this much fainter than the loudest is a pause
ROOM, ECHO, PLACES = (4.0, 5.0, 2.6), 0.35, 8  # m; s until the echo is down by 60 dB; pairs of mouth and microphone
KNOTS = (0, 125, 250, 500, 1_000, 2_000, 4_000, 8_000)  # Hz, between which a microphone's gain goes straight
UNEVEN, MOST, TAPS = 4.0, 10.0, 513  # dB: deviation of the gain at a knot, its largest; taps of the filter at 16 kHz
LOUDEST = 0.98  # peak of what is degraded
DEGRADATIONS = {
    "phone": "300-3,400 Hz at 8 kHz, G.711 A-law",
    "mp3": "MP3 at 32 kbit/s, constant",
    "noise": "six other voices, 10 dB below the speech",
    "room": "a small room that echoes for 0.35 s",
    "microphone": "another microphone for every recording: a drawn equaliser, 4 dB uneven",
}

Effect = Callable[[Utterance, np.ndarray], np.ndarray]
"""An utterance and its waveform → the degraded one."""


def check(name: str, corpus: Corpus) -> None:
    """See before any work whether `prepare` will do.

    Raises:
        ConfigError: no such degradation; MissingExtraError: what it needs is not installed.
        CorpusError: `noise`, and all of the corpus lies in one file.
    """
    if name not in DEGRADATIONS:
        raise ConfigError(f"--degrade {name}: no such degradation; choose {', '.join(DEGRADATIONS)}")
    require("--degrade", "degrade", "scipy", "pyroomacoustics")
    if name == "mp3" and "MP3" not in soundfile.available_formats():
        raise ConfigError("--degrade mp3: the system's libsndfile has no MP3; pip install a wheel of soundfile >= 0.13")
    if name == "noise" and len({u.path for u in corpus.utterances}) < 2:
        raise CorpusError(f"{corpus.name}: no other recording to make babble of; leave out --degrade noise")


def prepare(name: str, corpus: Corpus, sample_rate: int, seed: int = 0) -> Effect:
    """The degradation `name` of waveforms at `sample_rate` Hz, with voices from `corpus`; raises as `check` does."""
    check(name, corpus)

    def effect(utterance: Utterance, waveform: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng([seed, zlib.crc32(os.fsencode(utterance.key))])
        if name == "noise":
            voices = babble(utterance, corpus, len(waveform), sample_rate, rng)
            return add_noise(waveform, voices, sample_rate)
        if name == "room":
            return echo(waveform, _room(sample_rate, seed, int(rng.integers(PLACES))))
        if name == "microphone":
            return equalise(waveform, sample_rate, np.clip(rng.normal(0, UNEVEN, len(KNOTS)), -MOST, MOST))
        return {"phone": phone, "mp3": mp3}[name](waveform, sample_rate)

    return effect


def phone(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """A European telephone line: 300-3,400 Hz, sampled at 8 kHz, eight bits by A-law (ITU-T G.711, libsndfile's)."""
    from scipy.signal import ellip, sosfilt

    band = ellip(6, 0.5, 40, BAND, "bandpass", fs=TELEPHONE_RATE, output="sos")  # 0.5 dB of ripple, 40 dB outside
    narrow = sosfilt(band, _resampled(waveform, sample_rate, TELEPHONE_RATE))
    heard = _decoded(_coded(narrow, TELEPHONE_RATE, format="WAV", subtype="ALAW"))
    return _within(fit_length(resample(heard, TELEPHONE_RATE, sample_rate), len(waveform)))


def mp3(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Through `mp3_file` at 16 kHz and back, without the coder's delay."""
    heard = _decoded(mp3_file(_resampled(waveform, sample_rate, MP3_RATE)))[MP3_DELAY:]
    return _within(fit_length(resample(heard, MP3_RATE, sample_rate), len(waveform)))


def mp3_file(waveform: np.ndarray) -> bytes:
    """An MP3 file of a waveform at 16 kHz: 32 kbit/s, constant, by the LAME in libsndfile, which takes no bitrate but a
    level, from 0 for the highest at this rate (160 kbit/s) to 1 for the lowest (8)."""
    level = (160 - MP3_BITRATE) / (160 - 8)
    return _coded(waveform, MP3_RATE, format="MP3", bitrate_mode="CONSTANT", compression_level=level)


def babble(utterance: Utterance, corpus: Corpus, length: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Six recordings of other speakers at once, equally loud, short ones repeated; fewer if the corpus has no more.

    Where no other speaker is known they are of other files, perhaps of the same voice. AudioError if one is unreadable.
    """
    voices, taken, seconds = np.zeros(length, np.float32), 0, length / rate
    for other in _others(utterance, corpus, rng):
        end = other.start + seconds if other.end is None else min(other.end, other.start + seconds)
        voice = fit_length(read(other.path, rate, other.start, end), length, repeat=True)
        if loudness := _level(voice):
            voices += np.roll(voice, rng.integers(length)) / loudness
            taken += 1
        if taken == VOICES:
            break
    return voices


def add_noise(waveform: np.ndarray, noise: np.ndarray, sample_rate: int, snr: float = SNR) -> np.ndarray:
    """Both together, `snr` dB apart in power over the active part of the speech: its frames of 20 ms that are at most
    30 dB fainter than the loudest. Silence stays silence."""
    frame = round(FRAME * sample_rate)
    levels = np.array([_level(waveform[at : at + frame]) for at in range(0, len(waveform), frame)])
    active = np.repeat(levels >= FAINT * levels.max(), frame)[: len(waveform)]
    beside = _level(noise[active])
    return _within(waveform + noise * (_level(waveform[active]) / beside / 10 ** (snr / 20) if beside else 0.0))


def response(sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """What a microphone in a room of 4 × 5 × 2.6 m hears of a click 1-2 m away, from the direct sound on: `(samples,)`.

    By the image source method (Allen & Berkley 1979; pyroomacoustics); the walls absorb what Sabine's formula asks of
    them for an echo of 0.35 s. Both places are drawn, half a metre or more from every wall.
    """
    import pyroomacoustics

    absorption, order = pyroomacoustics.inverse_sabine(ECHO, ROOM)
    mouth = microphone = np.zeros(3)
    while not 1 <= np.linalg.norm(mouth - microphone) <= 2:
        mouth, microphone = rng.uniform(0.5, np.array(ROOM) - 0.5, (2, 3))
    walls = pyroomacoustics.Material(absorption)
    room = pyroomacoustics.ShoeBox(ROOM, fs=sample_rate, materials=walls, max_order=order)
    room.add_source(mouth).add_microphone(microphone).compute_rir()
    heard = np.asarray(room.rir[0][0])
    return heard[np.abs(heard).argmax() :]


def echo(waveform: np.ndarray, response: np.ndarray) -> np.ndarray:
    """The waveform in the room of `response`, as loud as before; what outlasts its end is cut."""
    from scipy.signal import oaconvolve

    heard = oaconvolve(waveform, response)[: len(waveform)]
    return _within(heard * (_level(waveform) / (_level(heard) or 1.0)))


def equalise(waveform: np.ndarray, sample_rate: int, gains: np.ndarray) -> np.ndarray:
    """The waveform as loud as before, its spectrum bent by `gains` in dB at `KNOTS`: a filter of linear phase, of which
    nothing is late."""
    from scipy.signal import firwin2, oaconvolve

    nyquist, taps = sample_rate / 2, round(TAPS * sample_rate / 16_000) | 1
    places = np.unique([*(knot for knot in KNOTS if knot < nyquist), nyquist])
    bent = firwin2(taps, places, 10 ** (np.interp(places, KNOTS, gains) / 20), fs=sample_rate)
    heard = oaconvolve(waveform, bent)[taps // 2 :][: len(waveform)]
    return _within(heard * (_level(waveform) / (_level(heard) or 1.0)))


@lru_cache(PLACES)
def _room(sample_rate: int, seed: int, place: int) -> np.ndarray:
    return response(sample_rate, np.random.default_rng([seed, place]))


def _others(utterance: Utterance, corpus: Corpus, rng: np.random.Generator) -> Iterator[Utterance]:
    speakers = {u.speaker for u in corpus.utterances} - {"", utterance.speaker}
    for position in rng.permutation(len(corpus)):
        other = corpus.utterances[position]
        if other.speaker in speakers if utterance.speaker and speakers else other.path != utterance.path:
            yield other


def _resampled(waveform: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """At least one sample: nothing can be done to none."""
    resampled = resample(waveform, rate, wanted)
    return fit_length(resampled, max(1, len(resampled)))


def _coded(waveform: np.ndarray, sample_rate: int, **form) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, _within(waveform), sample_rate, **form)
    return file.getvalue()


def _decoded(file: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(file), dtype="float32")[0]


def _level(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2, dtype=np.float64)))


def _within(waveform: np.ndarray) -> np.ndarray:
    """float32, turned down where it would clip."""
    peak = float(np.abs(waveform).max())
    return (waveform * (min(1.0, LOUDEST / peak) if peak else 1.0)).astype(np.float32)
