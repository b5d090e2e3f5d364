"""From a finished study to an ensemble: read `run_ensemble` from top to bottom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tembr.ensemble.adapted import AdaptedFold, adapt_fold
from tembr.ensemble.combiners import COMBINERS
from tembr.ensemble.folder import EnsembleFolder
from tembr.ensemble.heldout import HeldOut, read_heldout
from tembr.ensemble.measure import Measured, measure
from tembr.ensemble.members import StudyMember, StudyProtocol, choose, read_protocol
from tembr.ensemble.report import ENSEMBLE, ProtocolResult, Reporter, write_comparison
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.ship import MeasuredProtocol, choose_shipped, ship
from tembr.ensemble.tracking import RecordedSearch, open_tracking
from tembr.ensemble.weighting import OBJECTIVE
from tembr.errors import ConfigError, StoreError
from tembr.experiment.recordings import Recordings, load_recordings, same_recordings, usable_corpus
from tembr.experiment.settings import StudySettings
from tembr.experiment.storage import open_storage
from tembr.experiment.study import place_of, study_settings
from tembr.extras import how_to_install, require
from tembr.files import digest
from tembr.lock import only_process
from tembr.models import Member, load_member
from tembr.models.base import with_embedding
from tembr.progress import Progress
from tembr.splits import UNSEEN

REPORT = "weights begun at the likeliest mixture, shrunk towards equal ones"
"""How a report is made, in its identity: one that was made otherwise is made again."""


def run_ensemble(
    study_folder: str | Path,
    settings: EnsembleSettings | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> EnsembleFolder:
    """Join members of a finished study, measure the result under each protocol, and leave all of it in `out`.

    What an earlier run finished is not done again; an interrupted search goes on.

    Args:
        study_folder: what `tembr study` wrote.
        settings: which members, how they are searched; the defaults where absent.
        out: folder of the ensemble, `ensemble` in the study's by default; protocols after the study's first get a
            folder of their name in it.
        progress: how the work is followed; silent by default.

    Raises:
        StoreError: a member is not finished, the recordings are others than the study's, a file cannot be written, or
            another process works in `out`.
        ConfigError: the settings ask for what the study does not have.
        MissingExtraError: or for a combiner whose package is not installed.
    """
    settings, progress, folder = settings or EnsembleSettings(), progress or Progress(), Path(study_folder)
    study = study_settings(folder)
    _say_missing(settings, progress)
    protocols = {p: read_protocol(study, folder, p) for p in _protocols(study, settings, folder, progress)}
    shipped = choose_shipped(list(protocols), {p: len(one.folds) for p, one in protocols.items()}, settings)
    members = {p: choose(one, settings, study, folder) for p, one in protocols.items()}
    run = _Run(folder, study, settings, Path(out or folder / ENSEMBLE), progress, members[shipped])
    with only_process(run.out):
        measured = {p: run.measured(one, members[p]) for p, one in protocols.items()}
        if any(one.new for one in measured.values()) and list(measured) != [study.protocols[0]]:
            results = [result for one in measured.values() for result in one.result.results]
            write_comparison(results, run.out, f"{results[0].summary['corpus']}: ways of joining")
        return ship(study, settings, measured, shipped, lambda: run.recordings, run.out, progress)


@dataclass(frozen=True)
class _Run:
    """A study and the ensemble made of it.

    Attributes:
        joined: the members of the ensemble that ships, whose inputs are read where something has to be computed.
    """

    folder: Path
    study: StudySettings
    settings: EnsembleSettings
    out: Path
    progress: Progress
    joined: Sequence[StudyMember]

    @cached_property
    def recordings(self) -> Recordings:
        """The study's recordings, opened at the first use.

        Raises:
            StoreError: they are not those the study was made with.
        """
        target = usable_corpus(self.study.corpus, self.study.features.window, self.progress)
        listed = read_protocol(self.study, self.folder, self.study.protocols[0]).utterances
        if not same_recordings(target, listed):
            raise StoreError(
                f"{self.folder}: the recordings are no longer those this study was made with ({len(listed)} then, "
                f"{len(target)} now); restore them or run a new study"
            )
        members = [self.study.members[member.name] for member in self.joined]
        return load_recordings(self.study, members, self.progress, target)

    def measured(self, protocol: StudyProtocol, members: list[StudyMember]) -> MeasuredProtocol:
        """Search, measure and report under one protocol, unless that was done."""
        place = place_of(self.study, self.out, protocol.name)
        self._say_members(protocol.name, members)
        heldout = read_heldout(protocol, members)
        identity = _identity(heldout, self.settings)
        with suppress(StoreError):
            done = ProtocolResult.read(place)
            if done.identity == identity:
                self._say_result(protocol.name, done)
                return MeasuredProtocol(place, protocol, members, done, new=False)
        with self._search(protocol.name, heldout, place) as search:
            outcome = measure(heldout, self.settings, search, by_speaker=protocol.name in UNSEEN)
            adapted = self._adapted(protocol, members, heldout, outcome)
            reporter = Reporter(self.study, self.settings, protocol, members, heldout, place)
            done = reporter.write(outcome, adapted, identity)
            search.finish(done.of(ENSEMBLE).summary, place)
        self._say_result(protocol.name, done)
        return MeasuredProtocol(place, protocol, members, done, new=True)

    def _adapted(
        self, protocol: StudyProtocol, members: Sequence[StudyMember], heldout: HeldOut, outcome: Measured
    ) -> list[AdaptedFold]:
        """Every fold's answers adapted to its speakers, where they are unseen and that is wanted."""
        if protocol.name not in UNSEEN or not self.settings.adapt:
            return []
        self._say_few(protocol.name, heldout)
        found = []
        for number, parts in enumerate(heldout.folds):
            fold, weighting = protocol.folds[number], outcome.found[parts.name].weighting
            fitted = self._embedding(protocol, members, weighting.weights, number)
            recordings = self.recordings if fitted else None
            names = heldout.members
            one = adapt_fold(parts, fold, weighting, names, fitted, recordings, self.settings, number)
            found.append(one)
            self.progress.count("folds adapted", number + 1, len(heldout.folds))
        return found

    def _say_few(self, protocol: str, heldout: HeldOut) -> None:
        """How many scored speakers cannot be adapted to by as many recordings as is wanted."""
        wanted = self.settings.adapt
        said = Counter(name for parts in heldout.folds for name in parts.test.speakers.tolist())
        few = sum(count <= wanted for count in said.values())
        if few:
            self.progress.say(
                f"{protocol} · {few} of {len(said)} speakers have no more than {wanted} recordings and are "
                "adapted to by half of theirs; --adapt K takes K of all that have more"
            )

    def _embedding(self, protocol: StudyProtocol, members, weights: dict[str, float], number: int) -> list[Member]:
        """The members of a fold that count and whose embeddings are taken."""
        counting, features = {m.name: m for m in members if weights.get(m.name, 0) > 0}, self.study.features
        chosen = with_embedding([self.study.members[name] for name in counting], features)
        return [load_member(m, features, protocol.labels, counting[m.name].weights[number]) for m in chosen]

    @contextmanager
    def _search(self, protocol: str, heldout: HeldOut, place: Path) -> Iterator[RecordedSearch]:
        """What searches on a fold, with its storage and tracking open."""
        place.mkdir(parents=True, exist_ok=True)
        markers = place / ".mlflow"
        tracker = open_tracking(self.study, self.folder, self.settings, protocol, heldout.identity, markers)
        searches = len(heldout.folds) + (len(heldout.folds) > 1)
        url = self.settings.storage or f"sqlite:///{(self.out / 'search.db').resolve()}"
        try:
            with open_storage(url, one_machine=not self.settings.storage) as storage:
                yield RecordedSearch(
                    self.settings, storage, heldout.identity, protocol, searches, tracker, markers, self.progress
                )
        except BaseException:
            with suppress(StoreError):
                tracker.finish("KILLED")
            raise

    def _say_members(self, protocol: str, members: list[StudyMember]) -> None:
        for member in members:
            summary = member.result.summary
            self.progress.say(
                f"{protocol} · {member.name}: {member.folder}, {summary['network']}, accuracy "
                f"{summary['accuracy']['value']:.3f}, UAR {summary['uar']['value']:.3f} on its test part"
            )

    def _say_result(self, protocol: str, done: ProtocolResult) -> None:
        weights = ", ".join(f"{name} {weight:.3f}" for name, weight in done.weights.items())
        summary = done.of(ENSEMBLE).summary
        found = _found_on(done.search)
        self.progress.say(f"{protocol} · weights {weights}; temperature {done.temperature:.2f}; {found}")
        self.progress.say(
            f"{protocol} · ensemble: accuracy {summary['accuracy']['value']:.3f} "
            f"[{summary['accuracy']['low']:.3f}, {summary['accuracy']['high']:.3f}], UAR {summary['uar']['value']:.3f}"
        )
        if done.adapted:
            uar, count = done.adapted["uar"]["value"], done.adapted["recordings"]
            self.progress.say(f"{protocol} · adapted to {count} recordings of each speaker: UAR {uar:.3f}")


def _say_missing(settings: EnsembleSettings, progress: Progress) -> None:
    """Which combiners are left out for want of their package; the one asked for may not be."""
    for name, combiner in COMBINERS.items():
        if combiner.missing and name == settings.combiner:
            require(f"--combiner {name}", "train", combiner.package)
        if combiner.missing:
            progress.say(f"{name}: left out, it needs {combiner.package}; {how_to_install('train')}")


def _protocols(study: StudySettings, settings: EnsembleSettings, folder: Path, progress: Progress) -> list[str]:
    """Those asked for; by default the study's first, and the others that have the members."""
    if settings.protocols:
        return list(settings.protocols)
    first, *others = study.protocols
    chosen = [first]
    for protocol in others:
        try:
            choose(read_protocol(study, folder, protocol), settings, study, folder)
            chosen.append(protocol)
        except (StoreError, ConfigError) as error:
            progress.say(f"{protocol}: left out; {error}")
    return chosen


def _identity(heldout: HeldOut, settings: EnsembleSettings) -> str:
    """Digest of all that a protocol's report depends on."""
    chosen = settings.model_dump(mode="json", exclude={"members", "protocols", "storage", "refit", "ship", "track"})
    measured = [name for name, combiner in COMBINERS.items() if not combiner.missing]
    facts = repr([REPORT, measured, sorted(chosen.items())])
    return digest(heldout.identity.encode(), OBJECTIVE.encode(), facts.encode())


def _found_on(search: dict) -> str:
    return f"found in {search['trials']} trials on {search['recordings']} recordings ({search['part']})"
