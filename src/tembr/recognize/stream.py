"""Emotion as it is spoken: samples are pushed, events come back; a file goes the same way in `segments`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from tembr import audio
from tembr.errors import ConfigError
from tembr.recognize import quality
from tembr.recognize.network import Network
from tembr.recognize.prediction import Prediction, check_confidence, prediction_of
from tembr.recognize.segments import Opened, Segment, Segmenter, WindowAnswer, WindowRecognizer
from tembr.recognize.voice import Cutter, Voice

BLOCK = 0.032
"""Seconds that are worked on at a time, whatever is pushed: the answers do not depend on the blocks pushed."""

FIRST = 1.0
"""Seconds of a stretch of speech after which the first answer is given."""


@dataclass(frozen=True)
class Event:
    """Something a stream tells.

    Attributes:
        kind: 'answer', what the last seconds sound like by themselves, every hop; 'opened', a segment of one emotion
            begins; 'closed', the segment opened last has ended, and no other answer will be given for its time.
        time: seconds of the stream when it was told.
        prediction: the answer. An answer's is of its window, an opened segment's of the window that speaks for its
            beginning, with the segment's start and label; a closed segment's is what `Recognizer.segments` gives.
    """

    kind: Literal["answer", "opened", "closed"]
    time: float
    prediction: Prediction

    @property
    def label(self) -> str | None:
        """The prediction's."""
        return self.prediction.label

    def as_dict(self) -> dict:
        """The same as plain dicts, lists and numbers, ready for `json.dumps`."""
        content = self.prediction.as_dict()
        del content["file"]
        return {"event": self.kind, "time": round(self.time, 3), **content}


class LiveStream:
    """Samples in, events out; what `Recognizer.stream` opens. For one thread at a time.

    Args:
        network: whose answers are given, adapted to a speaker or not.
        sample_rate, hop, min_confidence, speech_only, smoothing, window, lag, channel: as of `Recognizer.stream`.

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(
        self,
        network: Network,
        sample_rate: int,
        *,
        hop: float,
        min_confidence: float,
        speech_only: bool,
        smoothing: float,
        window: float,
        lag: float,
        channel: str | int,
    ):
        check_confidence(min_confidence, network.facts.labels)
        self._network, self._pushed_rate, self._channel = network, sample_rate, channel
        self._hop, self._window, self._lag = hop, network.window_samples(window), lag
        self._min_confidence, self._speech_only, self._smoothing = min_confidence, speech_only, smoothing
        self.reset()

    def reset(self) -> None:
        """Forget all that was heard and begin anew at 0 seconds."""
        rate, network = self._rate, self._network
        hop = max(1, round(self._hop * rate))
        self._resampler = audio.Resampler(self._pushed_rate, rate)
        self._cutter = Cutter(Voice(rate), rate) if self._speech_only else None
        self._hearing = WindowRecognizer(partial(network.posteriors, name="the stream"), rate, self._window, hop)
        self._segmenter = Segmenter(self._smoothing)
        self._pushed = _Pushed(self._pushed_rate)
        self._waiting: list[np.ndarray] = []  # pushed and not worked on, less than a block
        self._early = FIRST  # seconds of an incomplete window from which the next answer is given
        self._finished = False

    @property
    def sample_rate(self) -> int:
        """Hz of the samples pushed."""
        return self._pushed_rate

    @property
    def seconds(self) -> float:
        """Seconds heard so far."""
        return self._pushed.seconds

    @property
    def speaking(self) -> bool:
        """Whether somebody speaks, as far as is known."""
        return self._hearing.inside

    def push(self, samples: np.ndarray) -> list[Event]:
        """What is told now that these samples came.

        Args:
            samples: `(samples,)` or `(samples, channels)`, any number from none up: floats in [-1, 1], or integers,
                scaled by their range.

        Raises:
            AudioError: they are no samples, or not finite; the stream goes on as if they had not come.
            ConfigError: `finish` was called, and `reset` was not.
        """
        if self._finished:
            raise ConfigError("stream: it is finished; reset() begins a new one")
        if not np.size(samples):
            return []
        self._waiting += _mono(samples, self._pushed_rate, self._channel)
        return [event for block in self._blocks() for event in self._step(block)]

    def finish(self) -> list[Event]:
        """The last events; the stream takes nothing more until `reset`."""
        if self._finished:
            return []
        self._finished = True
        rest = np.concatenate([np.empty(0, np.float32), *self._waiting])
        return [*self._step(rest, last=True), *self._segments(self._segmenter.settle())]

    def _blocks(self) -> Iterator[np.ndarray]:
        size = round(BLOCK * self._pushed_rate)
        if sum(map(len, self._waiting)) >= size:
            samples = np.concatenate(self._waiting)
            whole = len(samples) // size * size
            self._waiting = [samples[whole:]]
            yield from samples[:whole].reshape(-1, size)

    def _step(self, block: np.ndarray, last: bool = False) -> Iterator[Event]:
        self._pushed.count(block)
        samples = self._resampler.add(block, last)
        for begin, piece in self._cutter.add(samples, last) if self._cutter else [(0, samples)]:
            yield from self._answers(self._hearing.add(begin, piece))
        if self._hearing.inside and (last or (self._cutter and not self._cutter.open)):
            yield from self._answers(self._hearing.end())
            yield from self._segments(self._segmenter.end_stretch())
            self._early = FIRST
        yield from self._early_answer()
        yield from self._segments(self._segmenter.tell(self._pushed.seconds - self._lag))
        if self._cutter and self._cutter.earliest / self._rate > self._segmenter.link:
            yield from self._segments(self._segmenter.settle())

    @property
    def _rate(self) -> int:
        return self._network.facts.sample_rate

    def _early_answer(self) -> Iterator[Event]:
        """Of the first seconds of a stretch, while they do not fill a window."""
        heard = self._hearing.so_far(round(self._early * self._rate))
        if heard is not None:
            self._early += self._hop
            yield self._event("answer", heard.posteriors, heard.start, heard.end)

    def _answers(self, heard: Iterable[WindowAnswer]) -> Iterator[Event]:
        for one in heard:
            yield self._event("answer", one.posteriors, one.start, one.end)
            yield from self._segments(self._segmenter.add(one))

    def _segments(self, told: Iterable[Opened | Segment]) -> Iterator[Event]:
        for each in told:
            if isinstance(each, Opened):
                yield self._event("opened", each.first.posteriors, each.start, each.first.end, each.label)
            else:
                yield self._event("closed", each.posteriors, each.start, each.end, each.label)

    def _event(self, kind: str, posteriors: np.ndarray, start: float, end: float, label: int | None = None) -> Event:
        pushed = self._pushed
        answer = prediction_of(
            self._network.facts.labels, posteriors, start, end, quality.damage(pushed), pushed, label
        )
        return Event(kind, pushed.seconds, answer.held_to(self._min_confidence))


class _Pushed:
    """What is known of the samples worked on so far, as of an `audio.Stream` that was read.

    Args:
        rate: Hz.
    """

    path, number, mixing = "", None, None

    def __init__(self, rate: int):
        self.stored_rate = rate
        self._samples = self._full = 0

    @property
    def seconds(self) -> float:
        return self._samples / self.stored_rate

    claimed = seconds

    @property
    def clipped(self) -> float:
        return self._full / max(1, self._samples)

    def count(self, block: np.ndarray) -> None:
        self._samples += len(block)
        self._full += int(np.count_nonzero(np.abs(block) >= audio.FULL_SCALE))


def _mono(samples: np.ndarray, rate: int, channel: str | int) -> list[np.ndarray]:
    """What was pushed, as blocks `(samples,)` float32."""
    with audio.Stream((samples, rate), None, channel=channel) as stream:
        return [block for block in stream if len(block)]
