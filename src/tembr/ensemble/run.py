"""From a finished study to an ensemble: read `run_ensemble` from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tembr.config import StudySettings
from tembr.ensemble.evidence import Evidence, gather
from tembr.ensemble.folder import EnsembleFolder
from tembr.ensemble.measure import measure
from tembr.ensemble.record import RecordedSearch, open_record
from tembr.ensemble.recordings import Recordings
from tembr.ensemble.report import ENSEMBLE, ProtocolResult, Reporter, write_comparison
from tembr.ensemble.search import open_storage
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.ship import MeasuredProtocol, choose_shipped, ship
from tembr.ensemble.sources import Division, Source, choose, read_division, study_settings
from tembr.errors import ConfigError, StoreError
from tembr.features.shard import digest
from tembr.lock import only_process
from tembr.member import Watch
from tembr.study import place_of


def run_ensemble(
    study_folder: str | Path,
    settings: EnsembleSettings | None = None,
    out: str | Path | None = None,
    watch: Watch | None = None,
) -> EnsembleFolder:
    """Join members of a finished study, measure the result under each protocol, and leave all of it in `out`.

    What an earlier run finished is not done again; an interrupted search goes on.

    Args:
        study_folder: what `tembr study` wrote.
        settings: which members, how they are searched; the defaults where absent.
        out: folder of the ensemble, `ensemble` in the study's by default; protocols after the study's first get a
            folder of their name in it.
        watch: how the work is followed; silent by default.

    Raises:
        StoreError: a member is not finished, the recordings are others than the study's, a file cannot be written, or
            another process works in `out`.
        ConfigError: the settings ask for what the study does not have.
    """
    settings, watch = settings or EnsembleSettings(), watch or Watch()
    bench = _bench(Path(study_folder), settings, out, watch)
    shipped = choose_shipped(list(bench.divisions), {p: len(d.folds) for p, d in bench.divisions.items()}, settings)
    sources = {p: choose(d, settings, bench.study, bench.folder) for p, d in bench.divisions.items()}
    with only_process(bench.out):
        measured = {protocol: bench.measured(protocol, sources[protocol]) for protocol in bench.divisions}
        if any(one.new for one in measured.values()) and list(measured) != [bench.study.protocols[0]]:
            results = [result for one in measured.values() for result in one.result.results]
            write_comparison(results, bench.out, f"{results[0].summary['corpus']}: ways of joining")
        return ship(bench.study, settings, measured, shipped, bench.recordings, bench.out, watch)


@dataclass(frozen=True)
class _Bench:
    """A study, the ensemble made of it, and what the protocols share on the way."""

    folder: Path
    study: StudySettings
    settings: EnsembleSettings
    out: Path
    divisions: dict[str, Division]
    recordings: Recordings
    watch: Watch

    def measured(self, protocol: str, sources: list[Source]) -> MeasuredProtocol:
        """Search, measure and report under one protocol, unless that was done."""
        division, place = self.divisions[protocol], place_of(self.study, self.out, protocol)
        self._say_sources(protocol, sources)
        evidence = gather(self.study, division, sources, self.recordings, place, self.watch)
        identity = _identity(evidence, self.settings)
        with suppress(StoreError):
            done = ProtocolResult.read(place)
            if done.identity == identity:
                self._say_result(protocol, done)
                return MeasuredProtocol(place, division, sources, evidence, done, new=False)
        with self._search(protocol, evidence, place) as search:
            outcome = measure(evidence, self.settings, search, by_speaker=protocol == "speaker")
            reporter = Reporter(self.study, self.settings, division, sources, evidence, place)
            done = reporter.write(outcome, identity)
            search.finish(done.of(ENSEMBLE).summary, place)
        self._say_result(protocol, done)
        return MeasuredProtocol(place, division, sources, evidence, done, new=True)

    @contextmanager
    def _search(self, protocol: str, evidence: Evidence, place: Path) -> Iterator[RecordedSearch]:
        """What searches on a fold, with its storage and record open."""
        place.mkdir(parents=True, exist_ok=True)
        markers = place / ".mlflow"
        tracker = open_record(self.study, self.folder, self.settings, protocol, evidence.identity, markers)
        searches = len(evidence.folds) + (len(evidence.folds) > 1)
        url = self.settings.storage or f"sqlite:///{(self.out / 'search.db').resolve()}"
        try:
            with open_storage(url, one_machine=not self.settings.storage) as storage:
                yield RecordedSearch(
                    self.settings, storage, evidence.identity, protocol, searches, tracker, markers, self.watch
                )
        except BaseException:
            with suppress(StoreError):
                tracker.finish("KILLED")
            raise

    def _say_sources(self, protocol: str, sources: list[Source]) -> None:
        for source in sources:
            summary = source.result.summary
            self.watch.say(
                f"{protocol} · {source.name}: {source.folder}, {summary['network']}, accuracy "
                f"{summary['accuracy']['value']:.3f}, UAR {summary['uar']['value']:.3f} on its test part"
            )

    def _say_result(self, protocol: str, done: ProtocolResult) -> None:
        weights = ", ".join(f"{name} {weight:.3f}" for name, weight in done.weights.items())
        summary = done.of(ENSEMBLE).summary
        self.watch.say(f"{protocol} · weights {weights}; temperature {done.temperature:.2f}; {_found_on(done.search)}")
        self.watch.say(
            f"{protocol} · ensemble: accuracy {summary['accuracy']['value']:.3f} "
            f"[{summary['accuracy']['low']:.3f}, {summary['accuracy']['high']:.3f}], UAR {summary['uar']['value']:.3f}"
        )


def _bench(folder: Path, settings: EnsembleSettings, out: str | Path | None, watch: Watch) -> _Bench:
    study = study_settings(folder)
    divisions = {p: read_division(study, folder, p) for p in _protocols(study, settings, folder, watch)}
    recordings = Recordings(study, next(iter(divisions.values())), watch)
    return _Bench(folder, study, settings, Path(out or folder / "ensemble"), divisions, recordings, watch)


def _protocols(study: StudySettings, settings: EnsembleSettings, folder: Path, watch: Watch) -> list[str]:
    """Those asked for; by default the study's first, and the others that have the members."""
    if settings.protocols:
        return list(settings.protocols)
    first, *others = study.protocols
    chosen = [first]
    for protocol in others:
        try:
            choose(read_division(study, folder, protocol), settings, study, folder)
            chosen.append(protocol)
        except (StoreError, ConfigError) as error:
            watch.say(f"{protocol}: left out; {error}")
    return chosen


def _identity(evidence: Evidence, settings: EnsembleSettings) -> str:
    """Digest of all that a protocol's report depends on."""
    chosen = [settings.best, settings.trials, settings.timeout, settings.seed, settings.l1, settings.combiner]
    return digest(evidence.identity.encode(), repr(chosen).encode())


def _found_on(search: dict) -> str:
    return f"found in {search['trials']} trials on {search['recordings']} recordings ({search['part']})"
