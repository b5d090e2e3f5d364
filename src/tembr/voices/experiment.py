"""One experiment, from a recipe to figures: read `run_experiment` from top to bottom."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from tembr.corpora import load_corpus
from tembr.corpora.corpus import Corpus
from tembr.errors import ConfigError
from tembr.evaluate.coverage import accuracy_at
from tembr.evaluate.frames import write_frame
from tembr.evaluate.metrics import Scores, confusion_matrix, score, uar
from tembr.files import atomic_write
from tembr.lock import only_process
from tembr.member import Watch
from tembr.recognize.degrade import check
from tembr.voices.answer import Answers, ensemble_for, fit_temperature, known, softmax, unknown
from tembr.voices.kinds import SPECTRA
from tembr.voices.network import VoiceEnsemble
from tembr.voices.networks import Networks, Task
from tembr.voices.plan import Outer, make_plan
from tembr.voices.plots import draw
from tembr.voices.pool import Pool, degraded, make_pool
from tembr.voices.recipe import Recipe

MODES = ("unknown", "known")
MEASURES = ("accuracy", "uar", "macro_f1", "ece")
PREDICTIONS, RESULTS = "predictions.csv", "results.json"


@dataclass(frozen=True)
class Line:
    """Figures of one way of asking, over all outer folds, mean over the seeds.

    Attributes:
        mode: 'unknown', nothing known of the speaker, or 'known', adapted to recordings of the speaker.
        recordings: scored, a seed.
        uar, low, high: with its 95 % bootstrap interval over recordings.
        spread: deviation of the UAR over seeds.
        accuracy, ece, confident: accuracy, calibration error, accuracy on the most confident half.
        speakers: speaker → UAR.
        inner: UAR on inner speakers, of single parts, which decisions are taken on; 0 where there are none.
        temperatures: fitted on inner speakers, of each seed's folds.
        scores: n, folds, and accuracy, uar, macro_f1, ece each with value, low and high, as a bundle tells them.
    """

    mode: str
    recordings: int
    uar: float
    low: float
    high: float
    spread: float
    accuracy: float
    ece: float
    confident: float
    speakers: dict[str, float]
    inner: float
    temperatures: list[float]
    scores: dict


def corpora_of(recipe: Recipe, folders: Mapping[str, str | Path]) -> list[Corpus]:
    """The corpora of a recipe, the one that is asked first; `folders` says where each lies;
    a `Path` is never asked of a hub.

    Raises:
        CorpusError: one is not there.
    """
    asked = load_corpus(recipe.corpus, folders.get(recipe.corpus), unmapped=recipe.unmapped)
    return [asked, *(load_corpus(name, folders.get(name), unmapped="keep") for name in recipe.more)]


def run_experiment(
    recipe: Recipe, folders: Mapping[str, str | Path], out: Path, jobs: int = 1, watch: Watch | None = None
) -> list[Line]:
    """Train what is missing, answer every outer fold once, and write predictions, figures and pictures to `out`.

    Raises:
        TembrError: corpora, settings, disk or another process in `out` do not allow it; trained networks stay.
    """
    watch = watch or Watch()
    asked = [mode for mode in MODES if _has(recipe, mode)]
    if not asked:
        raise ConfigError("no member can be asked: known speakers need adapt above 0 and another protocol than random")
    corpora = corpora_of(recipe, folders)
    if recipe.degrade:
        check(recipe.degrade, corpora[0])
    with only_process(out):
        return _measure(recipe, corpora, asked, out, jobs, watch)


def _measure(recipe: Recipe, corpora: list[Corpus], asked: list[str], out: Path, jobs: int, watch: Watch) -> list[Line]:
    started = time.perf_counter()
    features = recipe.members[0].features
    count = partial(watch.progress, "recordings analysed")
    pool = make_pool(corpora, features, count, recipe.copies, recipe.encoder)
    networks = Networks(corpora, pool, encoder=recipe.encoder)
    plans = {seed: make_plan(corpora[0], recipe.protocol, seed, recipe.folds, recipe.inner) for seed in recipe.seeds}
    tasks = {
        (seed, outer.name, number, member.name): networks.tasks(part, member, seed)[: 1 if number else None]
        for seed, plan in plans.items()
        for outer in plan
        for number, part in enumerate((outer.whole, *outer.parts))
        for member in recipe.members
    }
    watch.say(f"{recipe.title}: {len({t.key for ts in tasks.values() for t in ts})} networks")
    everything = [task for some in tasks.values() for task in some]
    networks.train(everything, jobs, lambda done, total: watch.progress("networks trained", done, total))
    asked_pool = pool
    if recipe.degrade:
        count = partial(watch.progress, f"recordings through {recipe.degrade}")
        asked_pool = degraded(pool, corpora[0], recipe.degrade, features, count)
    make = lambda mode, seed: _Run(recipe, pool, asked_pool, networks, plans[seed], tasks, mode, seed).answer()  # noqa: E731
    runs = {mode: [make(mode, seed) for seed in recipe.seeds] for mode in asked}
    lines = [_line(mode, runs[mode], pool) for mode in asked]
    _write(recipe, pool, runs, lines, out, time.perf_counter() - started)
    for line in lines:
        watch.say(f"  {line.mode}: UAR {line.uar:.3f} ± {line.spread:.3f} (inner {line.inner:.3f}), ECE {line.ece:.3f}")
    return lines


def _has(recipe: Recipe, mode: str) -> bool:
    if mode == "known":
        adapting = [m for m in recipe.members if m.kind not in SPECTRA]
        return recipe.adapt > 0 and recipe.protocol != "random" and any(m.hears in (mode, "both") for m in adapting)
    return any(m.hears in (mode, "both") for m in recipe.members)


@dataclass(frozen=True, eq=False)
class _Scored:
    """One seed's answers, calibrated on inner speakers."""

    seed: int
    indices: np.ndarray
    posteriors: np.ndarray
    folds: list[str]
    inner: float
    temperatures: list[float]


@dataclass(frozen=True, eq=False)
class _Run:
    """One seed, one way of asking."""

    recipe: Recipe
    pool: Pool
    asked: Pool
    networks: Networks
    plan: list[Outer]
    tasks: dict[tuple, list[Task]]
    mode: str
    seed: int

    def answer(self) -> _Scored:
        answers, inner, temperatures, folds = [], [], [], []
        for number, outer in enumerate(self.plan):
            outer_answers = self._ask(self._ensemble(outer, 0), self.asked, outer.test, number)
            inner_answers = [
                self._ask(self._ensemble(outer, k), self.pool, part.inner, number)
                for k, part in enumerate(outer.parts, start=1)
            ]
            temperature = 1.0
            if inner_answers:
                joined = Answers.joined(inner_answers)
                temperature = fit_temperature(joined.logits, self._truth(joined))
                inner.append(_uar(self._truth(joined), joined.logits))
            answers.append(Answers(outer_answers.indices, softmax(outer_answers.logits / temperature)))
            temperatures.append(temperature)
            folds += [outer.name] * len(outer_answers.indices)
        joined = Answers.joined(answers)
        return _Scored(
            self.seed, joined.indices, joined.logits, folds, float(np.mean(inner)) if inner else 0.0, temperatures
        )

    def _ensemble(self, outer: Outer, number: int) -> VoiceEnsemble:
        """Of the networks of one part, the whole being number 0."""
        members = [
            (m, [self.networks.load(task) for task in self.tasks[self.seed, outer.name, number, m.name]])
            for m in self.recipe.members
        ]
        return ensemble_for(members, self.mode, self.pool)

    def _ask(self, ensemble: VoiceEnsemble, pool: Pool, indices: np.ndarray, number: int) -> Answers:
        if self.mode == "unknown":
            return unknown(ensemble, pool, indices)
        return known(
            ensemble, pool, indices, self.recipe.adapt, np.random.default_rng([self.seed, 3, number]), self.recipe
        )

    def _truth(self, answers: Answers) -> np.ndarray:
        return truth_of(self.pool, answers.indices)


def _uar(truth: np.ndarray, logits: np.ndarray) -> float:
    return uar(confusion_matrix(truth, logits.argmax(1), logits.shape[1]))


def truth_of(pool: Pool, indices: np.ndarray) -> np.ndarray:
    """Class of each recording among the emotions of the corpus that is asked, `(n,)`."""
    return np.searchsorted(pool.columns, pool.classes[indices])


def _line(mode: str, runs: list[_Scored], pool: Pool) -> Line:
    scores = [_scores(run, pool) for run in runs]
    mean = lambda values: float(np.mean(list(values)))  # noqa: E731
    speakers = {name: mean(s.per_speaker[name]["uar"] for s in scores) for name in sorted(scores[0].per_speaker)}
    return Line(
        mode,
        scores[0].n,
        mean(s.uar.value for s in scores),
        mean(s.uar.low for s in scores),
        mean(s.uar.high for s in scores),
        float(np.std([s.uar.value for s in scores])),
        mean(s.accuracy.value for s in scores),
        mean(s.ece.value for s in scores),
        mean(accuracy_at(truth_of(pool, run.indices), run.posteriors).value for run in runs),
        speakers,
        mean(run.inner for run in runs),
        [round(t, 4) for run in runs for t in run.temperatures],
        {"n": scores[0].n, "folds": len(set(runs[0].folds)), **{name: _mean_of(scores, name) for name in MEASURES}},
    )


def _mean_of(scores: list[Scores], name: str) -> dict[str, float]:
    """Value and bounds of a measure, mean over the seeds."""
    bounds = [asdict(getattr(one, name)) for one in scores]
    return {bound: round(float(np.mean([one[bound] for one in bounds])), 4) for bound in ("value", "low", "high")}


def _scores(run: _Scored, pool: Pool) -> Scores:
    labels = [pool.labels[column] for column in pool.columns]
    said = [pool.utterances[index] for index in run.indices]
    truth, speakers, genders = truth_of(pool, run.indices), [u.speaker for u in said], [u.gender for u in said]
    return score(truth, run.posteriors, labels, speakers, genders, run.seed)


def _write(recipe: Recipe, pool: Pool, runs: dict, lines: list[Line], out: Path, seconds: float) -> None:
    out.mkdir(parents=True, exist_ok=True)
    labels = [pool.labels[column] for column in pool.columns]
    frames = [_table(mode, run, pool, labels) for mode, some in runs.items() for run in some]
    predictions = pd.concat(frames)
    write_frame(predictions, out / PREDICTIONS, "%.5f")
    draw(predictions, out)
    facts = {
        "recipe": recipe.model_dump(mode="json"),
        "corpus": {"name": recipe.corpus, "recordings": pool.asked, "labels": labels},
        "seconds": round(seconds),
        "lines": [asdict(line) for line in lines],
    }
    with atomic_write(out / RESULTS) as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n")


def _table(mode: str, run: _Scored, pool: Pool, labels: list[str]) -> pd.DataFrame:
    said = [pool.utterances[index] for index in run.indices]
    frame = pd.DataFrame(
        {
            "mode": mode,
            "seed": run.seed,
            "fold": run.folds,
            "file": [u.key for u in said],
            "speaker": [u.speaker for u in said],
            "gender": [u.gender for u in said],
            "emotion": [u.emotion for u in said],
        }
    )
    frame[[f"p_{label}" for label in labels]] = run.posteriors
    return frame
