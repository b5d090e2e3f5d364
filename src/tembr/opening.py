"""Whatever is given for a recording → a file that can be read and sought in."""

from __future__ import annotations

import ctypes
import io
import os
import stat
import sys
from pathlib import Path
from tempfile import SpooledTemporaryFile
from threading import Lock
from typing import BinaryIO

import numpy as np
import soundfile

from tembr.arguments import RATES
from tembr.errors import AudioError
from tembr.extensions import MEDIA, UNREAD, how_to_read, reads_media
from tembr.media import Media
from tembr.riff import SoundFile

UNREADABLE = (soundfile.LibsndfileError, RuntimeError, MemoryError, TypeError, ValueError, OSError)
"""What reading a damaged file can raise."""

_SPOOL = 1 << 24  # bytes of a pipe kept in memory before they go to a temporary file
_TAG = 10  # bytes of an ID3 tag's header, and of its footer


def open_recording(source, name: str) -> SoundFile | Samples | Media:
    """Open a path, the bytes of a file, a binary file object, or `(samples, rate)`, called `name` in messages.

    Raises:
        AudioError: it is none of these, missing, empty, or no audio.
    """
    if isinstance(source, tuple):
        return Samples(*_checked(source))
    try:
        file = _opened(_openable(source, name), name)
    except PermissionError as error:
        raise AudioError(f"{name}: no permission to read it; change its permissions or leave it out") from error
    except UNREADABLE as error:
        raise AudioError(f"{name}: not readable as audio ({reason(error)}); {_advice(name)}") from error
    if file.samplerate not in RATES:
        rate = file.samplerate
        file.close()
        raise AudioError(f"{name}: its header claims {rate} Hz; the file is damaged, re-export it")
    return file


def _opened(source: str | bytes | BinaryIO, name: str) -> SoundFile | Media:
    """By libsndfile, or else by PyAV where it is installed; what libsndfile says counts where neither can."""
    try:
        with quiet:
            return SoundFile(source)
    except UNREADABLE:
        if not reads_media():
            raise
        try:
            return Media(source, name)
        except UNREADABLE:
            pass
        raise


def _advice(name: str) -> str:
    extension = os.path.splitext(name)[1].lower()
    if extension in MEDIA and reads_media():
        return f"the file is damaged or no {extension}; re-export it, or convert it: ffmpeg -i NAME{extension} NAME.wav"
    if extension in (*MEDIA, *UNREAD):
        return f"{extension} is not read, convert it: {how_to_read(extension)}"
    return "WAV, FLAC, OGG/Opus, MP3, AIFF, AU, CAF and W64 are read"


def lasting(source):
    """`source`, or of a pipe, which can be read once, a copy that can be read again; long ones lie on disk.

    Raises:
        AudioError: it cannot be read.
    """
    try:
        if isinstance(source, (str, os.PathLike)):
            return _spooled_path(source) if _is_pipe(Path(source)) else source
        once = hasattr(source, "read") and not isinstance(source, io.TextIOBase) and not _seekable(source)
        return Spool(source, "") if once else source
    except OSError as error:
        raise AudioError(f"{name_of(source)}: cannot be read ({reason(error)}); save it to a file first") from error


def path_of(source) -> str:
    """Path of a recording, also of a pipe's copy; '' where it is no file."""
    if isinstance(source, Spool):
        return source.path
    return os.fspath(source) if isinstance(source, (str, os.PathLike)) else ""


def name_of(source) -> str:
    """What a recording is called in messages."""
    return path_of(source) or "the audio given"


def reason(error: Exception) -> str:
    """What is known of an error, in a few words."""
    return getattr(error, "error_string", None) or str(error) or type(error).__name__


class Spool(SpooledTemporaryFile):
    """A copy of a pipe that can be sought in, on disk where it is long.

    Attributes:
        path: of the pipe, or ''.
    """

    def __init__(self, file: BinaryIO, path: str):
        super().__init__(_SPOOL)
        self.path = path
        while part := file.read(1 << 20):
            self.write(part)
        self.seek(0)


class Samples:
    """Samples in memory, behind as much of `soundfile.SoundFile` as is used here.

    Args:
        samples: `(samples, channels)`, floats in [-1, 1] or integers, scaled by their range.
        rate: Hz.

    Attributes:
        frames, claimed: samples of a channel, and what a header would say of them.
    """

    def __init__(self, samples: np.ndarray, rate: int):
        self._samples, self.samplerate = samples, rate
        self.frames, self.channels = samples.shape
        self.claimed = self.frames
        self._at = 0

    def __enter__(self) -> Samples:
        return self

    def __exit__(self, *_) -> None:
        pass

    def seek(self, frame: int) -> None:
        self._at = frame

    def read(self, frames: int, dtype: str, always_2d: bool) -> np.ndarray:
        block = self._samples[self._at : self._at + frames]
        self._at += len(block)
        if np.issubdtype(block.dtype, np.integer):
            info = np.iinfo(block.dtype)
            middle = 0 if info.min else (info.max + 1) // 2
            return ((block.astype(np.float64) - middle) / (info.max - middle + 1)).astype(dtype)
        return block.astype(dtype)

    def close(self) -> None:
        pass


def _checked(given: tuple) -> tuple[np.ndarray, int]:
    if len(given) != 2 or not isinstance(given[1], (int, np.integer)):
        raise AudioError("the audio given: not (samples, rate) with the rate a whole number of Hz; give both so")
    samples, rate = np.asarray(given[0]), int(given[1])
    if samples.ndim == 1:
        samples = samples[:, None]
    if samples.ndim != 2 or samples.dtype.kind not in "fiu" or samples.shape[1] == 0:
        raise AudioError(
            f"the audio given: samples {samples.shape} of {samples.dtype}; give real numbers, (samples,) or "
            "(samples, channels)"
        )
    if samples.dtype.kind in "iu" and samples.dtype.itemsize == 8:
        raise AudioError(
            f"the audio given: samples of {samples.dtype}, whose full scale is not known; give int16, int32, or floats "
            "from -1 to 1"
        )
    if samples.shape[1] > max(32, len(samples)):
        raise AudioError(
            f"the audio given: {samples.shape[1]} channels of {len(samples)} samples; give (samples, channels), "
            "the transpose"
        )
    if rate not in RATES:
        raise AudioError(f"the audio given: a rate of {rate} Hz; give one from {RATES[0]} to {RATES[-1]} Hz")
    return samples, rate


def _openable(source, name: str) -> str | bytes | BinaryIO:
    """What soundfile can open: a path that holds something, or a file object that can be sought in."""
    if isinstance(source, (str, os.PathLike)):
        return _openable_path(Path(source), name)
    if isinstance(source, (bytes, bytearray, memoryview)):
        source = io.BytesIO(source)
    if not hasattr(source, "read"):
        raise AudioError(f"{name}: a {type(source).__name__}; give a path, bytes, a file object or (samples, rate)")
    if isinstance(source, io.TextIOBase):
        raise AudioError(f"{name}: a file opened as text; open it with mode 'rb'")
    source = source if _seekable(source) else Spool(source, "")
    size = source.seek(0, io.SEEK_END)
    if size == 0:
        raise AudioError(f"{name}: empty (0 bytes); give it something to hear")
    source.seek(0)
    return _untagged(source, size, name)


def _openable_path(path: Path, name: str) -> str | bytes | BinaryIO:
    if not path.exists():
        raise AudioError(f"{name}: no such file; check the path")
    if path.is_dir():
        raise AudioError(f"{name}: a folder, not a recording; name a file in it")
    if _is_pipe(path):
        return _openable(_spooled_path(path), name)
    if not path.is_file():
        raise AudioError(f"{name}: a device, not a file; record from it to a file first")
    if path.stat().st_size == 0:
        raise AudioError(f"{name}: the file is empty (0 bytes); remove it or copy it again")
    if not os.access(path, os.R_OK):
        raise PermissionError(name)
    with path.open("rb") as file:
        tagged = file.read(3) == b"ID3"
    if tagged:
        return _untagged(path.open("rb"), path.stat().st_size, name, owned=True)
    return os.fsencode(path) if os.name == "posix" else str(path)  # a name need not be text


def _is_pipe(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _spooled_path(path: str | Path) -> Spool:
    with open(path, "rb") as pipe:
        return Spool(pipe, str(path))


def _seekable(file: BinaryIO) -> bool:
    return bool(getattr(file, "seekable", bool)())


def _untagged(file: BinaryIO, size: int, name: str, owned: bool = False) -> BinaryIO:
    """`file` from where its ID3 tags end: libsndfile believes their length, and mpg123 comments on it.

    ID3v2.4, 3.1: 'ID3', version (2 bytes), flags, and the length without header in four times seven bits.
    """
    begin = 0
    while True:
        file.seek(begin)
        header = file.read(_TAG)
        if len(header) < _TAG or header[:3] != b"ID3":
            break
        length = sum((byte & 0x7F) << shift for byte, shift in zip(header[6:], (21, 14, 7, 0)))
        begin += _TAG + length + (_TAG if header[5] & 0x10 else 0)
        if begin >= size:
            raise AudioError(f"{name}: its ID3 tag claims {begin:,} bytes, the file has {size:,}; copy or re-export it")
    file.seek(begin)
    return _Behind(file, begin, owned) if begin else file


class _Behind(io.RawIOBase):
    """A file as if it began `offset` bytes later; closes it where it is `owned`."""

    def __init__(self, file: BinaryIO, offset: int, owned: bool):
        self._file, self._offset, self._owned = file, offset, owned

    def close(self) -> None:
        super().close()
        if self._owned:
            self._file.close()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        ahead = self._offset if whence == io.SEEK_SET else 0
        return self._file.seek(offset + ahead, whence) - self._offset

    def tell(self) -> int:
        return self._file.tell() - self._offset

    def readinto(self, buffer) -> int:
        part = self._file.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


class _Quiet:
    """While anybody decodes, what mpg123 prints goes nowhere; it asks nobody before it prints, nor does libsndfile.

    C's `stderr` is exchanged, not the descriptor, to which Python writes: nothing of Python is lost, in no thread.
    glibc documents its standard streams as variables that can be set. With another C library nothing is done.
    """

    def __init__(self):
        self._lock, self._users, self._before = Lock(), 0, None
        self._variable = self._nowhere = None
        if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version"):
            libc = ctypes.CDLL(None)
            libc.fopen.restype = ctypes.c_void_p
            self._variable = ctypes.c_void_p.in_dll(libc, "stderr")
            self._nowhere = libc.fopen(os.fsencode(os.devnull), b"w")

    @property
    def works(self) -> bool:
        """Whether the C library here is one whose stream can be exchanged."""
        return bool(self._nowhere)

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0 and self.works:
                self._before, self._variable.value = self._variable.value, self._nowhere
            self._users += 1

    def __exit__(self, *_) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self.works:
                self._variable.value = self._before


quiet = _Quiet()
