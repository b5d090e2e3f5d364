"""Any recording → mono float32 samples at the wanted rate, and the constants that follow from a rate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from tembr.errors import AudioError

SAMPLE_RATE = 16_000
"""Hz; the rate everything inside works at unless a study says otherwise."""

WINDOW = 3.0
"""Seconds a recording is cut or zero-padded to before its representations are computed."""

EXTENSIONS = (".wav", ".flac", ".ogg", ".opus", ".oga", ".mp3")

_RATES = range(1_000, 768_001)  # Hz; outside this a header is damaged, not unusual


@dataclass(frozen=True)
class Recording:
    """What the header of an audio file says.

    Attributes:
        duration: seconds.
        sample_rate: Hz, as stored.
        channels: count, as stored.
    """

    duration: float
    sample_rate: int
    channels: int


def inspect(path: str | Path) -> Recording:
    """Read the header of an audio file, without its samples.

    Raises:
        AudioError: the file is missing, empty, not audio, or its header is impossible.
    """
    with _open(path, str(path)) as file:
        return Recording(file.frames / file.samplerate, file.samplerate, file.channels)


def read(
    source: str | Path | BinaryIO,
    sample_rate: int = SAMPLE_RATE,
    start: float = 0.0,
    end: float | None = None,
) -> np.ndarray:
    """Read WAV, FLAC, OGG/Opus or MP3 as mono float32 at `sample_rate`, channels averaged.

    Args:
        source: a path or a binary file object.
        sample_rate: Hz of the result; resampled with soxr where the file differs.
        start, end: seconds of the part wanted; `end` None is the end of the file.

    Returns:
        waveform, shape `(samples,)`, float32, nominally in [-1, 1].

    Raises:
        AudioError: unreadable, without samples in the part asked for, or with NaN or infinite samples.
    """
    name = str(source) if isinstance(source, (str, Path)) else "the audio given"
    with _open(source, name) as file:
        rate = file.samplerate
        first = round(start * rate)
        try:
            if first:
                file.seek(first)
            count = -1 if end is None else max(0, round(end * rate) - first)
            samples = file.read(count, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError, MemoryError) as error:
            raise AudioError(f"{name}: damaged audio ({error}); re-export or remove it") from error
    return resample(_mono(samples, name), rate, sample_rate)


def resample(waveform: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Resample `waveform` `(samples,)` from `rate` to `wanted` Hz with soxr, float32."""
    if rate == wanted:
        return waveform
    return soxr.resample(waveform, rate, wanted).astype(np.float32, copy=False)


def fit_length(waveform: np.ndarray, length: int) -> np.ndarray:
    """Cut `waveform` to its first `length` samples, or pad it with zeros at the end."""
    if len(waveform) >= length:
        return waveform[:length]
    return np.pad(waveform, (0, length - len(waveform)))


def _open(source, name: str) -> soundfile.SoundFile:
    if isinstance(source, (str, Path)):
        path = Path(source)
        if not path.exists():
            raise AudioError(f"{name}: no such file; check the path")
        if path.is_dir():
            raise AudioError(f"{name}: a folder, not a recording; name a file in it")
        if path.stat().st_size == 0:
            raise AudioError(f"{name}: the file is empty (0 bytes); remove it or copy it again")
    try:
        file = soundfile.SoundFile(source)
    except PermissionError as error:
        raise AudioError(f"{name}: no permission to read it") from error
    except (soundfile.LibsndfileError, RuntimeError, TypeError, OSError) as error:
        raise AudioError(
            f"{name}: not readable as audio ({_reason(error)}); WAV, FLAC, OGG/Opus and MP3 are read"
        ) from error
    if file.samplerate not in _RATES:
        rate = file.samplerate
        file.close()
        raise AudioError(f"{name}: its header claims {rate} Hz; the file is damaged, re-export it")
    return file


def _mono(samples: np.ndarray, name: str) -> np.ndarray:
    if samples.shape[0] == 0:
        raise AudioError(f"{name}: holds no samples; remove it or record it again")
    waveform = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
    if not np.isfinite(waveform).all():
        raise AudioError(f"{name}: has NaN or infinite samples; re-export it")
    return np.ascontiguousarray(waveform)


def _reason(error: Exception) -> str:
    return getattr(error, "error_string", None) or str(error) or type(error).__name__
