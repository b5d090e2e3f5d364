"""What a bundle is worth on a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tembr.audio import read
from tembr.corpora.corpus import Corpus, Utterance
from tembr.degrade.effects import Effect
from tembr.emotions import canonical
from tembr.errors import ConfigError, CorpusError, TembrError
from tembr.evaluate.conformal import prediction_sets, score_sets
from tembr.evaluate.coverage import HALF, Kept, accuracy_at, coverage_table, kept_at
from tembr.evaluate.metrics import Scores, score
from tembr.recognize.batch import in_order
from tembr.recognize.overlap import Overlap
from tembr.recognize.prediction import Prediction
from tembr.recognize.recognizer import Recognizer

if TYPE_CHECKING:
    from tembr.evaluate.significance import Difference


@dataclass(frozen=True)
class Evaluation:
    """Answers to a corpus beside the truth.

    Attributes:
        labels: answered among: the bundle's, or those of them that were asked for.
        utterances: that could be read.
        posteriors: `(utterances, labels)`, the network's own, renormalised where only some labels were asked for; a
            recording without an answer is scored as well.
        answers: to each of them.
        failures: key of an utterance → what was wrong with it.
        scores: of all that could be read.
        degraded: the same recordings heard again, worse.
        min_confidence: below which answers are withheld, 0 to 1; None where that was not asked.
        adapted: the same recordings heard by recognizers adapted to their speakers; None where that was not asked.
        restricted: whether `labels` were asked for.
        overlap: what of the corpus the bundle was trained on; None where that was not looked up.
        sets: coverage asked for, and the probability from which an emotion is in a set; None where that was not asked.
    """

    labels: tuple[str, ...]
    utterances: tuple[Utterance, ...]
    posteriors: np.ndarray
    answers: tuple[Prediction, ...]
    failures: dict[str, str]
    scores: Scores
    degraded: tuple[Degraded, ...] = ()
    min_confidence: float | None = None
    adapted: Adapted | None = None
    restricted: bool = False
    overlap: Overlap | None = None
    sets: tuple[float, float] | None = None

    @property
    def truth(self) -> np.ndarray:
        """`(utterances,)` index of the true label."""
        return np.array([self.labels.index(u.emotion) for u in self.utterances])

    def coverage(self) -> list[Kept]:
        """Coverage and accuracy by threshold, as `coverage_table`."""
        return coverage_table(self.truth, self.posteriors)

    def set_scores(self) -> dict:
        """What the sets asked for came to, by the name `at_coverage`; nothing where none were asked for."""
        if self.sets is None:
            return {}
        level, threshold = self.sets
        speakers = np.array([u.speaker or u.key for u in self.utterances])
        inside = prediction_sets(self.posteriors, threshold)
        return {"at_coverage": asdict(score_sets(inside, self.truth, speakers, level))}

    def as_dict(self) -> dict:
        """Scores with the number of failures, warnings by code, recordings without an answer, degradations by name.

        Also accuracy on the most confident half, and where asked: coverage and accuracy at `min_confidence`, what sets
        came to (`at_coverage`), and the adapted scores.
        """
        warnings = Counter(code for answer in self.answers for code in answer.codes)
        kept = None if self.min_confidence is None else kept_at(self.truth, self.posteriors, self.min_confidence)
        return self.scores.as_dict() | {
            **(self.overlap.as_dict() if self.overlap else {}),
            **({"restricted_to": list(self.labels)} if self.restricted else {}),
            HALF: asdict(accuracy_at(self.truth, self.posteriors, coverage=0.5)),
            **({"at_min_confidence": asdict(kept)} if kept else {}),
            **self.set_scores(),
            "failures": len(self.failures),
            "warnings": dict(sorted(warnings.items())),
            "unanswered": sum(answer.label is None for answer in self.answers),
            **({"degraded": {each.name: each.as_dict() for each in self.degraded}} if self.degraded else {}),
            **({"adapted": self.adapted.as_dict()} if self.adapted else {}),
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


@dataclass(frozen=True)
class Degraded:
    """What is left when recordings come by a telephone, or through a wall of voices.

    Attributes:
        name: of the degradation.
        evaluation: of the degraded recordings.
        drop: UAR they cost, over the recordings heard both ways; below 0 where it rose.
    """

    name: str
    evaluation: Evaluation
    drop: Difference

    def as_dict(self) -> dict:
        """UAR and drop with their intervals, and how many recordings they are of."""
        scores = self.evaluation.scores
        figures = {"uar": asdict(scores.uar), "drop": asdict(self.drop)}
        return {"n": scores.n, **figures, "failures": len(self.evaluation.failures)}


@dataclass(frozen=True)
class Draw:
    """Which recordings of a corpus a recognizer is adapted to, and which it is then asked about.

    Attributes:
        recordings: drawn from each speaker.
        seed: of the draw.
        adapting: speaker → the recordings drawn, of which nothing but the sound is used.
        scored: all other recordings of these speakers.
        left_out: speaker → why none of theirs is scored.
    """

    recordings: int
    seed: int
    adapting: dict[str, tuple[Utterance, ...]]
    scored: Corpus
    left_out: dict[str, str]


@dataclass(frozen=True)
class Adapted:
    """A corpus heard by a recognizer of its own for each speaker.

    Attributes:
        draw: what was adapted to and what was left out.
        evaluation: of the scored recordings, heard by the adapted recognizers.
        gain: UAR of the adapted less that of the unadapted recognizer, over the same recordings.
    """

    draw: Draw
    evaluation: Evaluation
    gain: Difference

    def as_dict(self) -> dict:
        """The adapted scores, with the gain, what was drawn and who was left out."""
        return {
            "recordings": self.draw.recordings,
            "seed": self.draw.seed,
            "speakers": len(self.draw.adapting),
            "left_out": sorted(self.draw.left_out),
            "gain": asdict(self.gain),
            "failures": len(self.evaluation.failures),
            **self.evaluation.scores.as_dict(),
            **self.evaluation.set_scores(),
        }


def known_to(labels: Sequence[str], corpus: Corpus, unmapped: str = "error") -> Corpus:
    """`corpus` with the emotions that a bundle answers with.

    Args:
        labels: of the bundle, or those of them that were asked for.
        unmapped: 'error' lists the others and stops, 'drop' leaves their recordings out.

    Raises:
        CorpusError: others with `unmapped='error'`, or nothing left.
    """
    others = Counter(u.emotion for u in corpus.utterances if u.emotion not in labels)
    if others and unmapped == "error":
        listed = ", ".join(f"{label} ({count})" for label, count in sorted(others.items()))
        raise CorpusError(
            f"{corpus.name}: emotions that are not answered with: {listed}; "
            "say what one means with --emotion LABEL=anger, or add --unmapped drop"
        )
    kept = tuple(u for u in corpus.utterances if u.emotion in labels)
    if not kept:
        raise CorpusError(
            f"{corpus.name}: no recording with an emotion that is answered with; rename them in your table: "
            f"{', '.join(labels)}"
        )
    return Corpus(corpus.name, kept, corpus.licence)


def choose_labels(known: Sequence[str], wanted: Sequence[str], corpus: Corpus) -> tuple[str, ...]:
    """Those of a bundle's labels that it may answer with, in its order.

    Args:
        known: the bundle's.
        wanted: some of them, in any language there are aliases for, or 'corpus' alone: those that occur in `corpus`.

    Raises:
        ConfigError: the bundle does not know one, or there are fewer than two.
    """
    names = [canonical(name) for name in wanted]
    chosen = set(corpus.labels) & set(known) if names == ["corpus"] else set(names)
    unknown = sorted(chosen - set(known))
    if unknown:
        raise ConfigError(f"--labels: the bundle does not know {unknown[0]!r}; choose corpus or of {', '.join(known)}")
    if len(chosen) < 2:
        raise ConfigError(f"--labels: {' '.join(chosen) or 'none'} leaves nothing to choose among; take two at least")
    return tuple(label for label in known if label in chosen)


def evaluate(
    recognizer: Recognizer,
    corpus: Corpus,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    effect: Effect | None = None,
    own: Mapping[str, Recognizer] | None = None,
    labels: Sequence[str] | None = None,
) -> Evaluation:
    """Ask a recognizer about every utterance of a corpus and score the answers.

    Args:
        threads: None is one for each core.
        progress: called with recordings done and recordings in all.
        effect: what becomes of each waveform, at the recognizer's rate, before it is heard.
        own: speaker → the recognizer asked about their recordings in place of the one for all.
        labels: those of the recognizer's that it may answer with; None is all.

    Raises:
        CorpusError: an emotion that is not answered with, or no recording can be read.
    """
    among = tuple(labels or recognizer.labels)
    corpus = known_to(among, corpus)
    heard, failures = {}, {}
    answers = in_order(_asking(recognizer, effect, own or {}), corpus.utterances, threads)
    for done, (utterance, result) in enumerate(answers, start=1):
        if isinstance(result, TembrError):
            failures[utterance.key] = str(result)
        else:
            heard[utterance] = result
        if progress:
            progress(done, len(corpus))
    if not heard:
        first = next(iter(failures.values()))
        raise CorpusError(f"{corpus.name}: none of {len(corpus)} recordings can be read, the first: {first}")
    columns = [recognizer.labels.index(label) for label in among]
    return replace(_scored(among, heard, failures, columns), restricted=bool(labels))


def compare(name: str, clean: Evaluation, degraded: Evaluation) -> Degraded:
    """Set two evaluations of the same corpus side by side, as `Degraded` says."""
    return Degraded(name, degraded, gap(clean, degraded))


def gap(one: Evaluation, other: Evaluation) -> Difference:
    """UAR of `one` less that of `other`, over the recordings that both could read."""
    from tembr.evaluate.significance import uar_difference  # it imports scipy, which a recognizer need not have

    others = dict(zip(other.utterances, other.posteriors.argmax(axis=1)))
    pairs = zip(one.utterances, one.posteriors.argmax(axis=1))
    both = [(one.labels.index(u.emotion), mine, others[u]) for u, mine in pairs if u in others]
    return uar_difference(*np.array(both).T, len(one.labels))


def _asking(recognizer: Recognizer, effect: Effect | None, own: Mapping[str, Recognizer]):
    rate = recognizer.facts.sample_rate

    def ask(utterance: Utterance):
        listener = own.get(utterance.speaker, recognizer)
        try:
            if effect:
                waveform = read(utterance.path, rate, utterance.start, utterance.end)
                return utterance, listener.answer((effect(utterance, waveform), rate))
            return utterance, listener.answer(utterance.path, utterance.start, utterance.end)
        except TembrError as error:
            return utterance, error

    return ask


def _scored(labels: tuple[str, ...], heard: dict, failures: dict[str, str], columns: Sequence[int]) -> Evaluation:
    utterances = tuple(heard)
    answers, posteriors = zip(*heard.values())
    posteriors = _among(np.stack(posteriors), columns)
    truth = np.array([labels.index(u.emotion) for u in utterances])
    speakers, genders = [u.speaker for u in utterances], [u.gender for u in utterances]
    scores = score(truth, posteriors, labels, speakers, genders)
    return Evaluation(labels, utterances, posteriors, answers, failures, scores)


def _among(posteriors: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    """Posteriors `(n, labels)` given that the label is one of `columns`, `(n, columns)`; even where these are all 0."""
    chosen = posteriors[:, columns]
    total = chosen.sum(axis=1, keepdims=True)
    return np.divide(chosen, total, out=np.full_like(chosen, 1 / len(columns)), where=total > 0)
