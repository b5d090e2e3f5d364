"""From a recipe for unheard voices to a bundle in one call: read `export_voices` from top to bottom."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from tembr import __version__, audio
from tembr.bundle import CARD, MODEL, BundleError, Facts, self_test_waveform, write_facts
from tembr.corpora.corpus import Corpus
from tembr.errors import ConfigError, StoreError
from tembr.export.bundling import RECORDED, VERIFICATION, appearing, require_bundle
from tembr.export.card import model_card
from tembr.export.facts import METADATA
from tembr.export.onnx import WAVEFORM, write_metadata
from tembr.export.optimize import optimize
from tembr.export.recordings import read_waveforms, spread
from tembr.export.runtime import latencies, open_session
from tembr.export.verify import TOLERANCE
from tembr.export.voice import (
    LEVEL,
    MEANS,
    OFFSET,
    PRECISIONS,
    WEIGHT,
    VoiceGraph,
    nothing_known,
    voice_graph,
    with_defaults,
)
from tembr.features.extract import extract
from tembr.files import write_bytes
from tembr.member import Watch
from tembr.recognize.degrade import DEGRADATIONS
from tembr.recognize.manner import Own
from tembr.training_record import write_record
from tembr.voices.answer import ensemble_for, manner_of
from tembr.voices.experiment import MODES, RESULTS, corpora_of
from tembr.voices.network import VoiceEnsemble
from tembr.voices.networks import Networks
from tembr.voices.plan import Part
from tembr.voices.pool import REPRESENTATION, Pool, make_pool
from tembr.voices.recipe import MemberSettings, Recipe, require_same

Members = list[tuple[MemberSettings, list[nn.Module]]]

SHIPPABLE = ("network", "pictures", "functionals")
"""Kinds of members that can be part of a graph."""

VERIFIED = 200  # recordings
SECONDS = 3.0  # of the recording that is timed


@dataclass(frozen=True)
class Measured:
    """What an experiment found of a recipe: its `results.json`."""

    recipe: dict
    temperatures: dict[str, float]
    metrics: dict
    known: dict

    @staticmethod
    def read(folder: Path) -> Measured:
        """Raises StoreError: no experiment is there."""
        try:
            facts = json.loads((folder / RESULTS).read_text())
            lines = {line["mode"]: line for line in facts["lines"]}
            alone, known = lines["unknown"], lines.get("known", {})
            temperatures = {mode: float(np.median(line["temperatures"])) for mode, line in lines.items()}
            return Measured(facts["recipe"], temperatures, alone["scores"], known.get("scores", {}))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{folder}: no finished experiment ({error}); run `tembr experiment` first") from error


def export_voices(
    recipe: Recipe,
    folders: Mapping[str, str | Path],
    measured: Mapping[str, Path],
    out: Path,
    name: str = "",
    version: str = "1.0.0",
    jobs: int = 1,
    watch: Watch | None = None,
    force: bool = False,
) -> Facts:
    """Train a recipe's networks on all recordings, nothing kept aside, and write them as a verified bundle.

    Args:
        recipe: each member's `shipped` networks are trained.
        folders: where each corpus lies.
        measured: protocol → folder of the experiment that measured this recipe under it, or degradation → folder of
            one on unseen speakers through it; 'speaker' gives the temperatures, and all stand in the model card.
        out: folder of the bundle; an older bundle there is replaced once the new one is verified.
        name, version: of the bundle.
        force: `out` may hold something else than a bundle; what is in it stays.

    Raises:
        BundleError: the graph does not answer as PyTorch does.
        ConfigError: an experiment is of another recipe, or under another protocol than is said.
        StoreError: an experiment is missing, or `out` is something else than a bundle.
    """
    watch = watch or Watch()
    require_bundle(out, force)
    unfit = [member.name for member in recipe.members if member.kind not in SHIPPABLE]
    if unfit:
        raise ConfigError(f"{unfit[0]}: a bundle has kinds {', '.join(SHIPPABLE)} alone; this one can be measured only")
    found = {protocol: Measured.read(folder) for protocol, folder in measured.items()}
    for protocol, one in found.items():
        require_same(recipe, one.recipe, measured[protocol])
        _require_protocol(one.recipe, protocol, measured[protocol])
    corpora = corpora_of(recipe, folders)
    features = recipe.members[0].features
    pool = make_pool(
        corpora, features, lambda done, total: watch.progress("recordings analysed", done, total), recipe.copies
    )
    members = _train(recipe, Networks(corpora, pool), pool, jobs, watch)
    temperatures = found["speaker"].temperatures if "speaker" in found else {}
    ensembles = [ensemble_for(members, mode, pool) for mode in MODES]
    if not all(ensemble.weights for ensemble in ensembles):
        raise ConfigError("a bundle needs a member for unknown speakers, and networks for known ones; see `hears`")
    graph = VoiceGraph(*ensembles, features, tuple(temperatures.get(mode, 1.0) for mode in MODES))
    facts = _facts(recipe, corpora, pool, members, temperatures, found, name, version)
    facts = replace(facts, adaptation=facts.adaptation | _manner(graph.known, recipe))
    waveforms = read_waveforms(spread(list(corpora[0].utterances), VERIFIED), features.sample_rate)
    rows, classes = pool.contours.shape[1], len(pool.columns)
    with appearing(out) as folder:
        optimized = optimize(voice_graph(graph, rows, classes), nothing_known(graph, waveforms[:8], rows, classes))
        for step in optimized.steps[1:]:
            watch.say(f"  {step.name}: {'kept' if step.kept else 'dropped'}, {step.why}")
        model = with_defaults(optimized.model)
        write_metadata(model, {key: getattr(facts, key) for key in METADATA} | {"variant": "fp32"})
        report = verify_voices(model, graph, pool.levels[: pool.asked].mean(0).numpy(), waveforms)
        if not report["passed"]:
            raise BundleError(f"{out}: the graph is off PyTorch by {report['difference']:.1e}; no bundle is written")
        write_bytes(folder / VERIFICATION, (json.dumps(report, indent=1) + "\n").encode())
        write_bytes(folder / MODEL, model.SerializeToString())
        facts = replace(facts, self_test=_self_test(model, features.sample_rate))
        learnt = {corpus.name: corpus.utterances for corpus in corpora}
        write_record(folder, learnt, partial(watch.progress, RECORDED))
        write_bytes(folder / CARD, model_card(facts).encode())
        write_facts(facts, folder)
    took = _milliseconds(model, features.sample_rate)
    watch.say(f"{out}: {facts.name}, {model.ByteSize() / 1e6:.1f} MB, {took:.1f} ms for {SECONDS:g} s on one core")
    return facts


def _require_protocol(measured: Mapping, protocol: str, where: Path) -> None:
    found, degraded = measured.get("protocol"), protocol in DEGRADATIONS
    wanted = ("speaker", protocol) if degraded else (protocol, "")
    if (found, measured.get("degrade", "")) != wanted:
        through = f" through {measured['degrade']}" if measured.get("degrade") else ""
        raise ConfigError(f"{where}: measured under {found!r}{through}, not under {protocol!r}; name what it is")


def _train(recipe: Recipe, networks: Networks, pool: Pool, jobs: int, watch: Watch) -> Members:
    whole = Part(np.arange(pool.asked), np.empty(0, int))
    tasks = [networks.tasks(whole, m.model_copy(update={"networks": m.shipped}), 0) for m in recipe.members]
    everything = [task for some in tasks for task in some]
    networks.train(everything, jobs, lambda done, total: watch.progress("networks trained", done, total))
    return [(m, [networks.load(task) for task in some]) for m, some in zip(recipe.members, tasks, strict=True)]


def _manner(known: VoiceEnsemble, recipe: Recipe) -> dict:
    if known.manner is None:
        return {}
    told = manner_of(known, recipe.manner_share, recipe.manner_prior)._asdict()
    return {"manner": {name: np.round(np.asarray(value), 6).tolist() for name, value in told.items()}}


def verify_voices(
    model: onnx.ModelProto, graph: VoiceGraph, level: np.ndarray, waveforms: Sequence[np.ndarray]
) -> dict:
    """Compare the file with PyTorch on real recordings, nothing known of the speaker and adapted to one.

    Args:
        level: of some speaker, `(rows,)`.
        waveforms: `(samples,)` each.
    """
    session, settings = open_session(model), graph.front_end.settings
    speaker = _somebody(graph, level)
    differences, labels = [], 0
    for waveform in waveforms:
        contours = extract(settings.fit(waveform)[None], settings.sample_rate, REPRESENTATION, settings=settings)
        for told in ({}, speaker):
            with torch.no_grad():
                expected = _torch_answer(graph, contours, told).numpy()
            answer = session.run(None, {WAVEFORM: waveform[None], **told})[0]
            differences.append(float(np.abs(answer - expected).max()))
            labels += int(answer.argmax() != expected.argmax())
    silence = session.run(None, {WAVEFORM: np.zeros((1, settings.window_samples // 2), np.float32)})[0][0]
    sound = bool(np.isfinite(silence).all()) and abs(float(silence.sum()) - 1) < 1e-4
    largest = max(differences)
    return {
        "passed": bool(largest <= TOLERANCE and sound),
        "recordings": len(waveforms),
        "difference": largest,
        "other_labels": labels,
        "silence": [round(float(p), 6) for p in silence],
        "tolerance": TOLERANCE,
    }


def _somebody(graph: VoiceGraph, level: np.ndarray) -> dict[str, np.ndarray]:
    classes = len(graph.unknown.columns)
    offset = np.linspace(-0.5, 0.5, classes, dtype=np.float32)
    told = {LEVEL: level.astype(np.float32), WEIGHT: np.array([0.9], np.float32), OFFSET: offset}
    if graph.known.manner is not None:
        model = graph.known.manner
        means = model.means[graph.known.columns] + 0.1
        precisions = (0.3 / (1 + model.spread)).expand(classes, -1)
        told |= {MEANS: means.numpy(), PRECISIONS: precisions.numpy().copy()}
    return told


def _torch_answer(graph: VoiceGraph, contours: torch.Tensor, told: Mapping[str, np.ndarray]) -> torch.Tensor:
    if not told:
        return torch.softmax(graph.unknown(contours)[0] / graph.temperatures[0], dim=-1)
    logits = graph.known(contours, torch.from_numpy(told[LEVEL]), float(told[WEIGHT][0]))[0].double().numpy()
    logits = logits + told[OFFSET]
    if MEANS in told:
        own = Own(told[MEANS].astype(float), told[PRECISIONS].astype(float), np.zeros(1))
        logits = logits + own.logits(graph.known.position(contours).double().numpy())
    return torch.softmax(torch.from_numpy(logits) / graph.temperatures[1], dim=-1)


def _facts(
    recipe: Recipe, corpora, pool: Pool, members: Members, temperatures, found, name: str, version: str
) -> Facts:
    licences = dict.fromkeys(corpus.licence or "unknown" for corpus in corpora)
    adapted = found["speaker"].known if "speaker" in found else {}
    return Facts(
        name=name or f"{recipe.corpus} voices",
        version=version,
        tembr=__version__,
        inputs=WAVEFORM,
        shapes={WAVEFORM: ["batch", "samples"]},
        labels=[pool.labels[column] for column in pool.columns],
        sample_rate=recipe.members[0].features.sample_rate,
        window=recipe.members[0].features.window,
        members=[_member(*one) for one in members],
        temperature=temperatures.get("unknown", 1.0),
        corpora=[_corpus(corpus) for corpus in corpora],
        licence=" and ".join(licences),
        split={protocol: _split(protocol, one.recipe) for protocol, one in found.items()},
        metrics={protocol: one.metrics for protocol, one in found.items()},
        features={REPRESENTATION: recipe.members[0].features.model_dump() | {"bins": pool.contours.shape[1]}},
        adaptation={
            "recordings": recipe.adapt,
            "level_prior": recipe.level_prior,
            "offset_prior": recipe.offset_prior,
            "temperature": temperatures.get("known", 1.0),
            "measured": adapted,
            "degraded": {name: one.known for name, one in found.items() if name in DEGRADATIONS and one.known},
        },
    )


SPLITS = {
    "speaker": "every speaker answered by networks of all the others; temperatures were fitted on answers for speakers "
    "that networks had not heard either",
    "random": "20% of the recordings set aside at random, stratified by emotion; every voice and every recording "
    "session is in training and test alike",
    "sentence": "as for unseen speakers, and a fifth of the sentences left out of training, which alone are scored",
}


def _split(protocol: str, measured: Mapping) -> str:
    words = SPLITS.get(protocol, "as for unseen speakers")
    if protocol in DEGRADATIONS:
        words += f", recordings asked (and adapted to) through: {DEGRADATIONS[protocol]}"
    seeds = measured.get("seeds", [])
    return f"{words}; mean of seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else f"{words}; one seed"


def _member(member: MemberSettings, networks: list[nn.Module]) -> dict:
    return {
        "name": f"{member.name} × {len(networks)}",
        "weight": member.weight,
        "network": f"{member.kind}, speakers {'known or not' if member.hears == 'both' else member.hears}",
        "parameters": sum(p.numel() for network in networks for p in network.parameters()),
    }


def _corpus(corpus: Corpus) -> dict:
    seconds = sum(audio.seconds_between(u.path, u.start, u.end) for u in corpus.utterances)
    return {
        "name": corpus.name,
        "licence": corpus.licence,
        "recordings": len(corpus),
        "speakers": len(set(corpus.speakers) - {""}),
        "hours": round(seconds / 3600, 3),
        "trained_on": "all of them",
    }


def _self_test(model: onnx.ModelProto, rate: int) -> dict:
    answer = open_session(model).run(None, {WAVEFORM: self_test_waveform(rate)[None]})[0][0]
    numbers = [round(float(p), 7) for p in answer]
    return {"probabilities": numbers, "tolerance": 1e-3, "variants": {MODEL: numbers}, "tolerances": {}}


def _milliseconds(model: onnx.ModelProto, rate: int) -> float:
    waveform = np.resize(self_test_waveform(rate), round(SECONDS * rate))
    return latencies([open_session(model)], {WAVEFORM: waveform[None]})[0].lowest
