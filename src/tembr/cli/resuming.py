"""`tembr predict --resume`: answers kept one by one beside the file they will be in.

The partial file is JSON lines: the first says what the answers were asked with, each further one holds what is written
about one recording, with the size and time of its file. A line counts when its line feed is there.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import click

from tembr import __version__
from tembr.errors import StoreError
from tembr.files import ADVICE, digest
from tembr.recognize.recognizer import Recognizer

KIND = "tembr partial answers"
_BEGIN = f'{{"kind": "{KIND}"'.encode()


def circumstances(recognizer: Recognizer, **options) -> dict[str, object]:
    """What has to be the same for answers of two runs to stand in one file."""
    facts, variant, speaker = recognizer.facts, recognizer.network.variant, recognizer.speaker
    return {
        "version of tembr": __version__,
        "bundle": f"{facts.name} {facts.version} {_digest(asdict(facts))}",
        "variant": variant,
        "speaker": _digest(asdict(speaker)) if speaker else None,
        **options,
    }


def _digest(content: dict) -> str:
    return digest(json.dumps(content, sort_keys=True, default=str).encode())


def place_of(out: str) -> Path:
    """The partial file of an `--out`."""
    return Path(f"{os.path.realpath(out)}.partial")


@contextmanager
def journal(out: str, asked: dict[str, object], files: Sequence[str]) -> Iterator[Journal]:
    """Open what an earlier run left beside `out`, or begin it; it stays there whatever happens in the block.

    Raises:
        click.UsageError: `out` is a pipe or a device.
        StoreError: it was begun with something else, is no such file, is in use, or cannot be written.
    """
    if os.path.exists(out) and not os.path.isfile(out):
        raise click.UsageError(f"--resume needs a file as --out; {out} is none")
    path = place_of(out)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "ab+")  # noqa: SIM115  (closed below)
    except OSError as error:
        raise _unwritable(path, error) from error
    with file:
        _lock(file, path)
        yield Journal(file, path, asked, files)


class Journal:
    """Answers written so far, each found again by its recording and the size and time of that."""

    def __init__(self, file: BinaryIO, path: Path, asked: dict[str, object], files: Sequence[str]):
        self._file, self._path = file, path
        self._keys = [(name, _stamp(name)) for name in files]
        self._places = self._read(asked)

    @property
    def done(self) -> Set[int]:
        """Numbers of the recordings that are answered."""
        return {number for number, key in enumerate(self._keys) if key in self._places}

    def put(self, number: int, said: str) -> None:
        """Keep what is written about recording `number`.

        Raises:
            StoreError: it cannot be written.
        """
        (name, stamp), place = self._keys[number], self._file.seek(0, os.SEEK_END)
        self._write({"file": name, "stamp": stamp, "said": said})
        self._places[name, stamp] = place

    def said(self) -> Iterator[str]:
        """What is written about each recording that is answered, in their order."""
        for key in self._keys:
            if key in self._places:
                self._file.seek(self._places[key])
                yield json.loads(self._file.readline())["said"]

    def finish(self) -> bool:
        """Remove the partial file; False, and it stays, where recordings are left that could not be answered."""
        if len(self.done) < len(self._keys):
            return False
        self._file.close()  # Windows removes no open file
        self._path.unlink(missing_ok=True)
        return True

    def _read(self, asked: dict[str, object]) -> dict[tuple, int]:
        self._file.seek(0)
        first = self._file.readline()
        if not first.endswith(b"\n") and (_BEGIN.startswith(first) or first.startswith(_BEGIN)):
            self._file.truncate(0)
            self._write({"kind": KIND, **asked})
            return {}
        self._check(first, asked)
        found, at = {}, len(first)
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            if key := self._key(line):
                found[key] = at
            at += len(line)
        self._file.truncate(at)
        return found

    def _check(self, first: bytes, asked: dict[str, object]) -> None:
        try:
            before = json.loads(first) if first.startswith(_BEGIN) else {}
        except ValueError:
            before = {}
        if not before:
            raise StoreError(f"{self._path}: not what an earlier --resume left; move it or choose another --out")
        wanted = json.loads(json.dumps({"kind": KIND, **asked}))
        changed = [name for name in wanted | before if before.get(name) != wanted.get(name)]
        if changed:
            raise StoreError(
                f"{self._path}: begun with another {', '.join(changed)}; remove it to begin anew, or ask as before"
            )

    def _key(self, line: bytes) -> tuple | None:
        """Of what a line is about; None of a pipe, which is heard anew."""
        try:
            content = json.loads(line)
            return (content["file"], tuple(content["stamp"])) if content["stamp"] else None
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{self._path}: damaged; remove it to begin anew") from error

    def _write(self, content: dict) -> None:
        try:
            self._file.write(json.dumps(content).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise _unwritable(self._path, error) from error


def _stamp(name: str) -> tuple[int, int] | None:
    """Size and time of change, by which another file of this name is told; None of what is no file."""
    try:
        facts = os.stat(name)
    except (OSError, ValueError):
        return None
    return (facts.st_size, facts.st_mtime_ns) if stat.S_ISREG(facts.st_mode) else None


def _lock(file: BinaryIO, path: Path) -> None:
    """Until the file is closed, where the system has `flock`."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ModuleNotFoundError:  # Windows
        return
    try:
        flock(file, LOCK_EX | LOCK_NB)
    except BlockingIOError as error:
        raise StoreError(f"{path}: another process is writing it; wait for it or choose another --out") from error
    except OSError:  # a file system without locks
        return


def _unwritable(path: Path, error: OSError) -> StoreError:
    advice = ADVICE.get(error.errno, "choose another --out")
    return StoreError(f"cannot write {path}: {error.strerror or error}; {advice}")
