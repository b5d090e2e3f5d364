"""`tembr export`: what it asks for and what it says, with nothing exported."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.command import tembr_here

import tembr.export
from tembr.export import ExportSettings


@pytest.fixture
def exported(monkeypatch) -> list:
    """What a bundle was asked for of."""
    calls = []

    def export_bundle(source, out, settings, progress):
        calls.append((source, out, settings))
        return SimpleNamespace(default="quantized/weights-int8.onnx")

    monkeypatch.setattr(tembr.export, "export_bundle", export_bundle)
    monkeypatch.setattr(tembr.export, "EnsembleFolder", SimpleNamespace(read=lambda folder: ("ensemble", folder)))
    monkeypatch.setattr(tembr.export, "read_member_folder", lambda study, member: (member, study))
    return calls


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--ensemble", "e", "--study", "s", "--member", "mfcc"),
        ("--study", "s"),
        ("--member", "mfcc"),
        ("--ensemble", "e", "--member", "mfcc"),
    ],
    ids=" ".join,
)
def test_one_thing_to_export_has_to_be_named(capsys, exported, words):
    done = tembr_here(capsys, "export", "--out", "bundle", *words)
    assert done.status == 2 and "name what to export" in done.err and not exported


@pytest.mark.parametrize(
    ("words", "source"),
    [
        (("--ensemble", "e"), ("ensemble", Path("e"))),
        (("--study", "s", "--member", "mfcc"), ("mfcc", Path("s"))),
    ],
)
def test_an_ensemble_or_a_member_is_exported_as_usual(capsys, exported, words, source):
    done = tembr_here(capsys, "export", "--out", "bundle", "-q", *words)
    assert done.out == f"{Path('bundle/quantized/weights-int8.onnx')}\n"
    assert exported == [(source, Path("bundle"), ExportSettings())]


def test_options_become_settings(capsys, exported):
    words = "--inputs features --quantize dynamic --corpus-dir c --name mine --bundle-version 2.0 --licence CC0-1.0"
    words += " --recordings 9 --default fp32 --only-default --force"
    tembr_here(capsys, "export", "--out", "bundle", "--ensemble", "e", *words.split())
    assert exported[0][2] == ExportSettings(
        inputs="features", quantize="dynamic", corpus_dir="c", name="mine", version="2.0", licence="CC0-1.0",
        recordings=9, default="fp32", only_default=True, force=True,
    )  # fmt: skip


def test_a_number_of_recordings_is_one_at_least(capsys, exported):
    assert tembr_here(capsys, "export", "--out", "b", "--ensemble", "e", "--recordings", "0").status == 2
