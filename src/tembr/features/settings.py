"""Every number a representation depends on."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tembr.audio import SAMPLE_RATE, WINDOW, fit_length


class FeatureSettings(BaseModel):
    """Parameters of the eleven representations; names and defaults are librosa's where it has them.

    Attributes:
        sample_rate: Hz every recording is resampled to.
        window: seconds a recording is cut or padded to; 0 keeps each recording's own length.
        padding: of a recording shorter than the window: 'zero', or 'repeat', which begins it anew, so that silence
            that is not in the recording weighs nothing where its means are taken.
        n_fft: samples of the (periodic Hann) analysis window.
        hop_length: samples between frames.
        n_mels: bands of the mel spectrogram, also under MFCC and tempogram.
        n_mfcc: cepstral coefficients.
        n_chroma: pitch classes; tonnetz is computed from them.
        contrast_bands: octave bands of the spectral contrast above `contrast_fmin`; one row more than that.
        contrast_fmin: Hz, upper edge of the lowest contrast band.
        tempogram_win: frames of the tempogram's autocorrelation window.
        delta_width: frames over which a delta's slope is fitted; odd.
        top_db: dB below the loudest point at which decibel pictures are floored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample_rate: int = Field(SAMPLE_RATE, ge=4_000, le=192_000)
    window: float = Field(WINDOW, ge=0.0, le=60.0)
    padding: Literal["zero", "repeat"] = "zero"
    n_fft: int = Field(2048, ge=64, le=16_384)
    hop_length: int = Field(512, ge=16, le=16_384)
    n_mels: int = Field(128, ge=8, le=512)
    n_mfcc: int = Field(40, ge=2, le=512)
    n_chroma: int = Field(12, ge=12, le=48)
    contrast_bands: int = Field(6, ge=1, le=10)
    contrast_fmin: float = Field(200.0, gt=0)
    tempogram_win: int = Field(384, ge=8, le=4_096)
    delta_width: int = Field(9, ge=3, le=99)
    top_db: float = Field(80.0, gt=0)

    @model_validator(mode="after")
    def _consistent(self):
        if self.n_mfcc > self.n_mels:
            raise ValueError(f"n_mfcc ({self.n_mfcc}) cannot exceed n_mels ({self.n_mels})")
        if self.delta_width % 2 == 0:
            raise ValueError(f"delta_width ({self.delta_width}) must be odd")
        if 0 < self.window_samples < self.delta_width * self.hop_length:
            raise ValueError(f"a window of {self.window:g} s holds fewer than delta_width ({self.delta_width}) frames")
        return self

    @property
    def window_samples(self) -> int:
        """Samples of the window; 0 where recordings keep their own length."""
        return round(self.window * self.sample_rate)

    def fit(self, waveform: np.ndarray) -> np.ndarray:
        """Cut `waveform` `(samples,)` to the window, or pad it as `padding` says."""
        return fit_length(waveform, self.window_samples, repeat=self.padding == "repeat")
