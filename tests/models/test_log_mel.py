"""What kinds on log-mel spectrograms share: the frozen encoder they come from, and its heads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tembr.features.settings import FeatureSettings
from tembr.models.data import FoldData
from tembr.models.encoder import PooledHead
from tembr.models.finetuned import FinetunedSettings

SETTINGS = FinetunedSettings(
    name="x", encoder="folder/whisper-tiny", layers=(1, 3), shrinkage=0.5, window=4.0, others=0.5
)


def test_the_frozen_encoder_has_its_layers_and_its_heads():
    frozen = SETTINGS.frozen_encoder
    assert (frozen.kind, frozen.encoder, frozen.layers) == ("encoder", "folder/whisper-tiny", (1, 3))
    assert (frozen.shrinkage, frozen.window, frozen.others) == (0.5, 4.0, 0.5)


@pytest.mark.parametrize("name", ["openai/whisper-tiny", "folder/whisper-tiny/"])
def test_an_encoder_is_named_without_owner_or_folder(name):
    assert SETTINGS.model_copy(update={"encoder": name}).encoder_name == "whisper-tiny"


def test_each_head_is_fitted_on_its_own_layer_and_recordings_with_a_label():
    """Two layers of two numbers each; the last ten of thirty recordings have no label."""
    pooled = np.random.default_rng(0).normal(size=(30, 4)) + np.repeat([0, 5], [20, 10])[:, None]
    learnt, classes = np.arange(100, 130), np.tile([0, 1], 65)
    classes[120:] = -1
    one, parts = np.zeros(130, int), (learnt, learnt[:0])
    data = FoldData(("a", "b"), FeatureSettings(), {}, classes, one.astype(str), one, *parts, Path())
    heads = [PooledHead(2, 2) for _ in range(2)]
    SETTINGS.fit_heads(heads, pooled, learnt, data)
    for head, values in zip(heads, [pooled[:20, :2], pooled[:20, 2:]], strict=True):
        np.testing.assert_allclose(head.mean.numpy(), values.mean(0), rtol=1e-5)
