"""Pictures of a search for weights: history, importances and parallel coordinates."""

from __future__ import annotations

from pathlib import Path

import optuna

from tembr.evaluate import trials
from tembr.evaluate.trials import Plot, history_plot, importance_plot

OBJECTIVE = "objective (nats)"
"""Of which less is better."""

PLOTS = (
    history_plot(OBJECTIVE, "Objective by trial"),
    importance_plot(OBJECTIVE, "What the objective depends on"),
    Plot("parallel", "plot_parallel_coordinate", "Trials in all parameters", {"target_name": OBJECTIVE}),
)

EXPLAINED = (
    "Every point is a trial: weights of the members and a temperature, judged by the mean negative log-likelihood "
    "(nats, lower is better) of predictions that no member was trained on."
)


def write_search_pictures(study: optuna.Study, folder: Path, title: str) -> None:
    """Write search_history.png, search_importance.png, search_parallel.png and search.html into `folder`.

    Raises:
        StoreError: a file could not be written.
    """
    trials.write_search_pictures(study, PLOTS, folder, title, EXPLAINED)
