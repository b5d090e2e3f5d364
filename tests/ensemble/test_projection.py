"""The speaker space on embeddings whose parts are known: voice, emotion, a speaker's way with it, chance."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.ensemble.projection import Projection, corpus_shares, fit_speaker_space

LABELS, SPEAKERS = 3, 40


def made_up(seed: int = 0, takes: int = 20, chance: float = 0.5):
    """Of four dimensions: emotions along the first, a speaker's own ways along the second, voice along the third."""
    rng = np.random.default_rng(seed)
    speakers, classes = (a.ravel() for a in np.mgrid[:SPEAKERS, :LABELS, :takes][:2])
    ways, voices = rng.normal(size=(SPEAKERS, LABELS)), rng.normal(size=SPEAKERS)
    parts = [2.0 * (classes - 1), ways[speakers, classes], voices[speakers], np.zeros(len(classes))]
    values = np.stack(parts, axis=1) + chance * rng.normal(size=(len(classes), 4))
    return values.astype(np.float32), classes, speakers


def test_a_projection_standardises_and_then_projects():
    projection = Projection(2, 1)
    projection.mean.copy_(torch.tensor([1.0, 2.0]))
    projection.deviation.copy_(torch.tensor([2.0, 4.0]))
    projection.directions.copy_(torch.tensor([[1.0], [10.0]]))
    assert projection(torch.tensor([[3.0, -2.0]])).tolist() == [[1.0 - 10.0]]


def test_a_value_far_out_counts_as_six_deviations():
    projection = Projection(1, 1)
    projection.directions.fill_(1.0)
    assert projection(torch.tensor([[100.0], [-7.0], [5.0]])).tolist() == [[6.0], [-6.0], [5.0]]


def test_recordings_of_one_speaker_and_emotion_vary_by_one():
    values, *known = made_up()
    space = fit_speaker_space(values, *known, LABELS, 4, shrinkage=0.0)
    found = space.project(values).reshape(SPEAKERS, LABELS, -1, 4)
    apart = found - found.mean(2, keepdims=True)
    np.testing.assert_allclose(np.cov(apart.reshape(-1, 4).T), np.eye(4), atol=0.05)


def test_the_spread_is_what_speakers_means_vary_by_about_those_of_all():
    """A way of one deviation, in units of chance's half and less a third for the centre: (1 + ¼ / 20) · ⅔ / ¼."""
    space = fit_speaker_space(*made_up(), LABELS, 4, shrinkage=0.0)
    assert max(space.spread) == pytest.approx((1 + 0.25 / 20) * (2 / 3) / 0.25, rel=0.2)


def test_where_a_voice_lies_is_no_way_of_showing_an_emotion():
    """Along all axes but that of the ways there is chance alone, about ¼ / 20 · ⅔ / ¼ = 1/30."""
    space = fit_speaker_space(*made_up(), LABELS, 4, shrinkage=0.0)
    assert sorted(space.spread)[2] < 0.1


def test_emotions_lie_about_the_centre_as_far_as_they_are_apart():
    """Two units in each direction, in deviations of a half, along whichever axis."""
    space = fit_speaker_space(*made_up(chance=0.5), LABELS, 4, shrinkage=0.0)
    assert np.linalg.norm(space.means[2] - space.means[0]) == pytest.approx(8, rel=0.1)
    np.testing.assert_allclose(space.means.sum(0), 0, atol=1e-6)


def test_the_dimensions_that_are_kept_are_those_of_emotions_and_ways():
    whole, part = (fit_speaker_space(*made_up(), LABELS, d, shrinkage=0.0) for d in (4, 2))
    worth = whole.means.var(0) + whole.spread
    assert part.means.shape == (LABELS, 2) and part.spread.shape == (2,)
    assert sorted(part.means.var(0) + part.spread) == pytest.approx(sorted(worth)[-2:])


def test_a_voice_that_said_more_counts_no_more():
    values, classes, speakers = made_up()
    twice = np.concatenate([np.arange(len(values)), np.flatnonzero(speakers == 0)])
    known = values, classes, speakers
    once, more = (fit_speaker_space(*(one[i] for one in known), LABELS, 1, 0.0) for i in (slice(None), twice))
    np.testing.assert_allclose(np.abs(more.means), np.abs(once.means), rtol=0.05, atol=0.02)


def test_an_emotion_that_nobody_showed_lies_at_the_centre():
    space = fit_speaker_space(*made_up(), LABELS + 1, 4, shrinkage=0.3)
    assert space.means[LABELS].tolist() == [0, 0, 0, 0]


def test_what_counts_twice_is_as_if_it_were_there_twice():
    """Half of the speakers, whose emotions are further apart."""
    values, classes, speakers = made_up()
    values[speakers < 20] *= 2
    shares = np.where(speakers < 20, 2.0, 1.0)
    again = np.flatnonzero(speakers < 20)
    doubled = [np.concatenate([one, one[again]]) for one in (values, classes)]
    names = np.concatenate([speakers, speakers[again] + SPEAKERS])
    counted = fit_speaker_space(values, classes, speakers, LABELS, 2, 0.0, shares)
    there = fit_speaker_space(*doubled, names, LABELS, 2, 0.0)
    plain = fit_speaker_space(values, classes, speakers, LABELS, 2, 0.0)
    np.testing.assert_allclose(np.abs(counted.means), np.abs(there.means), rtol=1e-2, atol=1e-3)
    assert np.abs(np.abs(plain.means) - np.abs(there.means)).max() > 0.05


def test_who_shows_one_emotion_alone_tells_nothing():
    values, classes, speakers = made_up()
    names = np.array([f"{s}{k}" if s >= 20 else str(s) for s, k in zip(speakers, classes)])
    whole = fit_speaker_space(values[speakers < 20], classes[speakers < 20], speakers[speakers < 20], LABELS, 4, 0.0)
    mixed = fit_speaker_space(values, classes, names, LABELS, 4, 0.0)
    np.testing.assert_allclose(np.sort(mixed.spread), np.sort(whole.spread), rtol=1e-3)
    apart = [np.linalg.norm(one.means[2] - one.means[0]) for one in (mixed, whole)]
    assert apart[0] == pytest.approx(apart[1], rel=1e-3)


def test_where_nobody_shows_two_emotions_all_are_taken():
    values, classes, speakers = made_up()
    space = fit_speaker_space(values, classes, np.char.add(speakers.astype(str), classes.astype(str)), LABELS, 4, 0.0)
    np.testing.assert_allclose(space.means, 0, atol=1e-9)
    assert np.isfinite(space.project(values)).all()


def test_every_other_corpus_counts_a_share_of_the_first_however_many_speakers_it_has():
    speakers, corpora = np.array(["a", "b", "c", "c", "d", "e"]), np.array([0, 0, 1, 1, 2, 2])
    assert corpus_shares(speakers, corpora, 0.2).tolist() == pytest.approx([1, 1, 0.4, 0.4, 0.2, 0.2])
    assert corpus_shares(speakers[:2], corpora[:2], 0.2).tolist() == [1, 1]
