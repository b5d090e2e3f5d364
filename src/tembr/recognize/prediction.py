"""What the recognizer answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tembr.arguments import RULES, checked
from tembr.audio import Stream
from tembr.bundle import BundleError, Facts
from tembr.emotions import POLISH, UNCERTAIN
from tembr.errors import ConfigError, TembrError
from tembr.evaluate.conformal import prediction_sets, threshold_at
from tembr.recognize.quality import UNANSWERABLE


@dataclass(frozen=True)
class Prediction:
    """The emotion heard in a recording or in a part of it.

    Attributes:
        label: the likeliest emotion; 'uncertain' where its probability is below the `min_confidence` asked for; None
            where nothing can be said at all (`warnings` says why).
        confidence: probability of `likeliest`, 0 to 1; 0 where there is no label.
        probabilities: label → probability, in the bundle's order; all equal where there is no label.
        start, end: seconds of what was listened to, within the recording.
        warnings: what speaks against the answer, each as 'code: sentence'; codes are silence, too_short and
            no_speech (then there is no label), and clipped, low_rate, truncated and cancelled.
        file: path of the recording, '' where it was not a file.
        likeliest: the most probable emotion, also where the label is 'uncertain'; None where there is no label.
        channel: number of the channel it is of, from 1; None where the channels were averaged.
        possible: emotions that cannot be excluded at the `coverage` asked for, the likeliest first; all where there is
            no label, () where no coverage was asked for.
    """

    label: str | None
    confidence: float
    probabilities: dict[str, float]
    start: float
    end: float
    warnings: tuple[str, ...] = ()
    file: str = ""
    likeliest: str | None = None
    channel: int | None = None
    possible: tuple[str, ...] = ()

    @property
    def polish(self) -> str | None:
        """The label's Polish name; the label itself where it has none."""
        return POLISH.get(self.label, self.label) if self.label else None

    @property
    def codes(self) -> tuple[str, ...]:
        """The warnings without their sentences: `('clipped',)`."""
        return tuple(warning.partition(":")[0] for warning in self.warnings)

    @checked()
    def held_to(self, min_confidence: float) -> Prediction:
        """The same answer, labelled 'uncertain' if its confidence is below; no label stays no label."""
        if self.label is None or self.confidence >= min_confidence:
            return self
        return replace(self, label=UNCERTAIN)

    def with_set(self, threshold: float | None) -> Prediction:
        """The same answer with the emotions whose probability is not below `threshold`; None leaves it as it is."""
        if threshold is None:
            return self
        order = sorted(self.probabilities, key=self.probabilities.get, reverse=True)
        inside = prediction_sets(np.array([[self.probabilities[label] for label in order]]), threshold)[0]
        return replace(self, possible=tuple(label for label, kept in zip(order, inside) if kept or self.label is None))

    def as_dict(self) -> dict:
        """The same as plain dicts, lists and numbers, ready for `json.dumps`.

        `channel` is there only where it is of one, `possible` only where a coverage was asked for.
        """
        return {
            "file": self.file,
            **({"channel": self.channel} if self.channel else {}),
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "label": self.label,
            "polish": self.polish,
            "confidence": round(self.confidence, 6),
            "likeliest": self.likeliest,
            "probabilities": {label: round(value, 6) for label, value in self.probabilities.items()},
            **({"possible": list(self.possible)} if self.possible else {}),
            "warnings": list(self.warnings),
        }


def prediction_of(
    labels: Sequence[str],
    posteriors: np.ndarray,
    start: float,
    end: float,
    warnings: tuple[str, ...],
    stream: Stream,
    label: int | None = None,
) -> Prediction:
    """What posteriors `(labels,)` of a part of a stream come to, unless a warning says that nothing can be told.

    Args:
        start, end: of the part, seconds.
        label: index of the emotion; None is the likeliest.
    """
    file, channel = stream.path, stream.number
    if UNANSWERABLE & {warning.partition(":")[0] for warning in warnings}:
        even = dict.fromkeys(labels, 1 / len(labels))
        return Prediction(None, 0.0, even, start, end, warnings, file, channel=channel)
    label = int(posteriors.argmax()) if label is None else label
    name, confidence = labels[label], float(posteriors[label])
    return Prediction(
        name, confidence, dict(zip(labels, posteriors.tolist())), start, end, warnings, file, name, channel
    )


@dataclass(frozen=True)
class Failure:
    """A recording that could not be answered; false in a condition, so that answers can be told from it.

    Attributes:
        file: path of the recording, '' where it was not a file.
        error: what was wrong and what to do.
    """

    file: str
    error: TembrError

    def __bool__(self) -> bool:
        return False


def check_confidence(min_confidence: float, labels: Sequence[str]) -> None:
    """Refuse a `min_confidence` that `Prediction.held_to` cannot keep, for answers with these labels.

    Raises:
        ConfigError: it is not from 0 to 1, or 'uncertain' is one of the labels.
    """
    RULES["min_confidence"].check("min_confidence", min_confidence)
    if min_confidence > 0 and UNCERTAIN in labels:
        raise ConfigError(f"min_confidence: the bundle has an emotion called {UNCERTAIN!r}; leave the option out")


def threshold_of(facts: Facts, coverage: float | None, adapted: bool) -> float | None:
    """Probability from which an emotion is in the set of a coverage, 0.5 to 0.99; None where no coverage is asked for.

    Raises:
        ConfigError: the coverage is out of range. BundleError: such sets of the bundle were not calibrated.
    """
    if coverage is None:
        return None
    RULES["coverage"].check("coverage", coverage)
    thresholds = facts.set_thresholds.get("adapted" if adapted else "speaker_independent")
    if not thresholds:
        whom = "speakers adapted to" if adapted else "voices never heard"
        raise BundleError(
            f"the bundle {facts.name} {facts.version} has no sets calibrated for {whom}; leave coverage out, or export "
            "an ensemble measured on unseen speakers"
        )
    return threshold_at(thresholds, coverage)
