"""Examples that a VAE adds to a training: off by default, of the training part alone, the same when resumed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tembr.augment.settings import VAESettings
from tembr.errors import ConfigError, StoreError
from tembr.models.data import FoldData
from tembr.models.network import NetworkSettings
from tembr.progress import Progress
from tembr.train import generated as module
from tembr.train.generated import generated_examples
from tembr.train.history import VAE, discard_checkpoints
from tests.train.conftest import FEATURES, training

TINY = {"latent": 4, "embedding": 4, "channels": 4, "epochs": 2}
SETTINGS = {"network": "resnet18_quarter", "device": "cpu", "epochs": 2, "precision": "32", "vae": TINY}


@pytest.fixture(scope="module")
def data(tables, classes, parts) -> FoldData:
    """The demo corpus as a member `chroma` is fitted on it; `folder` is to be replaced."""
    settings = NetworkSettings(name="chroma")
    (taken,) = settings.inputs(FEATURES)
    speakers = np.array([f"demo/{number % 5}" for number in range(180)])
    labels = tuple("abcdef")
    return FoldData(labels, FEATURES, {taken: tables["chroma"]}, classes, speakers, 0 * classes, *parts[:2], None)


def fitted(data: FoldData, folder, progress: Progress | None = None, **train) -> dict[str, torch.Tensor]:
    """State of a member after its fitting."""
    settings = NetworkSettings(name="chroma", train=SETTINGS | train)
    torch.manual_seed(0)
    network = settings.build(FEATURES, 6)
    settings.fit(network, replace(data, folder=folder), 0, progress or Progress())
    return network.state_dict()


def same(one: dict, other: dict) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_by_default_nothing_is_generated(data, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "fit_vae", lambda *_: pytest.fail("a VAE was fitted"))
    fitted(data, tmp_path / "off", epochs=1)
    assert not (tmp_path / "off" / VAE).exists()


def test_settings_of_the_vae_change_nothing_where_it_is_off(data, tmp_path):
    one, other = (fitted(data, tmp_path / str(size), vae=TINY | {"latent": size}) for size in (2, 8))
    assert same(one, other)


def test_a_share_of_the_training_part_is_added(data, tmp_path):
    counted = []
    progress = Progress(count=lambda *numbers: counted.append(numbers))
    fitted(data, tmp_path, progress, generated=0.5, batch_size=30)
    assert ("chroma · VAE", 2, 2) in counted
    assert ("chroma · epoch 1", 3, 3) in counted  # 60 recordings and 30 examples


def test_examples_are_learnt_from_and_do_not_move_the_statistics(data, tmp_path):
    without, added = (fitted(data, tmp_path / str(share), generated=share) for share in (0.0, 1.0))
    assert not same(without, added)
    name = "classifier.picture.mean"
    assert torch.equal(without[name], added[name])


def test_recordings_outside_the_training_part_change_nothing(data, parts, tmp_path):
    """Nor do those of the validation part, where validation decides nothing."""
    (taken,) = data.tables
    table = [np.array(data.tables[taken][i]) for i in range(180)]
    for index in np.concatenate(parts[1:]):
        table[index] = np.random.default_rng(index).random(table[index].shape, np.float32)
    speakers = data.speakers.copy()
    speakers[np.concatenate(parts[1:])] = "demo/other"
    changed = replace(data, tables={taken: table}, speakers=speakers)
    keep = {"keep": "last", "schedule": "cosine", "generated": 0.5}
    assert same(fitted(data, tmp_path / "one", **keep), fitted(changed, tmp_path / "other", **keep))


@pytest.mark.parametrize("after", [0, 1])
def test_interrupted_it_ends_as_if_undisturbed(data, tmp_path, after):
    """Stopped before the first epoch, the VAE being fitted, or after it; the VAE is not fitted twice."""
    whole = fitted(data, tmp_path / "whole", generated=0.5)

    def stop(what: str, done: int, total: int) -> None:
        if what == f"chroma · epoch {1 + after}":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(data, tmp_path / "stopped", Progress(count=stop), generated=0.5)
    assert (tmp_path / "stopped" / VAE).exists()
    counted = []
    progress = Progress(count=lambda what, *_: counted.append(what))
    resumed = fitted(data, tmp_path / "stopped", progress, generated=0.5)
    assert same(resumed, whole) and "chroma · VAE" not in counted


def test_without_validation_examples_are_added_too(data, tmp_path):
    counted = []
    progress = Progress(count=lambda *numbers: counted.append(numbers))
    everything = replace(data, train=np.arange(180), validation=np.empty(0, int))
    fitted(everything, tmp_path, progress, generated=0.5, batch_size=90, epochs=1)
    assert ("chroma · epoch 1", 3, 3) in counted


def examples(data: FoldData, folder, **train):
    settings = {"vae": VAESettings(**TINY), "generated": 0.5} | train
    part = module.TrainingPart.of(next(iter(data.tables.values())), data.classes, data.speakers, data.train)
    return generated_examples(training(**settings), part, folder)


def test_the_weights_are_gone_when_the_result_is_safe(data, tmp_path):
    examples(data, tmp_path)
    discard_checkpoints(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"damaged", None])
def test_damaged_weights_are_said(data, tmp_path, content):
    if content is None:
        examples(data, tmp_path, vae=VAESettings(**TINY | {"latent": 5}))
    else:
        (tmp_path / VAE).write_bytes(content)
    with pytest.raises(StoreError, match=r"^.*vae\.safetensors: not the weights of this training's VAE; remove it .*$"):
        examples(data, tmp_path)


def test_a_gpu_that_is_not_there_is_said_before_a_vae_is_fitted(data, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match="no GPU"):
        examples(data, tmp_path, device="gpu")
