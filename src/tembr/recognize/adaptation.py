"""Adapting to one speaker from recordings that nobody has labelled.

Three things are learnt. The *level*: contours are taken relative to the speaker's mean level of each row instead of
each recording's own, so that a recording that is loud or high as a whole is heard as such. The *offset*: what the
network says to this voice whatever is felt, the mean of its logits over the recordings, is taken away from every
answer. And where the bundle knows it, the speaker's *manner*: where each emotion lies, see `tembr.recognize.manner`.
Each is shrunk towards no adaptation by a prior that the bundle brings, counted in recordings.

The recordings are taken for a mixture of emotions about as wide as that of the training data. Recordings of one
emotion alone would be taught to the recognizer as this speaker's neutral state.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tembr.audio import Stream
from tembr.bundle import BundleError
from tembr.errors import AudioError
from tembr.opening import lasting
from tembr.recognize import quality
from tembr.recognize.batch import in_order
from tembr.recognize.folders import recordings as files_of
from tembr.recognize.manner import Manner, learn_manner
from tembr.recognize.network import Network, optional_inputs
from tembr.recognize.speaker import Origin, Speaker, plain
from tembr.recognize.speech import Speech
from tembr.recognize.windows import outspoken, windows

FEW = 8
"""Recordings below which a warning says that little can be learnt."""

log = logging.getLogger("tembr")

Opened = Callable[[], Stream]
"""Opens a recording anew each time it is called: it is heard twice."""


class Priors(NamedTuple):
    """How many recordings the belief in no adaptation counts for, 0 or more, in the level and in the offset."""

    level: float
    offset: float


def adapt(
    network: Network,
    recordings,
    threads: int | None = None,
    told: Callable[[str], None] = log.warning,
    channel: str | int = "mix",
) -> Speaker:
    """Learn a speaker from what `Recognizer.adapt` takes.

    Args:
        told: gets a line for every recording left out, one for what a folder holds that is not read, and one where
            there are few.
        channel: as of `audio.Stream`.

    Raises:
        AudioError: nothing can be heard.
        BundleError: the bundle cannot adapt.
    """
    priors(network)
    failures: list[AudioError] = []
    sources, name = _sources(recordings, failures.append, told)
    rate = network.facts.sample_rate
    speaker = learn(
        network, [partial(Stream, source, rate, channel=channel) for source in sources], name, threads, failures
    )
    for error in failures:
        told(f"left out: {error}")
    if speaker.recordings < FEW:
        told(few(speaker.recordings))
    return speaker


def few(recordings: int) -> str:
    """What is said of adapting to fewer than `FEW` recordings."""
    return f"{recordings} to adapt to: little can be learnt from fewer than {FEW} recordings; give more"


def learn(
    network: Network,
    recordings: Sequence[Opened],
    name: str = "",
    threads: int | None = None,
    failures: list[AudioError] | None = None,
) -> Speaker:
    """Learn a speaker from recordings of several emotions, in two passes; answers do not depend on `threads`.

    As in `Recognizer.predict`, a long recording is heard in windows that overlap by half, and windows 30 dB fainter
    than its loudest have no say.

    Args:
        network: with or without a speaker, who makes no difference.
        name: of the speaker.
        threads: recordings heard at once; None is one for each core.
        failures: gets what was wrong with each recording left out: unreadable, silent, too short, without speech.

    Raises:
        AudioError: none can be heard.
        BundleError: the bundle cannot adapt.
    """
    prior, failures = priors(network), [] if failures is None else failures
    manner, rows = manner_of(network), network.rows()
    first = list(in_order(_listening(network, "level+position" if manner else "level"), recordings, threads))
    failures += [said for said in first if isinstance(said, AudioError)]
    heard = [(opened, said) for opened, said in zip(recordings, first) if not isinstance(said, AudioError)]
    if not heard:
        why = f"the first: {failures[0]}" if failures else "none was given; name some of the speaker"
        raise AudioError(f"no recording to adapt to can be heard, {why}")
    k = len(heard)
    level = np.concatenate([values[:, :rows] for _, values in heard]).mean(axis=0)
    start = Speaker(
        name=plain(name),
        origin=Origin.of(network),
        recordings=k,
        level=_float32(level),
        weight=_float32([weight_of(k, prior.level)])[0],
        offset=(0.0,) * len(network.facts.labels),
    )
    again = in_order(_listening(start.tune(network), "logits"), [opened for opened, _ in heard], threads)
    logits = np.stack([_raised(said).mean(axis=0) for said in again])
    offset = offset_of(logits, prior.offset)
    learnt = {"offset": _float32(offset)}
    if manner:
        positions = np.stack([values[:, rows:].mean(axis=0) for _, values in heard])
        own = learn_manner(manner, positions, logits + offset)
        learnt = {"offset": _float32(offset + own.offset)}
        learnt |= {"means": tuple(map(_float32, own.means)), "precisions": tuple(map(_float32, own.precisions))}
    return Speaker(**vars(start) | learnt)


def weight_of(recordings: int, prior: float) -> float:
    """What `recordings` count for against a belief worth `prior` of them: from 0 to 1."""
    return recordings / (recordings + prior)


def offset_of(logits: np.ndarray, prior: float) -> np.ndarray:
    """What takes a speaker's bias away: `(recordings, labels)` logits → `(labels,)`, of mean 0.

    Assumes that over the recordings no emotion prevails; every recording counts once.
    """
    mean = logits.mean(axis=0)
    return -(mean - mean.mean()) * weight_of(len(logits), prior)


def priors(network: Network) -> Priors:
    """What the bundle says of adaptation.

    Raises:
        BundleError: it cannot adapt, or what it says is no number of recordings.
    """
    network.rows()
    told = network.facts.adaptation
    found = Priors(told.get("level_prior"), told.get("offset_prior"))
    if not all(type(value) in (int, float) and 0 <= value < math.inf for value in found):
        raise BundleError(f"{network.folder}: level_prior or offset_prior is no number; export the bundle again")
    return found


def manner_of(network: Network) -> Manner | None:
    """What the bundle knows of how speakers show emotions; None where nothing.

    Raises:
        BundleError: what it says is not that.
    """
    told = network.facts.adaptation.get("manner")
    if not told:
        return None
    try:
        manner = Manner(*(np.array(told[name], np.float64) for name in Manner._fields))
        known = (len(network.facts.labels), len(manner.spread))
        sound = manner.means.shape == known and bool((manner.spread > 0).all()) and manner.prior >= 0
        sound = sound and all(np.isfinite(values).all() for values in manner)
        sound = sound and optional_inputs(network.session)["speaker_means"].shape == list(known)
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise BundleError(f"{network.folder}: the manner in bundle.json is none; export the bundle again")
    return manner._replace(share=float(manner.share), prior=float(manner.prior))


def _listening(network: Network, output: str) -> Callable[[Opened], np.ndarray | AudioError]:
    """Recording → that output of each window, `(windows, values)`, or why there is none."""

    def listen(opened: Opened) -> np.ndarray | AudioError:
        try:
            with opened() as stream:
                meter = quality.Meter(network.facts.sample_rate)
                speech = Speech(network.facts.sample_rate)
                cut = windows(meter.watch(stream), network.window, network.window // 2)
                values = outspoken(speech.search(cut), partial(network.output, output))
            return _sound(values, stream, quality.warnings(stream, meter.sound, speech.found))
        except AudioError as error:
            return error

    return listen


def _sound(values: np.ndarray, stream: Stream, warnings: tuple[str, ...]) -> np.ndarray:
    """`values`, if the recording was one to hear."""
    for warning in warnings:
        if warning.partition(":")[0] in quality.UNANSWERABLE:
            raise AudioError(f"{stream.name}: {warning}")
    if not np.isfinite(values).all():
        raise AudioError(f"{stream.name}: no finite answer to its samples; scale them to -1 … 1")
    return values


def _raised(said: np.ndarray | AudioError) -> np.ndarray:
    if isinstance(said, AudioError):
        raise said
    return said


def _float32(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(np.asarray(values, np.float32).tolist())


def _sources(recordings, failed: Callable[[AudioError], None], told: Callable[[str], None]) -> tuple[list, str]:
    """The single recordings, each of which can be heard twice, and the speaker's name: the folder's or file's."""
    if isinstance(recordings, (str, Path)):
        path = Path(recordings)
        name = path.resolve().name if path.is_dir() else path.stem
        files = files_of([str(path)], True, lambda _, error: failed(error), told)
        return [lasting(file) for file in files], name
    one = isinstance(recordings, (bytes, bytearray, memoryview)) or hasattr(recordings, "read")
    pair = isinstance(recordings, tuple) and len(recordings) == 2 and isinstance(recordings[1], (int, np.integer))
    return [lasting(source) for source in ([recordings] if one or pair else recordings)], ""
