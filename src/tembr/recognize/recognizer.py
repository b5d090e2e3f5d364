"""Recordings in, emotions out: the public face of a bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from tembr import audio
from tembr.arguments import CHANNEL, PATH, THREADS, checked, either, of_kind, optional
from tembr.errors import TembrError
from tembr.opening import lasting, path_of
from tembr.recognize import quality
from tembr.recognize.adaptation import adapt, log
from tembr.recognize.batch import in_order
from tembr.recognize.network import Network
from tembr.recognize.prediction import Failure, Prediction, check_confidence, prediction_of, threshold_of
from tembr.recognize.speaker import Speaker
from tembr.recognize.speech import Speech
from tembr.recognize.windows import outspoken, windows

if TYPE_CHECKING:
    from tembr.recognize.stream import LiveStream

WINDOW = 3.0
"""Seconds that `segments` and `stream` hear at once."""

Channel = Literal["mix", "left", "right", "each"] | int
"""The channels averaged, one of them (the left one is 1, the right one 2), or each by itself."""

T = TypeVar("T")


@checked(path=optional(PATH), threads=THREADS, speaker=optional(either(of_kind(Speaker), PATH)))
def load(
    path: str | Path | None = None,
    variant: str | None = None,
    threads: int = 1,
    speaker: Speaker | str | Path | None = None,
    provider: str = "cpu",
) -> Recognizer:
    """Open a bundle.

    Args:
        path: its folder, or the name of one inside the package: 'default', 'small'; None is the default one.
        variant: path of one of its ONNX files ('quantized/…onnx') or its name; None is what the bundle prefers.
        threads: cores one answer may use; many recordings are spread over cores by `predict_batch` anyway.
        speaker: whom to hear, as for `Recognizer.for_speaker`; None is anybody.
        provider: that runs the network: cpu, cuda, tensorrt, openvino or coreml, where ONNX Runtime has it.

    Raises:
        BundleError: not a bundle, altered, or not made for waveforms; with a speaker: it cannot adapt.
        SpeakerError: the speaker's file is damaged, or of another bundle.
        ConfigError: an argument is not what it may be.
    """
    recognizer = Recognizer(Network(path, variant, threads, provider))
    return recognizer if speaker is None else recognizer.for_speaker(speaker)


class Recognizer:
    """Hears emotion in recordings. One may be used from many threads at once.

    A recording is a path, the bytes of a file, a binary file object, or `(samples, rate)` with samples of shape
    `(samples,)` or `(samples, channels)`. Whatever its rate, channels and length, it is read as mono at the
    bundle's rate, block by block.

    Attributes:
        speaker: to whom it is adapted; None where it hears anybody.
    """

    @checked(network=of_kind(Network), speaker=optional(of_kind(Speaker)))
    def __init__(self, network: Network, speaker: Speaker | None = None):
        self.network = network if speaker is None else speaker.tune(network)
        self.facts = network.facts
        self.speaker = speaker
        self._window = network.window

    @property
    def labels(self) -> tuple[str, ...]:
        """Emotions it knows, in the order of every answer's probabilities."""
        return tuple(self.facts.labels)

    @checked(channel=CHANNEL)
    def adapt(
        self,
        recordings,
        *,
        threads: int | None = None,
        on_warning: Callable[[str], None] | None = None,
        channel: Channel = "mix",
    ) -> Recognizer:
        """A recognizer for one speaker, learnt from recordings of theirs without labels; this one stays as it is.

        The more emotions the recordings hold, the more is learnt; from one emotion alone, little. Any number is taken,
        fewer than 8 with a warning. What cannot be heard (unreadable, silent, too short, no speech) is left out with a
        warning.

        Args:
            recordings: a folder (with the folders in it), a recording, or any number of these; each is read twice.
            threads: recordings heard at once; None is one for each core.
            on_warning: gets the warnings, a line each; None is the logger 'tembr'.
            channel: the speaker's: 'mix' averages the channels; 'left', 'right' or a number, from 1, takes one.

        Raises:
            AudioError: none of them can be heard.
            BundleError: the bundle cannot adapt.
        """
        return self.for_speaker(adapt(self.network, recordings, threads, on_warning or log.warning, channel))

    @checked(speaker=either(of_kind(Speaker), PATH))
    def for_speaker(self, speaker: Speaker | str | Path) -> Recognizer:
        """A recognizer for a speaker learnt before, given as such or as the path of the file; this one stays as it is.

        Raises:
            SpeakerError: the file is damaged, or the speaker was learnt with another bundle.
            BundleError: the bundle cannot adapt.
        """
        return Recognizer(self.network, speaker if isinstance(speaker, Speaker) else Speaker.load(speaker))

    @checked()
    def predict(
        self,
        source,
        *,
        start: float = 0.0,
        end: float | None = None,
        check_speech: bool = True,
        min_confidence: float = 0.0,
        coverage: float | None = None,
        channel: Channel = "mix",
    ) -> Prediction | list[Prediction]:
        """The emotion of a whole recording, or of the part from `start` to `end` seconds.

        A recording longer than the bundle's window is heard in windows that overlap by half, and the answer is
        the mean of their posteriors; windows 30 dB fainter than the loudest have no say. In silence, with less
        than 0.3 s of sound, or where nobody speaks, `label` is None and `warnings` says why; clipping, telephone
        quality and truncation are told in `warnings` beside the answer.

        Args:
            check_speech: give no label where nobody speaks (`tembr.recognize.speech`).
            min_confidence: probability, 0 to 1, below which the label is 'uncertain'.
            coverage: also say which emotions are `possible`: sets that hold the truth in this share of recordings, 0.5
                to 0.99, on the average of voices never heard, as far as the bundle's calibration goes.
            channel: 'mix' averages the channels; 'left', 'right' or a number, from 1, takes one; with 'each' the
                answer is a list, one `Prediction` a channel, read in turn.

        Raises:
            AudioError: it cannot be read, has NaN or infinite samples, or no such channel.
            ConfigError: an argument is out of range.
            BundleError: a coverage is asked for, and the bundle's sets were not calibrated.
        """
        check_confidence(min_confidence, self.labels)
        threshold = threshold_of(self.facts, coverage, self.speaker is not None)

        def answer(source, channel: str | int) -> Prediction:
            found, _ = self.answer(source, start, end, check_speech, channel)
            return found.with_set(threshold).held_to(min_confidence)

        return _each(source, answer) if channel == "each" else answer(source, channel)

    @checked(channel=CHANNEL)
    def answer(
        self,
        source,
        start: float = 0.0,
        end: float | None = None,
        check_speech: bool = True,
        channel: str | int = "mix",
    ) -> tuple[Prediction, np.ndarray]:
        """What `predict` answers, and the network's own posteriors `(labels,)`, which no warning levels out."""
        with audio.Stream(source, self.facts.sample_rate, start, end, channel) as stream:
            meter = quality.Meter(self.facts.sample_rate)
            speech = Speech(self.facts.sample_rate)
            cut = windows(meter.watch(stream), *self._steps)
            posteriors = self._mean(speech.search(cut) if check_speech else cut, stream.name)
        found = speech.found or not check_speech
        warnings = quality.warnings(stream, meter.sound, found)
        return prediction_of(self.labels, posteriors, start, start + stream.seconds, warnings, stream), posteriors

    @checked()
    def predict_iter(
        self,
        sources: Iterable,
        *,
        threads: int | None = None,
        on_error: Literal["report", "raise"] = "report",
        check_speech: bool = True,
        min_confidence: float = 0.0,
        coverage: float | None = None,
        channel: Channel = "mix",
    ) -> Iterator[Prediction | list[Prediction] | Failure]:
        """`predict` for any number of recordings: what it returns for each, in order as they come, in bounded memory.

        Args:
            sources: taken from as needed; may be endless.
            threads: recordings heard at once; None is one for each core.
            on_error: 'report' puts a `Failure`, which is false, in the place of the answer; 'raise' stops.
        """
        check_confidence(min_confidence, self.labels)
        threshold_of(self.facts, coverage, self.speaker is not None)
        options = {"min_confidence": min_confidence, "coverage": coverage, "channel": channel}
        answer = partial(self.predict, check_speech=check_speech, **options)
        return in_order(answer if on_error == "raise" else _reporting(answer), sources, threads)

    @checked()
    def predict_batch(
        self,
        sources: Iterable,
        *,
        threads: int | None = None,
        on_error: Literal["report", "raise"] = "report",
        progress: Callable[[int], None] | None = None,
        check_speech: bool = True,
        min_confidence: float = 0.0,
        coverage: float | None = None,
        channel: Channel = "mix",
    ) -> list[Prediction | list[Prediction] | Failure]:
        """`predict_iter` as a list; `progress` is called with the number of recordings done."""
        answers = []
        each = self.predict_iter(
            sources,
            threads=threads,
            on_error=on_error,
            check_speech=check_speech,
            min_confidence=min_confidence,
            coverage=coverage,
            channel=channel,
        )
        for answer in each:
            answers.append(answer)
            if progress:
                progress(len(answers))
        return answers

    @checked()
    def segments(
        self,
        source,
        *,
        hop: float = 1.0,
        min_confidence: float = 0.0,
        speech_only: bool = True,
        smoothing: float = 1.0,
        window: float = WINDOW,
        channel: Channel = "mix",
    ) -> list[Prediction]:
        """The emotions along a recording of any length, each with its start and end.

        Speech is found by Silero's voice activity detector and heard in overlapping windows; the likeliest
        sequence of emotions is taken, in which every change has a price, and windows of one emotion are joined.
        The confidence is the mean posterior over the segment. Without speech the list is empty.

        Args:
            hop: seconds from one window to the next, 0.01 to 600.
            min_confidence: probability, 0 to 1, below which a segment's label is 'uncertain'.
            speech_only: hear only speech; False hears everything that is not silent.
            smoothing: price of a change in nats of log posterior; 0 takes every window by itself.
            window: seconds heard at once, 0.5 to 30; at most those of the bundle's own.
            channel: as in `predict`; with 'each' the segments of all channels are one list, in order of their start.

        Raises:
            AudioError, ConfigError: as `predict`.
        """
        check_confidence(min_confidence, self.labels)
        steps = {"hop": max(1, round(hop * self.facts.sample_rate)), "window": self.network.window_samples(window)}
        along = partial(self._along, **steps, speech_only=speech_only, smoothing=smoothing)
        found = chain(*_each(source, along)) if channel == "each" else along(source, channel)
        return [answer.held_to(min_confidence) for answer in sorted(found, key=attrgetter("start"))]

    def _along(
        self, source, channel: str | int, *, hop: int, window: int, speech_only: bool, smoothing: float
    ) -> list[Prediction]:
        from tembr.recognize.segments import segments_of

        with audio.Stream(source, self.facts.sample_rate, channel=channel) as stream:
            hear = partial(self.network.posteriors, name=stream.name)
            found = segments_of(stream, hear, self.facts.sample_rate, window, hop, speech_only, smoothing)
        warnings = quality.damage(stream)
        if not found and any(warning.startswith("cancelled") for warning in warnings):
            log.warning("%s: %s", stream.name, warnings[-1])
        return [prediction_of(self.labels, s.posteriors, s.start, s.end, warnings, stream, s.label) for s in found]

    @checked(channel=CHANNEL)
    def stream(
        self,
        sample_rate: int,
        *,
        hop: float = 0.5,
        min_confidence: float = 0.0,
        speech_only: bool = True,
        smoothing: float = 1.0,
        window: float = WINDOW,
        lag: float = 3.0,
        channel: str | int = "mix",
    ) -> LiveStream:
        """Hears speech as it is spoken: push samples, get events.

        Any number of streams of one recognizer may go on at once, each in a thread of its own; none knows of another.

        Args:
            sample_rate: Hz of the samples that will be pushed.
            hop, min_confidence, speech_only, smoothing, window: as in `segments`; a shorter hop answers more often.
            lag: seconds, 0 to 600, after which an emotion is told at the latest. Until then more is waited for where
                another emotion could still turn out to be likelier; what was told is not taken back.
            channel: 'mix' averages the channels of what is pushed; 'left', 'right' or a number, from 1, takes one.

        Raises:
            ConfigError: an argument is out of range.
        """
        from tembr.recognize.stream import LiveStream

        return LiveStream(
            self.network,
            sample_rate,
            hop=hop,
            min_confidence=min_confidence,
            speech_only=speech_only,
            smoothing=smoothing,
            window=window,
            lag=lag,
            channel=channel,
        )

    @property
    def _steps(self) -> tuple[int, int]:
        return self._window, self._window // 2

    def _mean(self, cut: Iterable[tuple[int, np.ndarray]], name: str) -> np.ndarray:
        """Mean posteriors of the windows that are not faint; the first is always heard."""
        return outspoken(cut, partial(self.network.posteriors, name=name)).mean(axis=0)


def _each(source, answer: Callable[..., T]) -> list[T]:
    """`answer(source, channel)` of every channel of a recording, which is read as often as it has channels."""
    source = lasting(source)
    return [answer(source, number) for number in range(1, audio.inspect(source).channels + 1)]


def _reporting(answer: Callable[..., Prediction]) -> Callable[..., Prediction | Failure]:
    def answer_or_report(source) -> Prediction | Failure:
        try:
            return answer(source)
        except TembrError as error:
            return Failure(path_of(source), error)

    return answer_or_report
