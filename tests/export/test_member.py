"""One member of a study as an ensemble of one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tembr.errors import StoreError
from tembr.export.member import read_member_folder
from tests.small_study import write_study


@pytest.fixture
def study(tmp_path) -> Path:
    """Of three fittings a member."""
    write_study(tmp_path, "chroma", "majority")
    return tmp_path


def make_single(study: Path, folder: str) -> None:
    """As if there had been one fitting."""
    path = study / folder / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"folds": 1}))


def test_a_member_has_all_of_the_weight_and_its_labels(study):
    make_single(study, "chroma")
    facts = read_member_folder(study, "chroma").facts
    assert (facts.weights, facts.temperature, facts.labels) == ({"chroma": 1.0}, 1.0, ["anger", "fear"])
    assert facts.trained_on == "the training part of the speaker protocol" and list(facts.metrics) == ["speaker"]


@pytest.mark.parametrize(("member", "folder"), [("chroma", "chroma"), ("majority", "baseline_majority")])
def test_its_weights_are_where_the_study_left_them(study, member, folder):
    make_single(study, folder)
    assert read_member_folder(study, member).weights_path(member) == study / folder / "model.safetensors"


def test_a_member_that_is_not_there_is_said_with_those_that_are(study):
    with pytest.raises(StoreError, match="no member 'mfcc'; it has majority, chroma"):
        read_member_folder(study, "mfcc")


def test_a_member_with_a_fitting_a_fold_has_none_to_ship(study):
    said = "chroma has a fitting a fold and none to ship; study it by --protocol random as well"
    with pytest.raises(StoreError, match=said):
        read_member_folder(study, "chroma")


def test_without_a_study_that_is_said(tmp_path):
    with pytest.raises(StoreError, match="no study there"):
        read_member_folder(tmp_path, "chroma")
