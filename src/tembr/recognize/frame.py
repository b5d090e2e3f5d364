"""Answers as a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module

from tembr.errors import ConfigError
from tembr.extras import needed
from tembr.recognize.prediction import Failure, Prediction


def to_frame(answers: Iterable):
    """A pandas DataFrame with a row for each answer and the columns of `tembr predict --format csv`.

    Args:
        answers: of `predict`, `predict_iter`, `predict_batch` or `segments`: `Prediction`s, `Failure`s, and lists of
            them to any depth. One answer alone is taken too.

    Returns:
        `file, start, end, label, confidence, likeliest`, `p_` and each emotion, `warnings`; `channel` where an answer
        is of one, `possible` where a coverage was asked for, `error` where a recording could not be answered. Warnings
        and possible emotions are joined by '; '. What there is not is missing (None or NaN): a label where nobody
        speaks, all but `file` and `error` of a failure.

    Raises:
        MissingExtraError: pandas is not installed.
        ConfigError: something else is among the answers.
    """
    with needed("to_frame", "pandas"):
        pandas = import_module("pandas")  # not imported with the recognizer, which does without it
    flat = list(_flat(answers))
    return pandas.DataFrame([_row(answer) for answer in flat], columns=_columns(flat))


def _flat(answers) -> Iterator[Prediction | Failure]:
    if isinstance(answers, (Prediction, Failure)):
        yield answers
    elif isinstance(answers, Iterable) and not isinstance(answers, (str, bytes, dict)):
        for answer in answers:
            yield from _flat(answer)
    else:
        raise ConfigError(f"answers: a {type(answers).__name__} among them; give what predict or segments returned")


def _columns(answers: list[Prediction | Failure]) -> list[str]:
    found = [answer for answer in answers if isinstance(answer, Prediction)]
    labels = dict.fromkeys(label for answer in found for label in answer.probabilities)
    return [
        "file",
        *(["channel"] if any(answer.channel for answer in found) else []),
        *("start", "end", "label", "confidence", "likeliest"),
        *(f"p_{label}" for label in labels),
        *(["possible"] if any(answer.possible for answer in found) else []),
        "warnings",
        *(["error"] if len(found) < len(answers) else []),
    ]


def _row(answer: Prediction | Failure) -> dict:
    if isinstance(answer, Failure):
        return {"file": answer.file, "error": str(answer.error)}
    return {
        "file": answer.file,
        "channel": answer.channel,
        "start": answer.start,
        "end": answer.end,
        "label": answer.label,
        "confidence": answer.confidence,
        "likeliest": answer.likeliest,
        **{f"p_{label}": value for label, value in answer.probabilities.items()},
        "possible": "; ".join(answer.possible),
        "warnings": "; ".join(answer.warnings),
    }
