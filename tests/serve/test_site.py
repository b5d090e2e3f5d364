"""`tembr web`: a site that hears in the browser as Python does, and sends nothing."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import soundfile
import soxr
from tests.serve.page import chromium
from tests.serve.site import ISOLATED, ask, served, without_rounding

from tembr.bundle import BundleError
from tembr.errors import StoreError
from tembr.recognize import load
from tembr.recognize.network import open_session
from tembr.recognize.recognizer import Recognizer
from tembr.serve import site as sites
from tembr.serve.graph import without_initializers

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TALK = EXAMPLES / "conversation.flac"
SAME = 1e-3
ROUNDED = 0.08
"""Of activations that are rounded to 8 bits on either side."""


@pytest.fixture(scope="module")
def runtime(tmp_path_factory) -> Path:
    """Folder of onnxruntime-web that TEMBR_ONNXRUNTIME_WEB names, or gets from npm where it is `npm`."""
    named = os.environ.get("TEMBR_ONNXRUNTIME_WEB")
    if not named:
        pytest.skip("a minute of tests: TEMBR_ONNXRUNTIME_WEB=npm gets onnxruntime-web for them, or names its folder")
    return sites._from_npm(tmp_path_factory.mktemp("runtime")) if named == "npm" else Path(named)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory, runtime) -> Path:
    out = tmp_path_factory.mktemp("web") / "site"
    sites.build(out, load().network, runtime)
    return out


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory) -> Recognizer:
    """One whose model does not round."""
    found, folder = load(), tmp_path_factory.mktemp("exact") / "bundle"
    shutil.copytree(found.network.folder, folder)
    model = folder / found.network.variant
    model.write_bytes(without_rounding(model.read_bytes()))
    found.network.folder, found.network.session = folder, open_session(model.read_bytes(), "the model")
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory, runtime, recognizer) -> Path:
    """One of a model that does not round either."""
    out = tmp_path_factory.mktemp("exact") / "site"
    sites.build(out, recognizer.network, runtime)
    return out


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    samples, rate = soundfile.read(TALK)
    speech = tmp_path_factory.mktemp("speech") / "speech.wav"
    soundfile.write(speech, soxr.resample(samples, rate, 48_000), 48_000, "PCM_16")
    with chromium(speech) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(browser, site):
    with served(site) as address:
        yield visit(browser, address)


def visit(browser, address, cores=None):
    page = browser.new_context(locale="pl-PL", permissions=["microphone"]).new_page()
    if cores:
        page.add_init_script(f"Object.defineProperty(navigator, 'hardwareConcurrency', {{value: {cores}}})")
    page.set_default_timeout(60_000)
    page.goto(address)
    page.locator("#model").get_by_text("tembr default").wait_for()
    return page


def distance(answer: dict, prediction) -> float:
    return max(abs(answer["probabilities"][label] - share) for label, share in prediction.probabilities.items())


def test_twenty_recordings_are_answered_as_in_python(page, recognizer, corpora_dir):
    chosen = sorted((corpora_dir / "nemo" / "samples").glob("*.wav"))[::170][:20]
    assert len(chosen) == 20
    apart = [
        distance(ask(page, "predict", (path.name, path.read_bytes()))["answers"][0], recognizer.predict(path))
        for path in chosen
    ]
    assert max(apart) < SAME


def test_the_model_as_shipped_answers_as_in_python_but_for_rounding(browser, shipped, corpora_dir):
    with served(shipped) as address:
        page, recognizer = visit(browser, address), load()
        chosen = sorted((corpora_dir / "nemo" / "samples").glob("*.wav"))[::170][:20]
        found = [ask(page, "predict", (path.name, path.read_bytes()))["answers"][0] for path in chosen]
        wanted = [recognizer.predict(path) for path in chosen]
        page.context.close()
    assert max(map(distance, found, wanted)) < ROUNDED
    assert sum(one["likeliest"] == other.likeliest for one, other in zip(found, wanted)) >= 19


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_recordings_of_other_rates_are_answered_as_in_python(page, recognizer, tmp_path, rate):
    samples, own = soundfile.read(EXAMPLES / "loud_and_fast.flac")
    path = tmp_path / "other.wav"
    soundfile.write(path, soxr.resample(samples, own, rate), rate, "PCM_16")
    assert distance(ask(page, "predict", (path.name, path.read_bytes()))["answers"][0], recognizer.predict(path)) < SAME


def test_segments_are_those_of_python(page, recognizer):
    found = ask(page, "segments", (TALK.name, TALK.read_bytes()))["segments"]
    wanted = recognizer.segments(TALK, hop=0.5)
    assert [(s["likeliest"], round(s["start"], 3), round(s["end"], 3)) for s in found] == [
        (s.likeliest, round(s.start, 3), round(s.end, 3)) for s in wanted
    ]
    assert max(map(distance, found, wanted)) < SAME


def streamed(page, recognizer, rate):
    """What a stream of the conversation tells in the browser and in Python."""
    samples, own = soundfile.read(TALK, dtype="float32")
    samples = soxr.resample(samples, own, rate).astype(np.float32)
    stream = recognizer.stream(rate, hop=0.5)
    return ask(page, "stream", ("", samples.tobytes()), rate=rate, hop=0.5), [*stream.push(samples), *stream.finish()]


def test_a_stream_tells_what_it_tells_in_python(page, recognizer):
    found, wanted = streamed(page, recognizer, 16_000)
    times = ("time", "start", "end")
    assert [(e["event"], e["likeliest"], *(round(e[name], 3) for name in times)) for e in found] == [
        (e["event"], e["likeliest"], *(e[name] for name in times)) for e in (each.as_dict() for each in wanted)
    ]
    assert max(distance(e, w.prediction) for e, w in zip(found, wanted)) < SAME


def test_segments_of_a_stream_at_another_rate_are_those_of_python(page, recognizer):
    told, wanted = streamed(page, recognizer, 44_100)
    found = [event for event in told if event["event"] == "closed"]
    wanted = [event.prediction for event in wanted if event.kind == "closed"]
    assert [(s["likeliest"], round(s["start"], 3), round(s["end"], 3)) for s in found] == [
        (s.likeliest, round(s.start, 3), round(s.end, 3)) for s in wanted
    ]
    assert max(map(distance, found, wanted)) < SAME


def test_a_speaker_learnt_in_the_browser_is_the_one_of_python(page, recognizer, tmp_path):
    paths = sorted(EXAMPLES.glob("*_and_*.flac"))
    found = ask(page, "enrol", *((path.name, path.read_bytes()) for path in paths))
    wanted = recognizer.adapt(paths, on_warning=lambda _: None)
    assert np.allclose(found["speaker"]["offset"], wanted.speaker.offset, atol=SAME)
    assert found["speaker"]["share"] == pytest.approx(wanted.speaker.share, abs=SAME) and wanted.speaker.share > 0
    file = tmp_path / "speaker.json"
    file.write_text(json.dumps(found["speaker"]))
    adapted = load().for_speaker(file)
    answer = ask(page, "predict", (TALK.name, TALK.read_bytes()), speaker=found["speaker"])["answers"][0]
    assert adapted.speaker.recordings == len(paths)
    assert distance(answer, wanted.predict(TALK)) < SAME


@pytest.mark.parametrize(("content", "code"), [("silence", "silence"), ("short", "too_short"), ("noise", "no_speech")])
def test_where_python_has_no_answer_there_is_none(page, tmp_path, content, code):
    noise = np.random.default_rng(0).normal(0, 0.05, 32_000)
    samples = {"silence": np.zeros(16_000), "short": noise[:3_000], "noise": noise}[content]
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, 16_000)
    (answer,) = ask(page, "predict", (path.name, path.read_bytes()))["answers"]
    assert (answer["label"], answer["warnings"][0].partition(":")[0]) == (None, code)


def test_nothing_is_asked_of_the_network_after_loading_below_a_path(browser, site):
    with served(site.parent) as address:
        page = visit(browser, f"{address}{site.name}/")
        asked, said = [], []
        page.context.route("**/*", lambda route: (asked.append(route.request.url), route.abort()))
        page.on("console", lambda message: said.append(message.text))
        page.set_input_files("#file", TALK)
        page.locator("#timeline button").first.wait_for()
        page.set_input_files("#enrol-files", sorted(EXAMPLES.glob("*_and_*.flac")))
        page.locator("#comparison-rows tr").first.wait_for()
        page.context.close()
    assert ([url for url in asked if not url.startswith(("blob:", "data:"))], said) == ([], [])


def test_speech_is_heard_in_the_browser(browser, site):
    with served(site) as address:
        page = visit(browser, address)
        page.click("#speak")
        page.locator("#timeline button").first.wait_for()
        page.click("#speak")
        page.locator("#save-wav").wait_for()
        assert page.get_by_role("alert").is_hidden()
        page.context.close()


def test_one_thread_works_and_headers_bring_more(browser, site, page):
    with served(site, **ISOLATED) as address:
        isolated = visit(browser, address, cores=4)
        several = isolated.evaluate("crossOriginIsolated"), isolated.locator("#model").inner_text()
        heard = ask(isolated, "predict", (TALK.name, TALK.read_bytes()))["answers"][0]
        isolated.context.close()
    alone = ask(page, "predict", (TALK.name, TALK.read_bytes()))["answers"][0]
    assert "wątki: 1." in page.locator("#model").inner_text() and "COOP" in page.locator("#model").inner_text()
    assert several[0] and "wątki: 2." in several[1]
    assert max(abs(heard["probabilities"][label] - share) for label, share in alone["probabilities"].items()) < SAME


def test_optional_inputs_become_ordinary_ones(shipped):
    graph = onnx.load(shipped / "model" / "model.onnx").graph
    given = {each.name for each in graph.initializer}
    assert [each.name for each in graph.input if each.name not in given] == [
        "waveform", "speaker_weight", "speaker_offset", "speaker_means", "speaker_precisions", "speaker_share",
    ]  # fmt: skip
    onnx.checker.check_model(onnx.load(shipped / "model" / "model.onnx"))


def test_a_file_that_is_no_model_is_refused():
    with pytest.raises(BundleError, match="not an ONNX file"):
        without_initializers(b"\x3a\xff", ["a"])


def test_a_bundle_of_another_rate_is_refused(tmp_path):
    network = load().network
    other = SimpleNamespace(facts=replace(network.facts, sample_rate=22_050))
    with pytest.raises(sites.SiteError, match="a bundle of 22050 Hz: a site works at 16000 Hz"):
        sites.build(tmp_path / "site", other, tmp_path)


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(StoreError, match="holds other files"):
        sites.build(tmp_path, load().network, tmp_path)


def test_force_writes_beside_what_somebody_else_has(tmp_path, runtime):
    (tmp_path / "thesis.txt").write_text("all of it")
    sites.build(tmp_path, load().network, runtime, force=True)
    assert (tmp_path / "thesis.txt").read_text() == "all of it" and (tmp_path / sites.MARK).is_file()


def test_a_folder_without_the_runtime_is_named(tmp_path):
    with pytest.raises(sites.SiteError, match="no ort.wasm.min.mjs"):
        sites.build(tmp_path / "site", load().network, tmp_path)


def test_another_archive_than_the_one_meant_is_refused(tmp_path, monkeypatch):
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text('#!/bin/sh\necho x > "$4/onnxruntime-web.tgz"\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", os.fspath(npm.parent), prepend=os.pathsep)
    with pytest.raises(sites.SiteError, match="another onnxruntime-web"):
        sites._from_npm(tmp_path)
