"""Each two members on the same recordings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tembr.evaluate.differences import COLUMNS, differences_table
from tembr.evaluate.significance import holm, mcnemar, uar_difference

EMOTIONS = np.array(["anger", "fear", "neutral"])


def answers(wrong: float, seed: int, n: int = 300) -> pd.DataFrame:
    """Recordings of three emotions, some of which are answered with the next."""
    truth, rng = np.arange(n) % 3, np.random.default_rng(seed)
    said = (truth + (rng.random(n) < wrong)) % 3
    files = [f"{place:03}.wav" for place in range(n)]
    return pd.DataFrame({"file": files, "emotion": EMOTIONS[truth], "predicted": EMOTIONS[said]})


def test_the_better_comes_first_and_figures_are_those_of_the_paired_tests():
    one, two = answers(0.1, 0), answers(0.4, 1)
    found = differences_table({"worse": two, "better": one.sample(frac=1, random_state=0)})
    (row,) = found.to_dict("records")
    truth, *said = (np.searchsorted(EMOTIONS, c) for c in (one["emotion"], one["predicted"], two["predicted"]))
    apart = uar_difference(truth, *said, 3)
    assert (row["better"], row["other"], row["n"]) == ("better", "worse", 300)
    assert [row["uar_difference"], row["low"], row["high"]] == pytest.approx([apart.value, apart.low, apart.high])
    assert row["p"] == row["p_holm"] == pytest.approx(mcnemar(truth, *said).p) and row["uar_difference"] > 0.2


def test_every_pair_has_a_row_and_tests_are_corrected_for_their_number():
    found = differences_table({name: answers(wrong, 3) for name, wrong in (("a", 0.3), ("b", 0.1), ("c", 0.2))})
    assert list(zip(found["better"], found["other"])) == [("b", "c"), ("b", "a"), ("c", "a")]
    np.testing.assert_allclose(found["p_holm"], holm(found["p"]))
    assert (found["p_holm"] >= found["p"]).all()


def test_other_recordings_are_not_compared_and_one_member_is_no_pair():
    found = differences_table({"a": answers(0.1, 0), "b": answers(0.2, 1, 299)})
    assert list(found.columns) == list(COLUMNS) and found.empty
    assert differences_table({}).empty
