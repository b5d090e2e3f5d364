"""How far apart members are on the same recordings: every pair, with an interval and a test."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from tembr.emotions import ordered
from tembr.evaluate.metrics import confusion_matrix, uar
from tembr.evaluate.significance import holm, mcnemar, uar_difference

COLUMNS = ("better", "other", "n", "uar_difference", "low", "high", "p", "p_holm")


def differences_table(predictions: Mapping[str, pd.DataFrame], seed: int = 0) -> pd.DataFrame:
    """A row for each two members, the best first: UAR of the better less that of the other, 0 to 1.

    Interval: paired bootstrap; p: McNemar's exact test of their errors, and by Holm for all pairs. Both take recordings
    for independent, which those of one speaker are not: where speakers are unseen, differences are less sure than that.

    Args:
        predictions: member → its table as in `probabilities.csv`; recordings in any order.

    Returns:
        Columns `COLUMNS`; no row where fewer than two members answered the same recordings as the first.
    """
    tables = {name: table.sort_values("file", ignore_index=True) for name, table in predictions.items()}
    first = next(iter(tables.values()), None)
    tables = {name: table for name, table in tables.items() if table["file"].equals(first["file"])}
    labels = ordered({label for t in tables.values() for column in ("emotion", "predicted") for label in t[column]})
    places = {label: place for place, label in enumerate(labels)}
    numbers = {
        name: [table[column].map(places).to_numpy() for column in ("emotion", "predicted")]
        for name, table in tables.items()
    }
    worth = {name: float(uar(confusion_matrix(*both, len(labels)))) for name, both in numbers.items()}
    rows = []
    for better, other in combinations(sorted(tables, key=lambda name: (-worth[name], name)), 2):
        truth, one, two = *numbers[better], numbers[other][1]
        apart, test = uar_difference(truth, one, two, len(labels), seed), mcnemar(truth, one, two)
        rows.append((better, other, len(truth), apart.value, apart.low, apart.high, test.p))
    table = pd.DataFrame(rows, columns=list(COLUMNS[:-1]))
    return table.assign(p_holm=holm(table["p"]) if rows else np.empty(0))
