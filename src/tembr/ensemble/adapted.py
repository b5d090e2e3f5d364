"""What adapting to a speaker is worth: each scored speaker by itself, on recordings it was not adapted to.

Any ensemble can be adapted: by the offset of its logits, and where a member has an embedding by a speaker model too.
Nothing is fitted on what is scored: the speaker space comes from what the members learnt from, how strong an adaptation
is and the temperature of adapted answers from held-out speakers that are adapted to in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from tembr.adaptation.belief import softmax
from tembr.adaptation.fitting import EnsembleOutputs, Knowledge, fit_to_speaker
from tembr.adaptation.offset import Offsets, typical_logits
from tembr.adaptation.relative import Relative, typical_relative
from tembr.adaptation.two_covariance import TwoCovariance
from tembr.ensemble.embedded import EmbeddedRecordings
from tembr.ensemble.heldout import FoldParts
from tembr.ensemble.part import Part
from tembr.ensemble.projection import Embedded, SpeakerSpace
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.weighted import FLOOR
from tembr.ensemble.weighting import Weighting, typical_loss
from tembr.errors import ConfigError
from tembr.experiment.recordings import Recordings
from tembr.models import Member
from tembr.splits import Fold

TEMPERATURES = (0.05, 20.0)

STRENGTHS = (1.0, 0.75, 0.5, 0.25, 0.0)
"""That are tried; of equally good ones the first is taken."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Logits of some recordings of known speakers.

    Attributes:
        logits: of the ensemble, `(n, labels)`.
        embedded: of the members; None where no member has an embedding.
        classes, speakers, indices: as in `Part`.
    """

    logits: np.ndarray
    embedded: Embedded | None
    classes: np.ndarray
    speakers: np.ndarray
    indices: np.ndarray

    def said(self, space: SpeakerSpace | None) -> EnsembleOutputs:
        """As adapting takes it."""
        return EnsembleOutputs(self.logits) if space is None else space.said(self.logits, self.embedded)


class AdaptedAnswers(NamedTuple):
    """Recordings of speakers that were adapted to by others of theirs.

    Attributes:
        logits: without adaptation, `(n, labels)`.
        added: by adaptation at full strength, `(n, labels)`.
        classes, speakers, indices: `(n,)`.
    """

    logits: np.ndarray
    added: np.ndarray
    classes: np.ndarray
    speakers: np.ndarray
    indices: np.ndarray

    @staticmethod
    def joined(parts: Iterable[AdaptedAnswers]) -> AdaptedAnswers:
        """Those of all parts."""
        return AdaptedAnswers(*map(np.concatenate, zip(*parts)))

    def posteriors(self, strength: float, temperature: float) -> np.ndarray:
        """`(n, labels)`, rows sum to 1."""
        return softmax((self.logits + strength * self.added) / temperature)


@dataclass(frozen=True, eq=False)
class AdaptedFold:
    """A fold's answers adapted to its speakers.

    Attributes:
        scored: the recordings of the test part that were not adapted to.
        heldout: the same of held-out speakers, which strength and temperature are of.
        strength, temperature: see `fit_strength`.
        typical: logits of held-out speakers, see `tembr.adaptation.offset.Offsets`.
        relative: relative logits of theirs, see `tembr.adaptation.relative.Relative`; None where there are none.
    """

    scored: AdaptedAnswers
    heldout: AdaptedAnswers
    strength: float
    temperature: float
    typical: np.ndarray
    relative: np.ndarray | None = None

    @property
    def posteriors(self) -> np.ndarray:
        """Of the scored recordings, `(n, labels)`."""
        return self.scored.posteriors(self.strength, self.temperature)


def adapt_fold(
    parts: FoldParts,
    fold: Fold,
    weighting: Weighting,
    names: Sequence[str],
    members: Sequence[Member],
    recordings: Recordings | None,
    settings: EnsembleSettings,
    number: int,
) -> AdaptedFold:
    """Adapt to every scored speaker of a fold by recordings drawn, and answer the others.

    Args:
        parts: of the fold, for the members of `names`.
        fold: as the study divided it.
        weighting: found on its held-out part.
        members: fitted in this fold; those that have an embedding.
        recordings: of the study; None where no member has an embedding.
        number: of the fold, for the draw.

    Raises:
        ConfigError: no held-out speaker has two recordings.
    """
    spoken = EmbeddedRecordings.of(members, recordings) if members else None
    space = lambda learnt: spoken and spoken.space(learnt, settings, weighting.temperature)  # noqa: E731
    answers = lambda part: _answers(weighting, names, part, spoken)  # noqa: E731
    rng = np.random.default_rng([settings.seed, 3, number])
    heldout = _answers(weighting, names, parts.heldout, None)
    held = []
    for one in fold.inner if members else fold.inner[:1]:
        places = np.flatnonzero(np.isin(parts.heldout.indices, one.heldout if members else parts.heldout.indices))
        part, inner_space = answers(parts.heldout.at(places)), space(one.train)
        held.append((part, inner_space, part.said(inner_space)))
    inner = [
        adapt_answers(part, said, _typical(heldout, part.speakers), _relative(held, part.speakers), one, settings, rng)
        for part, one, said in held
    ]
    known = AdaptedAnswers.joined(inner)
    if not len(known.logits):
        raise ConfigError(f"fold {fold.name}: no speaker has a recording to adapt to and one to answer; use --adapt 0")
    typical, relative, whole, scored = _typical(heldout), _relative(held), space(fold.rest), answers(parts.test)
    adapted = adapt_answers(scored, scored.said(whole), typical, relative, whole, settings, rng)
    return AdaptedFold(adapted, known, *fit_strength(known), typical, relative)


def adapt_answers(
    answers: Answers,
    said: EnsembleOutputs,
    typical: np.ndarray,
    relative: np.ndarray | None,
    space: SpeakerSpace | None,
    settings: EnsembleSettings,
    rng: np.random.Generator,
) -> AdaptedAnswers:
    """What adapting adds to the recordings of each speaker that were not drawn to adapt to.

    To a speaker who has too few for that, half of them are taken; one with one recording, which cannot be both, is
    left out.

    Args:
        said: of `answers`, by `space`.
        typical, relative: see `AdaptedFold`.
    """
    knowledge = knowledge_of(space, typical, relative, settings)
    nobody = np.empty(0, int)
    names = ("logits", "logits", "classes", "speakers", "indices")
    found = [AdaptedAnswers(*(getattr(answers, name)[nobody] for name in names))]
    for speaker in np.unique(answers.speakers):
        own = np.flatnonzero(answers.speakers == speaker)
        if len(own) < 2:
            continue
        count = settings.adapt if len(own) > settings.adapt else len(own) // 2
        drawn = rng.choice(own, count, replace=False)
        others = np.setdiff1d(own, drawn)
        added = fit_to_speaker(knowledge, said.at(drawn)).added(said.at(others))
        known = (answers.classes[others], answers.speakers[others], answers.indices[others])
        found.append(AdaptedAnswers(answers.logits[others], added, *known))
    return AdaptedAnswers.joined(found)


def _two_covariance(space: SpeakerSpace, settings: EnsembleSettings) -> TwoCovariance:
    priors = settings.speaker_share, settings.speaker_prior, settings.within_prior
    return TwoCovariance(space.means, space.spread, *priors)


def knowledge_of(
    space: SpeakerSpace | None, typical: np.ndarray, relative: np.ndarray | None, settings: EnsembleSettings
) -> Knowledge:
    """What adapting takes beside an enrolment, under these settings; typical logits as in `AdaptedFold`."""
    known = None if space is None else _two_covariance(space, settings)
    of_relative = None
    if relative is not None:
        of_relative = Relative(relative, settings.relative_share, settings.mixture_prior, settings.relative_prior)
    return Knowledge(Offsets(typical, settings.offset_prior, settings.mixture_prior), known, relative=of_relative)


def fit_temperature(logits: np.ndarray, classes: np.ndarray, speakers: np.ndarray) -> float:
    """The divisor of logits that makes the truth likeliest for the median speaker, 0.05 to 20 (Guo et al., 2017)."""

    def loss(log_temperature: float) -> float:
        return typical_loss(softmax(logits / np.exp(log_temperature)), classes, speakers)

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))


def fit_strength(heldout: AdaptedAnswers) -> tuple[float, float]:
    """How much of what adapting adds makes the truth likeliest for the median speaker, of `STRENGTHS`; its temperature.

    Where the answers to anybody are as good as they are for speakers of a corpus that the members know well, adapting
    to a few recordings would make them worse.
    """

    def tried(strength: float) -> tuple[float, float, float]:
        temperature = fit_temperature(heldout.logits + strength * heldout.added, heldout.classes, heldout.speakers)
        loss = typical_loss(heldout.posteriors(strength, temperature), heldout.classes, heldout.speakers)
        return round(loss, 6), strength, temperature

    return min(map(tried, STRENGTHS), key=lambda found: found[0])[1:]


def _typical(heldout: Answers, without: Sequence[str] = ()) -> np.ndarray:
    """Typical logits of held-out speakers, of others than `without` where there are any."""
    others = ~np.isin(heldout.speakers, without)
    chosen = others if others.any() else np.ones_like(others)
    return typical_logits(heldout.logits[chosen], heldout.classes[chosen], heldout.speakers[chosen])


def _relative(held: Sequence[tuple[Answers, SpeakerSpace | None, EnsembleOutputs]], without: Sequence[str] = ()):
    """Typical relative logits of held-out speakers, of others than `without` where there are any."""
    if any(said.relative is None for _, _, said in held):
        return None
    relative = np.concatenate([said.relative for _, _, said in held])
    classes, speakers = (
        np.concatenate([getattr(part, name) for part, _, _ in held]) for name in ("classes", "speakers")
    )
    others = ~np.isin(speakers, without)
    chosen = others if others.any() else np.ones_like(others)
    return typical_relative(relative[chosen], classes[chosen], speakers[chosen])


def _answers(weighting: Weighting, names: Sequence[str], part: Part, spoken: EmbeddedRecordings | None) -> Answers:
    chosen = part.of([names.index(name) for name in weighting.weights])
    logits = np.log(np.maximum(weighting.posteriors(chosen.logits), FLOOR)).astype(np.float64)
    return Answers(logits, spoken and spoken.embedded.at(part.indices), part.classes, part.speakers, part.indices)
