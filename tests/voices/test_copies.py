"""Copies are learnt from with their originals and never otherwise, and never measured with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.errors import ConfigError
from tembr.voices.copies import KINDS, kind_of
from tembr.voices.manner import estimate
from tembr.voices.networks import Networks
from tembr.voices.plan import make_plan
from tembr.voices.pool import degraded, make_pool
from tembr.voices.recipe import MemberSettings
from tembr.voices.settings import CONTOURS
from tembr.voices.train import Speakers


@pytest.fixture(scope="module")
def copied(voices, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMBR_CACHE", str(tmp_path_factory.mktemp("cache")))
        pool = make_pool([voices], CONTOURS, copies=True)
        again = make_pool([voices], CONTOURS, copies=True)
    assert torch.equal(pool.contours, again.contours)
    return pool


def test_half_are_copied_and_each_is_something_else(copied, voices):
    kinds = [kind_of(u) for u in voices.utterances]
    assert set(KINDS) - {""} == {"phone", "noise", "room", "mp3"} and KINDS.count("") == len(KINDS) / 2
    copies = np.arange(48, len(copied.originals))
    assert len(copies) == sum(map(bool, kinds)) > 10
    assert [bool(kinds[k]) for k in copied.originals[copies]] == [True] * len(copies)
    for one in copies:
        original = copied.originals[one]
        assert copied.classes[one] == copied.classes[original]
        assert copied.speakers[one] != copied.speakers[original]
        assert not torch.allclose(copied.contours[one], copied.contours[original], atol=1.0)


def test_copies_are_learnt_from_with_their_originals_alone(copied, voices, tmp_path):
    networks = Networks([voices], copied, tmp_path)
    for outer in make_plan(voices, "speaker", 0, inner=1):
        for part in (outer.whole, *outer.parts):
            learnt = networks.tasks(part, MemberSettings(), 0)[0].indices
            assert set(learnt[learnt < 48]) == set(part.train)
            assert set(copied.originals[learnt]) == set(part.train)
            assert not set(copied.originals[learnt]) & {*outer.test, *part.inner}
            assert (learnt >= 48).any()
    with pytest.raises(ConfigError, match="besides emodb"):
        networks.tasks(outer.whole, MemberSettings(besides=("emodb",)), 0)


def test_copies_are_drawn_less_often(copied):
    everything = np.arange(len(copied.originals))
    speakers = Speakers(copied, everything, 0.0)
    one = speakers.chances[:48].mean(), speakers.chances[48:].mean()
    assert one[1] == pytest.approx(one[0] / 2)


def test_copies_say_what_a_channel_does_and_nothing_of_emotions(copied):
    rng = np.random.default_rng(0)
    values = rng.standard_normal((len(copied.originals), 3))
    values[48:] = values[copied.originals[48:]] + [0, 5, 0]
    found = estimate(copied, np.arange(len(values)), values)
    alone = estimate(copied, np.arange(48), values[:48])
    assert np.array_equal(found.effects, alone.effects) and np.array_equal(found.voices, alone.voices)
    assert found.channels == pytest.approx(np.diag([0, 25, 0]), abs=1e-9)
    assert not alone.channels.any()


def test_only_what_is_asked_is_degraded(copied, voices):
    heard = degraded(copied, voices, "phone", CONTOURS)
    assert torch.equal(heard.contours[48:], copied.contours[48:])
    assert not torch.allclose(heard.contours[:48], copied.contours[:48], atol=1.0)
