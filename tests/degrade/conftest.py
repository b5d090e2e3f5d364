"""A degraded recording is asked about at a recognizer's: the one of its tests."""

from tests.recognize.conftest import _tones_are_speech, bundle, recognizer, tones, wav

__all__ = ["_tones_are_speech", "bundle", "recognizer", "tones", "wav"]
