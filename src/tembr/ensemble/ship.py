"""What becomes of the measured: the weights, networks and facts that leave the laboratory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tembr.config import StudySettings
from tembr.ensemble.evidence import Evidence
from tembr.ensemble.folder import EnsembleFacts, EnsembleFolder
from tembr.ensemble.networks import place_networks, refit_members
from tembr.ensemble.recordings import Recordings
from tembr.ensemble.report import ProtocolResult
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.sources import Division, Source
from tembr.errors import ConfigError
from tembr.member import Watch

NOT_METRICS = ("member", "kind", "protocol", "corpus", "licence", "seed", "network", "epochs")


@dataclass(frozen=True, eq=False)
class MeasuredProtocol:
    """One protocol's part in an ensemble.

    Attributes:
        place: folder of its results.
        division, sources, evidence: what it was measured with.
        result: what came out.
        new: this run measured it, not an earlier one.
    """

    place: Path
    division: Division
    sources: Sequence[Source]
    evidence: Evidence
    result: ProtocolResult
    new: bool


@dataclass(frozen=True)
class _Networks:
    """Networks to ship, the recordings they learnt from (indices), and both in words."""

    files: dict[str, Path]
    learnt: np.ndarray
    words: str


def choose_shipped(protocols: Sequence[str], folds: Mapping[str, int], settings: EnsembleSettings) -> str:
    """The protocol whose weights leave.

    With `refit` that is 'speaker' where it is measured: its weights were found on voices no member had heard, as the
    voices of users will be. Without, it is the first that has one network a member.

    Raises:
        ConfigError: `settings.ship` is not measured.
    """
    if settings.ship:
        if settings.ship not in protocols:
            raise ConfigError(f"--ship {settings.ship}: not measured here; choose from {', '.join(protocols)}")
        return settings.ship
    if settings.refit:
        return "speaker" if "speaker" in protocols else protocols[0]
    return next((protocol for protocol in protocols if folds[protocol] == 1), protocols[0])


def ship(
    study: StudySettings,
    settings: EnsembleSettings,
    measured: Mapping[str, MeasuredProtocol],
    shipped: str,
    recordings: Recordings,
    out: Path,
    watch: Watch,
) -> EnsembleFolder:
    """Write `ensemble.json`, the settings and the networks: of `shipped` into `out`, of others into their places."""
    metrics = {protocol: _metrics(one.result) for protocol, one in measured.items()}
    for protocol, one in measured.items():
        if one.place != out:
            _write(study, one, _own_networks(one), one.place, {protocol: metrics[protocol]})
    one = measured[shipped]
    networks = _refitted(study, one, recordings, out, watch) if settings.refit else _own_networks(one)
    watch.say(f"{out}: weights found under {shipped}; networks: {networks.words}")
    return _write(study, one, networks, out, metrics)


def _write(
    study: StudySettings, one: MeasuredProtocol, networks: _Networks, place: Path, metrics: dict
) -> EnsembleFolder:
    place_networks(networks.files, place / "members")
    result = one.result
    facts = EnsembleFacts(
        weights=result.weights,
        temperature=result.temperature,
        labels=list(one.division.labels),
        corpora=[_corpus(one, networks.learnt)],
        trained_on=networks.words,
        search=result.search,
        metrics=metrics,
    )
    EnsembleFolder(place, facts, study).write()
    return EnsembleFolder.read(place)


def _own_networks(one: MeasuredProtocol) -> _Networks:
    """The study's networks, where the protocol has one a member."""
    folds, total = one.division.folds, len(one.division.utterances)
    if len(folds) > 1:
        words = f"none: the {one.division.protocol} protocol has {len(folds)} a member; --refit trains one to ship"
        return _Networks({}, np.arange(total), words)
    files = {s.name: s.networks[0] for s in one.sources if one.result.weights.get(s.name, 0) > 0}
    count, held = len(folds[0].train), len(folds[0].validation)
    words = f"the training part, {count} of {total} recordings of {_corpus_name(one)}; {held} more said when to stop"
    return _Networks(files, folds[0].train, words)


def _refitted(
    study: StudySettings, one: MeasuredProtocol, recordings: Recordings, out: Path, watch: Watch
) -> _Networks:
    used = [source for source in one.sources if one.result.weights.get(source.name, 0) > 0]
    files = refit_members(study, one.division, used, recordings, out / "refit", watch)
    total = len(one.division.utterances)
    return _Networks(files, np.arange(total), f"all {total} recordings of {_corpus_name(one)}")


def _corpus(one: MeasuredProtocol, learnt: np.ndarray) -> dict:
    speakers = {one.division.utterances[index].speaker for index in learnt} - {""}
    return {
        "name": _corpus_name(one),
        "licence": one.sources[0].result.summary.get("licence", ""),
        "recordings": len(learnt),
        "speakers": len(speakers),
        "hours": round(float(one.evidence.seconds[learnt].sum()) / 3600, 3),
    }


def _corpus_name(one: MeasuredProtocol) -> str:
    return one.sources[0].result.summary.get("corpus", "")


def _metrics(result: ProtocolResult) -> dict:
    """Scores of the weighted ensemble, the one that is exported."""
    return {name: value for name, value in result.of(result.weighted).summary.items() if name not in NOT_METRICS}
