"""Whether somebody speaks at all: a small network on a piece's spectra, and Silero's detector where that is in doubt.

The network costs a sixth of an answer, a twentieth of what the detector would. Its weights are in `speech.json`, fitted
by `bench/fit_speech.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import numpy as np

from tembr.audio import SAMPLE_RATE, resample
from tembr.recognize.voice import BEGIN, CHUNK, Voice

PIECE = 3 * SAMPLE_RATE
"""Samples at 16 kHz that are judged at once, at most."""

SURE, HOPELESS = 1.0, -2.0
"""Logits from which a piece is speech, and below which it is none, whatever Silero's detector would say."""

ENOUGH = 3
"""Chunks of 32 ms that Silero's detector must take for speech where the network is in doubt."""

FRAME = 512  # samples: 32 ms
BANDS = 20
_HERTZ = SAMPLE_RATE / FRAME  # from one bin to the next
_MELS = np.linspace(*(2595 * np.log10(1 + hertz / 700) for hertz in (90, 7_500)), BANDS + 1)
_EDGES = np.round(700 * (10 ** (_MELS / 2595) - 1) / _HERTZ).astype(int)
_SIZES = np.log(np.diff(_EDGES)).astype(np.float32)
_WINDOW = np.hanning(FRAME + 1)[:-1].astype(np.float32)
_TONAL = slice(8, 112)  # bins of 250 to 3,500 Hz, as a telephone passes them
_LAGS = slice(18, 110)  # samples at 8 kHz: 73 to 444 Hz
_LOGS = np.log(np.arange(_LAGS.start, _LAGS.stop)).astype(np.float32)
_VOICED = 0.35  # of the autocorrelation
_MODULATIONS = (1, 7, 13, 25)  # first bins of 0.3, 2, 4 and 8 Hz in a transform of 96 levels


class Speech:
    """Whether a voice is found in windows that pass.

    Args:
        sample_rate: Hz of the windows.

    Attributes:
        found: so far.
    """

    def __init__(self, sample_rate: int):
        self.found, self._rate = False, sample_rate

    def search(self, cut: Iterable[tuple[int, np.ndarray]]) -> Iterator[tuple[int, np.ndarray]]:
        """The same windows, as `windows` cuts them.

        Those that follow each other without an overlap are judged, and what is left at the end, until speech is found.
        """
        judged, left = 0, None
        for first, samples in cut:
            left = samples
            if first >= judged:
                self._judge(samples)
                judged, left = first + len(samples), None
            yield first, samples
        if left is not None:
            self._judge(left)

    def _judge(self, samples: np.ndarray) -> None:
        if self.found:
            return
        samples = resample(samples, self._rate, SAMPLE_RATE)
        self.found = any(is_speech(samples[start : start + PIECE]) for start in range(0, len(samples), PIECE))


def is_speech(waveform: np.ndarray) -> bool:
    """Whether somebody speaks in `waveform` `(samples,)` at 16 kHz, of at most `PIECE` samples."""
    said = logit(waveform)
    return said >= SURE or (said >= HOPELESS and _detected(waveform))


def _detected(waveform: np.ndarray) -> bool:
    voice, speaking = Voice(SAMPLE_RATE), 0
    for start in range(0, len(waveform), CHUNK):
        speaking += sum(probability >= BEGIN for probability in voice.hear(waveform[start : start + CHUNK]))
        if speaking >= ENOUGH:
            return True
    return False


def logit(waveform: np.ndarray) -> float:
    """Log odds that somebody speaks in `waveform` `(samples,)` at 16 kHz, by the network alone."""
    mean, scale, inner, bias, outer, last = _weights()
    hidden = ((features(waveform) - mean) / scale).clip(-5, 5) @ inner + bias
    return float(np.maximum(hidden, 0) @ outer + last)


@cache
def _weights() -> tuple[np.ndarray, ...]:
    content = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return tuple(np.array(content[name], np.float32) for name in ("mean", "scale", "inner", "bias", "outer", "last"))


def features(waveform: np.ndarray) -> np.ndarray:
    """What the network judges by, `(83,)` float32, whatever the loudness of `waveform` `(samples,)` at 16 kHz.

    Mean, deviation and change of the spectrum's shape in 20 mel bands; depth and rate of the loudness' modulation;
    how tonal frames are; strength and movement of the pitch. All but the loudness over frames at most 30 dB fainter
    than the loudest. As few calls of numpy as will do: they cost more than the arithmetic.
    """
    count = max(1, len(waveform) // FRAME)
    frames = np.resize(waveform, FRAME) if len(waveform) < FRAME else waveform[: count * FRAME]
    spectra = np.fft.rfft(frames.reshape(count, FRAME) * _WINDOW)
    power = spectra.real**2 + spectra.imag**2
    bands = np.add.reduceat(power[:, : _EDGES[-1]], _EDGES[:-1], axis=1)
    levels = bands.sum(axis=1)
    active = np.flatnonzero(levels >= 1e-3 * levels.max())
    top = levels.max() + 1e-20
    power = power[active]
    strength, lags = _pitch(power)
    frames = np.stack([*_tonality(power, top), strength])
    mean, deviation = _moments(frames)
    extremes = [frames[0].min(), frames[0].max(), strength.max(), len(active) / count, min(count, 94) / 94]
    parts = _shape(bands[active], top), _loudness(levels / top), mean, deviation, _moves(strength, lags, active)
    return np.concatenate([*parts, extremes]).astype(np.float32)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over the last axis."""
    mean = np.add.reduce(values, axis=-1) / values.shape[-1]
    away = values - mean[..., None]
    return mean, np.sqrt(np.add.reduce(away * away, axis=-1) / values.shape[-1])


def _shape(bands: np.ndarray, top: float) -> np.ndarray:
    """Mean, deviation and mean change from frame to frame of the log bands less each frame's mean, `(3 * BANDS,)`."""
    shapes = np.log(bands + 1e-6 * top) - _SIZES
    shapes -= np.add.reduce(shapes, axis=1)[:, None] / BANDS
    change = np.add.reduce(np.abs(shapes[1:] - shapes[:-1])) / max(1, len(shapes) - 1)
    return np.concatenate([*_moments(shapes.T), change])


def _loudness(levels: np.ndarray) -> list[float]:
    """Modulation of the log level `(frames,)` in four octaves, its mean, deviation and change."""
    levels = np.log(levels + 1e-5)
    mean, deviation = _moments(levels)
    rates = np.fft.rfft(levels - mean, 96)
    shares = np.add.reduceat(rates.real**2 + rates.imag**2, _MODULATIONS)
    change = np.add.reduce(np.abs(levels[1:] - levels[:-1])) / max(1, len(levels) - 1)
    return [*(shares / (np.add.reduce(shares) + 1e-9)), mean, deviation, change]


def _tonality(power: np.ndarray, top: float) -> tuple[np.ndarray, np.ndarray]:
    """Of each frame the flatness (log of geometric less arithmetic mean) and the height of the highest peak."""
    power = power[:, _TONAL] + 1e-9 * top
    total = np.log(np.add.reduce(power, axis=1))
    flatness = np.add.reduce(np.log(power), axis=1) / power.shape[1] - total
    return flatness, np.log(power.max(axis=1)) - total


def _pitch(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each frame how periodic it is and the log of the period in samples at 8 kHz, by the autocorrelation of the
    compressed spectrum below 4 kHz (Tolonen and Karjalainen 2000)."""
    correlation = np.fft.irfft(np.sqrt(power[:, : FRAME // 4 + 1]), FRAME // 2)
    inside = correlation[:, _LAGS]
    return inside.max(axis=1) / (correlation[:, 0] + 1e-12), _LOGS[inside.argmax(axis=1)]


def _moves(strength: np.ndarray, lags: np.ndarray, active: np.ndarray) -> list[float]:
    """Share of voiced frames, of steps from one to the next in which the pitch stays or jumps, and where it lies."""
    voiced = strength > _VOICED
    pairs = voiced[1:] & voiced[:-1] & (active[1:] - active[:-1] == 1)
    moves = np.abs(lags[1:] - lags[:-1])[pairs]
    steady, jumps = np.count_nonzero(moves < 0.012), np.count_nonzero(moves > 0.15)
    count = np.count_nonzero(voiced)
    mean, deviation = _moments(lags[voiced]) if count else (0.0, 0.0)
    return [count / len(voiced), steady / (len(moves) + 1), jumps / (len(moves) + 1), mean, deviation]
