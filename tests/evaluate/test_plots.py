"""Pictures of one member: that they are written, hold what they should, and touch nothing global."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from tembr.errors import ConfigError, StoreError
from tembr.evaluate import panels, plots, reliability
from tembr.evaluate.metrics import Interval

PNG = b"\x89PNG"


def history(fold: int, best: int) -> pd.DataFrame:
    epochs = np.arange(1, 9)
    return pd.DataFrame(
        {
            "fold": fold,
            "epoch": epochs,
            "train_loss": 1.8 / epochs,
            "val_loss": 1 + 0.1 * abs(epochs - best),
            "val_accuracy": epochs / 10,
            "val_uar": epochs / 11,
            "lr": 1e-3,
            "seconds": 2.0,
        }
    )


@pytest.fixture
def drawn(monkeypatch):
    """The figure instead of its file."""
    figures = []
    monkeypatch.setattr(plots, "save_figure", lambda figure, path: figures.append(figure))
    return figures


def test_confusion_is_a_picture(scores, tmp_path):
    assert plots.confusion_png(scores, tmp_path / "confusion.png", "mfcc").read_bytes().startswith(PNG)


def test_cells_say_percent_of_the_row_and_recordings():
    axes = Figure().add_subplot()
    plots.draw_confusion(axes, np.array([[3, 1], [0, 2]]), ("anger", "fear"))
    assert [text.get_text() for text in axes.texts] == ["75%\n3", "25%\n1", "0%\n0", "100%\n2"]


def test_classes_are_named_in_both_languages(scores, drawn):
    plots.confusion_png(scores, "unused", "mfcc")
    assert drawn[0].axes[0].get_xticklabels()[0].get_text() == "anger\nzłość"


def test_a_title_is_never_read_as_mathematics(scores, tmp_path):
    assert plots.confusion_png(scores, tmp_path / "confusion.png", r"$\nonsense$").exists()


def test_history_is_a_picture(tmp_path):
    one = history(0, best=5).drop(columns="fold")
    assert plots.history_png(one, tmp_path / "history.png", "mfcc").read_bytes().startswith(PNG)


def test_history_marks_the_epoch_of_lowest_validation_loss(drawn):
    plots.history_png(history(0, best=5).drop(columns="fold"), "unused", "mfcc")
    np.testing.assert_allclose(drawn[0].axes[0].collections[0].get_offsets(), [[5, 1.0]])


def test_history_draws_a_line_a_fold_and_marks_each_best(drawn):
    folds = pd.concat([history(0, 3), history(1, 6), history(2, 8)], ignore_index=True)
    plots.history_png(folds, "unused", "mfcc")
    loss = drawn[0].axes[0]
    assert len([line for line in loss.lines if line.get_alpha()]) == 2 * 3
    np.testing.assert_allclose(loss.collections[0].get_offsets()[:, 0], [3, 6, 8])


def test_the_mean_goes_as_far_as_all_folds_went(drawn):
    folds = pd.concat([history(0, 3), history(1, 6).iloc[:5]], ignore_index=True)
    plots.history_png(folds, "unused", "mfcc")
    (mean,) = [line for line in drawn[0].axes[0].lines if line.get_label() == "validation"]
    np.testing.assert_array_equal(mean.get_xdata(), [1, 2, 3, 4, 5])
    np.testing.assert_allclose(mean.get_ydata(), [1.35, 1.25, 1.15, 1.15, 1.15])  # 1 + 0.1 · mean distance to 3 and 6


def legends_over_their_axes(figure: Figure) -> list[bool]:
    figure.canvas.draw()
    boxes = [(axes.get_window_extent(), axes.get_legend()) for axes in figure.axes]
    return [legend.get_window_extent().y0 >= box.y1 - 1 for box, legend in boxes if legend]


@pytest.mark.parametrize("folds", [1, 7])
def test_legends_of_a_history_hide_no_curve(drawn, folds):
    plots.history_png(pd.concat([history(fold, 3) for fold in range(folds)]), "unused", "mfcc")
    assert legends_over_their_axes(drawn[0]) == [True, True]


def test_legends_of_confidence_hide_no_curve(posteriors, monkeypatch):
    figures = []
    monkeypatch.setattr(reliability, "save_figure", lambda figure, path: figures.append(figure))
    truth, probabilities = posteriors(seed=1)
    reliability.coverage_png(truth, probabilities, "unused", "mfcc")
    reliability.reliability_png({"a": probabilities, "b": probabilities}, truth, "unused", "mfcc")
    assert [legends_over_their_axes(figure) for figure in figures] == [[True], [True]]


def test_the_legends_of_the_comparison_hide_no_bar(two_protocols, monkeypatch):
    figures = []
    monkeypatch.setattr(panels, "save_figure", lambda figure, path: figures.append(figure))
    panels.comparison_png(two_protocols, "unused", "nEMO")
    assert legends_over_their_axes(figures[0]) == [True, True]


def test_what_degradations_cost_is_written_right_of_the_intervals(drawn):
    plots.degraded_png({"clean": Interval(0.8, 0.7, 0.9), "phone": Interval(0.5, 0.4, 0.6)}, "unused", "300 recordings")
    assert [(text.get_text(), text.xy) for text in drawn[0].axes[0].texts] == [("80.0%", (0.9, 0)), ("50.0%", (0.6, 1))]


@pytest.mark.parametrize(("suffix", "begins"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", PNG)])
def test_a_picture_is_written_as_its_suffix_says(scores, tmp_path, suffix, begins):
    assert plots.confusion_png(scores, tmp_path / f"confusion.{suffix}", "mfcc").read_bytes().startswith(begins)


def test_another_suffix_is_refused(scores, tmp_path):
    with pytest.raises(ConfigError, match=r"confusion\.jpg: .* \.png, \.pdf or \.svg"):
        plots.confusion_png(scores, tmp_path / "confusion.jpg", "mfcc")


def test_history_without_any_finite_loss_is_drawn_unmarked(drawn):
    plots.history_png(history(0, 3).assign(val_loss=np.nan), "unused", "mfcc")
    assert not drawn[0].axes[0].collections


def test_a_failing_picture_leaves_the_old_one(scores, tmp_path, monkeypatch):
    def refuse(self, path, **_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", refuse)
    (tmp_path / "confusion.png").write_bytes(b"old")
    with pytest.raises(StoreError, match="free some disk space"):
        plots.confusion_png(scores, tmp_path / "confusion.png", "mfcc")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_pictures_need_no_pyplot():
    check = "import sys, tembr.evaluate.comparison; print('matplotlib.pyplot' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "False"
