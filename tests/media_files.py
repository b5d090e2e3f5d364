"""Recordings as phones, browsers and cameras make them, encoded by PyAV."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

FORMS = {
    "m4a": ("ipod", "aac"),
    "mp4": ("mp4", "aac"),
    "webm": ("webm", "libopus"),
    "mkv": ("matroska", "aac"),
    "aac": ("adts", "aac"),
    "mov": ("mov", "pcm_s16le"),
    "ac3": ("ac3", "ac3"),
    "wma": ("asf", "wmav2"),
}
"""Extension → FFmpeg's names of container and codec."""


def encoded(samples: np.ndarray, rate: int, form: str, *, video: int = 0, sound: bool = True, **options) -> bytes:
    """`(samples, channels)` floats as the bytes of a file, with `video` seconds of pictures, one a second.

    Args:
        options: of the container: `movflags="faststart"`.
    """
    import av

    container_form, codec = FORMS[form]
    layout = "stereo" if samples.shape[1] == 2 else "mono"
    with (
        TemporaryDirectory() as folder,
        av.open(f"{folder}/file", "w", format=container_form, options=options) as container,
    ):
        pictures = _picture_track(container) if video else None
        track = container.add_stream(codec, rate=rate, layout=layout) if sound else None  # before anything is written
        if track and codec == "wmav2":
            track.bit_rate = 128_000
        if pictures:
            _write_pictures(container, pictures, video)
        if track:
            _write_sound(container, track, samples, rate, layout)
        container.close()
        return Path(folder, "file").read_bytes()


def stating(mkv: bytes, seconds: float) -> bytes:
    """An MKV with another length in its header (EBML: Duration, 8 bytes, a float of milliseconds)."""
    at = mkv.index(b"\x44\x89\x88") + 3
    return mkv[:at] + struct.pack(">d", 1000 * seconds) + mkv[at + 8 :]


def _write_sound(container, stream, samples: np.ndarray, rate: int, layout: str) -> None:
    import av

    wanted = av.AudioResampler(format=stream.codec_context.format.name, layout=layout, rate=rate)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T, np.float32), format="fltp", layout=layout)
    frame.sample_rate = rate
    for piece in [*wanted.resample(frame), *wanted.resample(None), None]:
        container.mux(stream.encode(piece))


def _picture_track(container):
    stream = container.add_stream("mpeg4", rate=1)
    stream.width = stream.height = 32
    stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, 1)
    return stream


def _write_pictures(container, stream, count: int) -> None:
    import av

    for number in range(count):
        picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 40 * number % 255, np.uint8), format="rgb24")
        picture.pts = number
        container.mux(stream.encode(picture))
    container.mux(stream.encode(None))
