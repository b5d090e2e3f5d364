"""What an experiment is: a recipe, the corpora and the protocol, from a small TOML file over a base."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tembr.errors import ConfigError
from tembr.voices.plan import Protocol
from tembr.voices.settings import VoiceSettings

DEFAULT = "default"
"""Name of the recipe that is part of the package, the default bundle's."""

PACKAGED = Path(__file__).with_name("default.toml")

Asked = Literal["unknown", "known", "both"]


class MemberSettings(VoiceSettings):
    """Networks of one kind.

    Attributes:
        name: of the kind.
        hears: speakers of whom nothing is 'unknown', those 'known' by recordings, or 'both'.
        networks: how many answer together, each with a seed of its own; their logits are averaged. For inner speakers
            one answers alone.
        weight: that the mean of their logits is added with.
        shipped: how many a bundle has, trained on all recordings.
        besides: corpora learnt from beside the one that is asked; None is all of the recipe's `more`.
    """

    name: str = "voice"
    hears: Asked = "both"
    networks: int = Field(1, ge=1, le=64)
    weight: float = Field(1.0, gt=0)
    shipped: int = Field(1, ge=1, le=64)
    besides: tuple[str, ...] | None = None


class Recipe(BaseModel):
    """A recipe and how it is measured.

    Attributes:
        title: what is tried, in a few words.
        corpus: that is asked, and `more` that is learnt from besides.
        unmapped: labels outside the six in the corpus asked: 'keep' or 'drop'.
        protocol, folds, inner: see `make_plan`.
        seeds: a whole run each; figures are their mean.
        encoder: what members of kind 'encoder' hear through: Hugging Face name of a pretrained speech encoder, or its
            folder, see `tembr.voices.encoder`. It hears recordings as they are: without copies or degradation.
        copies: half of the recordings are learnt from as they sound elsewhere too, see `tembr.voices.copies`.
        adapt: recordings of a speaker that are adapted to, not scored then.
        degrade: '' or what is done to the recordings that are scored (and adapted to), never to those learnt from:
            'phone', 'mp3', 'noise', 'room' or 'microphone', see `tembr.recognize.degrade`.
        level_prior, offset_prior, manner_prior: recordings that the speaker's level, the offset of the logits, and
            where the speaker's emotions lie weigh against.
        manner_share: what the latter weighs against the networks' logits; see `tembr.recognize.manner`.
        members: kinds of networks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    corpus: str = "nemo"
    more: tuple[str, ...] = ("ravdess", "emodb")
    unmapped: Literal["keep", "drop"] = "keep"
    protocol: Protocol = "speaker"
    folds: int = Field(0, ge=0)
    inner: int = Field(0, ge=0)
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    encoder: str = ""
    copies: bool = False
    adapt: int = Field(30, ge=0)
    degrade: str = ""
    level_prior: float = Field(1.0, ge=0)
    offset_prior: float = Field(2.0, ge=0)
    manner_prior: float = Field(1.0, ge=0)
    manner_share: float = Field(0.4, ge=0)
    members: tuple[MemberSettings, ...] = Field((MemberSettings(),), min_length=1)

    @model_validator(mode="after")
    def _consistent(self):
        if any(member.kind == "encoder" for member in self.members) != bool(self.encoder):
            raise ValueError("encoder and a member of kind 'encoder' need each other")
        if self.encoder and (self.copies or self.degrade):
            raise ValueError("an encoder hears recordings as they are: leave out copies and degrade")
        if len({member.name for member in self.members}) < len(self.members):
            raise ValueError("members need names of their own")
        if any(member.features != self.members[0].features for member in self.members):
            raise ValueError("all members hear the same features")
        return self


PLAN = ("title", "protocol", "folds", "inner", "seeds", "degrade")
"""What of a recipe says how it is measured, not what it is."""


def require_same(recipe: Recipe, other: dict, where: Path) -> None:
    """See that an experiment was of this recipe, under whatever protocol.

    Raises:
        ConfigError: names what differs.
    """
    ours = recipe.model_dump(mode="json")
    differing = [key for key in ours if key not in PLAN and ours[key] != other.get(key)]
    if differing:
        raise ConfigError(f"{where}: measured another recipe ({', '.join(differing)} differ); run its experiment again")


def read_recipe(path: Path) -> Recipe:
    """A recipe from a TOML file; `base = "other.toml"` takes what is not given here from that file beside it.

    `default` instead of a file's name, here or as a base, is the recipe of the default bundle, which is in the package.

    A table `[voice]` changes settings of all members.

    Raises:
        ConfigError: not there, not TOML, or an unknown or impossible setting.
    """
    values = _read(PACKAGED if path == Path(DEFAULT) else path, ())
    voice = values.pop("voice", {})
    if voice and _tables(values.get("members", [{}])):
        values["members"] = [{**member, **voice} for member in values.get("members", [{}])]
    try:
        return Recipe(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = [str(path), ".".join(map(str, first["loc"]))]
        raise ConfigError(": ".join([*filter(None, where), first["msg"].removeprefix("Value error, ")])) from error


def _tables(values) -> bool:
    return isinstance(values, list) and all(isinstance(value, dict) for value in values)


def _read(path: Path, above: tuple[Path, ...]) -> dict:
    if path in above:
        raise ConfigError(f"{path}: is its own base")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    if not isinstance(values.get("voice", {}), dict):
        raise ConfigError(f"{path}: voice: is one table, [voice]")
    base = values.pop("base", None)
    if base is None:
        return values
    below = _read(PACKAGED if base == DEFAULT else path.parent / str(base), (*above, path))
    voice = {**below.get("voice", {}), **values.get("voice", {})}
    return {**below, **values, **({"voice": voice} if voice else {})}
