"""scripts/measure_confusions.py on answers made by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.scripts import loaded


@pytest.fixture(scope="module")
def script():
    with loaded("measure_confusions") as module:
        yield module


def test_wrong_answers_are_counted_by_speaker_and_as_a_share_of_the_emotion(script):
    said = (
        [("A", "fear", "anger")] * 3 + [("A", "fear", "fear")] + [("A", "anger", "fear")] + [("B", "fear", "fear")] * 2
    )
    found = script.confusions(pd.DataFrame(said, columns=["speaker", "emotion", "answer"]))
    assert found.to_dict("records") == [
        {"speaker": "A", "emotion": "fear", "answer": "anger", "recordings": 3, "share": 0.75},
        {"speaker": "A", "emotion": "anger", "answer": "fear", "recordings": 1, "share": 1.0},
    ]


def test_both_ways_of_asking_are_read_from_an_ensemble(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "OUT", tmp_path / "confusions.csv")
    (tmp_path / "answers.csv").write_text("file,fold,emotion,weighted\na,A,fear,anger\nb,A,fear,fear\n")
    (tmp_path / "adapted.csv").write_text("file,speaker,emotion,predicted,fold\na,A,fear,sadness,A\n")
    script.main(tmp_path)
    rows = pd.read_csv(tmp_path / "confusions.csv")
    assert rows[["way", "answer", "share"]].values.tolist() == [
        ["speaker-independent", "anger", 0.5], ["adapted", "sadness", 1.0],
    ]  # fmt: skip
