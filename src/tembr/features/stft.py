"""From a waveform to the power in its frames."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def frame(waveform: torch.Tensor, frame_length: int, hop_length: int) -> torch.Tensor:
    """Overlapping frames as a view: `(batch, samples)` → `(batch, frames, frame_length)`."""
    return waveform.unfold(-1, frame_length, hop_length)


def pad_centred(waveform: torch.Tensor, n_fft: int, mode: str = "constant") -> torch.Tensor:
    """Half a frame on either side, so that frame t is centred on sample t · hop_length.

    `mode` is 'constant' (zeros) or 'replicate' (the first and last sample).
    """
    return F.pad(waveform.unsqueeze(1), (n_fft // 2, n_fft // 2), mode=mode).squeeze(1)


def power_spectrogram(waveform: torch.Tensor, window: torch.Tensor, hop_length: int) -> torch.Tensor:
    """Squared magnitude of the short-time Fourier transform, `librosa.stft` with zero padding.

    The transform is taken in double precision and rounded to single, as librosa does: in single, the
    deep valleys of a voiced frame drown in rounding.

    Args:
        waveform: `(batch, samples)`, float32.
        window: `(n_fft,)`, float64.

    Returns:
        `(batch, 1 + n_fft // 2, frames)`, float32, a view of memory that lies frame by frame.
    """
    n_fft = window.shape[0]
    frames = frame(pad_centred(waveform, n_fft), n_fft, hop_length) * window
    spectrum = torch.fft.rfft(frames).to(torch.complex64)
    return squared_magnitude(spectrum).transpose(-1, -2)


def squared_magnitude(spectrum: torch.Tensor) -> torch.Tensor:
    """Real and imaginary parts squared and added."""
    return spectrum.real.square() + spectrum.imag.square()


def apply_filters(filters: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """`filters @ values` for `(rows, bins)` and `(batch, bins, frames)`, as one product over all frames.

    In an exported graph the constant stands on the left, where no quantiser takes it for a layer of a network.
    """
    if torch.compiler.is_exporting():
        return filters @ values
    return F.linear(values.transpose(-1, -2), filters).transpose(-1, -2)
