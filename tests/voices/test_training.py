from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.errors import ConfigError, CorpusError
from tembr.voices.answer import ensemble_of, fit_temperature, known, unknown
from tembr.voices.experiment import truth_of
from tembr.voices.manner import fit_manner
from tembr.voices.plan import make_plan
from tembr.voices.recipe import Recipe
from tembr.voices.settings import VoiceSettings
from tembr.voices.train import Speakers, train

SMALL = VoiceSettings(channels=16, layers=2, steps=60, batch_size=32, crop=64, average=0.9)


def share_right(pool, answers) -> float:
    return float((answers.logits.argmax(1) == truth_of(pool, answers.indices)).mean())


@pytest.mark.parametrize(
    "changed",
    [{}, {"centred": True}, {"mixstyle": 0.5}, {"level": "speaker"}, {"kind": "pictures", "channels": 8}],
    ids=["plain", "centred", "mixstyle", "speaker", "pictures"],
)
def test_a_network_learns_how_unheard_speakers_feel(pool, changed):
    test = np.flatnonzero(pool.speakers == 3)
    learnt = np.flatnonzero(pool.speakers != 3)
    network = train(pool, learnt, SMALL.model_copy(update=changed), 0)
    ensemble = ensemble_of([(1.0, [network])], pool)
    assert changed.get("level") or share_right(pool, unknown(ensemble, pool, test)) >= 0.6
    adapted = known(ensemble, pool, test, 4, np.random.default_rng(0), Recipe(offset_prior=0))
    assert len(adapted.indices) == 8 and share_right(pool, adapted) >= 0.6


def test_functionals_learn_too_and_wrong_labels_are_noticed(pool):
    learnt, test = np.flatnonzero(pool.speakers != 3), np.flatnonzero(pool.speakers == 3)
    settings = VoiceSettings(kind="functionals", shrinkage=0.5)
    right = unknown(ensemble_of([(1.0, [fit_manner(pool, learnt, settings)])], pool), pool, test)
    assert share_right(pool, right) >= 0.9
    wrong = dict(vars(pool)) | {"classes": (pool.classes + 1) % 3}
    misled = fit_manner(type(pool)(**wrong), learnt, settings)
    assert share_right(pool, unknown(ensemble_of([(1.0, [misled])], pool), pool, test)) <= 0.2


def test_one_emotion_cannot_be_learnt(pool):
    with pytest.raises(ConfigError, match="fewer than two"):
        fit_manner(pool, np.flatnonzero(pool.classes == 0), VoiceSettings(kind="functionals"))


def test_training_depends_on_its_seed_alone(pool):
    learnt = np.arange(len(pool.classes))
    settings = SMALL.model_copy(update={"steps": 4})
    one, same, other = (train(pool, learnt, settings, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_draws_are_balanced_by_speaker_and_groups_by_emotion(pool):
    few = np.concatenate([np.flatnonzero(pool.speakers == 0), np.flatnonzero(pool.speakers == 1)[:3]])
    rng = np.random.default_rng(0)
    drawn = pool.speakers[Speakers(pool, few, 1.0).draw(4_000, rng, grouped=False)]
    assert np.mean(drawn == 1) == pytest.approx(0.5, abs=0.05)
    group = Speakers(pool, np.arange(48), 0.5).draw(32, rng, grouped=True)
    assert [len(set(pool.speakers[half])) for half in (group[:16], group[16:])] == [1, 1]
    assert np.ptp(np.bincount(pool.classes[group[:16]])) <= 1


def test_adapting_takes_a_bias_away_and_never_scores_what_it_heard(pool):
    learnt, test = np.flatnonzero(pool.speakers != 3), np.flatnonzero(pool.speakers == 3)
    network = fit_manner(pool, learnt, VoiceSettings(kind="functionals", shrinkage=0.5))
    with torch.no_grad():
        network.output.bias[0] += 1e4
    ensemble = ensemble_of([(1.0, [network])], pool)
    assert share_right(pool, unknown(ensemble, pool, test)) == pytest.approx(1 / 3)
    answers = known(ensemble, pool, test, 6, np.random.default_rng(2), Recipe(offset_prior=0))
    assert share_right(pool, answers) > 0.6
    assert len(answers.indices) == 6 and set(answers.indices) < set(test)


def test_the_temperature_is_that_of_the_truth():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((4_000, 3)) * 2
    powers = np.exp(logits)
    truth = np.array([rng.choice(3, p=p / p.sum()) for p in powers])
    assert fit_temperature(logits * 3, truth) == pytest.approx(3, rel=0.1)


def test_nobody_who_is_scored_or_decided_on_is_learnt_from(voices):
    speakers = np.array([u.speaker for u in voices.utterances])
    texts = np.array([u.text for u in voices.utterances])
    plan = make_plan(voices, "speaker", 0)
    assert sorted(np.concatenate([outer.test for outer in plan])) == list(range(48))
    for outer in plan:
        assert len(outer.parts) == 3
        assert sorted([*outer.test, *outer.whole.train]) == list(range(48)) and not len(outer.whole.inner)
        for part in outer.parts:
            groups = [set(speakers[part]) for part in (outer.test, part.inner, part.train)]
            assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])
    with pytest.raises(CorpusError, match="five or more"):
        make_plan(voices, "sentence", 0)
    assert len(set(texts)) == 4


def test_sentences_that_are_scored_are_not_learnt_from(voices):
    from dataclasses import replace

    more = tuple(replace(u, text=f"{u.text} {k % 3}") for k, u in enumerate(voices.utterances))
    corpus = replace(voices, utterances=more)
    texts, speakers = (np.array([getattr(u, name) for u in more]) for name in ("text", "speaker"))
    for outer in make_plan(corpus, "sentence", 3):
        asked = set(texts[outer.test])
        assert 0 < len(asked) <= 3
        for part in (outer.whole, *outer.parts):
            assert not asked & set(texts[part.train]) and set(texts[part.inner]) <= asked
            assert not set(speakers[part.train]) & set(speakers[outer.test])


def nearest(voices):
    return make_plan(voices, "speaker", 0, inner=1)


def test_a_pair_of_speakers_is_one_network(voices):
    plan = {outer.name: outer for outer in make_plan(voices, "speaker", 0)}
    first = {tuple(part.train) for part in plan["s0"].parts}
    second = {tuple(part.train) for part in plan["s1"].parts}
    assert len(first & second) == 1
    circle = {frozenset(u for u in range(48) if u not in set(p.train)) for o in nearest(voices) for p in o.parts}
    assert len(circle) == 4 and all(len(outer.parts) == 2 for outer in nearest(voices))
    with pytest.raises(CorpusError, match="9 folds"):
        make_plan(voices, "speaker", 0, folds=9)


def test_a_speaker_of_another_manner_is_adapted_to(pool):
    """One whose every emotion lies elsewhere: all positions are shifted, and one emotion's besides."""
    model = fit_manner(pool, np.arange(48), VoiceSettings(kind="functionals", shrinkage=0.5))
    ensemble = ensemble_of([(0.0, [model])], pool, model)
    own = np.flatnonzero(pool.speakers == 3)
    answers = known(ensemble, pool, own, 6, np.random.default_rng(0), Recipe(manner_share=1.0))
    assert len(answers.indices) == 6 and share_right(pool, answers) >= 0.8
    blind = known(ensemble, pool, own, 6, np.random.default_rng(0), Recipe(manner_share=0.0))
    assert share_right(pool, blind) == pytest.approx(1 / 3, abs=0.2)
