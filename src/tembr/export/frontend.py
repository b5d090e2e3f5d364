"""From a waveform to what members take, as modules that become part of an exported graph."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tembr.errors import ConfigError
from tembr.export.dft import PowerSpectrum
from tembr.features.analysis import Analysis, constants
from tembr.features.encoder import EncoderInput, encoder_states
from tembr.features.extract import find
from tembr.features.inputs import WAVEFORM, Input, RepresentationInput, together
from tembr.features.layers import HOP_LENGTH, N_FFT, LogMel
from tembr.features.log_mel import LogMelInput
from tembr.features.samples import SamplesInput
from tembr.features.settings import FeatureSettings
from tembr.features.stft import apply_filters, banded, pad_centred
from tembr.features.temporal import ramp_padded
from tembr.features.tonal import normalize_columns

PRECISE = ("spectral_contrast",)
"""Representations that need the transform in double precision: in single, their valleys are off by decibels."""


class FrontEnds(nn.Module):
    """Waveforms of any length → the values of every input, in their order; what inputs share is computed once.

    Args:
        inputs: of the members, each once.

    Raises:
        ConfigError: an input has no front end.
    """

    def __init__(self, inputs: Sequence[Input]):
        super().__init__()
        self.inputs = tuple(inputs)
        groups = together(self.inputs)
        self.places = [self.inputs.index(one) for group in groups for one in group]
        self.front_ends = nn.ModuleList(_front_end(group) for group in groups)

    def forward(self, waveform: torch.Tensor) -> list[torch.Tensor]:
        """`(batch, samples)` → `(batch, bins, frames)` of each input."""
        values = [value for front_end in self.front_ends for value in front_end(waveform)]
        return [values[self.places.index(number)] for number in range(len(self.inputs))]


def _front_end(group: Sequence[Input]) -> nn.Module:
    first = group[0]
    if isinstance(first, RepresentationInput):
        return FrontEnd([one.representation for one in group], first.features)
    if isinstance(first, EncoderInput):
        return EncoderFrontEnd(group)
    if isinstance(first, LogMelInput):
        return LogMelFrontEnd(first)
    if isinstance(first, SamplesInput):  # a spectrogram's is of its own
        return SamplesFrontEnd(first)
    raise ConfigError(f"the input {first.name} has no front end; leave its member out of what is exported")


class EncoderFrontEnd(nn.Module):
    """The layers of a pretrained encoder up to the last that is taken, with the transform as matrix products.

    Args:
        taken: layers of one encoder, see `Input.shared`.
    """

    def __init__(self, taken: Sequence[EncoderInput]):
        super().__init__()
        self.states = encoder_states(taken)
        for module in self.states.modules():
            if isinstance(module, LogMel):
                module.power = _power()

    def forward(self, waveform: torch.Tensor) -> list[torch.Tensor]:
        """`(batch, samples)` → `(batch, hidden, 1)` of each."""
        return self.states(waveform)


class LogMelFrontEnd(nn.Module):
    """The log-mel spectrogram of a Whisper encoder, with the transform as matrix products."""

    def __init__(self, taken: LogMelInput):
        super().__init__()
        self.samples, self.log_mel = taken.samples, taken.module()
        self.log_mel.power = _power()

    def forward(self, waveform: torch.Tensor) -> list[torch.Tensor]:
        """`(batch, samples)` → `(batch, bands, frames)`."""
        return [self.log_mel(waveform[:, : self.samples])]


class SamplesFrontEnd(nn.Module):
    """As many samples as are taken."""

    def __init__(self, taken: SamplesInput):
        super().__init__()
        self.samples = taken.samples

    def forward(self, waveform: torch.Tensor) -> list[torch.Tensor]:
        """`(batch, samples)` → `(batch, 1, samples)`."""
        return [waveform[:, None, : self.samples]]


def _power() -> PowerSpectrum:
    return PowerSpectrum(torch.hann_window(N_FFT, dtype=torch.float64), HOP_LENGTH)


class FrontEnd(nn.Module):
    """Waveforms of any length → what `extract` gives for them, cut or padded to the window.

    What several representations share (the transform, mel bands, chroma) is in the graph once. The transform is in
    single precision, but where one of `PRECISE` is wanted; `extract` takes it in double for tempograms too.

    Args:
        representations: names of the registry.
        settings: of the study.

    Raises:
        ConfigError: the settings keep every recording's own length.
    """

    def __init__(self, representations: Sequence[str], settings: FeatureSettings):
        super().__init__()
        if not settings.window:
            raise ConfigError("features.window=0 keeps every recording's own length; export a study with a window")
        self.entries = [None if name == WAVEFORM else find(name) for name in representations]
        self.settings = settings
        precise = any(name in PRECISE for name in representations)
        self.spectrum = PowerSpectrum(constants(settings).window, settings.hop_length, precise=precise)
        self.mel = BandedFilters(constants(settings).mel)
        self.correlation = Autocorrelation(constants(settings).tempogram)

    def forward(self, waveform: torch.Tensor) -> list[torch.Tensor]:
        """`(batch, samples)` → `(batch, bins, frames)` of each representation, float32."""
        settings = self.settings
        window = fit_window(waveform, settings.window_samples, repeat=settings.padding == "repeat")
        analysis = GraphAnalysis(window, self)
        return [window[:, None] if entry is None else entry.compute(analysis) for entry in self.entries]


class GraphAnalysis(Analysis):
    """An `Analysis` whose transforms are the front end's matrix products; every other formula is the same one."""

    def __init__(self, waveform: torch.Tensor, front_end: FrontEnd):
        super().__init__(waveform, front_end.settings)
        self.front_end = front_end

    @cached_property
    def power(self) -> torch.Tensor:
        return self.front_end.spectrum(pad_centred(self.waveform, self.settings.n_fft))

    @property
    def precise_power(self) -> torch.Tensor:
        return self.power

    @property
    def precise_log_mel(self) -> torch.Tensor:
        return self.log_mel

    @cached_property
    def mel_power(self) -> torch.Tensor:
        return self.front_end.mel(self.power)

    @cached_property
    def tempogram(self) -> torch.Tensor:
        return self.front_end.correlation(self.onset)


class BandedFilters(nn.Module):
    """Mel filters in groups of neighbours, each a product with the few bins it covers: an eighth of the whole matrix.

    Args:
        filters: `(bands, bins)`, zero but for a run of bins in each band.
        groups: number of products; no more than there are bands.
    """

    def __init__(self, filters: torch.Tensor, groups: int = 8):
        super().__init__()
        self.runs = []
        for number, (first, stop, rows) in enumerate(banded(filters, groups)):
            self.register_buffer(f"filters_{number}", rows)
            self.runs.append((first, stop))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """`(batch, bins, frames)` → `(batch, bands, frames)`."""
        runs = enumerate(self.runs)
        return torch.cat([getattr(self, f"filters_{k}") @ values[:, first:stop] for k, (first, stop) in runs], dim=1)


class Autocorrelation(nn.Module):
    """`tembr.features.temporal.tempogram` by matrix products: power spectrum of every window, back by a cosine basis.

    Args:
        window: `(win_length,)`, frames, float64.
    """

    def __init__(self, window: torch.Tensor):
        super().__init__()
        self.win_length = len(window)
        size = 2 * self.win_length  # without wrap-around
        self.spectrum = PowerSpectrum(F.pad(window, (0, size - self.win_length)), hop_length=1)
        turns = np.outer(np.arange(self.win_length), np.arange(self.win_length + 1)) % size / size
        inverse = np.cos(2 * np.pi * turns) * 2 / size
        inverse[:, [0, -1]] /= 2
        self.register_buffer("inverse", torch.from_numpy(inverse.astype(np.float32)))

    def forward(self, onset: torch.Tensor) -> torch.Tensor:
        """Onset strength `(batch, frames)` → `(batch, win_length, frames)`, each frame divided by its maximum."""
        padded = F.pad(ramp_padded(onset, self.win_length // 2), (0, self.win_length))
        power = self.spectrum(padded)[..., : onset.shape[-1]]
        return normalize_columns(apply_filters(self.inverse, power), "max")


def fit_window(waveform: torch.Tensor, length: int, *, repeat: bool = False) -> torch.Tensor:
    """Cut to the first `length` samples, or append zeros or the beginning: `audio.fit_length` for a batch.

    `(batch, samples)` → `(batch, length)`.
    """
    if repeat:
        return waveform[:, torch.arange(length, device=waveform.device) % waveform.shape[1]]
    silence = waveform.new_zeros(waveform.shape[0], length)
    return torch.cat([waveform, silence], dim=-1)[:, :length]
