"""Discriminants over who speaks and how: for voices that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.errors import ConfigError
from tembr.voices.answer import ensemble_of, unknown
from tembr.voices.experiment import truth_of
from tembr.voices.kinds import learn, new_member
from tembr.voices.settings import VoiceSettings

KINDS = ("spectra", "mean spectrum")


def halves(pool):
    """Every voice in both: indices learnt from, indices asked."""
    everything = np.arange(len(pool.classes))
    return everything[everything % 4 != 3], everything[everything % 4 == 3]


@pytest.mark.parametrize("kind", KINDS)
def test_known_voices_are_recognised_and_wrong_labels_noticed(pool, kind):
    learnt, asked = halves(pool)
    settings = VoiceSettings(kind=kind, shrinkage=0.1)
    answers = unknown(ensemble_of([(1.0, [learn(pool, learnt, settings, 0)])], pool), pool, asked)
    assert (answers.logits.argmax(1) == truth_of(pool, asked)).mean() >= 0.9
    wrong = type(pool)(**vars(pool) | {"classes": (pool.classes + 1) % 3})
    answers = unknown(ensemble_of([(1.0, [learn(wrong, learnt, settings, 0)])], pool), pool, asked)
    assert (answers.logits.argmax(1) == truth_of(pool, asked)).mean() <= 0.2


def test_the_mean_spectrum_hears_no_order_in_time(pool):
    """Frames in another order, all of them heard: the same answer; with functionals another one."""
    contours, counts = pool.contours[:8, :, 20:60], torch.ones(8, pool.contours.shape[1], 40)
    turned = contours[..., torch.randperm(40, generator=torch.Generator().manual_seed(0))]
    for kind, same in (("mean spectrum", True), ("spectra", False)):
        model = learn(pool, halves(pool)[0], VoiceSettings(kind=kind, shrinkage=0.1), 0)
        with torch.no_grad():
            assert torch.allclose(model(contours, counts), model(turned, counts), atol=1e-2) == same


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_same_after_a_file(pool, kind):
    settings = VoiceSettings(kind=kind, shrinkage=0.1)
    model, again = learn(pool, halves(pool)[0], settings, 0), new_member(settings, pool)
    again.load_state_dict(model.state_dict())
    counts = pool.weights.float()
    with torch.no_grad():
        assert torch.equal(model(pool.contours, counts), again.eval()(pool.contours, counts))


def test_an_emotion_that_one_speaker_lacks_is_learnt_from_the_others(pool):
    learnt, asked = halves(pool)
    some = learnt[(pool.speakers[learnt] != 3) | (pool.classes[learnt] != 1)]
    model = learn(pool, some, VoiceSettings(kind="spectra", shrinkage=0.1), 0)
    answers = unknown(ensemble_of([(1.0, [model])], pool), pool, asked)
    others = pool.speakers[asked] != 3
    assert (answers.logits.argmax(1) == truth_of(pool, asked))[others].mean() >= 0.9


def test_one_emotion_cannot_be_learnt(pool):
    with pytest.raises(ConfigError, match="fewer than two"):
        learn(pool, np.flatnonzero(pool.classes == 0), VoiceSettings(kind="spectra"), 0)
