"""Pictures of one member: that they are written, hold what they should, and touch nothing global."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from tembr.errors import StoreError
from tembr.evaluate import plots

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
    assert len(loss.lines) == 2 * 3
    np.testing.assert_allclose(loss.collections[0].get_offsets()[:, 0], [3, 6, 8])


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
