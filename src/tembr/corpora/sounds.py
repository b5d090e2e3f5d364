"""Sounds without a voice, synthesised: noises, clicks, hums, tones, machines and music, in numpy alone."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

SAMPLE_RATE = 16_000  # Hz
SCALE = (0, 2, 4, 5, 7, 9, 11, 12)  # semitones of a major scale
PEAK = (-30.0, -1.0)  # dB: range of the loudest sample

Sound = Callable[[np.random.Generator, int], np.ndarray]
"""A generator and a number of samples → `(samples,)` of any loudness."""


def synthesize(kind: str, seed: int, seconds: float = 3.0) -> np.ndarray:
    """A sound of a kind, every seed another.

    Args:
        kind: a key of `SOUNDS`.

    Returns:
        waveform, shape `(samples,)`, float32, its loudest sample drawn from `PEAK`, at `SAMPLE_RATE`.
    """
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
    wave = SOUNDS[kind](rng, round(seconds * SAMPLE_RATE))
    return (wave / (np.abs(wave).max() + 1e-12) * 10 ** (rng.uniform(*PEAK) / 20)).astype(np.float32)


def _time(n: int) -> np.ndarray:
    return np.arange(n) / SAMPLE_RATE


def _pitch(rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _noise(rng, n: int, slope: float = 0.0, low: float = 0.0, high: float = 8_000.0) -> np.ndarray:
    """Noise of standard deviation 1 whose power falls as 1 / frequency ** slope, between two frequencies."""
    hertz = np.fft.rfftfreq(n, 1 / SAMPLE_RATE)
    gain = np.maximum(hertz, 20.0) ** (-slope / 2) * ((hertz > 0) & (hertz >= low) & (hertz <= high))
    wave = np.fft.irfft((rng.standard_normal(len(hertz)) + 1j * rng.standard_normal(len(hertz))) * gain, n)
    return wave / (wave.std() + 1e-12)


def _harmonics(phase: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Sum of sines of the multiples of `phase` `(samples,)`, one for each level."""
    return sum(level * np.sin(k * phase) for k, level in enumerate(levels, 1))


def _swell(rng, n: int, slowest: float, fastest: float) -> np.ndarray:
    """1 + a sine of a drawn depth and rate in Hz."""
    return 1 + rng.uniform(0.3, 1) * np.sin(2 * np.pi * rng.uniform(slowest, fastest) * _time(n))


def _band(rng, n):
    low = rng.uniform(50, 3_000)
    return _noise(rng, n, low=low, high=low * rng.uniform(1.2, 4))


def _wind(rng, n):
    gusts = _noise(rng, n, high=rng.uniform(0.5, 4))
    return _noise(rng, n, rng.uniform(1.5, 3)) * np.maximum(1 + rng.uniform(0.3, 1) * gusts, 0.05)


def _waves(rng, n):
    return _noise(rng, n, rng.uniform(0, 1.5)) * _swell(rng, n, 0.2, 6)


def _struck(rng, n, starts, length, body: Callable[[], np.ndarray]) -> np.ndarray:
    """`body()` of `length` samples at each start, over a faint hiss."""
    wave = 1e-4 * rng.standard_normal(n + length)
    for start in starts:
        wave[start : start + length] += body()
    return wave[:n]


def _clicks(rng, n):
    decay = rng.uniform(2, 30)
    body = lambda: rng.uniform(0.3, 1) * rng.standard_normal(100) * np.exp(-np.arange(100) / decay)  # noqa: E731
    return _struck(rng, n, rng.integers(0, n, rng.integers(3, 60)), 100, body)


def _metronome(rng, n):
    knock = np.sin(2 * np.pi * rng.uniform(300, 3_000) * _time(1_600)) * np.exp(-_time(1_600) * rng.uniform(40, 200))
    return _struck(rng, n, np.arange(0, n, round(rng.uniform(0.12, 1) * SAMPLE_RATE)), 1_600, lambda: knock)


def _applause(rng, n):
    clap = lambda: rng.uniform(0.2, 1) * rng.standard_normal(800) * np.exp(-_time(800) * rng.uniform(80, 300))  # noqa: E731
    return _struck(rng, n, rng.integers(0, n, 1 + round(rng.uniform(5, 150) * n / SAMPLE_RATE)), 800, clap)


def _hum(rng, n):
    levels = rng.uniform(0.1, 1, rng.integers(3, 30))
    levels /= np.arange(1, len(levels) + 1) ** rng.uniform(0, 1.5)
    mains = _harmonics(2 * np.pi * rng.choice([50, 60, 100]) * _time(n) + rng.uniform(0, 6), levels)
    return mains + rng.choice([1e-3, 0.1]) * _noise(rng, n, 1)


def _engine(rng, n):
    hertz = rng.uniform(20, 90) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.1, 1) * _time(n)))
    levels = rng.uniform(0, 1, 40) / np.arange(1, 41) ** 0.7
    return _harmonics(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE, levels) + rng.uniform(0.05, 1) * _noise(rng, n, 1)


def _tone(rng, n):
    return np.sin(2 * np.pi * _pitch(rng, 60, 4_000) * _time(n))


def _vibrato(rng, n):
    hertz, depth, rate = _pitch(rng, 80, 1_500), rng.uniform(0.002, 0.04), rng.uniform(3, 8)
    phase = 2 * np.pi * hertz * _time(n) - hertz * depth / rate * np.cos(2 * np.pi * rate * _time(n))
    return _harmonics(phase, 1 / np.arange(1, rng.integers(2, 15)) ** rng.uniform(0.5, 2))


def _tremolo(rng, n):
    return _vibrato(rng, n) * _swell(rng, n, 2, 8)


def _chord(rng, n):
    ratios = ((1, 1.26, 1.5), (1, 1.19, 1.5), (1, 1.26, 1.5, 1.78), (1, 1.5))[rng.integers(4)]
    levels, lowest = 1 / np.arange(1, rng.integers(2, 12)) ** rng.uniform(0.5, 2), rng.uniform(80, 500)
    return sum(_harmonics(2 * np.pi * lowest * r * _time(n) + rng.uniform(0, 6), levels) for r in ratios)


def _sweep(rng, n):
    start, end = _pitch(rng, 50, 7_000), _pitch(rng, 50, 7_000)
    period = rng.uniform(0.3, max(0.4, n / SAMPLE_RATE))
    hertz = start * (end / start) ** (_time(n) % period / period)
    return np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE)


def _siren(rng, n):
    swing = 1 + rng.uniform(0.1, 0.5) * np.sin(2 * np.pi * rng.uniform(0.2, 3) * _time(n))
    phase = 2 * np.pi * np.cumsum(rng.uniform(400, 1_000) * swing) / SAMPLE_RATE
    return _harmonics(phase, 1 / np.arange(1, rng.integers(2, 10)))


def _dtmf(rng, n):
    wave, on, off = np.zeros(n), round(rng.uniform(800, 3_200)), round(rng.uniform(480, 3_200))
    for start in range(0, n, on + off):
        key = wave[start : start + on]
        pair = rng.choice([697, 770, 852, 941]), rng.choice([1_209, 1_336, 1_477, 1_633])
        key += sum(np.sin(2 * np.pi * hertz * _time(len(key))) for hertz in pair)
    return wave


def _ringing(rng, n):
    return np.sin(2 * np.pi * 425 * _time(n)) * (_time(n) % rng.uniform(0.5, 3) < rng.uniform(0.2, 1.5))


def _square(rng, n):
    return np.sign(np.sin(2 * np.pi * _pitch(rng, 50, 2_000) * _time(n)) + rng.uniform(-0.8, 0.8))


def _sawtooth(rng, n):
    return 2 * (_time(n) * _pitch(rng, 50, 2_000) % 1) - 1


def _pluck(rng, hertz: float, n: int) -> np.ndarray:
    """A plucked string (Karplus and Strong 1983)."""
    period = max(2, round(SAMPLE_RATE / hertz))
    string, parts = rng.uniform(-1, 1, period), []
    for _ in range(n // period + 1):
        parts.append(string)
        string = 0.498 * (string + np.roll(string, 1))
    return np.concatenate(parts)[:n]


def _instrument(rng) -> Callable[[float, int], np.ndarray]:
    """An instrument with a spectrum, attack, decay and vibrato of its own: pitch in Hz and length → a note."""
    levels = rng.uniform(0.1, 1, rng.integers(2, 20))
    levels /= np.arange(1, len(levels) + 1) ** rng.uniform(0.2, 2)
    if rng.random() < 0.3:
        levels[1::2] *= 0.1  # of a closed pipe
    attack, decay = rng.uniform(0.003, 0.08), rng.choice([0, 1, 4, 10]) * rng.uniform(0.5, 1.5)
    depth, rate, breath = rng.choice([0, 0, 0.01, 0.03]), rng.uniform(4.5, 7), rng.choice([0, 0, 0.03])
    body, width = _pitch(rng, 200, 3_000), rng.uniform(100, 1_000)

    def note(hertz: float, n: int) -> np.ndarray:
        time, multiples = _time(n), hertz * np.arange(1, len(levels) + 1)
        heard = levels * (multiples < SAMPLE_RATE / 2) * (0.2 + 1 / (1 + ((multiples - body) / width) ** 2))
        phase = 2 * np.pi * hertz * time - hertz * depth / rate * np.cos(2 * np.pi * rate * time)
        shape = np.minimum(1, np.minimum(time / attack, time[::-1] / 0.03)) * np.exp(-time * decay)
        return (_harmonics(phase, heard) + breath * rng.standard_normal(n)) * shape

    return note


def _played(rng, n, note: Callable[[float, int], np.ndarray], lowest: float, beat: float, voices: int) -> np.ndarray:
    """Notes of a scale one after another, `voices` at once, of drawn multiples of a beat in seconds."""
    wave, start = np.zeros(n), 0
    while start < n:
        length = max(1, round(beat * rng.choice([0.5, 1, 1, 2]) * SAMPLE_RATE))
        part = wave[start : start + length]
        for step in rng.choice(SCALE, voices, replace=False):
            part += note(lowest * 2 ** (step / 12), length)[: len(part)]
        start += length
    return wave


def _melody(rng, n):
    return _played(rng, n, _instrument(rng), _pitch(rng, 80, 700), rng.uniform(0.12, 0.7), 1)


def _organ(rng, n):
    return _played(rng, n, _instrument(rng), _pitch(rng, 80, 400), rng.uniform(0.2, 1.2), 3)


def _guitar(rng, n):
    string = lambda hertz, length: _pluck(rng, hertz, length)  # noqa: E731
    return _played(rng, n, string, _pitch(rng, 80, 330), rng.uniform(0.12, 0.6), int(rng.integers(1, 4)))


def _glide(rng, n):
    """A melody whose pitch slides from note to note, as on a violin or a theremin."""
    steps = rng.choice(SCALE, 2 + round(n / SAMPLE_RATE * rng.uniform(1, 7)))
    hertz = _pitch(rng, 100, 500) * 2 ** (np.repeat(steps, n // len(steps) + 1)[:n] / 12)
    width = 1 + round(rng.uniform(0.005, 0.1) * SAMPLE_RATE)
    hertz = np.convolve(np.pad(hertz, width, "edge"), np.ones(width) / width, "same")[width:-width]
    hertz = hertz * (1 + rng.uniform(0, 0.03) * np.sin(2 * np.pi * rng.uniform(4.5, 7) * _time(n)))
    levels = rng.uniform(0.2, 1, rng.integers(2, 16))
    levels /= np.arange(1, len(levels) + 1) ** rng.uniform(0.3, 1.5)
    return _harmonics(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE, levels) * _swell(rng, n, 0.5, 6)


def _drums(rng, n):
    wave, half, long = np.zeros(n + 4_800), round(rng.uniform(0.1, 0.25) * SAMPLE_RATE), _time(4_800)
    for beat, start in enumerate(range(0, n, half)):
        stroke = 0.3 * np.diff(rng.standard_normal(4_801)) * np.exp(-long * rng.uniform(30, 80))
        if beat % 4 == 0:
            stroke += np.sin(2 * np.pi * (50 * long + rng.uniform(2, 6) * (1 - np.exp(-30 * long)))) * np.exp(
                -12 * long
            )
        if beat % 4 == 2:
            stroke += 0.6 * rng.standard_normal(4_800) * np.exp(-20 * long)
        wave[start : start + 4_800] += stroke
    return wave[:n]


def _ensemble(rng, n):
    parts = [part(rng, n) for part in (_drums, _guitar, _melody, _organ, _glide)]
    shares = rng.uniform(0, 1, len(parts)) * (rng.random(len(parts)) < 0.6)
    shares[rng.integers(len(parts))] = 1
    return sum(share * part / (part.std() + 1e-12) for share, part in zip(shares, parts))


SOUNDS: dict[str, Sound] = {
    "white noise": lambda rng, n: _noise(rng, n),
    "pink noise": lambda rng, n: _noise(rng, n, 1),
    "brown noise": lambda rng, n: _noise(rng, n, 2),
    "band of noise": _band,
    "wind": _wind,
    "waves": _waves,
    "clicks": _clicks,
    "metronome": _metronome,
    "applause": _applause,
    "hum": _hum,
    "engine": _engine,
    "tone": _tone,
    "vibrato": _vibrato,
    "tremolo": _tremolo,
    "chord": _chord,
    "sweep": _sweep,
    "siren": _siren,
    "dtmf": _dtmf,
    "ringing": _ringing,
    "square wave": _square,
    "sawtooth": _sawtooth,
    "melody": _melody,
    "glide": _glide,
    "organ": _organ,
    "guitar": _guitar,
    "drums": _drums,
    "ensemble": _ensemble,
}
"""Every kind by its name."""
