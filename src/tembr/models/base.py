"""The contract of a member: what it takes, how it is fitted, and the module that answers and goes into the graph.

A kind of member is a subclass of `MemberSettings` with three methods, registered by `register`. Runner, ensemble,
adaptation and export know no more of it than what stands here.
"""

from __future__ import annotations

import difflib
import re
from abc import abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from safetensors.torch import load_file, save_file
from torch import nn

from tembr.errors import ConfigError, StoreError, first_line
from tembr.features.inputs import Input
from tembr.features.settings import FeatureSettings
from tembr.features.store import FeatureTable
from tembr.files import atomic_write
from tembr.models.data import FoldData, batches
from tembr.progress import Progress
from tembr.splits import Protocol

WEIGHTS = "model.safetensors"

NEVER = -1e4
"""Logit of an emotion that was not met."""

RESERVED = ("ensemble", *get_args(Protocol))
"""Folders of a study beside those of its members."""

Outputs = tuple[torch.Tensor, tuple[torch.Tensor, ...] | None]
"""Logits `(batch, labels)`, and the embedding that adapting to a speaker takes, some vectors `(batch, size)`, or None.

Of the first vector a model of where the speaker's emotions lie is made, of all of them what tells emotions apart about
the speaker's mean.
"""


class MemberSettings(BaseModel):
    """Settings of one kind of member; a subclass is the kind.

    Attributes:
        kind: which; `register` takes it from the subclass's default.
        name: of the member: its folder, its row in tables and its weight's name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    name: str

    baseline: ClassVar[bool] = False
    """Whether it is there to be compared with, and not to be joined."""

    embeds: ClassVar[bool] = False
    """Whether its module has an embedding to adapt by."""

    @property
    def copied_through(self) -> tuple[str, ...]:
        """Degradations through which copies of what it learns from are learnt from too, see `tembr.degrade.copies`."""
        return ()

    @property
    def uses_validation(self) -> bool:
        """Whether fitting looks at the validation part, to stop early; other members learn from it too."""
        return False

    def judged(self) -> MemberSettings:
        """Settings to fit with where the validation part judges: it is not learnt from, where that can be helped."""
        return self

    def describe(self) -> str:
        """What it is, in a word or two, for tables."""
        return self.kind

    def check(self, features: FeatureSettings) -> None:
        """See before hours of work whether it can be fitted.

        Raises:
            ConfigError: it cannot.
        """

    @abstractmethod
    def inputs(self, features: FeatureSettings) -> tuple[Input, ...]:
        """What it takes of a recording, in the order of the module's arguments."""

    def training_inputs(self, features: FeatureSettings) -> tuple[Input, ...]:
        """What fitting takes besides, such as samples to augment."""
        return ()

    def embedding_of(self, features: FeatureSettings) -> Hashable:
        """What its embedding depends on, where it has one; of members with the same it is taken once.

        By default on how the member was fitted.
        """
        return self

    @abstractmethod
    def build(self, features: FeatureSettings, labels: int) -> nn.Module:
        """The module, not fitted: values `(batch, bins, frames)` of each input → `Outputs`.

        Its state is all that fitting finds out. A buffer whose size is found by fitting too is built empty.
        """

    @abstractmethod
    def fit(self, module: nn.Module, data: FoldData, seed: int, progress: Progress) -> list[dict]:
        """Fit the module in place; the same seed gives the same state.

        Returns:
            a row for each step of the fitting, with at least `seconds`; networks have the columns of
            `tembr.train.history`.
        """

    def for_refit(self, histories: Sequence[Sequence[Mapping]]) -> MemberSettings:
        """Settings to fit on all recordings with, where nothing tells when to stop.

        Args:
            histories: what `fit` gave back in each fold.
        """
        return self


Kind = TypeVar("Kind", bound=type[MemberSettings])

KINDS: dict[str, type[MemberSettings]] = {}
"""Every registered kind of member by its name."""


def register(kind: Kind) -> Kind:
    """Make a kind of member known; a class decorator."""
    KINDS[kind.model_fields["kind"].default] = kind
    return kind


def member_settings(values: Mapping[str, Any]) -> MemberSettings:
    """Settings of the kind that `values["kind"]` names.

    Raises:
        ValueError: there is no such kind. pydantic.ValidationError: values that do not fit it.
    """
    kind = values.get("kind")
    if kind not in KINDS:
        near = difflib.get_close_matches(str(kind), KINDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(KINDS)}"
        raise ValueError(f"no kind of member is called {kind!r}; {hint}")
    return KINDS[kind].model_validate(dict(values))


@dataclass(frozen=True, eq=False)
class Member:
    """A fitted member.

    Attributes:
        settings: what it was fitted with.
        features: of the study.
        labels: of its logits' columns.
        module: see `MemberSettings.build`; in evaluation mode.
        history: of the fitting.
    """

    settings: MemberSettings
    features: FeatureSettings
    labels: tuple[str, ...]
    module: nn.Module
    history: list[dict] = field(default_factory=list)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What it takes, in order."""
        return self.settings.inputs(self.features)

    def uncompensated(self) -> Member:
        """The same member, whose embedding does not make up for a telephone and the like.

        Only a module that does has a method `uncompensated`.
        """
        return replace(self, module=self.module.uncompensated()) if hasattr(self.module, "uncompensated") else self

    @property
    def parameters(self) -> int:
        """Numbers that fitting found: trainable parameters, or where there are none all parameters and buffers."""
        trained = sum(p.numel() for p in self.module.parameters() if p.requires_grad)
        return trained or sum(t.numel() for t in (*self.module.parameters(), *self.module.buffers()))

    @torch.inference_mode()
    def answer(
        self, tables: Mapping[Input, FeatureTable], indices: np.ndarray
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
        """Logits `(n, labels)` and embeddings, `(n, size)` each, or None, of the recordings at `indices`, float32.

        Raises:
            StoreError: a logit is not finite.
        """
        device = next((p.device for p in self.module.parameters()), torch.device("cpu"))
        parts = [self.module(*(v.to(device) for v in values)) for values in batches(tables, self.inputs, indices)]
        logits = torch.cat([part[0] for part in parts]).float().cpu().numpy()
        if not np.isfinite(logits).all():
            raise StoreError(f"{self.settings.name}: gives NaN or infinite logits; train it again, or leave it out")
        if parts[0][1] is None:
            return logits, None
        return logits, tuple(torch.cat(one).float().cpu().numpy() for one in zip(*(part[1] for part in parts)))

    def save(self, folder: Path) -> None:
        """Write its state as `model.safetensors`."""
        state = {name: tensor.cpu().contiguous() for name, tensor in self.module.state_dict().items()}
        with atomic_write(folder / WEIGHTS) as temporary:
            save_file(state, temporary)


def fit_member(
    settings: MemberSettings, features: FeatureSettings, data: FoldData, seed: int, progress: Progress
) -> Member:
    """Fit a member on the recordings of a fold; found by its kind.

    Raises:
        TembrError: as the kind's `fit`.
    """
    torch.manual_seed(seed)
    module = settings.build(features, len(data.labels))
    history = settings.fit(module, data, seed, progress)
    return Member(settings, features, data.labels, module.eval(), history)


def load_member(settings: MemberSettings, features: FeatureSettings, labels: Sequence[str], path: Path) -> Member:
    """A fitted member from its `model.safetensors`.

    Raises:
        StoreError: the file is missing, damaged, or of another member.
    """
    module = settings.build(features, len(labels))
    try:
        state = load_file(path)
        for name, buffer in module.named_buffers():
            if buffer.numel() == 0 and name in state:
                buffer.resize_(state[name].shape)
        module.load_state_dict(state)
    except Exception as error:
        reason = first_line(error)
        raise StoreError(f"{path}: not the weights of {settings.name} ({reason}); train it again") from error
    return Member(settings, features, tuple(labels), module.eval())


def with_embedding(members: Iterable[MemberSettings], features: FeatureSettings) -> list[MemberSettings]:
    """Those whose embeddings together are what adapting to a speaker takes, in order; of equal ones the first."""
    found: dict[Hashable, MemberSettings] = {}
    for member in members:
        if member.embeds:
            found.setdefault(member.embedding_of(features), member)
    return list(found.values())


def check_members(members: Sequence[MemberSettings], features: FeatureSettings) -> None:
    """`MemberSettings.check` of each, and that their names differ and can be those of folders and modules.

    Raises:
        ConfigError: one cannot be fitted.
    """
    names = [member.name for member in members]
    for name in names:
        if not re.fullmatch(r"[\w-]+", name) or name in RESERVED or hasattr(nn.ModuleDict, name):
            raise ConfigError(
                f"a member cannot be called {name!r}: something else has that name, or no folder can; choose another "
                "of letters, digits, - and _"
            )
        if names.count(name) > 1:
            raise ConfigError(f"two members are called {name}; give each a name of its own")
    for member in members:
        member.check(features)
