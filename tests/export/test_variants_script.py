"""scripts/measure_variants.py: a fold of networks that nobody trained, and its table from answers made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tembr.corpora import load_corpus
from tembr.silence import trimmed
from tembr.splits import SplitSettings, make_folds
from tests.scripts import loaded


@pytest.fixture(scope="module")
def script():
    with loaded("measure_variants") as module:
        yield module


def answers(variant: str, chances: list[list[float]], fold: str = "a", size: int = 1_000_000) -> pd.DataFrame:
    frame = pd.DataFrame(chances, columns=["p_anger", "p_fear"])
    facts = {"variant": variant, "bytes": size, "milliseconds": 2.0, "emotion": ["anger", "fear"]}
    return frame.assign(**facts, protocol="random", fold=fold)


def test_variants_are_compared_with_single_precision_over_all_folds(script):
    right, wrong = [[0.9, 0.1], [0.2, 0.8]], [[0.9, 0.1], [0.7, 0.3]]
    first = answers("fp32", right), answers("int8", wrong, size=250_000)
    second = answers("fp32", wrong, "b", 3_000_000), answers("int8", wrong, "b", 250_000)
    full, less = script.rows_of(pd.concat([*first, *second], ignore_index=True))
    assert (full["variant"], full["folds"], full["n"], full["bytes"]) == ("fp32", 2, 4, 2_000_000)
    assert (full["agreement"], full["difference"], full["accuracy"], full["uar"]) == (1, 0, 0.75, 0.75)
    assert (less["variant"], less["agreement"], less["accuracy"]) == ("int8", 0.75, 0.5)
    assert less["difference"] == pytest.approx(0.5) and less["bytes"] == 250_000


def test_the_table_for_people_has_a_row_a_variant(script):
    table = pd.DataFrame(script.rows_of(answers("fp32", [[0.9, 0.1], [0.2, 0.8]])))
    text = script.markdown(table)
    assert text.startswith("Random split, 2 recordings never heard, fold by fold (1):\n\n| variant | MB |")
    assert text.endswith("\n| fp32 | 1.00 | 2.00 | 100.0% | 0 | 100.0% | 100.0% |\n")


def test_every_variant_answers_the_test_part_of_a_fold(script, ensemble, monkeypatch):
    monkeypatch.setattr(script, "CALIBRATION", 4)
    corpus = load_corpus("demo")
    (fold,) = make_folds(corpus, "random", SplitSettings())
    fold = replace(fold, test=fold.test[:5])
    frame = script.fold_answers(ensemble.load(), fold, corpus.utterances)
    assert {"fp32", "weights-int8", "static-uint8"} <= set(frame["variant"])
    assert frame.groupby("variant").size().eq(5).all()
    assert frame["emotion"][:5].tolist() == [corpus.utterances[place].emotion for place in fold.test]
    columns = [name for name in frame if name.startswith("p_")]
    np.testing.assert_allclose(frame[columns].sum(1), 1, atol=1e-4)
    few = script.fold_answers(ensemble.load(), fold, corpus.utterances, wanted=["weights-fp16"])
    assert list(few["variant"].unique()) == ["fp32", "weights-fp16"]
    apart = frame[frame["variant"] == "weights-fp16"][columns].to_numpy() - frame[columns].to_numpy()[:5]
    assert np.abs(apart).max() < 0.02


@pytest.mark.parametrize("cut", [{}, {"below": 10.0, "margin": 0.0}])
def test_variants_are_calibrated_on_all_that_a_fold_learnt_from(script, ensemble, monkeypatch, cut):
    corpus, given = load_corpus("demo"), []
    (fold,) = make_folds(corpus, "random", SplitSettings())
    others = [corpus.utterances[place] for place in fold.test[:4]]
    fold = replace(fold, train=fold.train[:3], test=fold.test[:2])

    def make(model, feeds):
        given.extend(feeds)
        return model

    static = next(one for one in script.variants("static") if one.name == "static-uint8")
    monkeypatch.setattr(script, "variants", lambda how, model: (replace(static, make=make),))
    monkeypatch.setattr(script, "silence_of", lambda inputs: cut)
    script.fold_answers(ensemble.load(), fold, corpus.utterances, others)
    learnt = [*(corpus.utterances[k] for k in fold.train), *others]
    rate = ensemble.settings.features.sample_rate
    expected = [trimmed(one, rate, **cut) if cut else one for one in script.read_waveforms(learnt, rate)]
    assert {feed["waveform"].tobytes() for feed in given} == {one.tobytes() for one in expected} and len(given) == 7
