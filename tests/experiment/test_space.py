"""A space as a person writes it: what is understood, what is refused and how that is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from tembr.errors import ConfigError
from tembr.experiment.space import load_space, longest
from tembr.experiment.trees import read_tree

ROOT = Path(__file__).parents[2]
BASE = 'members = ["mfcc"]\ntrain.network = "resnet18_quarter"\n'
RANGE = "space.train.learning_rate = { low = 1e-4, high = 1e-2, log = true }\n"


def space(tmp_path, text: str, **options):
    path = tmp_path / "space.toml"
    path.write_text(text)
    return load_space(path, **options)


@pytest.mark.parametrize(
    ("written", "drawn"),
    [
        ("train.learning_rate = { low = 1e-4, high = 1e-2, log = true }", FloatDistribution(1e-4, 1e-2, log=True)),
        ("train.epochs = { low = 1, high = 5, step = 2 }", IntDistribution(1, 5, step=2)),
        ("train.epochs = { low = 1, high = 64, log = true }", IntDistribution(1, 64, log=True)),
        ("augment.noise = { low = 0, high = 1 }", FloatDistribution(0, 1)),
        ("augment.noise = { low = 0, high = 2, step = 1 }", FloatDistribution(0, 2, step=1)),
        ("features.n_mels = { low = 64, high = 128, step = 32 }", IntDistribution(64, 128, step=32)),
        ('train.network = { choices = ["resnet18", "mobilenet_v3_small"] }', ...),
        ('members.mfcc.train.network = { choices = ["resnet18", "resnet34"] }', ...),
        ('"pictures.per_recording" = { choices = ["cmn", "cmvn"] }', CategoricalDistribution(("cmn", "cmvn"))),
        ("augment.enabled = { choices = [true, false] }", CategoricalDistribution((True, False))),
    ],
)
def test_any_setting_of_a_study_is_drawn_from_what_is_written(tmp_path, written, drawn):
    key = written.partition(" = ")[0].strip('"')
    found = space(tmp_path, f"{BASE}space.{written}\n")
    assert list(found.parameters) == [key]
    assert drawn is ... or found.parameters[key] == drawn
    again = space(tmp_path, tomli_w.dumps(found.plain()))
    assert (again.parameters, again.identity) == (found.parameters, found.identity)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train.lerning_rate = { low = 1, high = 2 }", "did you mean train.learning_rate?"),
        ("train.learning_rate = { low = -1e-4, high = 1e-2 }", "space.train.learning_rate = -0.0001: .*greater than 0"),
        (
            "train.learning_rate = { low = 1e-2, high = 1e-4 }",
            "rate: low .0.01. has to be below high .0.0001.",
        ),
        ("train.learning_rate = { low = 1, high = 1 }", "space.train.learning_rate: low .1. has to be below high"),
        ("train.learning_rate = { low = 0, high = 1, log = true }", "space.train.learning_rate: .*log"),
        ("train.learning_rate = { low = 0.1, high = 1, log = true, step = 0.1 }", "space.train.learning_rate: .*step"),
        ("train.learning_rate = { low = 0.1, high = 1, step = -1 }", "space.train.learning_rate: .*step"),
        ("train.learning_rate = { low = 0.1, high = 1, step = 2 }", "step .2. is wider than the range from 0.1 to 1"),
        ("train.learning_rate = { low = 0.1, high = nan }", "space.train.learning_rate.high = nan: give a number"),
        ("train.learning_rate = { low = 0.1, high = '1' }", "space.train.learning_rate.high = '1': give a number"),
        ("train.learning_rate = { low = true, high = 2 }", "space.train.learning_rate.low = True: give a number"),
        ("train.learning_rate = { low = 0.1, high = 1, log = 1 }", "learning_rate.log = 1: give true or false"),
        ("train.learning_rate = { low = 0.1 }", "space.train.learning_rate = .* give it as { low = 1e-4"),
        ("train.learning_rate = { lo = 0.1, hi = 1 }", "space.train.learning_rate.lo = 0.1: give it as"),
        ("train.learning_rate = { low = 0.1, high = 1, choices = [1] }", "space.train.learning_rate = .* give it as"),
        ("train.learning_rate = 0.1", "space.train.learning_rate = 0.1: give it as"),
        ("train.learning_rate = { choices = [0.1] }", "learning_rate.choices = .0.1.: give two or more different"),
        ("train.learning_rate = { choices = [0.1, 0.1] }", "give two or more different"),
        ("train.learning_rate = { choices = [[0.1], [0.2]] }", "give two or more different"),
        ("train.learning_rate = { choices = ['fast', 'slow'] }", "learning_rate = 'fast': .*valid number"),
        ("train.epochs = { low = 1.5, high = 3.5 }", "space.train.epochs: the setting takes whole numbers alone"),
        ("train.network = { low = 1, high = 3 }", "space.train.network = .*valid string"),
        (
            "train.network = { choices = ['resnet18', 'resnet81'] }",
            "network = 'resnet81': .*did you mean resnet18",
        ),
        ("train = { choices = ['a', 'b'] }", "space.train = 'a'"),
        ("train.network.depth = { low = 1, high = 3 }", "space.train.network.depth"),
        ("features.n_mfcc = { low = 20, high = 200 }", r"n_mfcc = 200: .*n_mfcc \(200\) cannot exceed n_mels \(128\)"),
        ("members.chroma.train.epochs = { low = 1, high = 2 }", "no member is called chroma; there are mfcc"),
        ("members.mfcc.c = { low = 1.0, high = 2.0 }", "space.members.mfcc.c"),
        ("split.seed = { low = 1, high = 9 }", "only compared with the same split; set it outside of .space."),
        ("corpus.name = { choices = ['demo', 'nemo'] }", "the same corpus"),
        ("seed = { low = 1, high = 9 }", "the same seed"),
    ],
)
def test_what_cannot_be_searched_is_told_with_its_key_before_any_work(tmp_path, text, message, monkeypatch):
    monkeypatch.setattr("tembr.corpora.load_corpus", lambda *_: pytest.fail("work"))
    with pytest.raises(ConfigError, match=message) as error:
        space(tmp_path, f"{BASE}space.{text}\n")
    assert str(error.value).startswith(f"{tmp_path / 'space.toml'}: ") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BASE, "space. is empty"),
        (BASE + "space = 3", "space. is empty"),
        ("base = 'nowhere.toml'\n" + RANGE, "nowhere.toml: cannot be read"),
        ("base = 3\n" + RANGE, "base = 3: name a recipe"),
        ("trian.epochs = 3\n" + RANGE, "unknown setting trian"),
        (BASE + "search.objective = 'test_uar'\n" + RANGE, "search.objective: no objective is called 'test_uar'"),
        (BASE + "search.objective = 'parameters'\n" + RANGE, "search.objective: name each once, and first one of val_"),
        (BASE + "search.objective = ['val_uar', 'val_uar']\n" + RANGE, "search.objective: name each once"),
        (BASE + "search.objective = []\n" + RANGE, "search.objective: name each once"),
        (BASE + "search.sampler = 'grid'\n" + RANGE, "search.sampler: .*'tpe', 'cmaes', 'nsga2' or 'random'"),
        (BASE + "search.trials = 3\n" + RANGE, "search.trials: unknown; there are objective"),
        (
            BASE + "search.protocol = 'kfold'\n" + RANGE,
            "search.protocol = 'kfold': not among the protocols",
        ),
        (BASE + "search.sampler = 'cmaes'\n" + RANGE, "search.sampler = 'cmaes': needs two or more ranges"),
        (BASE + "search.objective = ['val_uar', 'parameters']\nsearch.sampler = 'cmaes'\n" + RANGE, "use nsga2 or tpe"),
        (BASE + "search.objective = ['val_uar', 'parameters']\nsearch.pruner = 'hyperband'\n" + RANGE, "leave it out"),
        ("members = ['mfcc', 'svm']\nsearch.pruner = 'hyperband'\n" + RANGE, "hyperband': svm has no epochs"),
        ("members = ['svm']\n" + RANGE, "space.train.learning_rate: changes nothing, since no member has this"),
        ("members = ['mfcc']\nmembers_ = 3\n" + RANGE, "unknown setting members_"),
    ],
)
def test_a_wrong_table_is_told_with_its_key(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        space(tmp_path, text)


def test_settings_that_go_together_at_one_end_may_be_searched_together(tmp_path):
    text = "space.features.n_mels = { low = 20, high = 80 }\nspace.features.n_mfcc = { low = 12, high = 60 }\n"
    assert len(space(tmp_path, BASE + text).parameters) == 2


def test_a_base_beside_the_space_is_taken_with_the_members_that_the_space_names(tmp_path):
    (tmp_path / "base.toml").write_text(
        "[members.mfcc.train]\nepochs = 7\n[members.chroma]\n[train]\nbatch_size = 8\nnetwork = 'resnet34'\n"
    )
    found = space(tmp_path, "base = 'base.toml'\n" + 'members = ["mfcc"]\n' + "train.batch_size = 4\n" + RANGE)
    (member,) = found.base.members.values()
    assert (member.train.epochs, member.train.batch_size, member.train.network) == (7, 4, "resnet34")


def test_set_and_corpora_change_what_is_not_searched(tmp_path):
    text = BASE + "corpus.name = 'nemo'\n" + RANGE
    found = space(tmp_path, text, overrides=["train.epochs=3"], corpora=tmp_path / "corpora")
    assert found.base.train.epochs == 3
    assert found.settings({"train.learning_rate": 0.5}).corpus.folder == str(tmp_path / "corpora" / "nemo")


def test_where_the_corpora_lie_and_what_is_tracked_is_no_other_search(tmp_path):
    one = space(tmp_path, BASE + RANGE)
    assert (
        space(tmp_path, BASE + "corpus.folder = '/elsewhere'\ntrack.enabled = false\n" + RANGE).identity == one.identity
    )
    for other in ("seed = 7\n", "train.epochs = 3\n", "search.objective = 'val_loss'\n", "search.fold = 'x'\n"):
        assert space(tmp_path, BASE + other + RANGE).identity != one.identity
    assert space(tmp_path, BASE + RANGE.replace("1e-2", "2e-2")).identity != one.identity


def test_hyperband_is_for_one_objective_of_networks(tmp_path):
    assert space(tmp_path, BASE + RANGE).prunes
    assert not space(tmp_path, BASE + "search.pruner = 'none'\n" + RANGE).prunes
    assert not space(tmp_path, BASE + "search.objective = ['val_uar', 'megabytes']\n" + RANGE).prunes
    assert not space(tmp_path, "members = ['mfcc', 'svm']\n" + RANGE).prunes
    assert space(tmp_path, BASE + "train.refit = true\ntrain.schedule = 'cosine'\n" + RANGE).prunes


def test_hyperband_counts_with_the_most_epochs_that_may_be_drawn(tmp_path):
    text = "members = ['mfcc', 'rms']\ntrain.epochs = 5\n"
    assert longest(space(tmp_path, text + RANGE)) == 10
    assert longest(space(tmp_path, text + "space.members.rms.train.epochs = { low = 2, high = 9 }\n")) == 14


@pytest.mark.parametrize("name", ["search.toml", "search_mel.toml"])
def test_the_packaged_examples_are_spaces(name):
    found = load_space(ROOT / "examples" / name)
    assert found.parameters and found.prunes
    assert set(read_tree(ROOT / "examples" / name)) >= {"base", "search", "space"}


def test_the_space_in_the_documentation_is_one(tmp_path):
    written = (ROOT / "docs" / "search.md").read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    assert len(space(tmp_path, written).parameters) == 5
