"""A network on one representation: what it takes, what it trains on, how it is fitted once more; nothing is trained."""

from __future__ import annotations

import pytest
import torch

from tembr.errors import ConfigError
from tembr.features.extract import find
from tembr.features.picture import PictureSettings
from tembr.features.settings import FeatureSettings
from tembr.models import network as module
from tembr.models.network import AudioClassifier, NetworkModule, NetworkSettings

FEATURES = FeatureSettings(window=1.0)
WAVEFORM = {"waveform": {"enabled": True}}


def history(*losses: float) -> list[dict]:
    return [{"epoch": number, "val_loss": loss} for number, loss in enumerate(losses, start=1)]


@pytest.mark.parametrize(
    ("settings", "taken"), [({"name": "rms"}, "rms"), ({"name": "x", "representation": "zcr"}, "zcr")]
)
def test_it_takes_the_representation_of_its_name_unless_another_is_set(settings, taken):
    (one,) = NetworkSettings(**settings).inputs(FEATURES)
    assert (one.name, one.features) == (taken, FEATURES)


@pytest.mark.parametrize(
    ("augment", "names"),
    [(WAVEFORM, ["waveform"]), ({}, []), (WAVEFORM | {"enabled": False}, [])],
)
def test_it_trains_on_samples_only_where_they_are_augmented(augment, names):
    settings = NetworkSettings(name="rms", augment=augment)
    assert [one.name for one in settings.training_inputs(FEATURES)] == names


def test_it_is_refitted_for_the_median_of_the_best_epochs():
    folds = [history(0.9, 0.5, 0.6), history(0.1), history(0.9, 0.8, 0.7, 0.6)]
    settings = NetworkSettings(name="rms", train={"epochs": 50, "dropout": 0.2})
    refitted = settings.for_refit(folds)
    assert (refitted.train.epochs, refitted.train.dropout, refitted.name) == (2, 0.2, "rms")


def test_a_cosine_is_refitted_for_all_its_epochs():
    settings = NetworkSettings(name="rms", train={"schedule": "cosine"})
    assert settings.for_refit([history(0.1, 0.2)]) is settings


def test_learning_from_the_validation_part_takes_a_cosine():
    assert NetworkSettings(name="rms").uses_validation
    cosine = NetworkSettings(name="rms", train={"refit": True, "schedule": "cosine"})
    cosine.check(FEATURES)
    assert not cosine.uses_validation
    with pytest.raises(
        ConfigError, match=r"^rms: train\.refit keeps no recordings .*; set train\.schedule = 'cosine'$"
    ):
        NetworkSettings(name="rms", train={"refit": True}).check(FEATURES)


def test_an_unknown_representation_is_said_before_anything_is_trained():
    with pytest.raises(ConfigError, match="x"):
        NetworkSettings(name="x").check(FEATURES)


def test_generated_values_and_varied_samples_exclude_each_other():
    settings = NetworkSettings(name="rms", augment=WAVEFORM, train={"generated": 0.5})
    with pytest.raises(
        ConfigError, match=r"^rms: train\.generated makes values, augment\.waveform varies samples; .*$"
    ):
        settings.check(FEATURES)
    NetworkSettings(name="rms", train={"generated": 0.5}).check(FEATURES)


@pytest.mark.parametrize(
    ("window", "name", "size"), [(1.0, "rms", (32, 32)), (2.0, "chroma", (12, 63)), (0.0, "spectrogram", (128, 32))]
)
def test_its_network_is_asked_for_pictures_of_the_window_or_of_a_second(monkeypatch, window, name, size):
    asked = []
    monkeypatch.setattr(module, "check_network", lambda *given: asked.append(given))
    NetworkSettings(name=name).check(FeatureSettings(window=window))
    assert asked == [("resnet18", *size)]


def test_it_is_described_by_its_network():
    assert NetworkSettings(name="rms", train={"network": "resnet34"}).describe() == "resnet34"


def test_values_become_a_standardised_picture_and_then_logits(monkeypatch):
    monkeypatch.setattr(module, "build_network", lambda *_: Seeing())
    classifier = AudioClassifier(find("chroma"), FEATURES, PictureSettings(), 3)
    classifier.picture.mean.fill_(0.5)
    logits, embedding = NetworkModule(classifier)(torch.rand(2, 12, 32))
    assert logits.dtype == torch.float32 and embedding is None
    pictures = classifier.network.seen
    assert pictures.shape == (2, 1, 12, 32) and pictures.amax() == 0.5  # between 0 and 1, less a half


class Seeing(torch.nn.Module):
    """A network that notes its pictures, and answers in half precision."""

    def forward(self, pictures):
        self.seen = pictures
        return pictures.mean((1, 2, 3)).half()[:, None]
