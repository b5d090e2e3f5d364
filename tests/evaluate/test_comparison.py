"""Members side by side: the table, the picture, the Markdown, and the page one can send."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from jinja2 import UndefinedError
from tests.command import tembr_here

from tembr.emotions import POLISH
from tembr.errors import StoreError
from tembr.evaluate import comparison, panels
from tembr.evaluate import page as page_module
from tembr.evaluate.page import comparison_page, render
from tembr.evaluate.results import PROTOCOLS, side_by_side
from tembr.experiment.settings import StudySettings, write_settings
from tembr.splits import Protocol

HOSTILE = "<script>alert('mine')</script>"


class Loads(HTMLParser):
    """What a browser would fetch for a page, and how many scripts it has."""

    def __init__(self, page: str):
        super().__init__()
        self.addresses, self.scripts = [], 0
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.scripts += tag == "script"
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "action")]


@pytest.fixture(scope="module")
def page(two_protocols):
    return comparison_page(two_protocols, "nEMO & others")


@pytest.fixture(scope="module")
def written(two_protocols, tmp_path_factory):
    return comparison.write_comparison(two_protocols, tmp_path_factory.mktemp("study"), "nEMO")


def write_summary(folder, result, **changes):
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps(result.summary | changes))


def test_a_study_is_read_from_the_folders_below_it(make_member, tmp_path):
    write_summary(tmp_path / "mfcc", make_member("mfcc", "speaker"))
    write_summary(tmp_path / "svm", make_member("svm", "random", kind="baseline"))
    read = [(result.member, result.protocol, result.kind) for result in comparison.read_study(tmp_path)]
    assert read == [("mfcc", "speaker", "network"), ("svm", "random", "baseline")]


def test_an_empty_study_says_what_to_do(tmp_path):
    with pytest.raises(StoreError, match="run `tembr study`"):
        comparison.read_study(tmp_path)


def test_a_broken_summary_is_named(tmp_path):
    (tmp_path / "mfcc").mkdir()
    (tmp_path / "mfcc" / "summary.json").write_text("{")
    with pytest.raises(StoreError, match=r"mfcc.summary\.json"):
        comparison.read_study(tmp_path)


def test_an_unknown_protocol_is_refused(make_member, tmp_path):
    write_summary(tmp_path / "mfcc", make_member("mfcc"), protocol="guess")
    with pytest.raises(StoreError, match="protocol 'guess' is unknown"):
        comparison.read_study(tmp_path)


def test_the_best_on_unseen_speakers_comes_first_and_the_unmeasured_last(two_protocols):
    table = comparison.comparison_table(two_protocols)
    assert list(table["member"]) == ["melspectrogram", "mfcc", "svm"]


def test_with_one_protocol_accuracy_decides(make_member):
    results = [make_member("rms", strength=0.1), make_member("mfcc", strength=0.8)]
    assert list(comparison.comparison_table(results)["member"]) == ["mfcc", "rms"]


def test_gap_is_uar_lost_on_unseen_speakers(two_protocols):
    row = comparison.comparison_table(two_protocols).set_index("member").loc["mfcc"]
    by_hand = two_protocols[0].summary["uar"]["value"] - two_protocols[3].summary["uar"]["value"]
    assert row["gap"] == pytest.approx(by_hand)


def test_what_was_not_measured_is_nan(two_protocols):
    row = comparison.comparison_table(two_protocols).set_index("member").loc["svm"]
    assert np.isnan([row["speaker_uar"], row["gap"]]).all()


def test_the_table_has_only_the_protocols_there_are(make_member):
    columns = comparison.comparison_table([make_member("mfcc")]).columns
    assert not [name for name in columns if name.startswith(("speaker_", "kfold_"))]


def test_a_member_twice_under_one_protocol_is_refused(make_member):
    with pytest.raises(StoreError, match="mfcc has two results under the protocol random"):
        comparison.comparison_table([make_member("mfcc"), make_member("mfcc")])


def test_a_protocol_that_is_not_known_is_not_passed_over(make_member):
    with pytest.raises(StoreError, match="mfcc: protocol 'guess' is unknown"):
        comparison.comparison_table([make_member("rms"), replace(make_member("mfcc"), protocol="guess")])


def test_every_protocol_has_its_words_and_its_colour():
    known = set(get_args(Protocol))
    assert known == set(PROTOCOLS) == set(panels.PROTOCOL_COLORS) == set(page_module.MEANING)


def test_studies_of_the_same_members_have_rows_of_their_own(make_member):
    first, second = [make_member("mfcc", strength=0.8), make_member("rms")], [make_member("mfcc", strength=0.1)]
    table = comparison.comparison_table(side_by_side({"first": first, "second": second}))
    assert list(table["member"])[::2] == ["mfcc (first)", "mfcc (second)"] and set(table["member"]) >= {"rms (first)"}


def test_studies_under_different_protocols_share_rows(make_member):
    results = side_by_side({"a": [make_member("mfcc", "random")], "b": [make_member("mfcc", "speaker")]})
    assert list(comparison.comparison_table(results)["member"]) == ["mfcc"]


def test_compare_sets_two_random_splits_side_by_side(capsys, make_member, tmp_path):
    """In folders of the same name, and one of them twice."""
    for place, strength in (("one", 0.8), ("two", 0.1)):
        folder = tmp_path / place / "runs"
        folder.mkdir(parents=True)
        write_settings(StudySettings(protocols=("random",)), folder / "config.toml")
        write_summary(folder / "mfcc", make_member("mfcc", strength=strength))
    studies = [str(tmp_path / place / "runs") for place in ("one", "two", "one")]
    done = tembr_here(capsys, "compare", *studies, "--out", str(tmp_path / "both"))
    assert done.status == 0, done.err
    table = pd.read_csv(tmp_path / "both" / "comparison.csv")
    assert list(table["member"]) == ["mfcc (one/runs)", "mfcc (two/runs)"]
    assert table["random_uar"][0] > table["random_uar"][1]
    assert (
        "| mfcc (two/runs) |" in done.out and "mfcc (one/runs)" in (tmp_path / "both" / "comparison.html").read_text()
    )


def test_nothing_to_compare_is_refused():
    with pytest.raises(StoreError, match="no results to compare"):
        comparison.comparison_table([])


def test_the_csv_is_the_table(two_protocols, written):
    table = comparison.comparison_table(two_protocols)
    pd.testing.assert_frame_equal(pd.read_csv(written[0]), table, check_dtype=False, rtol=1e-5)


def test_the_four_files_are_written(written):
    assert [path.name for path in written] == [f"comparison.{kind}" for kind in ("csv", "png", "html", "md")]
    assert all(path.stat().st_size for path in written)


@pytest.mark.parametrize("protocol", ["random", "kfold", "speaker"])
def test_one_protocol_is_enough(protocol, make_member, tmp_path):
    results = [make_member("mfcc", protocol), make_member("svm", protocol, kind="baseline")]
    assert all(path.exists() for path in comparison.write_comparison(results, tmp_path, "nEMO"))


def test_markdown_holds_interval_and_gap(two_protocols):
    rows = comparison.comparison_markdown(two_protocols).splitlines()
    assert rows[0] == "| member | accuracy, random split | UAR, unseen speakers | gap in UAR |"
    assert re.fullmatch(r"\| mfcc \| \d+\.\d% \(.+–.+\) \| \d+\.\d% \(.+–.+\) \| \+\d+\.\d points \|", rows[3])


def test_markdown_keeps_a_pipe_in_a_name_in_its_cell(make_member):
    assert "| a\\|b |" in comparison.comparison_markdown([make_member("a|b")])


def test_page_loads_nothing(page):
    assert set(Loads(page).addresses) <= {"data:,"}


def test_page_style_loads_nothing(page):
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    assert "url(" not in style and "@import" not in style


def test_page_has_plotly_exactly_once(page):
    assert len(re.findall(r"\* plotly\.js v", page)) == 1


def test_page_names_every_member_in_its_table(page):
    rows = re.findall(r'<th scope="row"[^>]*>(.*?)</th>', page)
    assert rows == ["melspectrogram", "mfcc", "svm (baseline)"]


def test_page_offers_every_confusion_matrix(page):
    menu = re.search(r'data-chart="chart-confusion">(.*?)</select>', page).group(1)
    assert menu.count("<option") == 5


def test_page_explains_both_protocols(page):
    assert "<b>random split</b>, recordings" in page
    assert "nobody heard in the test was heard in training" in page


def test_page_states_seed_and_folds(page):
    assert "<b>unseen speakers</b>: corpus nemo, 300 recordings tested, 9 folds, seed 42, 2 members" in page


def test_page_names_emotions_in_polish(page):
    as_script = {json.dumps(name)[1:-1] for name in POLISH.values()}  # plotly escapes what is not ASCII
    assert sum(name in page for name in as_script) >= 6


def test_page_escapes_its_title(page):
    assert "<h1>nEMO &amp; others</h1>" in page


class Boxes(HTMLParser):
    """Elements by the classes of all that they lie in."""

    VOID = {"meta", "link", "br", "input"}

    def __init__(self, page: str):
        super().__init__()
        self.open, self.found = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        around = {name for _, classes in self.open for name in classes}
        self.found.append((tag, names, around))
        if tag not in self.VOID:
            self.open.append((tag, (names.get("class") or "").split()))

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass


def test_on_a_phone_only_boxes_scroll_sideways(page):
    """What is wider than 360 px by nature lies in a box of its own that scrolls."""
    found = Boxes(page).found
    assert any(tag == "meta" and "width=device-width" in names.get("content", "") for tag, names, _ in found)
    wide = {"chart-recall", "chart-confusion"}
    boxed = [around for tag, names, around in found if tag == "table" or names.get("id") in wide]
    assert len(boxed) == 3
    assert all("scroll" in around for around in boxed)


def test_page_has_colours_for_the_dark(page):
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    light, dark = style.split("prefers-color-scheme: dark")
    named = set(re.findall(r"(--[a-z]+):", light))
    assert named == set(re.findall(r"(--[a-z]+):", dark)) == set(re.findall(r"var\((--[a-z]+)\)", style))


def test_headings_and_cells_of_the_table_agree(page):
    headings = len(re.findall(r'<th scope="col">', page))
    rows = re.findall(r'<tr><th scope="row".*?</tr>', page)
    assert {row.count("<td ") for row in rows} == {headings - 1}


def test_without_what_the_template_needs_no_page_is_made():
    with pytest.raises(UndefinedError):
        render("tembr.evaluate", "comparison.html.jinja", title="nEMO")


def test_a_hostile_member_name_adds_no_script(make_member):
    tame = comparison_page([make_member("mfcc"), make_member("rms")], "nEMO")
    hostile = comparison_page([make_member("mfcc"), make_member(HOSTILE)], "nEMO")
    assert Loads(hostile).scripts == Loads(tame).scripts


def test_a_hostile_member_name_never_stands_unescaped(make_member):
    assert HOSTILE not in comparison_page([make_member("mfcc"), make_member(HOSTILE)], "nEMO")


def test_a_dollar_in_a_name_is_no_mathematics(make_member, tmp_path):
    assert panels.comparison_png([make_member(r"$\x$")], tmp_path / "comparison.png", "$").exists()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.42, "0.4 s"), (35, "35 s"), (276, "4.6 min"), (3000, "50 min"), (12_240, "3.4 h")],
)
def test_durations_are_said_for_people(seconds, said):
    assert panels.duration(seconds) == said
