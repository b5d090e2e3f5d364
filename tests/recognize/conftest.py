"""A bundle with known answers, and recordings it knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.recognize.fake_bundle import RATE, make_bundle, tone

from tembr.emotions import EMOTIONS
from tembr.recognize import Recognizer, load


@pytest.fixture(scope="session", autouse=True)
def _tones_are_speech():
    """The fake bundles know emotions by tones, which are no speech; `test_speech` alone has the real check."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tembr.recognize.speech.is_speech", lambda waveform: True)
        yield


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundle") / "fake")


@pytest.fixture(scope="session")
def recognizer(bundle) -> Recognizer:
    return load(bundle)


@pytest.fixture
def wav(tmp_path):
    """Writes samples, or the tone of an emotion, to a WAV file; returns its path."""

    def write(samples: np.ndarray | str, name: str = "clip.wav", rate: int = RATE) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(samples, rate=rate) if isinstance(samples, str) else samples, rate)
        return path

    return write


@pytest.fixture(scope="session")
def tones(tmp_path_factory) -> Path:
    """A folder of two recordings of each emotion, named after it."""
    folder = tmp_path_factory.mktemp("tones")
    for emotion in EMOTIONS:
        for number in (1, 2):
            soundfile.write(folder / f"{emotion}_{number}.wav", tone(emotion, 0.5 * number), RATE)
    return folder
