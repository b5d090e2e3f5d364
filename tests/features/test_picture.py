from __future__ import annotations

import math

import pytest
import torch

from tembr.features import REGISTRY, REPRESENTATIONS, FeatureSettings
from tembr.features.picture import Picture, PictureSettings, curve_picture, normalize_recording


def picture(name: str, **settings) -> Picture:
    entry = REGISTRY[name]
    return Picture(entry, PictureSettings(**settings), entry.bins(FeatureSettings()))


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_every_representation_becomes_a_one_channel_picture(name):
    bins = REGISTRY[name].bins(FeatureSettings())
    rows = 32 if bins == 1 else min(bins, 128)
    assert picture(name)(torch.randn(2, bins, 94)).shape == (2, 1, rows, 94)


@pytest.mark.parametrize("how", ["none", "cmn"])
def test_tall_values_averaged_first_have_the_same_picture(how):
    one, values = picture("spectrogram", per_recording=how), torch.randn(2, 1025, 20)
    averaged = one.averaged(values)
    assert averaged.shape == (2, 128, 20)
    torch.testing.assert_close(one(averaged), one(values))


@pytest.mark.parametrize(
    ("name", "settings"),
    [("spectrogram", {"per_recording": "cmvn"}), ("spectrogram", {"max_bins": 0}), ("rms", {}), ("mfcc", {})],
)
def test_values_that_may_not_or_need_not_be_averaged_first_stay_as_they_are(name, settings):
    values = torch.randn(2, REGISTRY[name].bins(FeatureSettings()), 20)
    assert picture(name, **settings).averaged(values) is values


def test_zcr_falls_linearly_over_the_bands():
    rows = curve_picture(torch.ones(1, 1, 3), 4, "linear")
    assert rows[0, :, 0].tolist() == [1.0, 0.75, 0.5, 0.25]


def test_rms_falls_exponentially_over_the_bands():
    rows = curve_picture(torch.ones(1, 1, 3), 4, "exponential")
    assert rows[0, :, 0].tolist() == pytest.approx([math.exp(-3 * i / 4) for i in range(4)])


def test_curves_are_scaled_to_one_per_recording_before_they_are_repeated():
    values = torch.tensor([[[0.0, 1.0, 4.0]], [[2.0, 2.5, 3.0]]])
    top = picture("rms", training_statistics=False)(values)[:, 0, 0]
    assert top.tolist() == [[0.0, 0.25, 1.0], [0.0, 0.5, 1.0]]


def test_cmvn_centres_every_bin_of_every_recording():
    values = normalize_recording(torch.randn(2, 5, 50) * 7 + 3, "cmvn")
    torch.testing.assert_close(values.mean(-1), torch.zeros(2, 5), atol=1e-5, rtol=0)
    torch.testing.assert_close(values.std(-1, correction=0), torch.ones(2, 5))


def test_cmn_centres_every_bin_and_leaves_its_deviation():
    values = torch.randn(3, 5, 40) * 4 + 7
    centred = normalize_recording(values, "cmn")
    torch.testing.assert_close(centred.mean(-1), torch.zeros(3, 5), atol=1e-5, rtol=0)
    torch.testing.assert_close(centred.std(-1), values.std(-1))


def test_a_constant_recording_stays_finite_under_cmvn():
    assert normalize_recording(torch.full((1, 3, 9), 5.0), "cmvn").abs().max() == 0


def test_minmax_spans_zero_to_one():
    values = normalize_recording(torch.randn(2, 5, 50), "minmax")
    assert values.amin((1, 2)).tolist() == [0, 0]
    assert values.amax((1, 2)).tolist() == [1, 1]


def test_statistics_are_those_of_the_batches_they_are_fitted_on():
    fitted = picture("mfcc", per_recording="none")
    batches = [torch.randn(4, 40, 94) * 3 + 2, torch.randn(2, 40, 94)]
    fitted.fit(batches)
    pooled = torch.cat(batches)
    torch.testing.assert_close(fitted.mean[:, 0], pooled.mean((0, 2)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(fitted.deviation[:, 0], pooled.std((0, 2), correction=0), atol=1e-5, rtol=1e-4)


def test_tall_pictures_are_averaged_down():
    values = torch.arange(256.0)[None, :, None].expand(1, 256, 5)
    entry = REGISTRY["tempogram"]
    small = Picture(entry, PictureSettings(per_recording="none", max_bins=128, training_statistics=False), 256)
    assert small(values)[0, 0, :3, 0].tolist() == [0.5, 2.5, 4.5]
