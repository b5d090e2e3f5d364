"""Numbers that representations depend on, refused where they contradict each other."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from tembr.features.settings import FeatureSettings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_mfcc": 129}, r"n_mfcc \(129\) cannot exceed n_mels \(128\)"),
        ({"delta_width": 8}, r"delta_width \(8\) must be odd"),
        ({"window": 0.25}, r"a window of 0.25 s holds fewer than delta_width \(9\) frames"),
        ({"padding": "mirror"}, "'zero' or 'repeat'"),
        ({"n_mel": 64}, "Extra inputs are not permitted"),
        ({"hop_length": 8}, "greater than or equal to 16"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        FeatureSettings(**changes)


def test_the_shortest_window_holds_the_frames_of_a_slope():
    assert FeatureSettings(window=0.288).window_samples == 9 * 512


def test_a_window_of_nothing_leaves_recordings_their_length():
    assert FeatureSettings(window=0).window_samples == 0


@pytest.mark.parametrize(("padding", "tail"), [("zero", [0, 0, 0, 0]), ("repeat", [1, 2, 3, 1])])
def test_a_short_recording_is_filled_up_as_asked_for(padding, tail):
    settings = FeatureSettings(sample_rate=4_000, window=0.25, hop_length=16, padding=padding)
    fitted = settings.fit(np.array([1.0, 2.0, 3.0]))
    assert len(fitted) == 1_000 and fitted[:3].tolist() == [1, 2, 3] and fitted[-4:].tolist() == tail


def test_a_long_recording_is_cut_to_its_beginning():
    settings = FeatureSettings(sample_rate=4_000, window=0.25, hop_length=16)
    assert settings.fit(np.arange(1_003.0)).tolist() == list(range(1_000))


def test_equal_settings_are_one_key():
    assert len({FeatureSettings(), FeatureSettings(n_mels=128), FeatureSettings(n_mels=64)}) == 2
