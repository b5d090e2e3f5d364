"""An ensemble's folder: what is written comes back, and what is missing is one line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tembr.ensemble.folder import AdaptationFacts, EnsembleFacts, EnsembleFolder, read_space, write_space
from tembr.ensemble.projection import Projection, SpeakerSpace
from tembr.errors import StoreError
from tembr.experiment.settings import load_settings
from tembr.models.base import Member

FACTS = EnsembleFacts({"majority": 0.75, "svm": 0.25, "rms": 0.0}, 1.5, ["anger", "fear"], [], metrics={"random": {}})
ADAPTATION = AdaptationFacts(30, 2.0, 10.0, [[1.0, -1.0], [-1.0, 1.0]], 1.0, 0.4, 0.75, 1.2)


@pytest.fixture
def folder(tmp_path) -> EnsembleFolder:
    settings = load_settings(members=["majority", "svm", "rms"])
    return EnsembleFolder(tmp_path, FACTS, settings)


def space() -> SpeakerSpace:
    projection = Projection(3, 2)
    projection.directions.copy_(torch.arange(6.0).reshape(3, 2))
    means, spread = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, 0.25])
    relative = Projection(3, 2)
    relative.directions.copy_(torch.arange(6.0).reshape(3, 2) + 1)
    return SpeakerSpace(projection.eval(), means, spread, relative)


def save_member(folder: EnsembleFolder, name: str, labels: tuple[str, ...] = ("anger", "fear")) -> None:
    settings = folder.settings.members[name]
    module = settings.build(folder.settings.features, len(labels))
    place = folder.weights_path(name)
    Member(settings, folder.settings.features, labels, module).save(place.parent)
    (place.parent / "model.safetensors").rename(place)


def test_what_is_written_is_read_back(folder):
    folder.write()
    assert EnsembleFolder.read(folder.folder) == folder


def test_facts_about_adapting_come_back_as_such(folder):
    replace(folder, facts=replace(FACTS, adaptation=ADAPTATION)).write()
    assert EnsembleFolder.read(folder.folder).facts.adaptation == ADAPTATION


def test_a_folder_without_an_ensemble_says_who_writes_one(tmp_path):
    with pytest.raises(StoreError, match=r"no ensemble\.json there; name a folder that `tembr ensemble` wrote"):
        EnsembleFolder.read(tmp_path)


def test_a_speaker_space_comes_back_as_written(tmp_path):
    write_space(space(), tmp_path / "speakers.safetensors")
    again = read_space(tmp_path / "speakers.safetensors")
    np.testing.assert_array_equal(again.means, space().means)
    np.testing.assert_array_equal(again.spread, space().spread)
    assert torch.equal(again.projection.directions, space().projection.directions)
    assert torch.equal(again.relative.directions, space().relative.directions)


def test_a_speaker_space_without_relative_logits_comes_back_without(tmp_path):
    write_space(replace(space(), relative=None), tmp_path / "speakers.safetensors")
    assert read_space(tmp_path / "speakers.safetensors").relative is None


def test_a_damaged_speaker_space_is_one_line(tmp_path):
    (tmp_path / "speakers.safetensors").write_bytes(b"nothing")
    with pytest.raises(StoreError, match=r"speakers\.safetensors: damaged .*run `tembr ensemble` again"):
        read_space(tmp_path / "speakers.safetensors")


def test_a_space_is_read_only_where_adapting_was_measured(folder):
    folder.write(space())
    assert EnsembleFolder.read(folder.folder).space() is None
    adapted = replace(folder, facts=replace(FACTS, adaptation=ADAPTATION))
    assert adapted.space().means.shape == (2, 2)


def test_an_older_speaker_space_does_not_outlive_what_is_written_without_one(folder):
    folder.write(space())
    folder.write()
    assert not (folder.folder / "speakers.safetensors").exists()


def test_a_table_of_a_protocol_lies_in_its_own_folder(folder):
    (folder.folder / "random").mkdir()
    (folder.folder / "weights.csv").write_text("fold,weight\nall,1\n")
    (folder.folder / "random" / "weights.csv").write_text("fold,weight\n03,2\n")
    assert folder.table("weights").to_dict("records") == [{"fold": "all", "weight": 1}]
    assert folder.table("weights", "random").to_dict("records") == [{"fold": "03", "weight": 2}]


def test_a_protocol_that_was_not_measured_is_said_with_those_that_were(folder):
    with pytest.raises(StoreError, match="kfold is not measured here; choose from random"):
        folder.table("weights", "kfold")


def test_a_table_that_is_not_there_is_one_line(folder):
    with pytest.raises(StoreError, match=r"trials\.csv: cannot be read .*run `tembr ensemble` again"):
        folder.table("trials")


def test_it_loads_the_members_that_have_a_weight(folder):
    for name in ("majority", "svm"):
        save_member(folder, name)
    loaded = folder.load()
    assert list(loaded.inputs) == ["majority", "svm"]
    assert loaded.module.weighted.weights.tolist() == [0.75, 0.25]


def test_members_that_are_not_there_are_named(folder):
    save_member(folder, "majority")
    with pytest.raises(StoreError, match="no weights of svm; run `tembr ensemble` with --refit"):
        folder.load()
