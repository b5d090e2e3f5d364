"""A small voice: harmonics of a moving pitch, breath, formants and a room, in numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SAMPLE_RATE = 16_000  # Hz
N_FFT = 512
HOP_LENGTH = 128
FRAME_RATE = SAMPLE_RATE / HOP_LENGTH  # 125 frames a second

VOWELS = {
    "i": (280, 2250, 2900),
    "y": (380, 1850, 2600),
    "e": (560, 1800, 2550),
    "a": (780, 1300, 2450),
    "o": (560, 920, 2450),
    "u": (320, 720, 2300),
}
"""First three formants of the Polish vowels, Hz, for a man's vocal tract."""

_TREMBLING = 7.0  # Hz
_BANDWIDTHS = np.array([80.0, 110.0, 170.0])  # Hz
_FREQUENCIES = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)


@dataclass(frozen=True)
class Speaker:
    """What stays the same in everything a person says.

    Attributes:
        name, gender: as in the corpus table.
        pitch: mean fundamental frequency, Hz.
        tract: factor on the formants; shorter vocal tracts are above 1.
        colour: gain of the room and microphone at the FFT's frequencies, shape `(N_FFT // 2 + 1,)`.
        noise: level of the background, relative to full scale.
    """

    name: str
    gender: str
    pitch: float
    tract: float
    colour: np.ndarray
    noise: float


@dataclass(frozen=True)
class Prosody:
    """How something is said.

    Attributes:
        pitch: factor on the speaker's mean pitch.
        span: range of the pitch, semitones.
        rise: drift of the pitch from beginning to end, semitones.
        level: loudness, dB.
        tempo: factor on the speed.
        breath: breath noise against voice, 0 to 1.
        tilt: exponent of the glottal slope; lower is brighter, pressed.
        jitter: irregularity of the pitch, as a share of it.
        tremor: depth of a trembling of pitch and loudness, 0 to 1.
        stress: how far unstressed syllables are softer than stressed ones, 0 to 1.
        attack: exponent of a syllable's swell; low is drawn out, high is clipped short.
    """

    pitch: float
    span: float
    rise: float
    level: float
    tempo: float
    breath: float
    tilt: float
    jitter: float
    tremor: float
    stress: float
    attack: float


def speak(vowels: str, speaker: Speaker, prosody: Prosody, rng: np.random.Generator) -> np.ndarray:
    """Say a row of syllables, one letter of `VOWELS` each.

    Returns:
        waveform, shape `(samples,)`, float32 in [-1, 1] at `SAMPLE_RATE`, 0.8 to 3.5 s.
    """
    frames = _frame_count(len(vowels), prosody.tempo, rng)
    place = np.linspace(0, len(vowels), frames, endpoint=False)  # syllable and part of it, per frame
    pitch = _pitch(place, len(vowels), speaker, prosody, rng)
    loudness = _syllables(place, prosody, rng)
    source = _harmonics(pitch, prosody.tilt) + 0.5 * prosody.breath * rng.standard_normal(frames * HOP_LENGTH)
    spoken = _filter(source.astype(np.float32), _envelope(vowels, place, speaker) * loudness[:, None])
    level = 0.06 * 10 ** (prosody.level / 20)
    waveform = level * spoken / (np.sqrt(np.mean(spoken**2)) + 1e-9)
    waveform += speaker.noise * rng.standard_normal(len(waveform))
    return np.tanh(waveform).astype(np.float32)  # a soft limit keeps it within full scale


def _frame_count(syllables: int, tempo: float, rng: np.random.Generator) -> int:
    seconds = 0.24 * syllables / tempo * rng.uniform(0.92, 1.08)
    return round(np.clip(seconds, 0.85, 3.45) * FRAME_RATE)


def _pitch(place, syllables: int, speaker: Speaker, prosody: Prosody, rng) -> np.ndarray:
    """Fundamental frequency in Hz, shape `(frames,)`: declination, accents, trembling, jitter."""
    accents = rng.uniform(-0.5, 0.5, syllables + 1)
    melody = np.interp(place, np.arange(syllables + 1), accents) * prosody.span
    drift = (place / syllables - 0.5) * prosody.rise
    unsteady = prosody.jitter * rng.standard_normal(len(place)) + 0.1 * _trembling(len(place), prosody.tremor)
    hertz = speaker.pitch * prosody.pitch * 2 ** ((melody + drift) / 12) * (1 + unsteady)
    return np.clip(hertz, 60, 600)


def _trembling(frames: int, depth: float) -> np.ndarray:
    return min(depth, 1) * np.sin(2 * np.pi * _TREMBLING * np.arange(frames) / FRAME_RATE)


def _syllables(place, prosody: Prosody, rng) -> np.ndarray:
    """Loudness per frame, shape `(frames,)`: a swell in every syllable, silence at both ends."""
    swell = np.sin(np.pi * (place % 1)) ** prosody.attack * (1 + 0.7 * _trembling(len(place), prosody.tremor))
    accents = rng.uniform(1 - min(prosody.stress, 1), 1, int(place[-1]) + 1)
    ends = np.minimum(1, np.minimum(np.arange(len(place)), np.arange(len(place))[::-1]) / 6)
    return (0.08 + swell * accents[place.astype(int)]) * ends


def _harmonics(pitch: np.ndarray, tilt: float) -> np.ndarray:
    """All harmonics up to the Nyquist frequency, shape `(frames * HOP_LENGTH,)`, each faded out there."""
    samples = len(pitch) * HOP_LENGTH
    hertz = np.interp(np.arange(samples) / HOP_LENGTH, np.arange(len(pitch)), pitch)
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    turn = np.exp(1j * phase).astype(np.complex64)
    hertz = hertz.astype(np.float32)
    power, wave = np.ones_like(turn), np.zeros(samples, np.float32)
    for k in range(1, int(SAMPLE_RATE / 2 / pitch.min()) + 1):
        power *= turn  # e^{ikφ} without another sine
        fade = np.clip((SAMPLE_RATE / 2 - k * hertz) / 400, 0, 1)
        wave += np.float32(k**-tilt) * fade * power.imag
    return wave


def _envelope(vowels: str, place: np.ndarray, speaker: Speaker) -> np.ndarray:
    """Gain of mouth and room, shape `(frames, N_FFT // 2 + 1)`; formants glide between syllables."""
    targets = np.array([VOWELS[v] for v in vowels]) * speaker.tract
    centres = np.arange(len(vowels)) + 0.5
    formants = np.stack([np.interp(place, centres, targets[:, i]) for i in range(3)], axis=1)
    distance = (_FREQUENCIES[None, None, :] - formants[:, :, None]) / _BANDWIDTHS[None, :, None]
    gains = np.array([1.0, 0.6, 0.35])[None, :, None] / (1 + distance**2) ** 0.5
    return (gains.sum(axis=1) * speaker.colour).astype(np.float32)


def _filter(wave: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Multiply frame by frame in the frequency domain, overlap and add; same length as `wave`."""
    window = np.hanning(N_FFT + 1)[:-1].astype(np.float32)
    padded = np.pad(wave, N_FFT)
    count = (len(padded) - N_FFT) // HOP_LENGTH + 1
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_LENGTH][:count] * window
    nearest = np.clip(np.arange(count) - N_FFT // HOP_LENGTH // 2, 0, len(gains) - 1)
    shaped = np.fft.irfft(np.fft.rfft(frames) * gains[nearest], N_FFT) * window
    summed = np.zeros((count + N_FFT // HOP_LENGTH - 1, HOP_LENGTH))
    for part in range(N_FFT // HOP_LENGTH):
        summed[part : part + count] += shaped[:, part * HOP_LENGTH : (part + 1) * HOP_LENGTH]
    return summed.ravel()[N_FFT : N_FFT + len(wave)]
