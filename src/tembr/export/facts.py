"""What a bundle says about itself, gathered from the ensemble and its corpus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import onnx

from tembr import __version__, audio
from tembr.bundle import Facts, self_test_waveform
from tembr.ensemble.folder import EnsembleFolder
from tembr.export.onnx import WAVEFORM, feature_shapes
from tembr.export.recordings import Recordings
from tembr.export.runtime import make_feed, open_session, posteriors
from tembr.features.settings import FeatureSettings
from tembr.train.ensemble import WeightedEnsemble

if TYPE_CHECKING:
    from tembr.export.bundling import ExportSettings

MEASURES = ("n", "folds", "accuracy", "uar", "macro_f1", "ece", "uar_per_fold")

METADATA = (
    "name", "version", "tembr", "inputs", "labels", "sample_rate", "window", "members", "temperature", "licence",
)  # fmt: skip

SPLITS = {
    "random": "{test:.0%} of the recordings set aside at random, stratified by emotion (seed {seed}); "
    "every voice and every recording session is in training and test alike",
    "speaker": "{folds} folds by speaker; nobody tested on was heard in training",
    "kfold": "{folds} stratified folds at random; every voice is in training and test alike",
}


def gather_facts(
    ensemble: EnsembleFolder, model: WeightedEnsemble, settings: ExportSettings, recordings: Recordings
) -> Facts:
    """All of `bundle.json` but hashes, self-test and variants, which depend on the files."""
    study, known = ensemble.settings, ensemble.facts
    corpora = known.corpora or [_corpus(recordings)]
    corpora = [corpus | {"trained_on": known.trained_on} for corpus in corpora]
    shapes = feature_shapes(model.names, study.features)
    takes_samples = settings.inputs == "waveform"
    return Facts(
        name=settings.name or f"{'+'.join(c['name'] for c in corpora)} {'+'.join(model.names)}",
        version=settings.version,
        tembr=__version__,
        inputs=settings.inputs,
        shapes={WAVEFORM: ["batch", "samples"]} if takes_samples else {n: ["batch", *s] for n, s in shapes.items()},
        labels=known.labels,
        sample_rate=study.features.sample_rate,
        window=study.features.window,
        members=_members(model, study.train.network),
        temperature=float(model.temperature),
        corpora=corpora,
        licence=settings.licence or " and ".join(dict.fromkeys(c["licence"] or "unknown" for c in corpora)),
        split={p: _split(p, scores, study) for p, scores in known.metrics.items()},
        metrics={p: {k: scores[k] for k in MEASURES if k in scores} for p, scores in known.metrics.items()},
        features={n: study.features.model_dump() | {"bins": s[0], "frames": s[1]} for n, s in shapes.items()},
    )


def metadata(facts: Facts) -> dict[str, object]:
    """What the ONNX file itself carries, so that it can be used without its folder."""
    return {name: getattr(facts, name) for name in METADATA} | {"variant": "fp32"}


def self_test_answer(
    model: onnx.ModelProto, inputs: str, names: Sequence[str], settings: FeatureSettings
) -> list[float]:
    """Posteriors for `self_test_waveform`; where the graph takes features, for those of that signal."""
    feed = make_feed([self_test_waveform(settings.sample_rate)], inputs, names, settings)
    return [round(float(p), 7) for p in posteriors(open_session(model), [feed])[0]]


def _members(model: WeightedEnsemble, network: str) -> list[dict]:
    return [
        {
            "name": name,
            "weight": round(float(weight), 6),
            "network": network,
            "parameters": sum(p.numel() for p in model.members[name].parameters()),
        }
        for name, weight in zip(model.names, model.weights, strict=True)
    ]


def _corpus(recordings: Recordings) -> dict:
    corpus, train = recordings.corpus, recordings.train
    return {
        "name": corpus.name,
        "licence": corpus.licence,
        "recordings": len(train),
        "speakers": len({u.speaker for u in train} - {""}),
        "hours": round(sum(audio.seconds_between(u.path, u.start, u.end) for u in train) / 3600, 3),
    }


def _split(protocol: str, scores: dict, study) -> str:
    words = SPLITS.get(protocol, protocol)
    return words.format(test=study.split.test, seed=study.split.seed, folds=scores.get("folds", "several"))
