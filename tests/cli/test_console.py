"""Lines and bars go to stderr, as they were said."""

from __future__ import annotations

import logging

import pytest

from tembr.cli.console import Counter, log_to_stderr, progress_bars, say


class Bars:
    """What is done to progress bars, in order."""

    def __init__(self):
        self.done = []

    def add_task(self, what: str, total: int) -> int:
        self.done.append(("add", what, total))
        return sum(step[0] == "add" for step in self.done)

    def update(self, task: int, completed: int) -> None:
        self.done.append(("update", task, completed))

    def remove_task(self, task: int) -> None:
        self.done.append(("remove", task))


@pytest.fixture
def bars() -> Bars:
    return Bars()


def test_a_bar_is_opened_moved_and_closed_when_it_is_full(bars):
    counter = Counter(bars)
    for done in (1, 2):
        counter.count("epochs", done, 2)
    assert bars.done == [("add", "epochs", 2), ("update", 1, 1), ("update", 1, 2), ("remove", 1)]


def test_bars_of_two_names_move_by_themselves(bars):
    counter = Counter(bars)
    counter.count("folds", 1, 9), counter.count("epochs", 3, 9), counter.count("folds", 2, 9)
    assert [step for step in bars.done if step[0] == "update"] == [("update", 1, 1), ("update", 2, 3), ("update", 1, 2)]


def test_a_bar_that_was_full_begins_anew(bars):
    counter = Counter(bars)
    counter.count("epochs", 1, 1), counter.count("epochs", 1, 3)
    assert [step for step in bars.done if step[0] == "add"] == [("add", "epochs", 1), ("add", "epochs", 3)]


def test_off_a_terminal_there_are_no_bars(capsys):
    with progress_bars() as counter:
        counter.count("epochs", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_a_line_is_said_on_stderr_as_it_is(capsys):
    say("[bold]a.wav[/bold] " + "x" * 200)
    assert capsys.readouterr() == ("", "[bold]a.wav[/bold] " + "x" * 200 + "\n")


def test_warnings_are_a_line_on_stderr_and_nowhere_else(capsys, caplog, monkeypatch):
    logger = logging.getLogger("tembr")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", True)
    log_to_stderr()
    logger.warning("[3] shards are damaged")
    assert capsys.readouterr().err.split() == ["WARNING", "[3]", "shards", "are", "damaged"]
    assert not caplog.records and len(logger.handlers) == 1


def test_a_line_is_said_as_it_is(capsys):
    say("left out: [b]a :smile: [/c].wav")
    assert capsys.readouterr().err == "left out: [b]a :smile: [/c].wav\n"
