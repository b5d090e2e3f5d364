"""The experiment, from corpora to report: read `run_study` from top to bottom."""

from __future__ import annotations

from pathlib import Path

from tembr.corpora import write_table
from tembr.corpora.corpus import Corpus
from tembr.errors import ConfigError
from tembr.evaluate.comparison import write_comparison
from tembr.evaluate.frames import write_frame
from tembr.experiment.member import MemberRun
from tembr.experiment.recordings import LISTED, load_recordings, read_listed, same_recordings, usable_corpus
from tembr.experiment.settings import StudySettings, differences, load_settings, write_settings
from tembr.experiment.study import Study, member_folder, place_of
from tembr.experiment.tracking import tracked
from tembr.files import atomic_write
from tembr.lock import only_process
from tembr.models.base import check_members
from tembr.progress import Progress
from tembr.splits import Fold, make_folds
from tembr.tables import line

FREE = ("track.", "corpus.folder ", "members.", "protocols ")
"""Settings that a folder's study may be continued with others of: none of them changes a result that is there."""


def run_study(settings: StudySettings, folder: Path, progress: Progress | None = None) -> Study:
    """Fit and measure every member under every protocol; finished members and folds are not done again.

    Args:
        settings: everything the result depends on; written to `folder/config.toml`.
        folder: of the study. One that holds a study with other settings is refused.
        progress: how the work is followed; silent by default.

    Raises:
        TembrError: the corpora, the settings, the disk or another process in `folder` do not allow it; what was
            finished stays.
    """
    progress = progress or Progress()
    _refuse_other(settings, folder)
    members = list(settings.members.values())
    check_members(members, settings.features)
    target = usable_corpus(settings.corpus, settings.features.window, progress)
    folds = {protocol: make_folds(target, protocol, settings.split) for protocol in settings.protocols}
    with only_process(folder):
        recordings = load_recordings(settings, members, progress, target)
        _claim(settings, folder, target, folds)
        with tracked(settings.track, f"study {folder.name}", settings.tree(), folder) as tracker:
            for protocol in settings.protocols:
                for member in members:
                    place = place_of(settings, folder, protocol) / member_folder(member)
                    new = not (place / "summary.json").exists()
                    MemberRun(settings, recordings, protocol, folds[protocol], member, place, progress).run(tracker)
                    if new:
                        write_comparison(Study.read(folder).results, folder, f"{target.name}: {len(target)} recordings")
            study = Study.read(folder)
            for protocol in settings.protocols:
                path = place_of(settings, folder, protocol) / "differences.csv"
                write_frame(study.differences(protocol), path, "%.4g")
            tracker.artifacts(folder, skip=(".db", ".db-shm", ".db-wal"))
    return study


def _refuse_other(settings: StudySettings, folder: Path) -> None:
    path = folder / "config.toml"
    if not path.exists():
        return
    before = load_settings(path)
    changed = [line for line in differences(before, settings) if not line.startswith(FREE)]
    own, other = settings.tree()["members"], before.tree()["members"]
    changed += [f"members.{name}" for name in own if name in other and own[name] != other[name]]
    if before.protocols[0] != settings.protocols[0]:
        changed.append(f"first protocol ({before.protocols[0]} → {settings.protocols[0]})")
    if changed:
        raise ConfigError(f"{folder} holds a study with other settings: {'; '.join(changed)}; choose another --out")


def _claim(settings: StudySettings, folder: Path, corpus: Corpus, folds: dict[str, list[Fold]]) -> None:
    """Write what the folder's study is made with: the settings, with the members of earlier runs, and the splits."""
    path = folder / "config.toml"
    if path.exists():
        before = load_settings(path)
        protocols = tuple(dict.fromkeys([*before.protocols, *settings.protocols]))
        more = {"members": before.members | settings.members, "protocols": protocols}
        settings = settings.model_copy(update=more)
    for protocol, made in folds.items():
        _write_splits(corpus, made, place_of(settings, folder, protocol))
    listed = folder / LISTED
    if listed.exists() and not same_recordings(corpus, read_listed(listed)):
        raise ConfigError(f"{listed}: emotions or speakers are others than this study began with; choose another --out")
    write_settings(settings, path)
    write_table(corpus, listed)


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
