"""Representations of the spectrum's shape: decibels, cepstrum, contrast."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from tembr.errors import ConfigError
from tembr.features.stft import apply_filters


def power_to_db(power: torch.Tensor, *, relative: bool, top_db: float = 80.0, amin: float = 1e-10) -> torch.Tensor:
    """Power to decibels per recording, `librosa.power_to_db`.

    Args:
        power: `(batch, bins, frames)`, non-negative.
        relative: True refers to the recording's own maximum (librosa's `ref=np.max`), False to 1.
        top_db: the floor, dB below the recording's loudest point.
        amin: smallest power told apart from silence.

    Returns:
        dB, the same shape; at most 0 where `relative`.
    """
    decibels = power.clamp(min=amin).log10_().mul_(10.0)
    peak = decibels.amax(dim=(-2, -1), keepdim=True)
    if relative:
        return decibels.sub_(peak).clamp_(min=-top_db)
    return decibels.clamp_(min=peak - top_db)


def mfcc(log_mel: torch.Tensor, dct: torch.Tensor) -> torch.Tensor:
    """Mel-frequency cepstral coefficients: orthonormal DCT-II of the mel decibels (ref 1).

    `(batch, n_mels, frames)` and `(n_mfcc, n_mels)` → `(batch, n_mfcc, frames)`.
    """
    return apply_filters(dct, log_mel)


def contrast_bands(frequencies: np.ndarray, fmin: float, bands: int, quantile: float = 0.02):
    """Bins and extreme counts of each spectral-contrast band, as in `librosa.feature.spectral_contrast`.

    Returns:
        list of `(first bin, one past the last bin, bins averaged at either extreme)`; empty where a band would
        hold no bin or start above half the sample rate, which librosa refuses.
    """
    edges = [0.0, *(fmin * 2.0**k for k in range(bands + 1))]
    empty = any(not ((frequencies >= low) & (frequencies <= high)).any() for low, high in zip(edges, edges[1:]))
    if empty or edges[-2] >= frequencies[-1]:
        return []
    result = []
    for k, (low, high) in enumerate(zip(edges, edges[1:])):
        inside = np.flatnonzero((frequencies >= low) & (frequencies <= high))
        first, stop = int(inside[0]) - (k > 0), int(inside[-1]) + 1
        if k == bands:
            stop = len(frequencies)
        count = max(1, int(np.rint(quantile * (stop - first))))
        result.append((first, stop if k == bands else stop - 1, count))
    return result


def spectral_contrast(power: torch.Tensor, bands, top_db: float = 80.0) -> torch.Tensor:
    """Decibels between the peaks and the valleys of each octave band (Jiang et al., ICME 2002).

    Args:
        power: `(batch, 1 + n_fft // 2, frames)`; of a transform in double precision, see `Analysis.precise_power`.
        bands: from `contrast_bands`.

    Returns:
        dB, `(batch, len(bands), frames)`.

    Raises:
        ConfigError: no bands, because one would hold no bin or start above half the sample rate.
    """
    if not bands:
        raise ConfigError(
            "spectral_contrast: a band holds no bin or starts above half the sample rate; "
            "lower contrast_bands or change contrast_fmin"
        )
    by_frame = power.transpose(-1, -2)
    extremes = [_extremes(by_frame[..., first:stop], count) for first, stop, count in bands]
    means = _means(tuple(count for *_, count in bands)).to(power.device)
    valley, peak = (apply_filters(means, torch.cat(ends, dim=-1).sqrt().transpose(-1, -2)) for ends in zip(*extremes))
    return power_to_db(peak, relative=False, top_db=top_db) - power_to_db(valley, relative=False, top_db=top_db)


@lru_cache(maxsize=8)
def _means(counts: tuple[int, ...]) -> torch.Tensor:
    """What averages runs of so many values, `(len(counts), sum(counts))`."""
    return torch.block_diag(*(torch.full((1, count), 1 / count) for count in counts))


def _extremes(band: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The `count` smallest and largest along the last axis."""
    if torch.compiler.is_exporting():
        return band.topk(count, largest=False).values, band.topk(count).values
    ordered = _sorted(band)
    return ordered[..., :count], ordered[..., -count:]


def _sorted(band: torch.Tensor) -> torch.Tensor:
    """Powers ascending along the last axis.

    NumPy's vectorised sort is much faster than torch's here, and a sixth faster on integers: the bits of numbers that
    are not negative are in the same order.
    """
    if band.device.type == "cpu" and not torch.compiler.is_compiling():
        return torch.from_numpy(np.sort(band.numpy().view(np.int32), axis=-1).view(np.float32))
    return band.sort(dim=-1).values
