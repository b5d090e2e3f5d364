"""Settings before anybody has checked them: read, changed by their dotted names, laid over each other."""

from __future__ import annotations

import copy

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from tembr.errors import ConfigError
from tembr.experiment.trees import assign, flatten, merged, override, read_tree, recipes

NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.one_of(st.integers(0, 9), st.booleans(), st.text("xy", max_size=2), st.lists(st.integers(0, 9), max_size=2))
TREES = st.dictionaries(
    NAMES, st.recursive(VALUES, lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=6), max_size=3
)


def changed(*overrides: str, **tree) -> dict:
    override(tree, overrides)
    return tree


def test_a_file_is_read_as_it_is_written(tmp_path):
    tree = {"seed": 3, "train": {"epochs": 5, "network": "żółw"}, "members": {"mfcc": {"train": {"epochs": 9}}}}
    (tmp_path / "c.toml").write_bytes(tomli_w.dumps(tree).encode())
    assert read_tree(tmp_path / "c.toml") == read_tree(str(tmp_path / "c.toml")) == tree


def test_members_may_be_a_list_of_names(tmp_path):
    (tmp_path / "c.toml").write_text('members = ["mfcc", "svm"]\n')
    tree = read_tree(tmp_path / "c.toml")
    assert tree == {"members": {"mfcc": {}, "svm": {}}}
    tree["members"]["mfcc"]["x"] = 1
    assert tree["members"]["svm"] == {}


@pytest.mark.parametrize("members", ['[["a"]]', "[1]", "[{}]"])
def test_members_that_are_no_names_are_said(tmp_path, members):
    (tmp_path / "c.toml").write_text(f"members = {members}\n")
    with pytest.raises(ConfigError, match="members = .*: give a list of names, or a table for each"):
        read_tree(tmp_path / "c.toml")


def test_every_recipe_is_read_by_its_name():
    assert "classic" in recipes()
    for name, path in recipes().items():
        assert read_tree(name) == read_tree(path) != {}


def test_a_file_of_a_recipes_name_is_read_by_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "classic").write_text("seed = 9\n")
    assert read_tree("./classic") == {"seed": 9} != read_tree("classic")


def test_broken_toml_is_said(tmp_path):
    for content in (b"train = [", b"seed = \xff", b"seed = 1\nseed = 2\n"):
        (tmp_path / "c.toml").write_bytes(content)
        with pytest.raises(ConfigError, match=r"c\.toml: not valid TOML"):
            read_tree(tmp_path / "c.toml")


def test_a_missing_file_is_said_with_the_recipes_there_are(tmp_path):
    for path in (tmp_path / "nowhere.toml", tmp_path):
        with pytest.raises(ConfigError, match=r"cannot be read \(.*\); check the path, or name one of .*classic"):
            read_tree(path)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("3", 3),
        ("1e-3", 1e-3),
        ("true", True),
        ('"3"', "3"),
        ("[1, 2]", [1, 2]),
        ("{ low = 1 }", {"low": 1}),
        ("resnet18", "resnet18"),
        ("True", "True"),
        ("a=b", "a=b"),
        ("/data/nemo", "/data/nemo"),
        ("", ""),
    ],
)
def test_what_is_set_is_a_value_of_toml_or_else_a_word(written, value):
    assert changed(f"train.x={written}") == changed(f" train.x = {written} ") == {"train": {"x": value}}
    assert type(changed(f"x={written}")["x"]) is type(value)


def test_overrides_come_one_after_the_other_and_keep_what_they_do_not_name():
    assert changed("a.b=1", "a.b=2", "c=3", a={"b": 0, "d": 4}) == {"a": {"b": 2, "d": 4}, "c": 3}
    assert changed() == {}


@pytest.mark.parametrize("one", ["train.epochs", "", "train.epochs:5"])
def test_what_has_no_equals_sign_is_refused_with_an_example(one):
    with pytest.raises(ConfigError, match=f"^--set {one}: write it as key=value, for example train.epochs=5$"):
        changed(one)


def test_a_value_holds_no_settings():
    for tree in ({"a": {"b": 3}}, {"a": {"b": []}}, {"a": {"b": None}}):
        with pytest.raises(ConfigError, match=r"^a\.b\.c: b is a value, not a group of settings$"):
            assign(tree, "a.b.c", 1)
    assign(tree := {"a": {"b": {"c": 1}}}, "a.b", 2)
    assert tree == {"a": {"b": 2}}


def test_what_lies_over_counts_and_what_it_leaves_out_stays():
    under = {"train": {"epochs": 5, "mix": {"alpha": 1}}, "seed": 1, "members": {"mfcc": {}}}
    over = {"train": {"epochs": 9, "mix": 0}, "seed": {"split": 2}, "members": {"svm": {}}}
    assert merged(under, over) == {
        "train": {"epochs": 9, "mix": 0}, "seed": {"split": 2}, "members": {"mfcc": {}, "svm": {}},
    }  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(TREES, TREES, TREES)
def test_trees_are_merged_without_being_changed(one, two, three):
    before = copy.deepcopy((one, two, three))
    assert merged(one, {}) == merged({}, one) == merged(one, one) == one
    assert dict(flatten(merged(one, two))).items() >= {k: v for k, v in flatten(two) if v != {}}.items()
    assert merged(merged(one, two), two) == merged(one, two)
    assert (one, two, three) == before


@settings(deadline=None, max_examples=50)
@given(TREES)
def test_a_tree_is_its_dotted_names_and_their_values(tree):
    again = {}
    for key, value in flatten(tree):
        assign(again, key, value)
    assert again == tree


def test_an_empty_group_is_a_value_of_its_own():
    assert list(flatten({"a": {"b": 1, "c": {}}, "d": {}})) == [("a.b", 1), ("a.c", {}), ("d", {})]
