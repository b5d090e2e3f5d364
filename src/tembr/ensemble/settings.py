"""How an ensemble is found."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tembr.ensemble.combiners import CHOICES, WEIGHTED
from tembr.errors import ConfigError
from tembr.splits import Protocol

DEFAULT_MEMBERS = ("melspectrogram", "mfcc", "chroma")


class EnsembleSettings(BaseModel):
    """Everything an ensemble depends on apart from its study.

    Attributes:
        members: names of those to join; empty for `DEFAULT_MEMBERS` where the study has them, else, and where `best` is
            set, for all finished ones.
        best: join only this many of them, chosen on validation predictions; 0 for all.
        protocols: to measure; empty for the study's first and all others with the members finished.
        trials: of each search; trials of an interrupted search, and of other machines, count.
        timeout: seconds, for all searches of one protocol together; None for no limit.
        seed: of the search, and of inner folds and trees.
        l1: price, in nats, of an ensemble's width: of each further member with the largest one's weight. A member of
            small weight that is not worth as much is left out, and equal weights are those of the members kept.
        storage: URL of Optuna's storage; '' is `search.db` (SQLite) in the ensemble's folder.
        combiner: which of `CHOICES` the figures called 'ensemble' are of; all are measured, and what ships is weighted.
        adapt: recordings of each scored speaker that are adapted to, drawn, unlabelled and not scored then; 0 is none.
        offset_prior, mixture_prior: recordings that the belief in no offset of the logits counts for, and recordings of
            each emotion that the belief in an even mixture does; see `tembr.adaptation.offset`.
        speaker_prior, speaker_share: recordings that the belief in no speaker model counts for, and what the logarithm
            of its likelihood weighs against the logits; see `tembr.adaptation.two_covariance`.
        within_prior: recordings that the belief in the average variance of recordings of one emotion counts for.
        relative_share, relative_prior: what relative logits count of an answer where there are many recordings, and
            recordings that the belief in none of it counts for; see `tembr.adaptation.relative`.
        others: what each corpus beside the target counts for in the speaker model and in the discriminants that give
            relative logits, the target being 1.
        dimensions, shrinkage: of the embedding that the speaker model is in; see `fit_speaker_space`.
        refit: train the members again on all recordings, to ship them.
        ship: protocol whose weights `ensemble.json` holds; by default 'speaker' with `refit`, where it is measured,
            and the first protocol with networks of its own otherwise.
        track: log trials to MLflow, if the study does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: tuple[str, ...] = ()
    best: int = Field(0, ge=0)
    protocols: tuple[Protocol, ...] = ()
    trials: int = Field(200, ge=1)
    timeout: float | None = Field(None, gt=0)
    seed: int = Field(42, ge=0)
    l1: float = Field(0.0, ge=0)
    storage: str = ""
    combiner: str = WEIGHTED
    adapt: int = Field(30, ge=0)
    offset_prior: float = Field(10.0, ge=0)
    mixture_prior: float = Field(5.0, gt=0)
    speaker_prior: float = Field(8.0, ge=0)
    speaker_share: float = Field(0.2, ge=0)
    within_prior: float = Field(10.0, ge=0)
    relative_share: float = Field(0.7, ge=0, le=1)
    relative_prior: float = Field(5.0, ge=0)
    others: float = Field(0.2, ge=0)
    dimensions: int = Field(64, ge=1)
    shrinkage: float = Field(0.3, ge=0)
    refit: bool = False
    ship: Protocol | None = None
    track: bool = True

    @field_validator("members", "protocols")
    @classmethod
    def _distinct(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names))

    @field_validator("combiner")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in CHOICES:
            raise ValueError(f"choose from {', '.join(CHOICES)}")
        return name

    @staticmethod
    def of(**values: Any) -> EnsembleSettings:
        """Settings from options as a command line has them; None is skipped.

        Raises:
            ConfigError: unknown, ill-typed or out of range.
        """
        try:
            return EnsembleSettings(**{name: value for name, value in values.items() if value is not None})
        except ValidationError as error:
            problem = error.errors()[0]
            key = ".".join(str(part) for part in problem["loc"])
            raise ConfigError(
                f"{key} = {problem.get('input')!r}: {problem['msg']}; see tembr ensemble --help"
            ) from error
