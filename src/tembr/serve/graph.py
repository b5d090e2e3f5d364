"""An ONNX file's optional inputs made ordinary ones: onnxruntime-web gives a value to no other.

An optional input is one with an initializer of its name. Without that initializer it has to be given at every run. The
file is taken apart only as far as that needs, so that the package onnx is not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from tembr.bundle import BundleError

GRAPH, INITIALIZER, NAME = 7, 5, 8
"""Numbers of the fields `ModelProto.graph`, `GraphProto.initializer` and `TensorProto.name` in onnx.proto."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class _Field(NamedTuple):
    """A field of a protocol buffer: its number, and where it and its content lie."""

    number: int
    start: int
    content: int
    end: int


def without_initializers(model: bytes, names: Collection[str]) -> bytes:
    """An ONNX file whose graph has no initializers of these names.

    Raises:
        BundleError: no ONNX file.
    """
    wanted = {name.encode() for name in names}
    try:
        return b"".join(_replaced(model, wanted))
    except IndexError as error:
        raise BundleError("not an ONNX file; export the bundle again") from error


def _replaced(model: bytes, names: set[bytes]) -> Iterator[bytes]:
    for field in _fields(model, 0, len(model)):
        if field.number != GRAPH:
            yield model[field.start : field.end]
            continue
        parts = [each for each in _fields(model, field.content, field.end) if not _is_of(model, each, names)]
        size = sum(each.end - each.start for each in parts)
        yield bytes(_varint(GRAPH << 3 | _BYTES)) + bytes(_varint(size))
        yield from (model[each.start : each.end] for each in parts)


def _is_of(model: bytes, field: _Field, names: set[bytes]) -> bool:
    """Whether a field of a graph is an initializer of one of these names."""
    if field.number != INITIALIZER:
        return False
    own = (each for each in _fields(model, field.content, field.end) if each.number == NAME)
    return any(model[each.content : each.end] in names for each in own)


def _fields(content: bytes, at: int, end: int) -> Iterator[_Field]:
    while at < end:
        start = at
        key, at = _read(content, at)
        kind = key & 7
        if kind == _BYTES:
            size, at = _read(content, at)
        elif kind == _VARINT:
            size = _read(content, at)[1] - at
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise IndexError("no such wire type")
        if at + size > end:
            raise IndexError("a field is longer than what holds it")
        yield _Field(key >> 3, start, at, at + size)
        at += size


def _read(content: bytes, at: int) -> tuple[int, int]:
    """A varint, and where it ends."""
    value = shift = 0
    while True:
        byte = content[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


def _varint(value: int) -> Iterator[int]:
    while value > 127:
        yield value & 127 | 128
        value >>= 7
    yield value
