"""What adapting is worth, and whether it ever harms: every corpus as the target of what others taught.

uv run --all-extras python scripts/measure_adaptation.py CORPORA [ENCODER]

CORPORA holds nemo, ravdess, emodb and ased, ENCODER is a name on the hub or a folder. A frozen encoder (the member of
the recipe `default`, on clean recordings) learns from the others, of which the first counts most, from nEMO
alone, or as the recipe has it from nEMO's other speakers and the three other corpora; enrolments of each scored speaker
are drawn at random, of one emotion only, of two, or of one sentence, and all other recordings are scored, without and
with adaptation at its full strength. Writes docs/results/default/adaptation.csv.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.special import log_softmax, softmax

from tembr.adaptation.fitting import EnsembleOutputs, Knowledge, fit_to_speaker
from tembr.adaptation.offset import typical_logits
from tembr.adaptation.relative import typical_relative
from tembr.corpora import CORPORA, load_corpus
from tembr.emotions import EMOTIONS
from tembr.ensemble.adapted import AdaptedAnswers, Answers, adapt_answers, fit_temperature, knowledge_of
from tembr.ensemble.projection import Embedded, Projection, SpeakerSpace, corpus_shares, fit_speaker_space
from tembr.ensemble.relative import Moments, fit_relative, moments_of, sum_of
from tembr.ensemble.settings import EnsembleSettings
from tembr.evaluate.frames import write_frame
from tembr.evaluate.metrics import confusion_matrix, expected_calibration_error, macro_f1, uar
from tembr.experiment.settings import load_settings
from tembr.features import FeatureSettings
from tembr.features.store import FeatureStore
from tembr.models import Member, fit_member
from tembr.models.data import FoldData
from tembr.models.encoder import EncoderSettings
from tembr.progress import Progress

OUT = Path(__file__).resolve().parents[1] / "docs" / "results" / "default" / "adaptation.csv"
NAMES = ("nemo", "ravdess", "emodb", "ased")
KINDS = ("10 at random", "30 at random", "10 of one emotion", "30 of one emotion", "30 of two emotions", "one sentence")
INNER, SEED, FEATURES, SETTINGS = 6, 42, FeatureSettings(), EnsembleSettings()


@dataclass(frozen=True, eq=False)
class Spoken:
    """Recordings of a corpus: states `(n, size, 1)` of each layer, and what is known of them, `(n,)` each."""

    states: list[np.ndarray]
    emotions: np.ndarray
    speakers: np.ndarray
    texts: np.ndarray

    def at(self, places: np.ndarray) -> Spoken:
        states = [layer[places] for layer in self.states]
        return Spoken(states, self.emotions[places], self.speakers[places], self.texts[places])


@dataclass(frozen=True, eq=False)
class Taught:
    """A member with all that adapting takes, and the temperatures of its answers and of adapted ones."""

    member: Member
    temperature: float
    adapted_temperature: float
    space: SpeakerSpace
    knowledge: Knowledge

    def answers(self, spoken: Spoken, labels: list[str]) -> Answers:
        """Logits are the logarithm of the posteriors."""
        (values, embedding), count = answer(self.member, spoken), len(spoken.emotions)
        truth = np.array([labels.index(emotion) for emotion in spoken.emotions])
        logits = log_softmax(values.astype(np.float64) / self.temperature, axis=1)
        return Answers(logits, Embedded.of([embedding]), truth, spoken.speakers, np.arange(count))


def answer(member: Member, spoken: Spoken) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Logits and embedding."""
    return member.answer(dict(zip(member.inputs, spoken.states)), np.arange(len(spoken.emotions)))


def read(name: str, folder: Path, settings: EncoderSettings) -> Spoken:
    """A corpus' recordings of the six emotions, embedded; what was computed before is read from the cache."""
    utterances = load_corpus(name, folder, unmapped="keep").utterances  # as a study has them in the cache
    inputs = settings.inputs(FEATURES)
    show = lambda done, total: print(f"\r{name}: {done} of {total}", end="", file=sys.stderr)  # noqa: E731
    tables = FeatureStore().prepare(utterances, inputs, show)
    states = [np.stack([tables[one][i] for i in range(len(utterances))]) for one in inputs]
    speakers = np.array([f"{name}/{u.speaker}" for u in utterances])
    emotions, texts = (np.array([getattr(u, what) for u in utterances]) for what in ("emotion", "text"))
    return Spoken(states, emotions, speakers, texts).at(np.isin(emotions, EMOTIONS))


def teach(settings: EncoderSettings, corpora: list[Spoken], labels: list[str]) -> Taught:
    """Fit on whole corpora, of which the first counts most; temperatures and typical logits come from its speakers,
    left out in inner folds."""
    numbers = np.repeat(np.arange(len(corpora)), [len(one.emotions) for one in corpora])
    everything = Spoken(
        [np.concatenate(layer) for layer in zip(*(one.states for one in corpora))],
        *(np.concatenate([getattr(one, name) for one in corpora]) for name in ("emotions", "speakers", "texts")),
    )
    known = np.isin(everything.emotions, labels)
    everything, numbers = everything.at(known), numbers[known]
    classes = np.array([labels.index(emotion) for emotion in everything.emotions])

    def fitted(learnt: np.ndarray) -> Member:
        tables = dict(zip(settings.inputs(FEATURES), everything.states))
        none = np.empty(0, int)
        data = FoldData(
            tuple(labels), FEATURES, tables, classes, everything.speakers, numbers, np.flatnonzero(learnt), none, Path()
        )
        return fit_member(settings, FEATURES, data, SEED, Progress())

    def voice(places: np.ndarray) -> Moments | None:
        return moments_of([states[places, :, 0] for states in everything.states], classes[places], len(labels))

    voices = {one: voice(np.flatnonzero(everything.speakers == one)) for one in np.unique(everything.speakers)}

    def relative(learnt: np.ndarray, temperature: float) -> Projection:
        groups = []
        for number in np.unique(numbers[learnt]):
            own = np.unique(everything.speakers[learnt & (numbers == number)])
            groups.append((sum_of(voices[one] for one in own), SETTINGS.others if number else 1.0))
        return fit_relative([(moments, share) for moments, share in groups if moments], temperature)

    embeddings = everything.states[0][:, :, 0]  # of the lowest layer, as the member has them
    sizes = len(labels), SETTINGS.dimensions, SETTINGS.shrinkage

    def space_of(learnt: np.ndarray) -> SpeakerSpace:
        speakers = everything.speakers[learnt]
        shares = corpus_shares(speakers, numbers[learnt], SETTINGS.others)
        return fit_speaker_space(embeddings[learnt], classes[learnt], speakers, *sizes, shares)

    target = np.flatnonzero(numbers == 0)
    names = np.random.default_rng(SEED).permutation(np.unique(everything.speakers[target]))
    heldout, beside = np.full((2, len(classes), len(labels)), np.nan)
    parts = []
    for group in np.array_split(names, min(INNER, len(names))):
        own = np.isin(everything.speakers, group)
        heldout[own], embedding = answer(fitted(~own), everything.at(own))
        states = torch.from_numpy(np.concatenate([states[own, :, 0] for states in everything.states], axis=1))
        beside[own] = relative(~own, 1.0)(states).numpy()
        parts.append((np.flatnonzero(own), Embedded.of([embedding]), space_of(~own)))
    temperature = fit_temperature(heldout[target], classes[target], everything.speakers[target])
    logits, beside = log_softmax(heldout / temperature, axis=1), beside / temperature

    def typical(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        truth = classes[chosen], everything.speakers[chosen]
        return typical_logits(logits[chosen], *truth), typical_relative(beside[chosen], *truth)

    rng, adapted = np.random.default_rng(SEED), []
    for own, embedded, space in parts:
        answers = Answers(logits[own], embedded, classes[own], everything.speakers[own], own)
        said = EnsembleOutputs(answers.logits, space.project(embedded.first), beside[own])
        adapted.append(adapt_answers(answers, said, *typical(np.setdiff1d(target, own)), space, SETTINGS, rng))
    found = AdaptedAnswers.joined(adapted)
    adapted_temperature = fit_temperature(found.logits + found.added, found.classes, found.speakers)
    whole = np.ones(len(classes), bool)
    space = replace(space_of(whole), relative=relative(whole, temperature))
    knowledge = knowledge_of(space, *typical(target), SETTINGS)
    return Taught(fitted(whole), temperature, adapted_temperature, space, knowledge)


def enrolments(kind: str, emotions: np.ndarray, texts: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Places of the recordings of one speaker that are adapted to, one enrolment after another."""
    everything, most = np.arange(len(emotions)), len(emotions) - 1
    present = np.unique(emotions)
    count = int(kind.split()[0]) if kind[0].isdigit() else 0
    if kind.endswith("random"):
        draws = [everything] * 3
    elif kind.endswith("one emotion"):
        draws = [np.flatnonzero(emotions == one) for one in present]
    elif kind.endswith("two emotions"):
        pairs = [rng.choice(present, 2, replace=False) for _ in range(3 if len(present) > 2 else 0)]
        draws = [np.flatnonzero(np.isin(emotions, pair)) for pair in pairs]
    else:
        draws = [np.flatnonzero(texts == one) for one in rng.permutation(np.unique(texts))[:3]]
    for draw in draws:
        size = min(count or len(draw), len(draw), most)
        if size > 1:
            yield rng.choice(draw, size, replace=False)


def measure(taught: Taught, spoken: Spoken, labels: list[str]) -> dict[str, list[tuple[np.ndarray, ...]]]:
    """Enrolment → truth, posteriors without and posteriors with adaptation, for each speaker and draw."""
    answers, found = taught.answers(spoken, labels), {kind: [] for kind in KINDS}
    said = answers.said(taught.space)
    for number, speaker in enumerate(np.unique(spoken.speakers)):
        own = np.flatnonzero(spoken.speakers == speaker)
        for kind in KINDS:
            rng = np.random.default_rng([SEED, number, KINDS.index(kind)])
            for draw in enrolments(kind, spoken.emotions[own], spoken.texts[own], rng):
                drawn, others = own[draw], np.delete(own, draw)
                added = fit_to_speaker(taught.knowledge, said.at(drawn)).added(said.at(others))
                known = (getattr(answers, name)[others] for name in ("classes", "speakers", "indices"))
                adapted = AdaptedAnswers(answers.logits[others], added, *known)
                alone = softmax(adapted.logits, axis=1)
                found[kind].append((adapted.classes, alone, adapted.posteriors(1.0, taught.adapted_temperature)))
    return found


def rows(target: str, learnt: str, labels: list[str], measured: dict) -> list[dict]:
    made = []
    for kind, answers in measured.items():
        truth, alone, adapted = (np.concatenate(parts) for parts in zip(*answers))
        found = [confusion_matrix(truth, one.argmax(1), len(labels)) for one in (alone, adapted)]
        (before, after), f1 = ([float(uar(one)) for one in found], [float(macro_f1(one)) for one in found])
        ece = [expected_calibration_error(one, truth) for one in (alone, adapted)]
        made.append(
            {"target": target, "learnt from": learnt, "enrolment": kind, "enrolments": len(answers), "uar": before}
            | {"uar_adapted": after, "gain": after - before, "macro_f1": f1[0], "macro_f1_adapted": f1[1]}
            | {"ece": ece[0], "ece_adapted": ece[1]}
        )
        print(made[-1], flush=True)
    return made


def main(corpora: Path, encoder: str) -> None:
    member = load_settings("default").members["whisper"]
    settings = member.model_copy(update={"encoder": encoder, "channels": ()})
    spoken = {name: read(name, corpora / name, settings) for name in NAMES}
    shared = {name: [e for e in EMOTIONS if e in spoken[name].emotions] for name in NAMES}
    nemo, made = spoken["nemo"], []
    parts: dict[str, list] = {kind: [] for kind in KINDS}
    for speaker in np.unique(nemo.speakers):
        own = nemo.speakers == speaker
        others = [spoken[name] for name in NAMES if name != "nemo"]
        taught = teach(settings, [nemo.at(~own), *others], shared["nemo"])
        for kind, answers in measure(taught, nemo.at(own), shared["nemo"]).items():
            parts[kind] += answers
    made += rows(CORPORA["nemo"].title, "its other speakers, RAVDESS, EMO-DB, ASED", shared["nemo"], parts)
    for name in NAMES:
        others = [other for other in NAMES if other != name]
        for learnt in [others] if name == "nemo" else [others, ["nemo"]]:
            taught = teach(settings, [spoken[other] for other in learnt], shared[name])
            words = ", ".join(CORPORA[other].title for other in learnt)
            made += rows(CORPORA[name].title, words, shared[name], measure(taught, spoken[name], shared[name]))
    write_frame(pd.DataFrame(made), OUT, "%.4f")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:] or ["openai/whisper-base"])
