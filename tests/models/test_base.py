"""The contract of a member, on one of three numbers: found by its kind, answered in batches, saved and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import nn

from tembr.errors import ConfigError, StoreError
from tembr.features.inputs import RepresentationInput
from tembr.features.settings import FeatureSettings
from tembr.models.base import (
    KINDS,
    WEIGHTS,
    Member,
    MemberSettings,
    check_members,
    fit_member,
    load_member,
    member_settings,
    register,
    with_embedding,
)
from tembr.models.data import FoldData
from tembr.progress import Progress

FEATURES = FeatureSettings(window=1.0)
TAKEN = RepresentationInput("rms", FEATURES)


class Scaled(nn.Module):
    """The mean of the values times a number for each label; what was found last has a size of its own."""

    def __init__(self, labels: int, embeds: bool = False):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(labels))
        self.register_buffer("found", torch.zeros(0))
        self.embeds = embeds

    def forward(self, values: torch.Tensor):
        mean = values.mean((1, 2))
        return mean[:, None] * self.scale, (mean[:, None],) if self.embeds else None


class ScaledSettings(MemberSettings):
    kind: Literal["scaled"] = "scaled"
    name: str = "one"
    factor: float = 1.0
    refused: ClassVar[bool] = False

    def check(self, features):
        if self.factor < 0:
            raise ConfigError("factor: must not be negative")

    def inputs(self, features):
        return (TAKEN,)

    def build(self, features, labels):
        return Scaled(labels)

    def fit(self, module, data, seed, progress):
        module.scale.data = torch.rand(len(data.labels))
        module.found = torch.arange(3.0)
        return [{"seconds": 0.5}]


def data(folder: Path) -> FoldData:
    nothing = np.empty(0, int)
    return FoldData(("a", "b"), FEATURES, {}, nothing, nothing, nothing, nothing, nothing, folder)


def fitted(folder: Path, seed: int = 0) -> Member:
    return fit_member(ScaledSettings(), FEATURES, data(folder), seed, Progress())


def member(embeds: bool = False) -> Member:
    module = Scaled(2, embeds)
    module.scale.data = torch.tensor([1.0, -2.0])
    return Member(ScaledSettings(), FEATURES, ("a", "b"), module.eval())


def test_a_registered_kind_is_found_by_its_name(monkeypatch):
    monkeypatch.setitem(KINDS, "scaled", None)
    register(ScaledSettings)
    assert member_settings({"kind": "scaled", "name": "x", "factor": 2}) == ScaledSettings(name="x", factor=2.0)


@pytest.mark.parametrize(("kind", "hint"), [("netwrok", "did you mean network"), ("zzz", "choose from majority, svm")])
def test_an_unknown_kind_is_said_with_the_nearest_or_all(kind, hint):
    with pytest.raises(ValueError, match=f"no kind of member is called '{kind}'; {hint}"):
        member_settings({"kind": kind, "name": "x"})


def test_a_setting_that_its_kind_does_not_have_is_refused():
    with pytest.raises(ValidationError, match="layer"):
        member_settings({"kind": "majority", "name": "x", "layer": 3})


class Embedded(ScaledSettings):
    embeds: ClassVar[bool] = True


class Frozen(Embedded):
    """Its embedding is what it takes, however it was fitted."""

    def embedding_of(self, features):
        return self.inputs(features)


def test_an_embedding_is_taken_once_where_members_have_the_same():
    plain, first, second = ScaledSettings(name="plain"), Frozen(name="first"), Frozen(name="second")
    assert with_embedding([plain, first, second], FEATURES) == [first]
    fitted = [Embedded(name="a"), Embedded(name="b")]
    assert with_embedding([second, *fitted, first], FEATURES) == [second, *fitted]


def test_answers_are_in_the_order_asked_for():
    tables = {TAKEN: np.array([[[1.0]], [[2.0]], [[3.0]]], np.float32)}
    logits, embeddings = member().answer(tables, np.array([2, 0]))
    assert logits.tolist() == [[3, -6], [1, -2]] and embeddings is None


def test_recordings_of_several_lengths_are_answered_together():
    tables = {TAKEN: [np.full((1, length), length, np.float32) for length in (1, 3, 3, 2)]}
    logits, embeddings = member(embeds=True).answer(tables, np.arange(4))
    assert logits[:, 0].tolist() == [1, 3, 3, 2] and embeddings[0].tolist() == [[1], [3], [3], [2]]


def test_an_answer_that_is_no_number_is_refused():
    tables = {TAKEN: np.full((1, 1, 1), np.nan, np.float32)}
    with pytest.raises(StoreError, match="one: gives NaN or infinite logits; train it again, or leave it out"):
        member().answer(tables, np.arange(1))


def test_numbers_found_are_trainable_ones_or_all_where_none_is():
    made = member()
    made.module.found = torch.zeros(5)
    assert made.parameters == 2
    made.module.requires_grad_(False)
    assert made.parameters == 7


def test_fitting_starts_from_the_seed_and_ends_in_evaluation(tmp_path):
    one, again, other = (fitted(tmp_path, seed).module for seed in (0, 0, 1))
    assert torch.equal(one.scale, again.scale) and not torch.equal(one.scale, other.scale)
    assert not one.training


def test_what_fitting_gave_back_is_kept(tmp_path):
    made = fitted(tmp_path)
    assert made.history == [{"seconds": 0.5}] and made.labels == ("a", "b")


def test_a_saved_member_is_loaded_whole_with_buffers_of_a_size_that_was_found(tmp_path):
    made = fitted(tmp_path)
    made.save(tmp_path)
    again = load_member(made.settings, FEATURES, ["a", "b"], tmp_path / WEIGHTS)
    assert again.labels == ("a", "b") and again.module.found.tolist() == [0, 1, 2]
    assert torch.equal(again.module.scale, made.module.scale) and not again.module.training


def test_weights_that_are_not_there_are_one_line(tmp_path):
    with pytest.raises(StoreError, match="not the weights of one .*; train it again"):
        load_member(ScaledSettings(), FEATURES, ["a", "b"], tmp_path / WEIGHTS)


def test_weights_of_other_labels_are_one_line(tmp_path):
    save_file({"scale": torch.ones(3), "found": torch.ones(1)}, tmp_path / WEIGHTS)
    with pytest.raises(StoreError, match="not the weights of one"):
        load_member(ScaledSettings(), FEATURES, ["a", "b"], tmp_path / WEIGHTS)


def test_every_member_is_checked():
    with pytest.raises(ConfigError, match="factor: must not be negative"):
        check_members([ScaledSettings(), ScaledSettings(name="other", factor=-1)], FEATURES)


def test_a_kind_that_looks_at_no_validation_part_is_refitted_as_it_is():
    settings = ScaledSettings()
    assert settings.for_refit([[{"seconds": 1.0}]]) is settings and settings.training_inputs(FEATURES) == ()
