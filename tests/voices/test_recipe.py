"""Recipes are read, refused in a line, and kept in a journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tembr.errors import ConfigError, StoreError
from tembr.voices.experiment import Line, run_experiment
from tembr.voices.journal import enter, read
from tembr.voices.recipe import Recipe, read_recipe, require_same
from tests.command import tembr_here

EXPERIMENTS = sorted((Path(__file__).parents[2] / "experiments").glob("*.toml"))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_is_a_recipe(path):
    recipe = read_recipe(path)
    assert recipe.title and recipe.members
    for member in recipe.members:
        assert set(member.besides or ()) <= set(recipe.more)


def test_a_recipe_is_its_difference(tmp_path):
    (tmp_path / "base.toml").write_text('seeds = [1, 2]\n[[members]]\nname = "a"\n[[members]]\nname = "b"\nsteps = 7\n')
    (tmp_path / "less.toml").write_text('base = "base.toml"\nadapt = 5\n[voice]\nsteps = 9\n')
    recipe = read_recipe(tmp_path / "less.toml")
    assert (recipe.seeds, recipe.adapt) == ((1, 2), 5)
    assert [(member.name, member.steps) for member in recipe.members] == [("a", 9), ("b", 9)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seeds = 3", "seeds"),
        ("what = 1", "what"),
        ("voice = 3", "one table"),
        ("[[voice]]\nsteps = 3", "one table"),
        ("members = 3\n[voice]\nsteps = 3", "members"),
        ("[members]\nsteps = 3\n[voice]\nsteps = 3", "members"),
        ("[[members]]\n[[members]]", "names of their own"),
        ('[[members]]\n[[members]]\nname = "b"\nfeatures = { n_mels = 64 }', "the same features"),
        ('adapt = 0\n[[members]]\nhears = "known"', "no member can be asked"),
        ("[[members]]\nstep = 4", "step"),
        ("no toml", "not TOML"),
        ('base = "self.toml"', "its own base"),
        ('base = "nowhere.toml"', "cannot be read"),
    ],
)
def test_a_wrong_recipe_is_one_line(tmp_path, text, said, capsys):
    (tmp_path / "self.toml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        run_experiment(read_recipe(tmp_path / "self.toml"), {}, tmp_path / "out")
    done = tembr_here(capsys, "experiment", str(tmp_path / "self.toml"), "--out", str(tmp_path / "out"))
    assert done.status == 1 and done.one_line_error and not (tmp_path / "out").exists()


def test_only_what_was_measured_is_that_recipe():
    recipe = Recipe()
    same = recipe.model_copy(update={"protocol": "random", "seeds": (1,), "title": "x"})
    require_same(recipe, same.model_dump(mode="json"), Path("here"))
    with pytest.raises(ConfigError, match="adapt"):
        require_same(recipe, recipe.model_copy(update={"adapt": 9}).model_dump(mode="json"), Path("here"))


def line(mode: str, uar: float) -> Line:
    return Line(mode, 10, uar, 0.1, 0.9, 0.0, 0.5, 0.1, 0.7, {"a": 0.5}, 0.4, [1.0], {})


def test_a_journal_keeps_the_last_run_of_each_experiment(tmp_path):
    journal = tmp_path / "experiments.csv"
    enter(journal, "one", Recipe(title="1"), [line("unknown", 0.3), line("known", 0.4)], 5.0)
    enter(journal, "two", Recipe(), [line("unknown", 0.5)], 5.0)
    enter(journal, "one", Recipe(title="1"), [line("unknown", 0.6)], 5.0)
    table = read(journal)
    assert table[["experiment", "uar"]].values.tolist() == [["two", 0.5], ["one", 0.6]]
    journal.write_text("no,table\n1,2\n")
    with pytest.raises(StoreError, match="no table of experiments"):
        enter(journal, "one", Recipe(), [], 0.0)


def test_the_default_bundles_recipe_is_in_the_package(tmp_path, capsys):
    default = read_recipe(Path("default"))
    assert default == read_recipe(EXPERIMENTS[0].parent / "default.toml") and default.corpus == "nemo"
    done = tembr_here(capsys, "experiment", "--corpora", str(tmp_path), "--out", str(tmp_path / "out"))
    assert done.status == 1 and done.one_line_error and "nemo" in done.err
