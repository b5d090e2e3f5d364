"""Adapting to one speaker from recordings that nobody has labelled; the formulas are in `tembr.adaptation`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from tembr.adaptation.fitting import FEW, EnsembleOutputs, Knowledge, fit_to_speaker
from tembr.adaptation.offset import Offsets
from tembr.adaptation.relative import Relative
from tembr.adaptation.two_covariance import TwoCovariance
from tembr.arguments import one_recording
from tembr.audio import Stream
from tembr.bundle import BundleError
from tembr.errors import AudioError
from tembr.opening import lasting
from tembr.recognize import quality
from tembr.recognize.batch import in_order
from tembr.recognize.folders import recordings as files_of
from tembr.recognize.network import Network, optional_inputs
from tembr.recognize.speaker import Origin, Speaker, plain
from tembr.recognize.speech import Speech
from tembr.recognize.windows import outspoken, windows

log = logging.getLogger("tembr")

FEW_RECORDINGS = f"adapted to {{count}}: little can be learnt from fewer than {FEW} recordings; give more"
"""What is said of `count` recordings, fewer than `FEW`."""

ONE_EMOTION = "one emotion alone was heard: little can be learnt; give recordings of several"
"""What is said of an enrolment of which relative logits say nothing."""

Opened = Callable[[], Stream]
"""Opens a recording when it is called."""


def adapt(
    network: Network,
    recordings,
    threads: int | None = None,
    on_warning: Callable[[str], None] = log.warning,
    channel: str | int = "mix",
) -> Speaker:
    """Learn a speaker from what `Recognizer.adapt` takes.

    Args:
        on_warning: gets a line for every recording left out, one for what a folder holds that is not read, and one
            each where there are few, or of one emotion alone.
        channel: as of `audio.Stream`.

    Raises:
        AudioError: nothing can be heard.
        BundleError: the bundle cannot adapt.
    """
    network.require_adaptable()
    failures: list[AudioError] = []
    sources, name = _sources(recordings, failures.append, on_warning)
    rate = network.facts.sample_rate
    speaker = learn(
        network, [partial(Stream, source, rate, channel=channel) for source in sources], name, threads, failures
    )
    for error in failures:
        on_warning(f"left out: {error}")
    for warning in warnings(network, speaker):
        on_warning(warning)
    return speaker


def warnings(network: Network, speaker: Speaker) -> list[str]:
    """Why little can be learnt from an enrolment: few recordings, or one emotion alone.

    Relative logits count where several emotions are there, and not at all where the bundle says that adapting does not.
    """
    known = network.facts.adaptation
    one_emotion = known.get("relative") and known.get("strength", 1.0) and not speaker.share
    few = [FEW_RECORDINGS.format(count=speaker.recordings)] if speaker.recordings < FEW else []
    return [*few, *([ONE_EMOTION] if one_emotion else [])]


def learn(
    network: Network,
    recordings: Sequence[Opened],
    name: str = "",
    threads: int | None = None,
    failures: list[AudioError] | None = None,
) -> Speaker:
    """Learn a speaker from recordings of several emotions; answers do not depend on `threads`.

    As in `Recognizer.predict`, a long recording is taken in windows that overlap by half, and windows 30 dB fainter
    than its loudest have no say.

    Args:
        network: with or without a speaker, who makes no difference.
        name: of the speaker.
        threads: recordings taken at once; None is one for each core.
        failures: gets what was wrong with each recording left out: unreadable, silent, too short, without speech.

    Raises:
        AudioError: none can be used.
        BundleError: the bundle cannot adapt.
    """
    knowledge, failures = knowledge_of(network), [] if failures is None else failures
    plain_network = network.with_inputs({})
    outputs = ["logits", *(["embedding"] if knowledge.two_covariance else [])]
    outputs += ["relative"] if knowledge.relative else []
    answers = list(in_order(_answering(plain_network, outputs), recordings, threads))
    failures += [answer for answer in answers if isinstance(answer, AudioError)]
    usable = [answer for answer in answers if not isinstance(answer, AudioError)]
    if not usable:
        why = f"the first: {failures[0]}" if failures else "none was given; name some of the speaker"
        raise AudioError(f"no recording to adapt to can be heard, {why}")
    labels = len(network.facts.labels)
    values = np.stack([one.mean(axis=0) for one in usable])
    beyond = values.shape[1] - labels if knowledge.relative else values.shape[1]
    embeddings = values[:, labels:beyond] if knowledge.two_covariance else None
    relative = values[:, beyond:] if knowledge.relative else None
    fitted = fit_to_speaker(knowledge, EnsembleOutputs(values[:, :labels], embeddings, relative))
    places = {}
    if fitted.means is not None:
        places = {name: tuple(map(_float32, getattr(fitted, name))) for name in ("means", "precisions")}
    share = float(np.float32(fitted.share))
    return Speaker(plain(name), Origin.of(network), len(usable), _float32(fitted.offset), **places, share=share)


def knowledge_of(network: Network) -> Knowledge:
    """What the bundle says of how speakers differ.

    Raises:
        BundleError: it cannot adapt, or what it says is not that.
    """
    network.require_adaptable()
    known = network.facts.adaptation
    found, strength = known.get("two_covariance"), known.get("strength", 1.0)
    if type(strength) not in (int, float) or not 0 <= strength <= 1:
        raise BundleError(f"{network.folder}: adaptation.strength in bundle.json is none; export the bundle again")
    two_covariance = _two_covariance(network, found) if found else None
    offsets, relative = _offsets(network, known.get("offset")), known.get("relative")
    return Knowledge(offsets, two_covariance, float(strength), _relative(network, relative) if relative else None)


Known = TypeVar("Known", bound=tuple)


def _read(
    network: Network, kind: type[Known], content: object, name: str, sound: Callable[[Known, int], bool]
) -> Known:
    """A part of what `bundle.json` says of adapting, as arrays and numbers.

    Args:
        kind: a named tuple, of its fields; those with a default need not be there.
        sound: whether arrays of finite numbers are such a part, for so many labels.

    Raises:
        BundleError: they are not.
    """
    try:
        given = {field: np.array(content[field], np.float64) for field in kind._fields if field in content}
        found = kind(**given)
        fits = all(np.isfinite(values).all() for values in given.values()) and sound(found, len(network.facts.labels))
    except (KeyError, TypeError, ValueError, IndexError):
        fits = False
    if not fits:
        raise BundleError(f"{network.folder}: {name} in bundle.json is none; export the bundle again")
    return found._replace(**{field: float(values) for field, values in given.items() if not values.ndim})


def _offsets(network: Network, content: object) -> Offsets:
    def sound(found: Offsets, labels: int) -> bool:
        return bool(found.typical.shape == (labels, labels) and found.prior >= 0 < found.mixture)

    return _read(network, Offsets, content, "adaptation.offset", sound)


def _relative(network: Network, content: object) -> Relative:
    def sound(found: Relative, labels: int) -> bool:
        return bool(
            found.typical.shape == (labels, labels) and 0 <= found.share <= 1 and found.prior >= 0 < found.mixture
        )

    return _read(network, Relative, content, "adaptation.relative", sound)


def _two_covariance(network: Network, content: object) -> TwoCovariance:
    def sound(found: TwoCovariance, labels: int) -> bool:
        shape = (labels, len(found.spread))
        fits = found.means.shape == shape and found.prior >= 0 <= found.share
        fits = fits and found.within_prior >= 0 and bool((found.spread >= np.finfo(np.float32).tiny).all())
        return fits and optional_inputs(network.session)["speaker_means"].shape == list(shape)

    return _read(network, TwoCovariance, content, "two_covariance", sound)


def _answering(network: Network, outputs: Sequence[str]) -> Callable[[Opened], np.ndarray | AudioError]:
    """Recording → those outputs of each window side by side, `(windows, values)`, or why there is none."""

    def answer(opened: Opened) -> np.ndarray | AudioError:
        try:
            with opened() as stream:
                meter = quality.Meter(network.facts.sample_rate)
                speech = Speech(network.facts.sample_rate)
                cut = windows(meter.watch(stream), network.window, network.window // 2)
                said = lambda samples: np.concatenate(network.outputs(samples, *outputs))  # noqa: E731
                values = outspoken(speech.search(cut), said)
            return _sound(values, stream, quality.warnings(stream, meter.sound, speech.found))
        except AudioError as error:
            return error

    return answer


def _sound(values: np.ndarray, stream: Stream, warnings: tuple[str, ...]) -> np.ndarray:
    """`values`, if the recording was one to learn from."""
    for warning in warnings:
        if warning.partition(":")[0] in quality.UNANSWERABLE:
            raise AudioError(f"{stream.name}: {warning}")
    if not np.isfinite(values).all():
        raise AudioError(f"{stream.name}: no finite answer to its samples; scale them to -1 … 1")
    return values


def _float32(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(np.asarray(values, np.float32).tolist())


def _sources(recordings, failed: Callable[[AudioError], None], on_warning: Callable[[str], None]) -> tuple[list, str]:
    """The single recordings, each of which can be heard twice, and the speaker's name: the folder's or file's."""
    given, sources = [recordings] if one_recording(recordings) else list(recordings), []
    for one in given:
        paths = [os.fspath(one)] if isinstance(one, (str, os.PathLike)) else []
        sources += files_of(paths, True, lambda _, error: failed(error), on_warning) if paths else [one]
    return [lasting(source) for source in sources], _name_of(given)


def _name_of(given: Sequence) -> str:
    """Of one path its own, of several files the one of the folder that holds them all; '' where there is none."""
    if not given or not all(isinstance(one, (str, os.PathLike)) for one in given):
        return ""
    paths = [Path(one) for one in given]
    if len(paths) == 1:
        return paths[0].resolve().name if paths[0].is_dir() else paths[0].stem
    folders = {path.resolve().parent for path in paths}
    return folders.pop().name if len(folders) == 1 else ""
