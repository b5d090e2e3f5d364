"""Commands of the recognizer: what they ask for and how they end, with nothing heard."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.command import tembr_here

from tembr.cli.predicting import Request
from tembr.recognize.verify import Check


@pytest.fixture
def answered(monkeypatch) -> list:
    """What answers were asked for; two recordings cannot be heard where the bundle is called bad."""
    calls = []

    def answer_all(request, bundle, variant):
        calls.append((request, bundle, variant))
        return 2 if bundle == "bad" else 0

    monkeypatch.setattr("tembr.cli.predicting.answer_all", answer_all)
    return calls


def test_predict_asks_for_the_usual(capsys, answered):
    assert tembr_here(capsys, "predict", "a.wav", "b").status == 0
    assert answered == [(Request(("a.wav", "b")), None, None)]


def test_predict_asks_for_what_is_given(capsys, answered):
    words = "--bundle x --variant v --format csv --no-check-speech --min-confidence 0.5 --adapt anna"
    words += " --coverage 0.9 --channel 2 --threads 3 --out o.csv --force --no-recursive --quiet"
    tembr_here(capsys, "predict", "-", *words.split())
    wanted = Request(
        ("-",), form="csv", check_speech=False, threads=3, out="o.csv", recursive=False, quiet=True,
        min_confidence=0.5, adapt="anna", channel=2, force=True, coverage=0.9,
    )  # fmt: skip
    tembr_here(capsys, "predict", "-", "--segments")
    assert answered == [(wanted, "x", "v"), (Request(("-",), segments=True), None, None)]


def test_predict_ends_with_1_where_something_cannot_be_heard(capsys, answered):
    assert tembr_here(capsys, "predict", "a.wav", "--bundle", "bad").status == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--adapt", "9", "--degrade", "phone"), "cannot be combined; run them one after the other"),
        (("--adapt", "0"), "--adapt"),
        (("--min-confidence", "1.5"), "from 0 to 1"),
        (("--coverage", "1"), "from 0.5 to 0.99"),
        (("--coverage", "0.9", "--labels", "corpus"), "leave --labels out"),
        (("--unmapped", "keep"), "'keep' is not one of 'error', 'drop'"),
    ],
)
def test_evaluate_refuses_what_makes_no_sense_before_it_opens_a_bundle(capsys, monkeypatch, words, said):
    monkeypatch.setattr("tembr.recognize.recognizer.load", lambda *_: pytest.fail("a bundle was opened"))
    done = tembr_here(capsys, "evaluate", *words)
    assert done.status == 2 and said in done.err


def test_adapt_says_where_who_and_from_how_much(capsys, monkeypatch, tmp_path):
    asked, saved = [], []
    speaker = SimpleNamespace(name="anna", recordings=9, save=lambda *given: saved.append(given))

    def load(bundle, variant):
        def adapt(folder, **options):
            asked.append((bundle, variant, folder, options["threads"], options["channel"]))
            return SimpleNamespace(speaker=speaker)

        return SimpleNamespace(adapt=adapt)

    monkeypatch.setattr("tembr.recognize.recognizer.load", load)
    words = "--bundle", "x", "--variant", "v", "--threads", "2", "--channel", "right"
    done = tembr_here(capsys, "adapt", "calls", "a.wav", "--out", str(tmp_path / "anna.json"), *words)
    assert done.out == f"{tmp_path / 'anna.json'}: anna, 9 recordings\n" and saved == [(tmp_path / "anna.json", False)]
    assert asked == [("x", "v", [Path("calls"), Path("a.wav")], 2, "right")]


def test_adapt_replaces_nothing_that_is_no_speaker(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("tembr.recognize.recognizer.load", lambda *_: pytest.fail("a bundle was opened"))
    (tmp_path / "letter.json").write_text("{}")
    done = tembr_here(capsys, "adapt", "calls", "--out", str(tmp_path / "letter.json"))
    assert done.status == 1 and done.one_line_error and "not written by Tembr as speaker" in done.err


@pytest.mark.parametrize(("passed", "status", "word"), [(True, 0, "ok   "), (False, 1, "WRONG")])
def test_verify_says_every_check_and_ends_with_1_if_one_is_wrong(capsys, monkeypatch, passed, status, word):
    checks = [Check(passed, "hashes", "2 files"), Check(True, "self-test", "1e-7 apart")]
    monkeypatch.setattr("tembr.recognize.verify.verify", lambda folder: iter(checks))
    done = tembr_here(capsys, "verify", "bundle")
    assert (done.status, done.out) == (status, f"{word}  hashes: 2 files\nok     self-test: 1e-7 apart\n")
