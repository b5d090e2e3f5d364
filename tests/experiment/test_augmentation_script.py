"""scripts/measure_augmentation.py: the studies it asks for, and its table of studies that nobody fitted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tembr.splits import make_folds
from tests.scripts import loaded
from tests.small_study import CORPUS, write_member, write_study

STRENGTHS = {"none": 0.5, "standard": 1.0, "mixup": 1.0, "cutmix": 2.0, "generated": 30.0}
"""How far the truth stands out of what each study's network answers."""


@pytest.fixture(scope="module")
def script():
    with loaded("measure_augmentation") as module:
        yield module


@pytest.fixture
def studied(script, monkeypatch):
    """The folders that were asked for; a study is left in each instead of being run."""
    asked = []

    def leave(settings, folder, progress):
        asked.append(folder)
        (protocol,) = settings.protocols
        written = write_study(folder, "chroma", protocols=(protocol,), split__seed=settings.split.seed)
        folds = make_folds(CORPUS, protocol, settings.split)
        strength = STRENGTHS[folder.parent.name]
        write_member(folder / "chroma", written.members["chroma"], protocol, folds, strength)
        _join(folder / "chroma")

    monkeypatch.setattr(script, "run_study", leave)
    return asked


def _join(member: Path) -> None:
    """`probabilities.csv` of all folds, as a study leaves it."""
    parts = sorted(member.glob("fold-*/probabilities.csv"))
    if parts:
        pd.concat([pd.read_csv(part) for part in parts]).to_csv(member / "probabilities.csv", index=False)


def arguments(folder: Path, *more: str) -> list[str]:
    return ["--out", str(folder), "--table", str(folder / "table.csv"), "--member", "chroma", *more]


def table_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "table.csv").set_index(["protocol", "augmentation"])


def test_every_study_is_asked_for_under_every_split(script, tmp_path):
    runs = list(script.runs_of(script.parsed(arguments(tmp_path, "--seeds", "42,43"))))
    assert len(runs) == 5 * 3
    assert [run.split for run in runs[::5]] == ["random_42", "random_43", "speaker"]
    assert {run.settings.split.seed for run in runs[5:10]} == {43}


def test_studies_differ_in_their_augmentation_alone(script, tmp_path):
    runs = script.runs_of(script.parsed(arguments(tmp_path, "--protocol", "random")))
    members = {run.study: run.settings.members["chroma"] for run in runs}
    assert not members["none"].augment.enabled and members["standard"].augment.enabled
    changed = {"mixup": ("mixup", 0.4), "cutmix": ("cutmix", 1.0), "generated": ("generated", 0.5)}
    for study, (name, value) in changed.items():
        standard = members["standard"].train.model_dump()
        assert members[study].train.model_dump() == standard | {name: value}
        assert members[study].augment == members["standard"].augment


def test_settings_go_to_all_studies_and_the_studies_own_win(script, tmp_path):
    given = arguments(tmp_path, "--set", "train.epochs=3", "--set", "members.chroma.train.mixup=0.1")
    members = {run.study: run.settings.members["chroma"] for run in script.runs_of(script.parsed(given))}
    assert {member.train.epochs for member in members.values()} == {3}
    assert [members[study].train.mixup for study in ("none", "standard", "mixup")] == [0, 0.1, 0.4]


def test_a_study_that_is_not_known_is_one_line(script, tmp_path, capsys):
    with pytest.raises(SystemExit):
        script.parsed(arguments(tmp_path, "--study", "mixpu"))
    assert "--study mixpu: choose from none, standard" in capsys.readouterr().err


def test_the_table_compares_with_none_and_with_the_recipe(script, studied, tmp_path):
    script.main(arguments(tmp_path, "--protocol", "speaker"))
    table = table_of(tmp_path)
    assert len(studied) == 5 and table.index.get_level_values(1).tolist() == list(STRENGTHS)
    row, none = table.loc[("speaker", "generated")], table.loc[("speaker", "none")]
    assert row["n"] == 12 and row["accuracy"] == 1 and row["uar_high"] == 1
    assert row["less_none"] == pytest.approx(1 - none["uar"])
    assert (row["only_this_wrong_none"], row["only_none_wrong"]) == (0, round(12 * (1 - none["accuracy"])))
    same = table.loc[("speaker", "mixup")]
    assert (same["less_standard"], same["p_standard"]) == (0, 1)
    assert np.isnan(none["less_none"]) and not np.isnan(none["less_standard"])


def test_seeds_of_the_split_are_pooled(script, studied, tmp_path):
    script.main(arguments(tmp_path, "--protocol", "random", "--seeds", "1,2,3"))
    row = table_of(tmp_path).loc[("random", "cutmix")]
    pooled = pd.concat(pd.read_csv(path) for path in tmp_path.glob("cutmix/random_*/chroma/probabilities.csv"))
    assert (row["splits"], row["n"]) == (3, len(pooled))
    assert row["accuracy"] == pytest.approx((pooled["emotion"] == pooled["predicted"]).mean(), abs=1e-4)


def test_the_table_alone_runs_nothing_and_leaves_out_what_is_missing(script, studied, tmp_path):
    script.main(arguments(tmp_path, "--protocol", "speaker", "--study", "standard,mixup"))
    count = len(studied)
    script.main(arguments(tmp_path, "--table-only"))
    assert len(studied) == count
    assert table_of(tmp_path).index.tolist() == [("speaker", "standard"), ("speaker", "mixup")]


def test_where_nothing_is_finished_that_is_said(script, tmp_path):
    with pytest.raises(SystemExit, match="no finished study"):
        script.main(arguments(tmp_path, "--table-only"))


def test_the_text_says_what_is_off_by_default(script, studied, tmp_path):
    script.main(arguments(tmp_path, "--protocol", "speaker"))
    lines = (tmp_path / "table.md").read_text(encoding="utf-8").splitlines()
    defaults = {line.split(" | ")[1]: line.split(" | ")[2] for line in lines if line.startswith("| chroma")}
    assert defaults == {"none": "", "standard": "on", "mixup": "off", "cutmix": "off", "generated": "off"}
