"""The experiment, from corpus to report: read `run_study` from top to bottom."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tembr.arguments import checked
from tembr.extras import needed

with needed("tembr.study", "train"):
    import pandas as pd

from tembr.config import StudySettings, differences, load_settings, write_settings
from tembr.corpora import load_corpus, write_table
from tembr.corpora.corpus import Corpus
from tembr.corpora.describe import describe, usable
from tembr.corpora.splits import Fold, make_folds
from tembr.errors import ConfigError, CorpusError, StoreError
from tembr.evaluate.comparison import write_comparison
from tembr.evaluate.frames import read_frame
from tembr.evaluate.report import read_probabilities
from tembr.evaluate.results import MemberResult, comparison_table, read_member, read_study
from tembr.features.extract import find
from tembr.features.picture import Picture
from tembr.features.registry import REPRESENTATIONS
from tembr.features.store import FeatureStore, FeatureTable
from tembr.files import atomic_write
from tembr.lock import only_process
from tembr.member import Member, Run, Watch, make_recipe
from tembr.tables import line
from tembr.train.baselines import BASELINES
from tembr.train.networks import check_network
from tembr.train.track import Silent, Tracker, open_tracker

log = logging.getLogger("tembr")


def run_study(settings: StudySettings, folder: Path, watch: Watch | None = None) -> Study:
    """Train and measure every member under every protocol; finished members and folds are not done again.

    Args:
        settings: everything the result depends on; written to `folder/config.toml`.
        folder: of the study. One that holds a study with other settings is refused.
        watch: how the work is followed; silent by default.

    Raises:
        TembrError: the corpus, the settings, the disk or another process in `folder` do not allow it; what was finished
            stays.
    """
    watch = watch or Watch()
    _refuse_other(settings, folder)
    corpus = usable_corpus(settings, watch)
    folds = {protocol: make_folds(corpus, protocol, settings.split) for protocol in settings.protocols}
    members = _members(settings)
    _try_networks(settings)
    with only_process(folder):
        tables = _prepare(settings, corpus, members, watch)
        _claim(settings, folder, corpus, folds)
        with _tracking(settings, folder) as tracker:
            for protocol in settings.protocols:
                for member in members:
                    place = place_of(settings, folder, protocol) / member.folder
                    new = not (place / "summary.json").exists()
                    Run(settings, corpus, tables, protocol, folds[protocol], place, watch).member(member, tracker)
                    if new:
                        write_comparison(Study.read(folder).results, folder, f"{corpus.name}: {len(corpus)} recordings")
            tracker.artifacts(folder, skip=(".db", ".db-shm", ".db-wal"))
    return Study.read(folder)


@dataclass(frozen=True)
class Study:
    """A study on disk, as a notebook wants it.

    Attributes:
        folder: where it lies.
        settings: what it was made with.
        results: of every member under every protocol.
    """

    folder: Path
    settings: StudySettings
    results: tuple[MemberResult, ...]

    @staticmethod
    @checked()
    def read(folder: str | Path) -> Study:
        """Read back what `run_study` left in `folder`.

        Raises:
            StoreError: there is no finished member; ConfigError: `config.toml` is missing or damaged.
        """
        folder = Path(folder)
        settings = load_settings(folder / "config.toml")
        places = [place_of(settings, folder, protocol) for protocol in settings.protocols]
        finished = [place for place in places if any(place.glob("*/summary.json"))] or [folder]
        results = [result for place in finished for result in read_study(place)]
        results += [read_member(path) for path in sorted(folder.glob("ensemble/*/summary.json"))]
        return Study(folder, settings, tuple(results))

    @property
    def table(self) -> pd.DataFrame:
        """One row a member, all protocols side by side: what `comparison.csv` holds."""
        return comparison_table(self.results)

    @checked()
    def predictions(self, member: str, protocol: str | None = None) -> pd.DataFrame:
        """Posteriors of the recordings a member was tested on, as in `probabilities.csv`."""
        return read_probabilities(self._place(member, protocol))

    @checked()
    def history(self, member: str, protocol: str | None = None) -> pd.DataFrame:
        """Losses and measures of each epoch (and fold) of a network."""
        return read_frame(self._place(member, protocol) / "history.csv", dtype={"fold": str})

    def _place(self, member: str, protocol: str | None) -> Path:
        protocol = protocol or self.settings.protocols[0]
        kinds = {r.member: r.kind for r in self.results if r.protocol == protocol}
        if member not in kinds:
            raise StoreError(f"{self.folder}: no {member} under {protocol}; there are {', '.join(kinds) or 'none'}")
        if kinds[member] == "ensemble":
            return place_of(self.settings, self.folder / "ensemble", protocol)
        return place_of(self.settings, self.folder, protocol) / Member(member, kinds[member]).folder


def _members(settings: StudySettings) -> list[Member]:
    baselines = [Member(name, "baseline") for name in BASELINES if settings.baselines]
    return baselines + [Member(name, "network") for name in settings.representations]


FREE = ("track.", "corpus.folder ", "representations ", "baselines ", "protocols ")
"""Settings that a folder's study may be continued with others of: none of them changes a result that is there."""


def place_of(settings: StudySettings, folder: Path, protocol: str) -> Path:
    """Folder of a protocol's results: the study's own for the first, one of its name within it for others."""
    return folder if protocol == settings.protocols[0] else folder / protocol


def _refuse_other(settings: StudySettings, folder: Path) -> None:
    path = folder / "config.toml"
    if not path.exists():
        return
    before = load_settings(path)
    changed = [line for line in differences(before, settings) if not line.startswith(FREE)]
    if before.protocols[0] != settings.protocols[0]:
        changed.append(f"first protocol ({before.protocols[0]} → {settings.protocols[0]})")
    if changed:
        raise ConfigError(f"{folder} holds a study with other settings: {'; '.join(changed)}; choose another --out")


def _claim(settings: StudySettings, folder: Path, corpus: Corpus, folds: dict[str, list[Fold]]) -> None:
    """Write what the folder's study is made with: the settings, with the members of earlier runs, and the splits."""
    path = folder / "config.toml"
    if path.exists():
        before = load_settings(path)
        names = tuple(n for n in REPRESENTATIONS if n in {*before.representations, *settings.representations})
        protocols = tuple(dict.fromkeys([*before.protocols, *settings.protocols]))
        baselines = before.baselines or settings.baselines
        more = {"representations": names, "protocols": protocols, "baselines": baselines}
        settings = settings.model_copy(update=more)
    for protocol, made in folds.items():
        _write_splits(corpus, made, place_of(settings, folder, protocol))
    write_settings(settings, path)
    write_table(corpus, folder / "dataset_info.csv")


def _try_networks(settings: StudySettings) -> None:
    """One empty picture through each network, before hours of work end at its first batch."""
    features = settings.features
    for name in settings.representations:
        picture = Picture(find(name), settings.pictures, find(name).bins(features))
        frames = 1 + (features.window_samples or features.sample_rate) // features.hop_length
        check_network(settings.train.network, picture.rows, frames)


def usable_corpus(settings: StudySettings, watch: Watch) -> Corpus:
    """The study's corpus without the recordings that cannot be read, which are said.

    Raises:
        CorpusError: none can be read, or the corpus is not there.
    """
    chosen = settings.corpus
    corpus = load_corpus(
        chosen.name,
        chosen.folder or None,
        unmapped=chosen.unmapped,
        columns=chosen.columns or None,
        allow_outside=chosen.allow_outside,
    )
    description = describe(
        corpus, settings.features.window, lambda done, total: watch.progress("recordings read", done, total)
    )
    left_out = len(description.missing) + len(description.unreadable)
    for key in description.missing:
        log.warning("%s: missing; left out", key)
    for key, reason in description.unreadable.items():
        log.warning("%s: %s; left out", key, reason)
    if left_out == len(corpus):
        raise CorpusError(f"{corpus.name}: none of its {len(corpus)} recordings can be read; check --corpus-dir")
    for group in description.duplicates:
        log.warning("%s: the same recording; a random split may put them on both sides", ", ".join(group))
    if left_out:
        watch.say(f"{left_out} of {len(corpus)} recordings left out: missing or unreadable")
    return usable(corpus, description)


def _prepare(settings, corpus: Corpus, members: list[Member], watch: Watch) -> dict[str, FeatureTable]:
    needed = {make_recipe(settings, m.name, 2).table_name for m in members if m.kind == "network"}
    needed |= {"mfcc"} if settings.baselines else set()
    return FeatureStore().prepare(
        corpus.utterances,
        sorted(needed),
        settings.features,
        lambda done, total: watch.progress("recordings analysed", done, total),
    )


@contextmanager
def _tracking(settings: StudySettings, folder: Path) -> Iterator[Tracker]:
    if not settings.track.enabled:
        yield Silent()
        return
    track = settings.track
    tracker = open_tracker(track.uri, track.experiment or folder.resolve().name, f"study {folder.name}", folder)
    tracker.params(settings.model_dump(mode="json"))
    try:
        yield tracker
    except BaseException:
        with suppress(StoreError):
            tracker.finish("KILLED")
        raise
    tracker.finish()


def _write_splits(corpus: Corpus, folds: list[Fold], place: Path) -> None:
    """Write `splits.csv`, or hold this run to the one that is there: another would train on what was tested."""
    rows = (
        (u.key, part, fold.name)
        for fold in folds
        for u, part in zip(corpus.utterances, fold.part_of(len(corpus)), strict=True)
    )
    content = "".join(map(line, [("file", "part", "fold"), *rows])).encode(errors="backslashreplace")
    path = place / "splits.csv"
    if path.exists() and path.read_bytes() != content:
        raise ConfigError(f"{path}: the recordings are no longer those this study began with; choose another --out")
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
