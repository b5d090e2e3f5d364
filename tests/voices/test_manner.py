"""Covariances and means are those that were drawn from; a speaker's manner is found without labels."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tembr.recognize.manner import Manner, learn_manner
from tembr.voices.manner import estimate


@pytest.fixture
def drawn():
    """Sixty speakers of two corpora, four emotions and numbers; covariances diagonal, each of another kind."""
    rng = np.random.default_rng(0)
    effects = np.array([[4, 0, 0, 0], [-4, 0, 0, 0], [0, 4, 0, 0], [0, -4, 0, 0]], float)
    speakers, classes, corpus, values = [], [], [], []
    for speaker in range(60):
        voice = rng.standard_normal(4) * [1, 1, 9, 1] + (50 if speaker % 2 else 7)
        for emotion, effect in enumerate(effects):
            manner = rng.standard_normal(4) * [1, 1, 1, 5]
            for _ in range(30):
                values.append(voice + effect + manner + rng.standard_normal(4) * [2, 3, 1, 1])
                speakers.append(speaker), classes.append(emotion), corpus.append(speaker % 2)
    pool = SimpleNamespace(
        speakers=np.array(speakers),
        classes=np.array(classes),
        corpus=np.array(corpus),
        originals=np.arange(len(values)),
    )
    return pool, np.array(values), effects


def test_the_moments_are_found(drawn):
    pool, values, effects = drawn
    found = estimate(pool, np.arange(len(values)), values)
    assert found.effects == pytest.approx(effects, abs=2.5)
    assert np.diag(found.speech) == pytest.approx([4, 9, 1, 1], rel=0.1)
    assert np.diag(found.voices)[2] == pytest.approx(81, rel=0.4)
    assert np.diag(found.manner)[3] == pytest.approx(25 * 3 / 4, rel=0.35)  # about the speaker's mean of four
    assert found.centre == pytest.approx(np.full(4, 7), abs=5)


def test_voices_come_from_every_corpus_and_emotions_from_the_one_asked(drawn):
    pool, values, _ = drawn
    some = np.flatnonzero((pool.corpus == 0) | (pool.classes < 2))
    alone = estimate(pool, np.flatnonzero(pool.corpus == 0), values[pool.corpus == 0])
    both = estimate(pool, some, values[some])
    assert np.array_equal(alone.effects, both.effects) and np.array_equal(alone.speech, both.speech)
    assert not np.allclose(alone.voices, both.voices)


MANNER = Manner(np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 3.0]]), np.array([4.0, 4.0]), 1.0, 0.0)


def speaker(shift, count, seed):
    rng = np.random.default_rng(seed)
    truth = np.arange(count) % 3
    means = MANNER.means + np.array([[0, 0], [0, 0], shift])
    return truth, means[truth] + rng.standard_normal((count, 2)) * 0.7 + [100, -40]


def test_a_manner_is_found_without_labels():
    truth, positions = speaker([2.5, -1.0], 60, 1)
    own = learn_manner(MANNER, positions[:30], np.zeros((30, 3)))
    expected = MANNER.means + np.array([[100, -40], [100, -40], [102.5, -41]])
    assert own.means == pytest.approx(expected, abs=0.5)
    assert (own.logits(positions[30:]).argmax(1) == truth[30:]).mean() >= 0.95
    assert own.offset.mean() == pytest.approx(0) and (own.precisions > 0).all()


def test_the_networks_logits_have_a_say():
    _, positions = speaker([0, 0], 30, 2)
    certain = np.tile([0.0, 50.0, 0.0], (30, 1))
    own = learn_manner(MANNER, positions, certain)
    centre = positions.mean(0)
    assert own.means[1] == pytest.approx(centre + MANNER.means[1] / (1 + 30 * 4), abs=0.3)
    assert own.means[0] == pytest.approx(centre + MANNER.means[0])


def test_few_recordings_weigh_little():
    _, positions = speaker([0, 0], 3, 3)
    believed = learn_manner(MANNER._replace(prior=9.0), positions, np.zeros((3, 3)))
    full = learn_manner(MANNER, positions, np.zeros((3, 3)))
    assert believed.precisions.max() <= 0.26 < full.precisions.max()
