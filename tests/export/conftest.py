from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

from tembr.bundle import Facts
from tembr.corpora import load_corpus
from tembr.ensemble.folder import EnsembleFacts, EnsembleFolder
from tembr.evaluate.metrics import score
from tembr.experiment.settings import StudySettings, load_settings, write_settings
from tembr.export import ExportSettings, bundling, export_bundle, optimize, runtime
from tembr.export.recordings import read_waveforms
from tembr.features import extract_many
from tembr.files import digest, write_bytes
from tembr.progress import Progress

WEIGHTS = {"melspectrogram": 0.7, "chroma": 0.3, "rms": 0.0}


@pytest.fixture(scope="session", autouse=True)
def _timed_briefly():
    """How long a graph takes is no matter of these tests: two runs are timed, not thirty."""
    timings = runtime.timings
    with pytest.MonkeyPatch.context() as patch:
        for module in (runtime, optimize):
            patch.setattr(module, "timings", lambda works, rounds: timings(works, min(rounds, 2)))
        yield


@pytest.fixture(scope="session")
def settings() -> StudySettings:
    """Of a study of seconds, with narrow networks."""
    return load_settings(
        features__window=1.0, train__network="resnet18_quarter", train__device="cpu", protocols=["random"]
    )


@pytest.fixture(scope="session")
def waveforms(settings) -> list[np.ndarray]:
    return read_waveforms(load_corpus("demo").utterances[::5], settings.features.sample_rate)


@pytest.fixture(scope="session")
def ensemble(settings, waveforms, tmp_path_factory) -> EnsembleFolder:
    """Networks that nobody trained, but with statistics of real values, so that they tell recordings apart."""
    folder = tmp_path_factory.mktemp("ensemble")
    corpora = [{"name": "demo", "licence": "CC0 1.0", "recordings": 115, "speakers": 6, "hours": 0.06}]
    metrics = {"random": scores(0), "speaker": scores(1) | {"folds": 6}}
    facts = EnsembleFacts(
        WEIGHTS, 0.8, list(load_corpus("demo").labels), corpora, "the training part, 115 of 180", {}, metrics
    )
    made = EnsembleFolder(folder, facts, settings)
    made.write()
    for name in ("melspectrogram", "chroma"):
        write_network(made, name, waveforms)
    return made


def write_network(ensemble: EnsembleFolder, name: str, waveforms: list[np.ndarray], path: Path | None = None) -> None:
    """A network with random weights, whose picture and batch normalisation have seen `waveforms`."""
    torch.manual_seed(len(name))
    settings, features = ensemble.settings.members[name], ensemble.settings.features
    module = settings.build(features, len(ensemble.facts.labels))
    classifier = module.classifier
    batch = np.stack([np.resize(w, features.window_samples) for w in waveforms])
    values = extract_many(batch, [name], features.sample_rate, settings=features)[name]
    classifier.picture.fit([values])
    with torch.no_grad():
        for _ in range(20):
            classifier.train()(values)
        layer = next(m for m in classifier.modules() if isinstance(m, torch.nn.Linear))
        layer.weight *= 3
    target = path or ensemble.weights_path(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in module.state_dict().items()}, target)


def scores(seed: int) -> dict:
    """Scores of a guesser, as `ensemble.json` and `summary.json` keep them."""
    labels = load_corpus("demo").labels
    generator = np.random.default_rng(seed)
    posteriors = generator.dirichlet(np.ones(len(labels)), 36)
    return score(generator.integers(0, len(labels), 36), posteriors, labels).as_dict() | {"folds": 1}


@dataclass(frozen=True, eq=False)
class Exported:
    """A bundle, what it came from, and what was said meanwhile."""

    folder: Path
    facts: Facts
    said: list[str]

    @cache  # noqa: B019  (it lives as long as the tests)
    def session(self, variant: str = "model.onnx") -> onnxruntime.InferenceSession:
        return onnxruntime.InferenceSession(self.folder / variant, providers=["CPUExecutionProvider"])

    def run(self, waveforms: np.ndarray, variant: str = "model.onnx") -> np.ndarray:
        return self.session(variant).run(None, {"waveform": waveforms})[0]


@pytest.fixture(scope="session")
def bundle(ensemble, tmp_path_factory) -> Exported:
    """The ensemble exported from waveforms, with all variants."""
    out, said = tmp_path_factory.mktemp("exported") / "bundle", []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundling, "CALIBRATION", 24)
        facts = export_bundle(ensemble, out, ExportSettings(quantize="static", recordings=40), Progress(said.append))
    return Exported(out, facts, said)


@pytest.fixture(scope="session")
def study(ensemble, waveforms, tmp_path_factory) -> Path:
    """A folder as a study leaves it, with one network."""
    folder = tmp_path_factory.mktemp("study")
    write_settings(ensemble.settings, folder / "config.toml")
    summary = scores(2) | {"member": "rms", "kind": "network", "protocol": "random", "corpus": "demo", "folds": 1}
    summary |= {"licence": "CC0 1.0", "train_seconds": 1.0, "parameters": 1, "uar_per_fold": {"all": 0.2}}
    write_bytes(folder / "rms" / "summary.json", json.dumps(summary).encode())
    write_network(ensemble, "rms", waveforms, folder / "rms" / "model.safetensors")
    return folder


def identity(array: np.ndarray) -> str:
    return digest(np.ascontiguousarray(array).tobytes())
