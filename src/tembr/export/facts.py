"""What a bundle says about itself, gathered from the ensemble and its corpus."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import onnx

from tembr import __version__, audio
from tembr.bundle import Facts, self_test_waveform
from tembr.ensemble.folder import EnsembleFolder
from tembr.ensemble.joined import Ensemble
from tembr.errors import ConfigError
from tembr.export.graph import feature_shapes, sample_rate_of, window_of
from tembr.export.onnx import WAVEFORM
from tembr.export.recordings import ExportRecordings
from tembr.export.runtime import make_feed, open_session, posteriors
from tembr.export.settings import ExportSettings
from tembr.features.inputs import Input
from tembr.features.notices import notices
from tembr.silence import BELOW, MARGIN

MEASURES = ("n", "folds", "accuracy", "uar", "macro_f1", "ece", "uar_per_fold", "per_speaker", "prediction_sets")

METADATA = (
    "name", "version", "tembr", "inputs", "labels", "sample_rate", "window", "members", "temperature", "licence",
    "silence",
)  # fmt: skip

SPLITS = {
    "random": "{test:.0%} of the recordings set aside at random, stratified by emotion (seed {seed}); "
    "every voice and every recording session is in training and test alike",
    "speaker": "{folds} folds by speaker; nobody tested on was learnt from",
    "sentence": "{folds} folds by speaker, and a fifth of the sentences left out of training, which alone are scored",
    "kfold": "{folds} stratified folds at random; every voice is in training and test alike",
}


def gather_facts(
    folder: EnsembleFolder, ensemble: Ensemble, settings: ExportSettings, recordings: ExportRecordings
) -> Facts:
    """All of `bundle.json` but hashes, self-test and variants, which depend on the files."""
    study, known = folder.settings, folder.facts
    corpora = known.corpora or [_corpus(recordings)]
    corpora = [corpus | {"trained_on": known.trained_on} for corpus in corpora]
    inputs = ensemble.distinct_inputs
    takes_samples = settings.inputs == "waveform"
    shapes = {WAVEFORM: ["batch", "samples"]}
    if not takes_samples:
        shapes = {name: ["batch", *shape] for name, shape in feature_shapes(inputs).items()}
    return Facts(
        name=settings.name or f"{'+'.join(c['name'] for c in corpora)} {'+'.join(known.weights)}",
        version=settings.version,
        tembr=__version__,
        inputs=settings.inputs,
        shapes=shapes,
        labels=known.labels,
        sample_rate=sample_rate_of(ensemble),
        window=window_of(ensemble),
        members=_members(ensemble),
        temperature=float(ensemble.module.weighted.temperature),
        corpora=corpora,
        licence=settings.licence or " and ".join(dict.fromkeys(c["licence"] or "unknown" for c in corpora)),
        split={p: _split(p, scores, study) for p, scores in known.metrics.items()},
        metrics={p: {k: scores[k] for k in MEASURES if k in scores} for p, scores in known.metrics.items()},
        features={one.name: one.facts() | {"bins": one.bins} for one in inputs},
        adaptation=_adaptation(folder) if takes_samples else {},
        set_thresholds={way: [round(v, 6) for v in values] for way, values in known.set_thresholds.items()},
        notices=notices(inputs) if takes_samples else {},
        silence=silence_of(inputs) if takes_samples else {},
    )


def silence_of(inputs: Sequence[Input]) -> dict[str, float]:
    """What `Facts.silence` says.

    Raises:
        ConfigError: some are computed from recordings without the silence around them, some with it.
    """
    trims = {one.trims for one in inputs}
    if len(trims) > 1:
        raise ConfigError(
            "members of an encoder take recordings without the silence around them, others with it; export them apart"
        )
    return {"below": BELOW, "margin": MARGIN} if trims == {True} else {}


def _adaptation(folder: EnsembleFolder) -> dict:
    """What a recognizer takes to adapt, and what that was measured to be worth."""
    known, space = folder.facts.adaptation, folder.space()
    if known is None:
        return {}
    found = {
        "recordings": known.recordings,
        "offset": {"typical": known.typical, "prior": known.offset_prior, "mixture": known.mixture_prior},
        "strength": known.strength,
        "temperature": known.temperature,
        "metrics": {p: {k: scores[k] for k in MEASURES if k in scores} for p, scores in known.metrics.items()},
    }
    if space is not None and space.relative is not None and known.relative_typical:
        found["relative"] = {
            "typical": known.relative_typical,
            "share": known.relative_share,
            "mixture": known.mixture_prior,
            "prior": known.relative_prior,
        }
    if space is not None:
        found["two_covariance"] = {
            "means": space.means.round(6).tolist(),
            "spread": space.spread.round(8).tolist(),
            "share": known.speaker_share,
            "prior": known.speaker_prior,
        } | ({"within_prior": known.within_prior} if isfinite(known.within_prior) else {})
    return found


def metadata(facts: Facts) -> dict[str, object]:
    """What the ONNX file itself carries, so that it can be used without its folder."""
    return {name: getattr(facts, name) for name in METADATA} | {"variant": "fp32"}


def self_test_answer(model: onnx.ModelProto, how: str, inputs: Sequence[Input]) -> list[float]:
    """Posteriors for `self_test_waveform`; where the graph takes features, for those of that signal."""
    feed = make_feed([self_test_waveform(inputs[0].sample_rate)], how, inputs)
    return [round(float(p), 7) for p in posteriors(open_session(model), [feed])[0]]


def _members(ensemble: Ensemble) -> list[dict]:
    weights = ensemble.module.weighted.weights
    return [
        {
            "name": member.settings.name,
            "weight": round(float(weight), 6),
            "network": member.settings.describe(),
            "parameters": member.parameters,
            "channels": list(member.settings.copied_through),
        }
        for member, weight in zip(ensemble.members, weights, strict=True)
    ]


def _corpus(recordings: ExportRecordings) -> dict:
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
