"""What a bundle is worth on a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tembr.corpora.corpus import Corpus, Utterance
from tembr.errors import CorpusError, TembrError
from tembr.evaluate.metrics import Scores, score
from tembr.recognize.batch import in_order
from tembr.recognize.prediction import Prediction
from tembr.recognize.recognizer import Recognizer


@dataclass(frozen=True)
class Evaluation:
    """Answers to a corpus beside the truth.

    Attributes:
        labels: the bundle's.
        utterances: that could be read.
        posteriors: `(utterances, labels)`, the network's own: a recording without an answer is scored as well.
        answers: to each of them.
        failures: key of an utterance → what was wrong with it.
        scores: of all that could be read.
    """

    labels: tuple[str, ...]
    utterances: tuple[Utterance, ...]
    posteriors: np.ndarray
    answers: tuple[Prediction, ...]
    failures: dict[str, str]
    scores: Scores

    def as_dict(self) -> dict:
        """Scores with the number of failures, warnings by code, and recordings without an answer."""
        warnings = Counter(code for answer in self.answers for code in answer.codes)
        return self.scores.as_dict() | {
            "failures": len(self.failures),
            "warnings": dict(sorted(warnings.items())),
            "unanswered": sum(answer.label is None for answer in self.answers),
        }

    def rows(self) -> list[dict]:
        """One dict a recording, with the columns of a study's probabilities.csv; `fold` is empty."""
        return [
            {
                "file": utterance.key,
                "speaker": utterance.speaker,
                "gender": utterance.gender,
                "emotion": utterance.emotion,
                "predicted": self.labels[int(row.argmax())],
                "fold": "",
                **{f"p_{label}": f"{value:.9g}" for label, value in zip(self.labels, row)},
            }
            for utterance, row in zip(self.utterances, self.posteriors)
        ]


def known_to(labels: Sequence[str], corpus: Corpus, unmapped: str = "error") -> Corpus:
    """`corpus` with the emotions that a bundle knows.

    Args:
        unmapped: 'error' lists the others and stops, 'drop' leaves their recordings out.

    Raises:
        CorpusError: others with `unmapped='error'`, or nothing left.
    """
    others = Counter(u.emotion for u in corpus.utterances if u.emotion not in labels)
    if others and unmapped == "error":
        listed = ", ".join(f"{label} ({count})" for label, count in sorted(others.items()))
        raise CorpusError(f"{corpus.name}: emotions the bundle does not know: {listed}; add --unmapped drop")
    kept = tuple(u for u in corpus.utterances if u.emotion in labels)
    if not kept:
        raise CorpusError(f"{corpus.name}: no recording with an emotion the bundle knows; it knows {', '.join(labels)}")
    return Corpus(corpus.name, kept, corpus.licence)


def evaluate(
    recognizer: Recognizer,
    corpus: Corpus,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Ask a recognizer about every utterance of a corpus and score the answers.

    Args:
        threads: None is one for each core.
        progress: called with recordings done and recordings in all.

    Raises:
        CorpusError: an emotion the bundle does not know, or no recording can be read.
    """
    corpus = known_to(recognizer.labels, corpus)
    heard, failures = {}, {}
    for done, (utterance, result) in enumerate(in_order(_asking(recognizer), corpus.utterances, threads), start=1):
        if isinstance(result, TembrError):
            failures[utterance.key] = str(result)
        else:
            heard[utterance] = result
        if progress:
            progress(done, len(corpus))
    if not heard:
        first = next(iter(failures.values()))
        raise CorpusError(f"{corpus.name}: none of {len(corpus)} recordings can be read, the first: {first}")
    return _scored(recognizer.labels, heard, failures)


def _asking(recognizer: Recognizer):
    def ask(utterance: Utterance):
        try:
            return utterance, recognizer.heard(utterance.path, utterance.start, utterance.end)
        except TembrError as error:
            return utterance, error

    return ask


def _scored(labels: tuple[str, ...], heard: dict, failures: dict[str, str]) -> Evaluation:
    utterances = tuple(heard)
    answers, posteriors = zip(*heard.values())
    posteriors = np.stack(posteriors)
    truth = np.array([labels.index(u.emotion) for u in utterances])
    speakers, genders = [u.speaker for u in utterances], [u.gender for u in utterances]
    scores = score(truth, posteriors, labels, speakers, genders)
    return Evaluation(labels, utterances, posteriors, answers, failures, scores)
