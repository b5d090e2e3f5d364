"""The table of a training and its checkpoints."""

from __future__ import annotations

from tembr.train.history import discard_checkpoints, write_history

COLUMNS = "epoch,train_loss,val_loss,train_accuracy,val_accuracy,val_uar,lr,seconds"


def test_an_epoch_is_a_line_of_six_digits_and_empty_where_nothing_was_measured(tmp_path):
    rows = [{"epoch": 1, "train_loss": 1 / 3, "lr": 0.001, "seconds": 1234567.8}]
    write_history(rows, tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_text() == f"{COLUMNS}\n1,0.333333,,,,,0.001,1.23457e+06\n"


def test_columns_before_stand_in_front(tmp_path):
    write_history([{"epoch": 2, "fold": "A", "seconds": 3}], tmp_path / "history.csv", ("fold",))
    assert (tmp_path / "history.csv").read_text() == f"fold,{COLUMNS}\nA,2,,,,,,,3\n"


def test_what_is_no_column_is_not_written(tmp_path):
    write_history([{"epoch": 1, "mood": "good"}], tmp_path / "history.csv")
    assert "good" not in (tmp_path / "history.csv").read_text()


def test_checkpoints_the_vae_and_inner_trainings_alone_are_removed(tmp_path):
    for name in ("last.ckpt", "best.ckpt", "vae.safetensors", "model.safetensors", "old.ckpt"):
        (tmp_path / name).touch()
    (tmp_path / "inner" / "1").mkdir(parents=True)
    (tmp_path / "inner" / "1" / "last.ckpt").touch()
    discard_checkpoints(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "old.ckpt"]


def test_where_no_checkpoint_is_there_is_nothing_to_remove(tmp_path):
    discard_checkpoints(tmp_path)
    assert list(tmp_path.iterdir()) == []
