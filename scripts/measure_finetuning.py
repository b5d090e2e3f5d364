"""What training an encoder's layers is worth on speakers it never heard, beside the same layers frozen.

uv run --all-extras python scripts/measure_finetuning.py FROZEN TUNED

FROZEN is a study of the recipe `default` without channels under the protocol `speaker`, TUNED one of the recipe
`finetuned`; of the latter the finished folds count. Members of one study are joined by the mean of their posteriors, as
are both studies. Adapted: without the mean logits of 30 recordings of the speaker, drawn without a look at labels,
which are not scored. Writes docs/results/default/finetuning.csv: UAR of each speaker, and the mean.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax

from tembr.errors import StoreError
from tembr.evaluate.frames import write_frame
from tembr.evaluate.metrics import confusion_matrix, uar
from tembr.evaluate.report import read_probabilities
from tembr.experiment.heldout import FoldLogits
from tembr.experiment.settings import load_settings
from tembr.experiment.study import member_folder, place_of

OUT = Path(__file__).resolve().parents[1] / "docs" / "results" / "default" / "finetuning.csv"
PROTOCOL = "speaker"
ENROLMENT, SEED = 30, 42

MEAN = "mean"


def main(frozen: Path, tuned: Path, out: Path = OUT) -> None:
    rows = []
    for place in finished_folds(tuned):
        logits = {"frozen": fold_logits(frozen, place.name), "tuned": fold_logits(tuned, place.name)}
        logits["both"] = logits["frozen"] + logits["tuned"]
        rows.append({"speaker": place.name.removeprefix("fold-"), **row_of(logits, truth_of(place))})
    table = pd.DataFrame(rows)
    means = table.drop(columns="speaker").mean()
    table = pd.concat([table, pd.DataFrame([{"speaker": MEAN, **means}])], ignore_index=True)
    table["recordings"] = table["recordings"].round().astype(int)
    write_frame(table, out, "%.4f")
    print(table.to_string(index=False))


def finished_folds(study: Path) -> list[Path]:
    """Folders of the finished folds of a study's first member.

    Raises:
        StoreError: there is none.
    """
    settings = load_settings(study / "config.toml")
    member = next(iter(settings.members.values()))
    places = sorted((place_of(settings, study, PROTOCOL) / member_folder(member)).glob("fold-*/fold.json"))
    if not places:
        raise StoreError(f"{study}: no fold of {member.name} is finished; run the study")
    return [path.parent for path in places]


def fold_logits(study: Path, fold: str) -> list[np.ndarray]:
    """Test logits `(n, labels)` of every member of a study in a fold."""
    settings = load_settings(study / "config.toml")
    place = place_of(settings, study, PROTOCOL)
    return [FoldLogits.read(place / member_folder(one) / fold).test_logits for one in settings.members.values()]


def truth_of(fold: Path) -> np.ndarray:
    """Classes of a fold's test recordings, `(n,)` int."""
    table = read_probabilities(fold)
    labels = [name.removeprefix("p_") for name in table.columns if name.startswith("p_")]
    return table["emotion"].map(labels.index).to_numpy()


def row_of(logits: dict[str, list[np.ndarray]], truth: np.ndarray) -> dict[str, float]:
    """UAR of each way of answering one speaker's n recordings, and without the mean logits of some that are not scored.

    Args:
        logits: way → `(n, labels)` of each member.
    """
    drawn = np.random.default_rng(SEED).permutation(len(truth))
    enrolment, scored = drawn[:ENROLMENT], drawn[ENROLMENT:]
    row: dict[str, float] = {"recordings": len(truth)}
    for way, members in logits.items():
        row[way] = joined_uar(members, truth)
        moved = [(one - one[enrolment].mean(0))[scored] for one in members]
        row[f"{way}_adapted"] = joined_uar(moved, truth[scored])
    return row


def joined_uar(members: list[np.ndarray], truth: np.ndarray) -> float:
    """UAR of the mean of posteriors."""
    posteriors = np.mean([softmax(one.astype(np.float64), axis=1) for one in members], axis=0)
    return float(uar(confusion_matrix(truth, posteriors.argmax(1), posteriors.shape[1])))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
