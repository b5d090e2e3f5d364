"""Eleven acoustic representations as batched PyTorch functions; librosa is the reference.

extract(waveforms, sample_rate=16_000, representation="mfcc")   # (batch, samples) → (batch, bins, frames)
"""

from tembr.extras import needed

with needed("tembr.features", "train"):
    from tembr.features.extract import extract, extract_many, find
    from tembr.features.registry import REGISTRY, REPRESENTATIONS, Representation
    from tembr.features.settings import FeatureSettings

__all__ = [
    "REGISTRY",
    "REPRESENTATIONS",
    "FeatureSettings",
    "Representation",
    "extract",
    "extract_many",
    "find",
]
