"""What becomes of the measured: the weights, members and facts that leave the laboratory."""

from __future__ import annotations

import filecmp
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tembr import audio
from tembr.ensemble.embedded import EmbeddedRecordings
from tembr.ensemble.folder import AdaptationFacts, EnsembleFacts, EnsembleFolder
from tembr.ensemble.members import StudyMember, StudyProtocol
from tembr.ensemble.projection import SpeakerSpace
from tembr.ensemble.report import ProtocolResult
from tembr.ensemble.settings import EnsembleSettings
from tembr.errors import ConfigError, StoreError
from tembr.experiment.member import Outcome
from tembr.experiment.recordings import Recordings
from tembr.experiment.settings import StudySettings
from tembr.files import atomic_write, digest
from tembr.models import Member, fit_member, load_member
from tembr.models.base import WEIGHTS, with_embedding
from tembr.progress import Progress
from tembr.train.history import discard_checkpoints

NOT_METRICS = ("member", "kind", "protocol", "corpus", "auxiliary", "licence", "seed", "network", "epochs")


@dataclass(frozen=True, eq=False)
class MeasuredProtocol:
    """One protocol's part in an ensemble.

    Attributes:
        place: folder of its results.
        protocol, members: what it was measured with.
        result: what came out.
        new: this run measured it, not an earlier one.
    """

    place: Path
    protocol: StudyProtocol
    members: Sequence[StudyMember]
    result: ProtocolResult
    new: bool

    @property
    def used(self) -> list[StudyMember]:
        """Members with a weight above 0."""
        return [member for member in self.members if self.result.weights.get(member.name, 0) > 0]


@dataclass(frozen=True)
class _Shipped:
    """Members' weights to ship, the target's recordings they learnt from (indices), and that in words."""

    files: dict[str, Path]
    learnt: np.ndarray
    words: str


def choose_shipped(protocols: Sequence[str], folds: Mapping[str, int], settings: EnsembleSettings) -> str:
    """The protocol whose weights leave.

    With `refit` that is 'speaker' where it is measured: its weights were found on voices no member had heard, as the
    voices of users will be. Without, it is the first that has one fitting a member.

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
    recordings: Callable[[], Recordings],
    out: Path,
    progress: Progress,
) -> EnsembleFolder:
    """Write `ensemble.json`, the settings and the members: of `shipped` into `out`, of others into their places."""
    metrics = {protocol: _metrics(one.result) for protocol, one in measured.items()}
    combiners = {protocol: _combiners(one.result) for protocol, one in measured.items()}
    adapted = {p: one.result.adapted for p, one in measured.items() if one.result.adapted}
    for protocol, one in measured.items():
        if one.place != out:
            own = {p: scores for p, scores in adapted.items() if p == protocol}
            scores = {protocol: metrics[protocol]}, {protocol: combiners[protocol]}
            _write(study, settings, one, _own_members(study, one), one.place, *scores, own, recordings)
    one = measured[shipped]
    members = _refitted(study, one, recordings(), out, progress) if settings.refit else _own_members(study, one)
    progress.say(f"{out}: weights found under {shipped}; members: {members.words}")
    return _write(study, settings, one, members, out, metrics, combiners, adapted, recordings)


def _write(
    study: StudySettings,
    settings: EnsembleSettings,
    one: MeasuredProtocol,
    members: _Shipped,
    place: Path,
    metrics: dict,
    combiners: dict,
    adapted: dict,
    recordings: Callable[[], Recordings],
) -> EnsembleFolder:
    _place(members.files, place / "members")
    result = one.result
    facts = EnsembleFacts(
        weights=result.weights,
        temperature=result.temperature,
        labels=list(one.protocol.labels),
        corpora=_corpora(recordings(), members.learnt),
        trained_on=members.words,
        search=result.search,
        metrics=metrics,
        combiners=combiners,
        adaptation=_adaptation(settings, result, adapted),
        set_thresholds=result.set_thresholds,
    )
    space = None
    if facts.adaptation and members.files:
        space = _space(study, settings, one, members, recordings)
    EnsembleFolder(place, facts, study).write(space)
    return EnsembleFolder.read(place)


def _adaptation(settings: EnsembleSettings, result: ProtocolResult, adapted: dict) -> AdaptationFacts | None:
    if not result.adapted:
        return None
    return AdaptationFacts(
        recordings=settings.adapt,
        offset_prior=settings.offset_prior,
        mixture_prior=settings.mixture_prior,
        typical=result.adapted["typical"],
        speaker_prior=settings.speaker_prior,
        speaker_share=settings.speaker_share,
        within_prior=settings.within_prior,
        strength=result.adapted["shipped_strength"],
        temperature=result.adapted["shipped_temperature"],
        metrics=adapted,
        relative_typical=result.adapted.get("relative_typical", []),
        relative_share=settings.relative_share,
        relative_prior=settings.relative_prior,
    )


def _space(study, settings, one: MeasuredProtocol, members: _Shipped, recordings) -> SpeakerSpace | None:
    """The speaker space of the shipped members, of all that they learnt from."""
    chosen = with_embedding([study.members[name] for name in members.files], study.features)
    if not chosen:
        return None
    loaded = [load_member(m, study.features, one.protocol.labels, members.files[m.name]) for m in chosen]
    return EmbeddedRecordings.of(loaded, recordings()).space(members.learnt, settings, one.result.temperature)


def _own_members(study: StudySettings, one: MeasuredProtocol) -> _Shipped:
    """The study's members, where the protocol has one fitting each.

    What they learnt from is the union over them: some learn from the validation part too.
    """
    folds, total = one.protocol.folds, len(one.protocol.utterances)
    if len(folds) > 1:
        words = f"none: the {one.protocol.name} protocol has {len(folds)} fittings of each; --refit fits one to ship"
        return _Shipped({}, np.arange(total), words)
    files = {member.name: member.weights[0] for member in one.used}
    if all(study.members[name].uses_validation for name in files):
        count, held = len(folds[0].train), len(folds[0].validation)
        words = f"the training part, {count} of {total} recordings of {_name(one)}; {held} more said when to stop"
        return _Shipped(files, folds[0].train, words)
    words = f"the training and the validation part, {len(folds[0].rest)} of {total} recordings of {_name(one)}"
    return _Shipped(files, folds[0].rest, words)


def _refitted(
    study: StudySettings, one: MeasuredProtocol, recordings: Recordings, out: Path, progress: Progress
) -> _Shipped:
    """Every used member fitted once more, on all recordings; a finished one is not fitted again."""
    total = len(one.protocol.utterances)
    files = {m.name: _refit(study, m, recordings, out / "refit", progress) for m in one.used}
    corpora = ", ".join(
        [f"all {total} recordings of {_name(one)}", *(f"all of {c.name}" for c in recordings.auxiliary)]
    )
    return _Shipped(files, np.arange(total), corpora)


def _refit(study: StudySettings, member: StudyMember, recordings: Recordings, folder: Path, progress: Progress) -> Path:
    settings = study.members[member.name].for_refit([Outcome.read(fold).history for fold in member.folds])
    place = folder / f"{member.name}-{_identity(study, settings, recordings)}"
    if (place / WEIGHTS).exists():
        progress.say(f"{member.name}: fitted on all recordings before")
        return place / WEIGHTS
    everything = np.arange(len(recordings.target))
    progress.say(f"{member.name}: fitting on all {len(everything)} recordings")
    data = recordings.data(settings, everything, np.empty(0, int), place)
    fitted: Member = fit_member(settings, study.features, data, study.seed, progress)
    fitted.save(place)
    discard_checkpoints(place)
    return place / WEIGHTS


def _identity(study: StudySettings, settings, recordings: Recordings) -> str:
    """Digest of all that a refit depends on; its folder is named by it."""
    facts = [settings.model_dump(mode="json"), study.features.model_dump(mode="json"), study.seed]
    learnt = [(u.key, u.emotion, u.degradation) for u in recordings.utterances]
    return digest(json.dumps([facts, learnt], sort_keys=True).encode())[:12]


def _place(files: dict[str, Path], folder: Path) -> None:
    """Make `folder` hold a copy NAME.safetensors of each file, and no other."""
    for path in folder.glob("*.safetensors"):
        if path.stem not in files:
            path.unlink()
    for name, source in files.items():
        if not source.is_file():
            raise StoreError(f"{source}: missing; remove {source.parent} and run the study again, which fits it anew")
        target = folder / f"{name}.safetensors"
        if not target.exists() or not filecmp.cmp(source, target, shallow=False):
            with atomic_write(target) as temporary:
                shutil.copyfile(source, temporary)


def _corpora(recordings: Recordings, learnt: np.ndarray) -> list[dict]:
    everything = [recordings.target, *recordings.auxiliary]
    parts = [[recordings.target.utterances[i] for i in learnt], *(one.utterances for one in recordings.auxiliary)]
    return [
        {
            "name": corpus.name,
            "licence": corpus.licence,
            "recordings": len(part),
            "speakers": len({u.speaker for u in part} - {""}),
            "hours": round(sum(audio.seconds_between(u.path, u.start, u.end) for u in part) / 3600, 3),
        }
        for corpus, part in zip(everything, parts)
    ]


def _name(one: MeasuredProtocol) -> str:
    return one.protocol.corpus.name


def _metrics(result: ProtocolResult) -> dict:
    """Scores of the weighted ensemble, the one that is exported."""
    return {name: value for name, value in result.of(result.weighted).summary.items() if name not in NOT_METRICS}


def _combiners(result: ProtocolResult) -> dict:
    joined = [one for one in result.results if one.kind == "ensemble"]
    return {one.member: {name: one.summary[name] for name in ("accuracy", "uar")} for one in joined}
