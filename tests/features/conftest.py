from __future__ import annotations

import librosa
import numpy as np
import pytest

RATE, SAMPLES = 16_000, 48_000


def reference(name: str, y: np.ndarray, n_fft: int = 2048, hop: int = 512, rate: int = RATE) -> np.ndarray:
    """librosa's own values, called as its documentation says."""
    feature, stft = librosa.feature, {"n_fft": n_fft, "hop_length": hop}
    match name:
        case "melspectrogram":
            return librosa.power_to_db(feature.melspectrogram(y=y, sr=rate, **stft), ref=np.max)
        case "spectrogram":
            return librosa.amplitude_to_db(np.abs(librosa.stft(y, **stft)), ref=np.max)
        case "mfcc":
            return feature.mfcc(y=y, sr=rate, n_mfcc=40, **stft)
        case "chroma":
            return feature.chroma_stft(y=y, sr=rate, tuning=0, **stft)
        case "spectral_contrast":
            return feature.spectral_contrast(y=y, sr=rate, **stft)
        case "zcr":
            return feature.zero_crossing_rate(y, frame_length=n_fft, hop_length=hop)
        case "rms":
            return feature.rms(y=y, frame_length=n_fft, hop_length=hop)
        case "tempogram":
            onset = librosa.onset.onset_strength(y=y, sr=rate, **stft)
            return feature.tempogram(onset_envelope=onset, sr=rate, hop_length=hop)
        case "tonnetz":
            return feature.tonnetz(chroma=reference("chroma", y, n_fft, hop, rate), sr=rate)
        case "delta_mfcc":
            return feature.delta(reference("mfcc", y, n_fft, hop, rate))
        case "delta_tempogram":
            return feature.delta(reference("tempogram", y, n_fft, hop, rate))
    raise AssertionError(name)


def synthetic() -> dict[str, np.ndarray]:
    seconds = np.arange(SAMPLES) / RATE
    generator = np.random.default_rng(0)
    tone = 0.5 * np.sin(2 * np.pi * 440 * seconds)
    signals = {
        "tone": tone,
        "impulse": np.eye(1, SAMPLES, SAMPLES // 2)[0],
        "noise": generator.normal(0, 0.1, SAMPLES),
        "silence": np.zeros(SAMPLES),
        "clipped": np.clip(5 * tone * (1 + generator.normal(0, 0.2, SAMPLES)), -1, 1),
        "short": np.pad(generator.normal(0, 0.1, RATE // 10), (0, SAMPLES - RATE // 10)),
    }
    return {name: signal.astype(np.float32) for name, signal in signals.items()}


@pytest.fixture(scope="session")
def voice() -> np.ndarray:
    """A synthetic voice of 3 s, `(samples,)`."""
    from tembr import audio
    from tembr.corpora import load_corpus

    return audio.fit_length(audio.read(load_corpus("demo").utterances[0].path), SAMPLES)
