"""The artefact between laboratory and recognizer: a folder with one ONNX file and all it takes to use and judge it.

model.onnx      waveform float32 [batch, samples] → probabilities float32 [batch, labels]; one that can adapt to a
                speaker also has the inputs and outputs that `recognize.network.unadaptable` lists
bundle.json     inputs, labels, rate, window, members, weights, temperature, corpora, licence, metrics, hashes
MODEL_CARD.md   the same for people
training_record.npy   which recordings and speakers it learnt from, as digests (`training_record`)
quantized/      smaller variants, where made
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from tembr.errors import TembrError
from tembr.evaluate.conformal import LEVELS
from tembr.files import json_bytes, sha256, write_bytes

FORMAT = 1
MODEL, FACTS, CARD = "model.onnx", "bundle.json", "MODEL_CARD.md"


class BundleError(TembrError):
    """A bundle is missing, altered, or of another kind than what is asked of it."""


@dataclass(frozen=True)
class Facts:
    """What `bundle.json` says.

    Attributes:
        name: of the bundle, for people.
        version: of the bundle, as the one who made it counts; `tembr` is the package's that wrote it.
        inputs: 'waveform' (samples in, everything in the graph) or 'features' (one input a representation).
        shapes: name of each input → its shape, an int or the name of a dynamic axis each:
            ``{"waveform": ["batch", "samples"]}``.
        labels: of the columns of the output `probabilities`, in order.
        sample_rate: Hz of the waveform.
        window: seconds the graph cuts or pads a waveform to.
        members: a dict each with name, weight, network, parameters, channels that it learnt from copies through.
        temperature: the members' logits are divided by it.
        corpora: a dict each with name, licence, recordings, speakers, hours: what it was trained on.
        licence: SPDX name (or plain words) of the weights' licence, with its limits.
        split: how its metrics were obtained: protocol → words.
        metrics: protocol → n, folds, and accuracy, uar, macro_f1, ece each with value, low, high; of the same
            recipe under that protocol, never on what this bundle was trained on. With speakers, per_speaker: name → n,
            accuracy, uar.
        features: representation → the feature settings of its input, for `inputs='features'` and for the record.
        hashes: path in the folder → SHA-256, hexadecimal, of every file but bundle.json.
        self_test: posteriors for `self_test_waveform`, in the order of `labels`, with the tolerance they hold to.
        default: the variant opened when none is named: "model.onnx" or a path below quantized/.
        variants: path of each ONNX file → variant, words, bytes, milliseconds, agreement, difference, accuracy, uar,
            recordings, unseen: what was measured where the bundle was quantised; empty where it was not.
        adaptation: how it adapts to a speaker: offset (typical, prior, mixture, see `tembr.adaptation.offset`), the
            strength of what is learnt (0 to 1; 1 where it is not there), the temperature of adapted answers, where it
            has an embedding two_covariance (means, spread, share, prior, within_prior, see
            `tembr.adaptation.two_covariance`), where it has relative logits relative (typical, share, mixture, see
            `tembr.adaptation.relative`), and metrics by protocol, adapted to so many recordings; empty where it
            cannot. Its model then has the optional inputs and the outputs of `recognize.network.unadaptable`.
        set_thresholds: of prediction sets: way of asking ('speaker_independent', 'adapted') → for each of
            `tembr.evaluate.conformal.LEVELS` the probability from which an emotion is in the set; empty where that was
            not calibrated.
        notices: weights of others that it carries → their licence; the texts are in `NOTICE`.
        silence: what a waveform is cut by before it is given to the model, below (dB) and margin (s) of
            `tembr.silence.trimmed`; empty where it is given as it is.
    """

    name: str
    version: str
    tembr: str
    inputs: str
    shapes: dict[str, list]
    labels: list[str]
    sample_rate: int
    window: float
    members: list[dict]
    temperature: float
    corpora: list[dict]
    licence: str
    split: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, dict] = field(default_factory=dict)
    features: dict[str, dict] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    self_test: dict[str, Any] = field(default_factory=dict)
    default: str = MODEL
    variants: dict[str, dict] = field(default_factory=dict)
    adaptation: dict[str, Any] = field(default_factory=dict)
    set_thresholds: dict[str, list[float]] = field(default_factory=dict)
    notices: dict[str, str] = field(default_factory=dict)
    silence: dict[str, float] = field(default_factory=dict)
    format: int = FORMAT


def self_test_waveform(sample_rate: int, seconds: float = 2.0) -> np.ndarray:
    """A signal anyone can make again, `(samples,)` float32 in [-0.5, 0.5]: a glide of harmonics, swelling.

    No random numbers, so that it is the same everywhere.
    """
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    phase = 2 * np.pi * np.cumsum(160 + 60 * np.sin(2 * np.pi * 1.5 * time)) / sample_rate
    tone = sum(np.sin(k * phase) / k for k in range(1, 12))
    return (0.2 * tone * np.sin(np.pi * time / seconds) ** 2).astype(np.float32)


def write_facts(facts: Facts, folder: Path) -> None:
    """Write `bundle.json` last, with the hash of every other file in `folder`.

    Raises:
        StoreError: it could not be written.
    """
    content = asdict(facts) | {"hashes": hashes(folder)}
    write_bytes(folder / FACTS, json_bytes(content))


def read_facts(folder: str | Path) -> Facts:
    """Read `bundle.json`.

    Raises:
        BundleError: it is missing, no such file, or of a format this version does not know.
    """
    path = Path(folder) / FACTS
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(
            f"{folder}: no {FACTS} there; name the folder that `tembr export` wrote, default or small"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path}: cannot be read ({error}); export or copy the bundle again") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BundleError(f"{path}: not a bundle of format {FORMAT}; export it again with this version of tembr")
    known = {f.name for f in fields(Facts)}
    try:
        return Facts(**{name: value for name, value in content.items() if name in known})
    except TypeError as error:
        raise BundleError(f"{path}: incomplete ({error}); export the bundle again") from error


def complaints(facts: Facts) -> list[str]:
    """A line for everything that a reader relies on and `facts` does not have."""
    wrong = []
    labels = facts.labels
    if not (isinstance(labels, list) and len(labels) > 1 and all(isinstance(n, str) and n for n in labels)):
        wrong.append(f"labels {labels!r} are not names")
    elif len(set(labels)) < len(labels):
        wrong.append(f"labels {', '.join(labels)} are not all different")
    if facts.inputs not in ("waveform", "features"):
        wrong.append(f"inputs {facts.inputs!r} is neither waveform nor features")
    if not isinstance(facts.sample_rate, int) or not 1_000 <= facts.sample_rate <= 768_000:
        wrong.append(f"sample_rate {facts.sample_rate!r} is not 1,000 to 768,000 Hz")
    if not isinstance(facts.window, (int, float)) or not 0.1 <= facts.window <= 600:
        wrong.append(f"window {facts.window!r} is not 0.1 to 600 seconds")
    if not isinstance(facts.hashes, dict) or not all(isinstance(v, str) for v in facts.hashes.values()):
        wrong.append("hashes are not text by path")
    if not isinstance(facts.adaptation, dict):
        wrong.append(f"adaptation {facts.adaptation!r} is not an object")
    if not (isinstance(facts.set_thresholds, dict) and all(map(_are_thresholds, facts.set_thresholds.values()))):
        wrong.append("set_thresholds are none")
    if facts.silence and not (isinstance(facts.silence, dict) and _cuts_silence(facts.silence)):
        wrong.append(f"silence {facts.silence!r} is not below (dB) and margin (s)")
    if not isinstance(facts.default, str):
        wrong.append(f"default {facts.default!r} is not a path")
    return wrong


def _cuts_silence(values: dict) -> bool:
    return set(values) == {"below", "margin"} and all(type(v) in (int, float) and 0 < v < 200 for v in values.values())


def _are_thresholds(values: object) -> bool:
    numbers = isinstance(values, list) and all(type(v) in (int, float) and 0 <= v <= 1 for v in values)
    return numbers and len(values) == len(LEVELS) and values == sorted(values, reverse=True)


def locate(folder: str | Path, name: str) -> Path:
    """Where a file of the bundle lies.

    Raises:
        BundleError: `name` leads out of the folder, or is no ONNX file.
    """
    parts = name.replace("\\", "/").split("/")
    if not name.endswith(".onnx") or ".." in parts or "" in parts or ":" in name or "\0" in name:
        raise BundleError(f"{folder}: {name!r} does not name a model inside the bundle; export the bundle again")
    return Path(folder, *parts)


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder` but `bundle.json`, by path, sorted."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != FACTS and not p.name.startswith("."))
    return {path.relative_to(folder).as_posix(): sha256(path) for path in paths}


def altered(folder: Path, facts: Facts) -> list[str]:
    """A line for every file that `facts` vouches for and that is missing or altered."""
    found = hashes(folder)
    missing = [f"{name}: missing" for name in facts.hashes if name not in found]
    return missing + [f"{name}: altered" for name, value in facts.hashes.items() if found.get(name, value) != value]
