"""One batch of waveforms under analysis: what several representations share is computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch

from tembr.features import spectral, temporal, tonal
from tembr.features.settings import FeatureSettings
from tembr.features.stft import apply_banded, banded, power_spectrogram


@dataclass(frozen=True)
class Constants:
    """Matrices and windows of a set of settings, from librosa and SciPy; float32, the two windows float64."""

    window: torch.Tensor  # (n_fft,), float64
    mel: torch.Tensor  # (n_mels, 1 + n_fft // 2)
    mel_groups: tuple[tuple[int, int, torch.Tensor], ...]  # the same, from `banded`
    dct: torch.Tensor  # (n_mfcc, n_mels)
    chroma: torch.Tensor  # (n_chroma, 1 + n_fft // 2)
    tonnetz: torch.Tensor  # (6, n_chroma)
    tempogram: torch.Tensor  # (tempogram_win,), float64
    contrast: tuple[tuple[int, int, int], ...]

    def to(self, device: torch.device) -> Constants:
        if device == self.window.device:
            return self
        moved = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, torch.Tensor)}
        groups = tuple((first, stop, filters.to(device)) for first, stop, filters in self.mel_groups)
        return Constants(**moved, mel_groups=groups, contrast=self.contrast)


@lru_cache(maxsize=8)
def constants(settings: FeatureSettings) -> Constants:
    """Build the constants of `settings` once."""
    import librosa
    from scipy.fft import dct
    from scipy.signal import get_window

    rate, n_fft = settings.sample_rate, settings.n_fft
    frequencies = librosa.fft_frequencies(sr=rate, n_fft=n_fft)
    as_tensor = lambda array: torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))  # noqa: E731
    mel = as_tensor(librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=settings.n_mels))
    return Constants(
        window=torch.from_numpy(get_window("hann", n_fft)),
        mel=mel,
        mel_groups=banded(mel),
        dct=as_tensor(dct(np.eye(settings.n_mels), axis=0, norm="ortho")[: settings.n_mfcc]),
        chroma=as_tensor(librosa.filters.chroma(sr=rate, n_fft=n_fft, tuning=0.0, n_chroma=settings.n_chroma)),
        tonnetz=as_tensor(tonal.tonnetz_basis(settings.n_chroma)),
        tempogram=torch.from_numpy(get_window("hann", settings.tempogram_win)),
        contrast=tuple(spectral.contrast_bands(frequencies, settings.contrast_fmin, settings.contrast_bands)),
    )


class Analysis:
    """A batch of waveforms and, computed on first use, what the representations are made of.

    Args:
        waveform: `(batch, samples)`, float32.
        settings: the study's.
    """

    def __init__(self, waveform: torch.Tensor, settings: FeatureSettings):
        self.waveform = waveform
        self.settings = settings
        self.constants = constants(settings).to(waveform.device)

    @cached_property
    def power(self) -> torch.Tensor:
        """`(batch, 1 + n_fft // 2, frames)`, of a transform in single precision."""
        return power_spectrogram(self.waveform, self.constants.window.float(), self.settings.hop_length)

    @cached_property
    def precise_power(self) -> torch.Tensor:
        """The same of a transform in double precision, as librosa takes it, for what looks into the valleys of a
        spectrum: in single they drown in the rounding of its peaks, and spectral contrast is off by decibels."""
        return power_spectrogram(self.waveform, self.constants.window, self.settings.hop_length)

    @cached_property
    def precise_log_mel(self) -> torch.Tensor:
        """`log_mel` of `precise_power`: all the onsets of a steady tone are steps of thousandths of a decibel, and in
        single precision its tempogram is off by 8e-4."""
        mel_power = apply_banded(self.constants.mel_groups, self.precise_power)
        return spectral.power_to_db(mel_power, relative=False)

    @cached_property
    def mel_power(self) -> torch.Tensor:
        """`(batch, n_mels, frames)`."""
        return apply_banded(self.constants.mel_groups, self.power)

    @cached_property
    def log_mel(self) -> torch.Tensor:
        """dB re 1, floored: `(batch, n_mels, frames)`, what MFCC is computed from."""
        return spectral.power_to_db(self.mel_power, relative=False)

    @cached_property
    def mfcc(self) -> torch.Tensor:
        return spectral.mfcc(self.log_mel, self.constants.dct)

    @cached_property
    def chroma(self) -> torch.Tensor:
        return tonal.chroma(self.power, self.constants.chroma)

    @cached_property
    def onset(self) -> torch.Tensor:
        return temporal.onset_strength(self.precise_log_mel, self.settings.n_fft, self.settings.hop_length)

    @cached_property
    def tempogram(self) -> torch.Tensor:
        return temporal.tempogram(self.onset, self.constants.tempogram.float())
