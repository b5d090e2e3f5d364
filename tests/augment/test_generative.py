"""A VAE fitted on a training part, and the examples it makes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tembr.augment.generative import TrainingPart, _alike, fit_vae, generate
from tembr.errors import ConfigError
from tests.augment.conftest import CPU, SMALL, Mel

LEARNT = np.arange(0, 180, 2)


def fitted(mel: Mel, seed: int = 3, **settings):
    return fit_vae(mel.part(LEARNT), 6, SMALL.model_copy(update=settings), seed, CPU)


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture(scope="module")
def vae(mel):
    return fitted(mel)


def test_the_same_seed_gives_the_same_state_and_another_another(mel, vae):
    assert same(fitted(mel), vae) and not same(fitted(mel, seed=4), vae)


def test_recordings_that_are_held_out_change_nothing(mel, vae):
    """Their values, emotions and speakers may be anything, and all the VAE knows and makes stays the same."""
    heldout = np.setdiff1d(np.arange(180), LEARNT)
    values = [np.full_like(v, np.nan) if i in heldout else v for i, v in enumerate(mel.values)]
    classes, speakers = mel.classes.copy(), mel.speakers.copy()
    classes[heldout], speakers[heldout] = -1, "somebody else"
    changed = Mel(values, classes, speakers)
    again = fitted(changed)
    assert same(again, vae)
    examples = [generate(one, m.part(LEARNT), 20, seed=1)[0] for one, m in ((vae, mel), (again, changed))]
    assert torch.equal(*examples)


def test_recordings_that_are_learnt_from_change_it(mel, vae):
    values = [v + 1 if i == LEARNT[5] else v for i, v in enumerate(mel.values)]
    assert not same(fitted(Mel(values, mel.classes, mel.speakers)), vae)


def test_fitting_leaves_the_random_state_of_others_alone(mel):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fitted(mel, epochs=1)
    assert torch.equal(torch.rand(3), expected)


def test_real_recordings_are_reconstructed_better_epoch_by_epoch(mel):
    part = mel.part(LEARNT[:24])
    (batch,) = part.batches(np.arange(24), 24, CPU)
    noise = torch.zeros(24, SMALL.latent)
    losses = []
    for epochs in (1, 10, 40):
        settings = SMALL.model_copy(update={"epochs": epochs, "channels": 8, "batch_size": 8})
        losses.append(fit_vae(part, 6, settings, 0, CPU).elbo(*batch, noise).reconstruction.item())
    assert losses[0] > 1.1 * losses[1] > 1.1**2 * losses[2]


def test_beta_draws_latents_to_the_prior(mel):
    (batch,) = mel.part(LEARNT).batches(np.arange(90), 90, CPU)
    noise = torch.zeros(90, SMALL.latent)
    loose, tight = (fitted(mel, beta=beta, epochs=8).elbo(*batch, noise).divergence for beta in (0.0, 50.0))
    assert tight < 0.5 * loose


def test_progress_is_counted_by_epoch(mel):
    counted = []
    fit_vae(mel.part(LEARNT), 6, SMALL, 0, CPU, lambda *numbers: counted.append(numbers))
    assert counted == [(1, 2), (2, 2)]


def test_a_fitting_that_diverges_is_one_line(mel):
    with pytest.raises(ConfigError, match=r"^the VAE's loss is not finite; choose a lower train\.vae\.learning_rate$"):
        fitted(mel, learning_rate=1e9)


def test_examples_have_the_shape_and_the_range_of_the_training_part(mel, vae):
    values, classes = generate(vae, mel.part(LEARNT), 200, seed=0)
    assert values.shape == (200, 32, 32) and classes.shape == (200,)
    real = torch.from_numpy(np.stack([mel.values[i] for i in LEARNT]))
    lowest, highest = real.amin((0, 2))[:, None], real.amax((0, 2))[:, None]
    assert (values >= lowest).all() and (values <= highest).all()


def test_examples_repeat_with_the_seed(mel, vae):
    (one, _), (again, _), (other, _) = (generate(vae, mel.part(LEARNT), 10, seed) for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_emotions_come_as_often_as_in_the_training_part(mel, vae):
    part = mel.part(LEARNT)
    _, classes = generate(vae, part, 2 * len(LEARNT), seed=0)
    np.testing.assert_array_equal(np.bincount(classes), 2 * np.bincount(part.classes))


def test_an_example_lies_between_two_recordings_of_one_emotion_and_speaker(mel):
    part = mel.part(LEARNT)
    first = np.arange(len(LEARNT))
    second = _alike(part, first, np.random.default_rng(0))
    np.testing.assert_array_equal(part.classes[second], part.classes[first])
    np.testing.assert_array_equal(part.speakers[second], part.speakers[first])
    assert (second != first).all()


def test_the_only_recording_of_an_emotion_by_a_speaker_is_taken_by_itself(mel):
    part = replace(mel.part(LEARNT), speakers=np.arange(len(LEARNT)))
    np.testing.assert_array_equal(_alike(part, np.arange(9), np.random.default_rng(0)), np.arange(9))


def test_speakers_heard_once_are_unknown():
    speakers = np.array(["B", "A", "B", "C", "A", "D", "D"])
    part = TrainingPart.of([], np.zeros(7, int), speakers, np.arange(6))
    assert part.speakers.tolist() == [2, 1, 2, 0, 1, 0]


def test_shorter_recordings_begin_anew(mel):
    table = [np.arange(6.0, dtype=np.float32).reshape(2, 3), np.zeros((2, 5), np.float32)]
    part = TrainingPart.of(table, np.zeros(2, int), np.array(["A", "A"]), np.arange(2))
    ((values, _, _),) = part.batches(np.arange(2), 2, CPU)
    assert values[0].tolist() == [[0, 1, 2, 0, 1], [3, 4, 5, 3, 4]]


def test_recordings_of_different_lengths_are_learnt_from(mel):
    values = [v[:, : 20 + i % 12] for i, v in enumerate(mel.values)]
    shorter = Mel(values, mel.classes, mel.speakers)
    made, _ = generate(fitted(shorter, epochs=1), shorter.part(LEARNT), 3, seed=0)
    assert made.shape == (3, 32, 31) or made.shape == (3, 32, 30)
