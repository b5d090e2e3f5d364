"""Members joined: weighted posteriors as logits, embeddings side by side, inputs shared."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tembr.ensemble.joined import JoinedModule, join
from tembr.ensemble.projection import Projection
from tembr.ensemble.weighted import WeightedEnsemble
from tembr.features.settings import FeatureSettings
from tembr.models import Member, member_settings

FEATURES = FeatureSettings(window=1.0)


class Says(nn.Module):
    """Logarithms of the given posteriors for every recording, and an embedding where one is given."""

    def __init__(self, *posteriors: float, embedding: list[float] | None = None):
        super().__init__()
        self.logits, self.embedding = torch.tensor(posteriors).log(), embedding

    def forward(self, values: torch.Tensor):
        count = len(values)
        embedding = None if self.embedding is None else torch.tensor([[self.embedding]] * count)
        return self.logits.expand(count, -1), embedding


def member(name: str, representation: str, module: nn.Module) -> Member:
    settings = member_settings({"kind": "majority", "name": name, "representation": representation})
    return Member(settings, FEATURES, ("anger", "fear"), module)


@pytest.fixture
def joined():
    members = [
        member("a", "rms", Says(0.8, 0.2)),
        member("b", "rms", Says(0.4, 0.6)),
        member("c", "zcr", Says(0.5, 0.5)),
    ]
    return join(members, WeightedEnsemble({"a": 1.0, "b": 1.0, "c": 2.0}))


def test_logits_are_logarithms_of_the_weighted_posteriors():
    module = JoinedModule({"a": Says(0.8, 0.2), "b": Says(0.4, 0.6)}, WeightedEnsemble({"a": 3.0, "b": 1.0}))
    logits, embedding, relative = module({"a": [torch.zeros(2, 1, 1)], "b": [torch.zeros(2, 1, 1)]})
    torch.testing.assert_close(logits.exp(), torch.tensor([[0.7, 0.3]] * 2))
    assert embedding is None and relative is None


def test_a_posterior_of_nothing_has_a_finite_logit():
    module = JoinedModule({"a": Says(1.0, 0.0)}, WeightedEnsemble({"a": 1.0}))
    assert module({"a": [torch.zeros(1, 1, 1)]})[0].isfinite().all()


def test_members_are_taken_in_the_order_of_their_weights():
    module = JoinedModule({"b": Says(0.4, 0.6), "a": Says(0.8, 0.2)}, WeightedEnsemble({"a": 3.0, "b": 1.0}))
    logits = module({"a": [torch.zeros(1, 1, 1)], "b": [torch.zeros(1, 1, 1)]}).logits
    torch.testing.assert_close(logits.exp(), torch.tensor([[0.7, 0.3]]))


def test_embeddings_are_projected_side_by_side():
    projection = Projection(3, 1)
    projection.directions.copy_(torch.tensor([[1.0], [0.5], [0.25]]))
    members = {"a": Says(0.5, 0.5, embedding=[1.0, 2.0]), "b": Says(0.5, 0.5), "c": Says(0.5, 0.5, embedding=[4.0])}
    module = JoinedModule(members, WeightedEnsemble({"a": 1.0, "b": 1.0, "c": 1.0}), projection, ["a", "c"])
    assert module({name: [torch.zeros(1, 1, 1)] for name in "abc"}).embedding.tolist() == [[3.0]]
    relative = Projection(3, 2)
    relative.directions.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    module = JoinedModule(members, WeightedEnsemble({"a": 1.0, "b": 1.0, "c": 1.0}), projection, ["a", "c"], relative)
    assert module({name: [torch.zeros(1, 1, 1)] for name in "abc"}).relative.tolist() == [[5.0, 6.0]]


def test_an_input_of_several_members_is_named_once(joined):
    assert [one.name for one in joined.distinct_inputs] == ["rms", "zcr"]
    assert {name: [one.name for one in inputs] for name, inputs in joined.inputs.items()} == {
        "a": ["rms"],
        "b": ["rms"],
        "c": ["zcr"],
    }


def test_values_are_handed_to_the_members_that_take_them(joined):
    rms, zcr = joined.distinct_inputs
    values = {rms: torch.zeros(1, 1, 3), zcr: torch.ones(1, 1, 3)}
    arranged = joined.arranged(values)
    assert arranged["b"][0] is values[rms] and arranged["c"][0] is values[zcr]


def test_posteriors_of_an_ensemble_sum_to_one(joined):
    values = {one: torch.zeros(2, 1, 3) for one in joined.distinct_inputs}
    torch.testing.assert_close(joined.posteriors(values), torch.tensor([[0.55, 0.45]] * 2))


def test_a_joined_module_is_in_evaluation(joined):
    assert not any(module.training for module in joined.module.modules())
