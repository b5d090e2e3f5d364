"""The front end of a graph is held to `extract`, which is held to librosa."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from tembr.audio import fit_length
from tembr.errors import ConfigError
from tembr.export.frontend import FrontEnd, FrontEnds
from tembr.features import REPRESENTATIONS, FeatureSettings, extract_many
from tembr.features.encoder import encoder_input
from tembr.features.inputs import RepresentationInput
from tests.encoders import write_encoder
from tests.features.conftest import RATE, synthetic

SINGLE = tuple(name for name in REPRESENTATIONS if name != "spectral_contrast")

DECIBELS = 0.02
TOLERANCE = {
    "melspectrogram": DECIBELS, "spectrogram": DECIBELS, "mfcc": 5e-3, "chroma": 1e-5, "spectral_contrast": 1e-4,
    "zcr": 0, "rms": 1e-6, "tempogram": 1e-4, "tonnetz": 1e-5, "delta_mfcc": 5e-4, "delta_tempogram": 1e-5,
}  # fmt: skip

WITHOUT_ONSETS = {("tone", "tempogram"), ("tone", "delta_tempogram")}
"""A steady tone rises nowhere: its tempogram is rounding, in single precision another than in double."""


def fitted(signal: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    return fit_length(signal, settings.window_samples)[None]


def assert_agrees(found: dict, waveform: np.ndarray, settings: FeatureSettings, signal: str = "") -> None:
    expected = extract_many(waveform, found, RATE, settings=settings)
    for name, values in found.items():
        assert tuple(values.shape) == tuple(expected[name].shape)
        if (signal, name) in WITHOUT_ONSETS:
            continue
        difference = np.abs(np.asarray(values) - expected[name].numpy()).max()
        assert difference <= TOLERANCE[name], f"{name} of {signal}: {difference:.1e}"


@pytest.mark.parametrize("signal", synthetic())
@pytest.mark.parametrize("sizes", [(2048, 512), (1024, 256), (512, 160), (400, 141)])
def test_it_gives_what_extract_gives(signal, sizes):
    settings = FeatureSettings(n_fft=sizes[0], hop_length=sizes[1])
    waveform = fitted(synthetic()[signal], settings)
    with torch.no_grad():
        found = dict(zip(SINGLE, FrontEnd(SINGLE, settings)(torch.from_numpy(waveform))))
    assert_agrees(found, waveform, settings, signal)


@pytest.mark.parametrize("signal", synthetic())
def test_in_double_precision_spectral_contrast_agrees_too(signal):
    settings = FeatureSettings()
    waveform = fitted(synthetic()[signal], settings)
    with torch.no_grad():
        found = dict(zip(REPRESENTATIONS, FrontEnd(REPRESENTATIONS, settings)(torch.from_numpy(waveform))))
    assert_agrees(found, waveform, settings)


@pytest.mark.parametrize("other", [{"n_mels": 40, "n_mfcc": 13}, {"n_mels": 13, "n_mfcc": 5}, {"tempogram_win": 55}])
def test_other_settings(other):
    settings = FeatureSettings(window=1.5, **other)
    waveform = fitted(synthetic()["clipped"], settings)
    with torch.no_grad():
        found = dict(zip(SINGLE, FrontEnd(SINGLE, settings)(torch.from_numpy(waveform))))
    assert_agrees(found, waveform, settings)


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    """All eleven as one graph."""

    class Eleven(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.front_end = FrontEnd(REPRESENTATIONS, FeatureSettings())

        def forward(self, waveform):
            return tuple(self.front_end(waveform))

    from tembr.export.onnx import OPSET, _quiet

    dynamic = ({0: torch.export.Dim("batch"), 1: torch.export.Dim("samples")},)
    with _quiet():
        program = torch.onnx.export(
            Eleven(), (torch.zeros(2, 9_000),), dynamo=True, opset_version=OPSET, dynamic_shapes=dynamic,
            input_names=["waveform"], output_names=list(REPRESENTATIONS), verbose=False,
        )  # fmt: skip
    return onnxruntime.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("samples", [1, RATE // 10, 3 * RATE - 1, 3 * RATE, 5 * RATE])
def test_all_eleven_in_a_graph_agree_at_any_length(session, samples):
    settings = FeatureSettings()
    waveform = np.resize(synthetic()["noise"], samples).astype(np.float32)
    found = dict(zip(REPRESENTATIONS, session.run(None, {"waveform": waveform[None]}), strict=True))
    assert_agrees(found, fitted(waveform, settings), settings)


def test_all_eleven_in_a_graph_agree_in_a_batch(session):
    batch = np.stack(list(synthetic().values()))
    found = dict(zip(REPRESENTATIONS, session.run(None, {"waveform": batch}), strict=True))
    assert_agrees(found, batch, FeatureSettings())


def test_recordings_of_their_own_length_are_refused():
    with pytest.raises(ConfigError, match=r"window=0.*; export a study with a window"):
        FrontEnd(["mfcc"], FeatureSettings(window=0))


@pytest.mark.parametrize("seconds", [0.4, 3.0, 4.5])
def test_a_short_recording_begins_anew_where_the_settings_say_so(seconds):
    settings = FeatureSettings(padding="repeat")
    signal = synthetic()["noise"]
    signal = np.resize(signal, round(seconds * RATE))
    with torch.no_grad():
        names = ("melspectrogram", "chroma")
        found = dict(zip(names, FrontEnd(names, settings)(torch.from_numpy(signal[None]))))
    assert_agrees(found, settings.fit(signal)[None], settings)


def test_two_layers_of_one_encoder_are_one_front_end(tmp_path):
    pytest.importorskip("transformers", reason="transformers is not installed (extra encoders)")
    folder = write_encoder("Whisper", tmp_path)
    first, second = (encoder_input(folder, layer, 2.0) for layer in (1, 2))
    waveform = torch.randn(2, RATE, generator=torch.Generator().manual_seed(0)) / 10
    mfcc = RepresentationInput("mfcc", FeatureSettings(sample_rate=16_000, window=2.0))
    joined, alone = FrontEnds([second, mfcc, first]), FrontEnds([second])
    assert len(joined.front_ends) == 2
    numbers = [sum(p.numel() for p in ends.front_ends[0].parameters()) for ends in (joined, alone)]
    assert numbers[0] == numbers[1]
    with torch.no_grad():
        found = joined(waveform)
        torch.testing.assert_close(found[0], alone(waveform)[0])
        torch.testing.assert_close(found[2], FrontEnds([first])(waveform)[0])
    assert [tuple(one.shape[:2]) for one in found] == [(2, 16), (2, mfcc.bins), (2, 16)]
