"""Results of members: read from their files and set side by side."""

from __future__ import annotations

import json

import pytest

from tembr.errors import StoreError
from tembr.evaluate.results import MemberResult, by_protocol, comparison_table, read_member, read_study, side_by_side


def result(member: str, protocol: str = "random", accuracy: float = 0.5, uar: float = 0.4, **more) -> MemberResult:
    interval = lambda value: {"value": value, "low": value - 0.1, "high": value + 0.1}  # noqa: E731
    summary = {"n": 10, "accuracy": interval(accuracy), "uar": interval(uar), "macro_f1": interval(0.3)}
    summary |= {"ece": {"value": 0.05}, "per_class": {}, "confusion": [], "labels": [], "folds": 2}
    summary |= {"train_seconds": 1.5, "parameters": 99, "member": member, "protocol": protocol, "kind": "network"}
    return MemberResult(member, protocol, "network", summary | more)


def write(folder, summary: dict):
    folder.mkdir(exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder / "summary.json"


def test_a_summary_is_a_result(tmp_path):
    assert read_member(write(tmp_path, result("mfcc").summary)) == result("mfcc")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '"text"'])
def test_what_is_no_summary_is_one_line(tmp_path, content):
    (tmp_path / "summary.json").write_text(content)
    with pytest.raises(StoreError, match=r"cannot read .*summary\.json: .*; run the study of this member again"):
        read_member(tmp_path / "summary.json")


def test_a_summary_that_is_not_whole_names_what_is_missing(tmp_path):
    summary = result("mfcc").summary
    del summary["folds"], summary["ece"]
    with pytest.raises(StoreError, match="is not the summary of a member: no ece, folds; run"):
        read_member(write(tmp_path, summary))


def test_a_study_is_read_one_level_deep_in_order_of_its_folders(tmp_path):
    for name in ("rms", "mfcc"):
        write(tmp_path / name, result(name).summary)
    write(tmp_path / "mfcc" / "fold-1", result("inner").summary)
    assert [one.member for one in read_study(tmp_path)] == ["mfcc", "rms"]


def test_protocols_are_grouped_in_their_own_order():
    grouped = by_protocol(
        [result("a", "sentence"), result("b", "speaker"), result("a", "random"), result("c", "random")]
    )
    assert {protocol: list(members) for protocol, members in grouped.items()} == {
        "random": ["a", "c"],
        "speaker": ["b"],
        "sentence": ["a"],
    }


def test_studies_that_share_nothing_keep_their_names():
    studies = {"one": [result("a")], "two": [result("a", "speaker"), result("b")]}
    assert [one.member for one in side_by_side(studies)] == ["a", "a", "b"]


def test_where_one_member_is_in_two_studies_all_are_named_with_theirs():
    studies = {"one": [result("a")], "two": [result("a"), result("b")]}
    assert [one.member for one in side_by_side(studies)] == ["a (one)", "a (two)", "b (two)"]


def test_a_row_has_every_figure_by_its_protocol():
    row = comparison_table([result("mfcc", accuracy_on_confident_half={"value": 0.75, "n": 5})]).iloc[0]
    assert row[["member", "kind", "parameters"]].tolist() == ["mfcc", "network", 99]
    assert row[["random_accuracy", "random_accuracy_low", "random_uar_high"]].tolist() == [0.5, 0.4, 0.5]
    assert row[["random_ece", "random_n", "random_folds", "random_train_seconds"]].tolist() == [0.05, 10, 2, 1.5]
    assert row["random_accuracy_on_confident_half"] == 0.75


def test_the_gap_is_uar_on_the_random_split_less_that_on_unseen_speakers():
    table = comparison_table([result("a", uar=0.9), result("a", "speaker", uar=0.4)])
    assert table["gap"][0] == pytest.approx(0.5)


def test_members_without_unseen_speakers_come_last_the_more_accurate_first():
    results = [result("a", accuracy=0.6), result("b", accuracy=0.9), result("c", "speaker"), result("c", accuracy=0.1)]
    assert comparison_table(results)["member"].tolist() == ["c", "b", "a"]
