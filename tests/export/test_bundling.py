"""How a bundle appears in its folder, what of an older one stays, and what is said where it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tembr.bundle import Facts
from tembr.errors import ConfigError, StoreError
from tembr.export import bundling as module
from tembr.export.bundling import ExportSettings, appearing, require_bundle
from tembr.export.verify import Verification


def facts(default: str = "model.onnx", **changes) -> Facts:
    answers = {"model.onnx": [1.0, 0.0], "quantized/small.onnx": [0.9, 0.1]}
    test = {"probabilities": answers["model.onnx"], "tolerance": 1e-3, "variants": answers}
    test["tolerances"] = {"quantized/small.onnx": 0.05}
    variants = {name: {"variant": name} for name in answers}
    needed = {"inputs": "waveform", "shapes": {}, "labels": ["a", "b"], "sample_rate": 16_000, "window": 3.0}
    needed |= {"members": [], "temperature": 1.0, "corpora": [], "licence": "CC0"}
    return Facts("n", "1", "0", **needed | {"self_test": test, "default": default, "variants": variants} | changes)


def bundle(folder: Path) -> Path:
    """Files of an older bundle, and somebody's own."""
    for name in ("model.onnx", "bundle.json", "quantized/old.onnx", "notes.txt", "quantized/mine.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("old")
    return folder


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def verification(**changes) -> Verification:
    found = {"passed": False, "recordings": 5, "wanted": 5, "corpus": "demo", "difference": 0.25, "other_labels": 2}
    return Verification(**found | {"batch_difference": 0.0, "adapted_difference": 0.0, "silence": []} | changes)


def test_a_folder_appears_when_all_is_done(tmp_path):
    with appearing(tmp_path / "deep" / "out") as folder:
        (folder / "model.onnx").write_text("new")
        assert not (tmp_path / "deep" / "out").exists()
    assert files(tmp_path) == {"deep/out/model.onnx": "new"}


def test_an_older_bundle_is_replaced_whole_and_what_is_somebodys_stays(tmp_path):
    with appearing(bundle(tmp_path / "out")) as folder:
        (folder / "model.onnx").write_text("new")
    assert files(tmp_path / "out") == {"model.onnx": "new", "notes.txt": "old", "quantized/mine.csv": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_where_it_fails_an_older_bundle_stays_and_nothing_else(tmp_path):
    before = files(bundle(tmp_path / "out"))
    with pytest.raises(KeyboardInterrupt), appearing(tmp_path / "out") as folder:
        (folder / "model.onnx").write_text("half")
        raise KeyboardInterrupt
    assert files(tmp_path / "out") == before and [path.name for path in tmp_path.iterdir()] == ["out"]


def test_where_the_last_step_fails_an_older_bundle_comes_back_and_that_is_one_line(tmp_path, monkeypatch):
    before, replace = files(bundle(tmp_path / "out")), Path.replace

    def refuse(self, target):
        if Path(target).name == "out" and (self / "new").exists():
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StoreError, match="cannot write .*out: No space left"), appearing(tmp_path / "out") as folder:
        (folder / "new").write_text("new")
    assert files(tmp_path / "out") == before


@pytest.mark.parametrize("present", [None, "bundle.json"])
def test_a_new_folder_or_a_bundle_may_be_written(tmp_path, present):
    if present:
        (tmp_path / "out").mkdir()
        content = dict.fromkeys(("tembr", "labels", "sample_rate", "self_test"), "x")
        (tmp_path / "out" / present).write_text(json.dumps(content))
    require_bundle(tmp_path / "out")


def test_a_folder_with_something_else_is_refused_unless_forced(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(StoreError, match=r"a folder with something else in it \(no bundle\.json\)"):
        require_bundle(tmp_path)
    require_bundle(tmp_path, force=True)


def test_a_default_that_is_not_made_is_refused_with_those_that_are():
    with pytest.raises(ConfigError, match="default 'static-uint8': quantize dynamic makes fp32, "):
        ExportSettings(quantize="dynamic", default="static-uint8")
    assert ExportSettings(quantize="static", default="static-uint8").default == "static-uint8"


def test_an_unknown_word_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="inputs 'samples': choose from waveform, features"):
        ExportSettings(inputs="samples")


def test_the_default_alone_becomes_the_model_with_what_is_known_of_it(tmp_path):
    (bundle(tmp_path) / "quantized" / "small.onnx").write_text("small")
    left = module._alone(facts("quantized/small.onnx"), tmp_path)
    assert files(tmp_path)["model.onnx"] == "small" and not list(tmp_path.glob("quantized/*.onnx"))
    assert left.default == "model.onnx" and left.variants == {"model.onnx": {"variant": "quantized/small.onnx"}}
    assert left.self_test == {
        "probabilities": [0.9, 0.1],
        "tolerance": 0.05,
        "variants": {"model.onnx": [0.9, 0.1]},
        "tolerances": {},
    }


def test_where_the_default_is_the_model_it_stays_as_it_is(tmp_path):
    left = module._alone(facts(variants={}), bundle(tmp_path))
    assert files(tmp_path)["model.onnx"] == "old" and "quantized/old.onnx" not in files(tmp_path)
    assert (left.self_test["tolerance"], left.variants) == (1e-3, {})


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, "off PyTorch's by 2.5e-01 on 5 recordings (0.0001 is allowed), 2 labels differ"),
        ({"difference": 0.0}, "off PyTorch's on silence (0.0001 is allowed)"),
        ({"difference": 1e-5, "batch_difference": 0.5}, "by 5.0e-01 between batches and single recordings"),
    ],
)
def test_a_refusal_says_where_the_graph_is_off(found, said):
    refusal = module._refusal(verification(**found), Path("report.json"))
    assert said in refusal and refusal.endswith("no bundle is written, see report.json")


@pytest.mark.parametrize(("inputs", "temperature"), [("waveform", 1.25), ("features", None)])
def test_only_a_graph_of_samples_can_be_adapted(inputs, temperature):
    folder = SimpleNamespace(facts=SimpleNamespace(adaptation=SimpleNamespace(temperature=1.25)))
    work = module._Work(folder, None, ExportSettings(inputs=inputs), None, None)
    assert work.temperature == temperature
