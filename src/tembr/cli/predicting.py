"""What `tembr predict` does: paths in, answers out as they come, errors of single files on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NamedTuple, TextIO

from tembr.cli import annotating, resuming
from tembr.errors import AudioError, TembrError
from tembr.files import atomic_write
from tembr.outputs import require_own_file
from tembr.recognize import formats
from tembr.recognize.annotations import ANNOTATIONS
from tembr.recognize.batch import in_order
from tembr.recognize.folders import recordings
from tembr.recognize.prediction import Failure, check_confidence, threshold_of
from tembr.recognize.recognizer import Recognizer, load

STDIN = "-"


class Request(NamedTuple):
    """What was asked for on the command line.

    Attributes:
        paths: files, folders, or '-'.
        form: one of `formats.FORMATS`.
        segments, check_speech, threads, min_confidence: as in `Recognizer`.
        out: file for the answers, of annotations a folder; None is stdout.
        recursive: folders of folders as well.
        quiet: no progress bar.
        adapt: recordings of the speaker, or the file of one; None is anybody.
        channel: as in `Recognizer.predict`.
        coverage: as in `Recognizer.predict`; None asks for no sets.
        force: `out` may be a file that Tembr did not write.
        resume: go on with the answers that an earlier run left beside `out`.
    """

    paths: Sequence[str]
    form: str = "text"
    segments: bool = False
    check_speech: bool = True
    threads: int | None = None
    out: str | None = None
    recursive: bool = True
    quiet: bool = False
    min_confidence: float = 0.0
    adapt: str | None = None
    channel: str | int = "mix"
    force: bool = False
    coverage: float | None = None
    resume: bool = False


class Sink(NamedTuple):
    """Where answers go.

    Attributes:
        put: takes the number of a recording and what is written about it.
        done: numbers of the recordings that need not be heard.
    """

    put: Callable[[int, str], None]
    done: Set[int] = frozenset()


def answer_all(request: Request, bundle: str | None = None, variant: str | None = None) -> int:
    """Answer every recording; returns how many could not be.

    Raises:
        ConfigError: a confidence out of range; BundleError: no usable bundle, or one that
            cannot adapt; AudioError, SpeakerError: nobody to adapt to; StoreError: the answers
            cannot be written, or would replace what Tembr did not write.
    """
    annotated = request.form in ANNOTATIONS
    if request.out is not None and not annotated:
        require_own_file(request.out, "answers", request.force)
    complaints = _Complaints()
    files = list(recordings(request.paths, request.recursive, complaints, tell))
    paths = annotating.places(files, request.form, request.out, request.force) if annotated else None
    recognizer = load(bundle, variant)
    check_confidence(request.min_confidence, recognizer.labels)
    threshold_of(recognizer.facts, request.coverage, request.adapt is not None)  # before anything is heard
    if request.adapt is not None:
        recognizer = _adapted(recognizer, request)
    threads = 1 if len(files) == 1 else request.threads
    with _sink(request, recognizer, files, paths) as sink, _progress(request, len(files)) as advance:
        for _ in sink.done:
            advance()
        left = [number for number in range(len(files)) if number not in sink.done]
        said = in_order(_work(recognizer, request), (files[number] for number in left), threads)
        for number, answer in zip(left, said):
            advance()
            if isinstance(answer, Failure):
                complaints(answer.file, answer.error)
            else:
                sink.put(number, answer)
    return complaints.count


def _adapted(recognizer: Recognizer, request: Request) -> Recognizer:
    """A speaker's file is told by its name; recordings are heard on the channel asked for, where it is one."""
    path, channel = request.adapt, "mix" if request.channel == "each" else request.channel
    if path.lower().endswith(".json") and not os.path.isdir(path):
        return recognizer.for_speaker(path)
    return recognizer.adapt(path, threads=request.threads, on_warning=tell, channel=channel)


def tell(line: str) -> None:
    """A line for people, on stderr."""
    print(f"tembr: {line}", file=sys.stderr)


def _work(recognizer: Recognizer, request: Request) -> Callable[[str], str | Failure]:
    """File → what is written about it."""

    def work(file: str) -> str | Failure:
        try:
            source = _stdin() if file == STDIN else file
            along = {"min_confidence": request.min_confidence, "channel": request.channel}
            if request.form in ANNOTATIONS:
                return annotating.annotate(recognizer, source, file, request.form, **along)
            if request.segments:
                found = recognizer.segments(source, **along)
                return formats.segments(request.form, file, [replace(segment, file=file) for segment in found])
            answer = recognizer.predict(
                source,
                check_speech=request.check_speech,
                min_confidence=request.min_confidence,
                coverage=request.coverage,
                channel=request.channel,
            )
            answers = answer if isinstance(answer, list) else [answer]
            return "".join(formats.answer(request.form, replace(each, file=file)) for each in answers)
        except TembrError as error:
            return Failure(file, error)

    return work


def _stdin() -> BinaryIO:
    if sys.stdin is None:
        raise AudioError("stdin is closed; pipe a recording into it or name a file")
    return sys.stdin.buffer


class _Complaints:
    """Says on stderr what could not be answered, and counts."""

    def __init__(self):
        self.count = 0

    def __call__(self, file: str, error: TembrError) -> None:
        self.count += 1
        tell(str(error))


@contextmanager
def _sink(
    request: Request, recognizer: Recognizer, files: Sequence[str], paths: Sequence[Path] | None
) -> Iterator[Sink]:
    if paths is not None:
        yield Sink(annotating.write_to(paths))
        return
    sets = request.coverage is not None
    header = formats.header(request.form, recognizer.labels, request.channel != "mix", sets)
    if request.resume:
        with resuming.journal(request.out, _circumstances(request, recognizer), files) as journal:
            yield Sink(journal.put, journal.done)
            with _output(request.out) as out:
                out.write(header)
                out.writelines(journal.said())
            if not journal.finish():
                tell(f"{resuming.place_of(request.out)} is kept: the same command tries again what failed")
        return
    with _output(request.out) as out:
        out.write(header)

        def put(_: int, said: str) -> None:
            out.write(said)
            out.flush()

        yield Sink(put)


def _circumstances(request: Request, recognizer: Recognizer) -> dict[str, object]:
    options = ("form", "segments", "check_speech", "min_confidence", "coverage", "channel")
    return resuming.circumstances(recognizer, **{name: getattr(request, name) for name in options})


@contextmanager
def _output(path: str | None) -> Iterator[TextIO]:
    """Where answers go; a character the terminal cannot show becomes an escape, not an error."""
    if path is not None:
        with _whole(path) as place, open(place, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            yield file
        return
    if sys.stdout is None:  # closed before the start
        with open(os.devnull, "w") as nowhere:
            yield nowhere
        return
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    yield sys.stdout


def _whole(path: str) -> AbstractContextManager[str | os.PathLike]:
    """A pipe or a device is written as it is; a file appears when all answers are in it."""
    stream = path.startswith("/dev/") or (os.path.exists(path) and not os.path.isfile(path))
    return nullcontext(path) if stream else atomic_write(path)


@contextmanager
def _progress(request: Request, total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr, unless the answers themselves scroll by on the same terminal."""
    scrolling = request.out is None and is_terminal(sys.stdout)
    if request.quiet or total < 2 or scrolling or not is_terminal(sys.stderr):
        yield lambda: None
        return
    from tembr.cli.console import progress_bars

    with progress_bars() as bars:
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            bars.count("recordings", done, total)

        yield advance


def is_terminal(file: TextIO | None) -> bool:
    """Whether a stream is there and somebody looks at it."""
    return file is not None and file.isatty()
