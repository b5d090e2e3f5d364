"""From a waveform to the power in its frames."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

BLOCK = 64 * 2048
"""Samples of the frames that are transformed at once on a processor: they and their spectrum stay in its cache."""


def frame(waveform: torch.Tensor, frame_length: int, hop_length: int) -> torch.Tensor:
    """Overlapping frames as a view: `(batch, samples)` → `(batch, frames, frame_length)`."""
    return waveform.unfold(-1, frame_length, hop_length)


def pad_centred(waveform: torch.Tensor, n_fft: int) -> torch.Tensor:
    """Half a frame of zeros on either side, so that frame t is centred on sample t · hop_length."""
    return F.pad(waveform, (n_fft // 2, n_fft // 2))


def power_spectrogram(waveform: torch.Tensor, window: torch.Tensor, hop_length: int) -> torch.Tensor:
    """Squared magnitude of the short-time Fourier transform, `librosa.stft` with zero padding.

    Args:
        waveform: `(batch, samples)`, float32.
        window: `(n_fft,)`; the transform is taken in its precision and rounded to single.
        hop_length: samples between frames.

    Returns:
        `(batch, 1 + n_fft // 2, frames)`, float32, a view of memory that lies frame by frame.
    """
    n_fft = window.shape[0]
    frames = frame(pad_centred(waveform.to(window.dtype), n_fft), n_fft, hop_length)
    power = waveform.new_empty(*frames.shape[:2], 1 + n_fft // 2)
    block = max(BLOCK // (n_fft * max(len(waveform), 1)), 1) if waveform.device.type == "cpu" else frames.shape[1]
    for few, out in zip(frames.split(block, dim=1), power.split(block, dim=1)):
        squared_magnitude(torch.fft.rfft(few * window), out=out)
    return power.transpose(-1, -2)


def squared_magnitude(spectrum: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """Real and imaginary parts squared and added, float32; the spectrum may be overwritten."""
    parts = torch.view_as_real(spectrum).float().square_()
    return torch.add(parts[..., 0], parts[..., 1], out=out)


def banded(filters: torch.Tensor, groups: int = 8) -> tuple[tuple[int, int, torch.Tensor], ...]:
    """Filters that are zero but for a run of bins, as groups of neighbours with the few bins that each group covers.

    Args:
        filters: `(bands, bins)`.
        groups: no more than there are bands.

    Returns:
        for each group `(first bin, one past the last bin, (bands, bins) of its filters)`; for mel bands an eighth of
        the whole matrix.
    """
    found = []
    for rows in filters.tensor_split(min(groups, len(filters))):
        used = rows.any(0).nonzero().flatten()
        first, stop = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
        found.append((first, stop, rows[:, first:stop].contiguous()))
    return tuple(found)


def apply_banded(groups: Sequence[tuple[int, int, torch.Tensor]], values: torch.Tensor) -> torch.Tensor:
    """`apply_filters` of filters that `banded` has grouped: `(batch, bins, frames)` → `(batch, bands, frames)`."""
    by_frame = values.transpose(-1, -2)
    products = [F.linear(by_frame[..., first:stop], filters) for first, stop, filters in groups]
    return torch.cat(products, dim=-1).transpose(-1, -2)


def apply_filters(filters: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """`filters @ values` for `(rows, bins)` and `(batch, bins, frames)`, as one product over all frames.

    In an exported graph the constant stands on the left, where no quantiser takes it for a layer of a network.
    """
    if torch.compiler.is_exporting():
        return filters @ values
    return F.linear(values.transpose(-1, -2), filters).transpose(-1, -2)
