"""The short-time Fourier transform as two small matrix products instead of one large: exact, and made for a graph.

For frames of 2,048 samples a product with the whole windowed basis takes twelve times as long, and ONNX Runtime's STFT
operator five times (`bench/frontend.py`). Cooley and Tukey (1965) split a transform of n = rows · columns samples,
sample n₁·columns + n₂ and bin k₁ + rows·k₂, into transforms of length `rows` (here with window and twiddle factors
folded into their constants), then of length `columns`:

    X[k₁ + rows·k₂] = Σ_{n₂} e^{-2πi n₂k₂/columns} · Σ_{n₁} w[n]·x[n]·e^{-2πi k₁(n₁/rows + n₂/n)}

The samples are real, so k₁ up to rows/2 gives every bin or its mirror image. The inner sums slide over the waveform: as
a strided convolution with one group for each n₂ they need no frames to be copied out.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn


class PowerSpectrum(nn.Module):
    """Squared magnitude of the Fourier transform of every frame, with nothing but convolution and matrix product.

    Args:
        window: `(n_fft,)`, float64, periodic Hann or any other.
        hop_length: samples between frames.
        columns: length of the second transform, a divisor of n_fft; 1 is the plain windowed basis. By default the one
            that `choose_columns` takes for fastest.
        precise: in double precision, about three times slower: for what looks into the valleys of a spectrum, which
            drown in the rounding of its peaks.
    """

    def __init__(self, window: torch.Tensor, hop_length: int, columns: int | None = None, precise: bool = False):
        super().__init__()
        n_fft, kind = window.shape[0], torch.float64 if precise else torch.float32
        self.hop_length, self.columns = hop_length, columns or choose_columns(n_fft, hop_length)
        self.rows = n_fft // self.columns
        self.register_buffer("inner", torch.from_numpy(_inner_basis(window.numpy(), self.columns)).to(kind))
        self.register_buffer("outer", torch.from_numpy(_outer_basis(self.columns)).to(kind))
        self.register_buffer("bins", torch.from_numpy(_places_of_bins(n_fft, self.columns)))

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """Padded as wanted, `(batch, samples)` → `(batch, 1 + n_fft // 2, frames)`, with as many as fit."""
        partial = self._inner_sums(*self._streams(waveform))
        half, frames = self.rows // 2 + 1, partial.shape[-1]
        if self.columns > 1:
            partial = partial.reshape(-1, self.columns, 2, half, frames).permute(0, 3, 2, 1, 4)
            spectrum = self.outer @ partial.reshape(-1, half, 2 * self.columns, frames)
        else:
            spectrum = partial.reshape(-1, 1, 2 * half, frames)
        real, imaginary = spectrum.float().chunk(2, dim=2)
        power = (real * real + imaginary * imaginary).reshape(-1, half * self.columns, frames)
        return power if self.columns == 1 else power.index_select(1, self.bins)

    def _inner_sums(self, streams: torch.Tensor, stride: int) -> torch.Tensor:
        """`(batch, columns, length)` → `(batch, columns · 2 · (rows // 2 + 1), frames)`."""
        if self.inner.dtype == torch.float32:
            return nn.functional.conv1d(streams, self.inner[:, None], stride=stride, groups=self.columns)
        starts = torch.arange(0, streams.shape[-1] - self.rows + 1, stride)
        frames = streams.double()[..., torch.arange(self.rows)[:, None] + starts]
        sums = self.inner.reshape(self.columns, -1, self.rows) @ frames
        return sums.reshape(-1, self.inner.shape[0], len(starts))

    def _streams(self, waveform: torch.Tensor) -> tuple[torch.Tensor, int]:
        """Every `columns`-th sample side by side, `(batch, columns, length)`, and the stride of frames in them.

        Where frames do not begin on a multiple of `columns`, they are laid end to end first.
        """
        stride = self.hop_length // self.columns
        if self.hop_length % self.columns:
            n_fft, stride = self.rows * self.columns, self.rows
            starts = torch.arange(0, waveform.shape[-1] - n_fft + 1, self.hop_length)
            waveform = waveform[:, (starts[:, None] + torch.arange(n_fft)).reshape(-1)]
        length = waveform.shape[-1] // self.columns
        return waveform[:, : length * self.columns].reshape(-1, length, self.columns).transpose(1, 2), stride


def choose_columns(n_fft: int, hop_length: int) -> int:
    """Length of the second transform: the divisor of `n_fft` nearest to √n_fft / 2, in ratio.

    One that divides the hop as well, where it is at least half that long: frames then need no copying.
    `bench/frontend.py` measures the choice against others.
    """
    wanted = math.sqrt(n_fft) / 2

    def nearest(divisors: list[int]) -> int:
        return min(divisors, key=lambda d: abs(math.log(d / wanted)))

    divisors = [d for d in range(1, n_fft // 2 + 1) if n_fft % d == 0]
    sliding = nearest([d for d in divisors if hop_length % d == 0])
    return sliding if sliding >= wanted / 2 else nearest(divisors)


def _inner_basis(window: np.ndarray, columns: int) -> np.ndarray:
    """Window, transform over `rows` and twiddles, `(columns · 2 · (rows // 2 + 1), rows)`; real before imaginary."""
    n_fft = len(window)
    rows = n_fft // columns
    k, row, column = np.arange(rows // 2 + 1)[:, None], np.arange(rows), np.arange(columns)[:, None, None]
    turns = (k * row * columns + column * k) % n_fft / n_fft
    basis = np.exp(-2j * np.pi * turns) * window.reshape(rows, columns).T[:, None]
    return np.stack([basis.real, basis.imag], axis=1).reshape(-1, rows)


def _outer_basis(columns: int) -> np.ndarray:
    """Complex transform of length `columns` as a real matrix on stacked real and imaginary parts."""
    turns = np.outer(np.arange(columns), np.arange(columns)) % columns / columns
    basis = np.exp(-2j * np.pi * turns)
    return np.block([[basis.real, -basis.imag], [basis.imag, basis.real]])


def _places_of_bins(n_fft: int, columns: int) -> np.ndarray:
    """Where bin 0 to n_fft // 2, or its mirror image, lies among the computed ones, `(1 + n_fft // 2,)`."""
    rows = n_fft // columns
    bins = np.arange(1 + n_fft // 2)
    computed = np.where(bins % rows <= rows // 2, bins, n_fft - bins)
    return computed % rows * columns + computed // rows
