"""Discriminants on what differs from a speaker's mean."""

from __future__ import annotations

import numpy as np
import torch

from tembr.ensemble.relative import fit_relative, less_own_mean


def voices(count: int = 30, speakers: int = 6, seed: int = 0):
    """Two emotions half a unit apart along the second axis, of voices that lie far apart along it."""
    rng = np.random.default_rng(seed)
    speaker, emotion = (each.ravel() for each in np.indices((speakers, 2, count))[:2])
    values = 0.2 * rng.normal(size=(len(speaker), 3))
    values[:, 1] += 0.5 * emotion + 10 * rng.normal(size=speakers)[speaker]
    return values.astype(np.float32), emotion, np.array([f"s{k}" for k in speaker])


def test_a_voice_less_its_mean_tells_emotions_that_nothing_else_tells():
    values, classes, speakers = voices()
    head = fit_relative([values], classes, speakers, np.zeros(len(classes), int), {0: 1.0}, 3, 1.0)
    unknown, truth, _ = voices(speakers=1, seed=7)
    found = head(torch.from_numpy(unknown + np.float32([0, 3, 0]))).numpy()
    own = found - found.mean(0)
    assert (own[:, :2].argmax(1) == truth).mean() > 0.85
    assert not found[:, 2].any()  # an emotion that nobody showed


def test_layers_say_the_mean_of_what_each_says_over_the_temperature():
    values, classes, speakers = voices()
    known = classes, speakers, np.zeros(len(classes), int), {0: 1.0}, 2
    one = fit_relative([values], *known, 1.0)
    twice = fit_relative([values, values], *known, 4.0)
    taken = torch.from_numpy(values)
    torch.testing.assert_close(twice(torch.cat([taken, taken], dim=1)), one(taken) / 4, atol=1e-4, rtol=1e-4)


def test_a_group_of_no_importance_changes_nothing():
    values, classes, speakers = voices()
    other = np.concatenate([values, -values[::-1]])
    known = np.concatenate([classes, classes]), np.concatenate([speakers, np.char.add(speakers, "x")])
    groups = np.repeat([0, 2], len(classes))
    alone = fit_relative([values], classes, speakers, groups[: len(classes)], {0: 1.0}, 2, 1.0)
    found = fit_relative([other], *known, groups, {0: 1.0, 2: 0.0}, 2, 1.0)
    torch.testing.assert_close(found.weights, alone.weights, atol=1e-3, rtol=1e-3)


def test_a_centre_is_the_mean_of_the_means_of_each_emotion():
    values = np.array([[0.0], [2.0], [5.0], [7.0], [9.0]])
    apart, usable = less_own_mean(values, np.array([0, 0, 1, 0, 0]), np.array(["a", "a", "a", "b", "b"]))
    assert apart[:3, 0].tolist() == [-3, -1, 2] and usable.tolist() == [True] * 3 + [False] * 2


def test_speakers_of_one_emotion_each_tell_nothing():
    values, classes, _ = voices(count=3, speakers=1)
    nobody = np.arange(len(classes)).astype(str)
    head = fit_relative([values], classes, nobody, np.zeros(len(classes), int), {0: 1.0}, 2, 1.0)
    assert not head(torch.from_numpy(values)).any()
