"""The page in a real browser, against the real service."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
import soxr
from tests.serve.conftest import running
from tests.serve.page import Line, chromium

import tembr
from tembr.recognize import formats
from tembr.serve.keys import new_key

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
TALK = EXAMPLES / "conversation.flac"
LARGEST = 2_000_000  # bytes that the service takes
SECOND = 1_000  # ms
PHONE = 360  # pixels
KEPT = "Połączenie wróciło; nic nie zginęło."


@pytest.fixture(scope="module")
def recognizer():
    return tembr.load()


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    for name in ("fastapi", "uvicorn", "websockets", "multipart"):
        pytest.importorskip(name, reason=f"no {name}: pip install '.[serve]'")
    with running(tmp_path_factory.mktemp("page"), "--limit", f"max_bytes={LARGEST}") as service:
        yield urlsplit(service.url).port


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A service that asks for a key and keeps no session without a socket, and the key."""
    key, digest = new_key()
    folder = tmp_path_factory.mktemp("locked")
    with running(folder, "--limit", "session_seconds=0", TEMBR_API_KEYS=digest) as service:
        yield service, key


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    samples, rate = soundfile.read(TALK)
    speech = tmp_path_factory.mktemp("speech") / "speech.wav"
    soundfile.write(speech, soxr.resample(samples, rate, 48_000), 48_000, "PCM_16")
    with chromium(speech) as opened:
        yield opened


@pytest.fixture
def visit(browser, port):
    """Opens the page; at the end nothing has left its origin, and the console is empty."""
    contexts, asked, said = [], [], []

    def opened(locale="pl-PL", through=port, script=None, ready=True, **options):
        context = browser.new_context(locale=locale, permissions=["microphone"], accept_downloads=True, **options)
        contexts.append(context)
        if script:
            context.add_init_script(path=script)
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.set_default_timeout(20 * SECOND)
        page.goto(f"http://127.0.0.1:{through}/")
        if ready:
            page.locator("#model").get_by_text("tembr default").wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    local = ("http://127.0.0.1:", "ws://127.0.0.1:", "blob:http://127.0.0.1:", "data:")
    assert [url for url in asked if not url.startswith(local)] == []
    assert [text for text in said if not text.startswith(("Failed to load resource", "WebSocket connection"))] == []


def hear(page, path=TALK):
    page.set_input_files("#file", path)
    page.locator("#timeline button").first.wait_for()


def downloaded(page, name) -> bytes:
    with page.expect_download() as download:
        page.click(f'[data-save="{name}"]')
    return Path(download.value.path()).read_bytes()


def status(page, text):
    page.locator("#status").get_by_text(text).wait_for(timeout=40 * SECOND)


def connection(page, text):
    page.locator("#connection").get_by_text(text).wait_for()


def enrol(page, name="Anna"):
    page.fill("#speaker-name", name)
    page.set_input_files("#enrol-files", sorted(EXAMPLES.glob("*_and_*.flac")))
    page.locator("#comparison-rows tr").first.wait_for()


def speak(page, seconds=1):
    page.click("#speak")
    page.locator("#timeline button[aria-disabled]").first.wait_for()
    page.wait_for_timeout(seconds * SECOND)


def finish(page):
    page.click("#speak")
    page.locator("#save-wav").wait_for()


def test_a_file_is_answered_with_the_recognizers_own_segments(visit, recognizer):
    page = visit()
    hear(page)
    wanted = [row.held_to(0.5) for row in recognizer.segments(TALK, hop=0.5)]
    rows = list(csv.reader(io.StringIO(downloaded(page, "csv").decode())))
    expected = list(
        csv.reader(io.StringIO(formats.header("csv", recognizer.labels) + formats.segments("csv", "", wanted)))
    )
    assert [row[1:] for row in rows] == [row[1:] for row in expected]
    assert page.locator("#timeline button").count() == len(wanted)
    said = recognizer.predict(TALK)
    names = {said.held_to(0.5 + apart).polish for apart in (-0.02, 0.02)}  # what rounding moves across the threshold
    assert page.locator("#answer .name").inner_text().startswith(tuple(names))


def test_what_is_drawn_is_the_recording(visit):
    page = visit()
    hear(page)
    ink = """id => {
        const canvas = document.getElementById(id);
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size;
    }"""
    assert {name: page.evaluate(ink, name) > 3 for name in ("waveform", "spectrogram", "probabilities")} == {
        "waveform": True,
        "spectrogram": True,
        "probabilities": True,
    }


def test_json_and_text_grid_say_the_same_as_the_table(visit):
    page = visit()
    hear(page)
    content = json.loads(downloaded(page, "json"))
    grid = downloaded(page, "TextGrid").decode()
    labels = [s["label"] for s in content["segments"]]
    assert (content["version"], content["min_confidence"], "uncertain" in labels) == (content["version"], 0.5, True)
    tier = grid.partition('name = "confidence"')[0].partition('name = "emotion"')[2].partition("item [2]")[0]
    texts = [line.split('"')[1] for line in tier.splitlines() if "text = " in line]
    assert [text for text in texts if text] == labels
    assert "niepewne" in grid and f"xmax = {content['duration']}" in grid


def test_a_threshold_makes_answers_uncertain(visit):
    page = visit()
    hear(page)
    page.locator("#threshold").fill("95")
    assert page.locator("#answer .name").inner_text().startswith("niepewne")
    doubtful = [s for s in json.loads(downloaded(page, "json"))["segments"] if s["confidence"] < 0.95]
    assert page.locator("#timeline .uncertain").count() == len(doubtful) > 0
    page.locator("#threshold").fill("0")
    assert page.locator("#timeline .uncertain").count() == 0


def test_speech_is_answered_as_it_comes_and_kept(visit):
    page = visit()
    speak(page)
    page.locator("#answer .sure").first.wait_for()
    finish(page)
    samples, rate = soundfile.read(io.BytesIO(downloaded(page, "wav")))
    assert 3 < len(samples) / rate < 30 and np.abs(samples).max() > 0.01
    page.locator("#timeline button").first.click()
    page.locator("#timeline .playing").wait_for()


def test_a_dropped_connection_is_resumed_without_loss(visit, port, recognizer):
    line = Line(port)
    page = visit(through=line.port)
    speak(page, 0)
    line.losing = True
    page.wait_for_timeout(SECOND)
    line.broken = True
    line.cut()
    connection(page, "Połączenie przerwane")
    page.wait_for_timeout(SECOND)
    line.broken = line.losing = False
    connection(page, KEPT)
    page.wait_for_timeout(2 * SECOND)
    finish(page)
    samples, rate = soundfile.read(io.BytesIO(downloaded(page, "wav")), dtype="int16")
    found = json.loads(downloaded(page, "json"))["segments"]
    stream = recognizer.stream(rate, hop=0.5)
    wanted = [e.prediction for e in (*stream.push(samples), *stream.finish()) if e.kind == "closed"]
    line.close()
    assert [(s["likeliest"], s["start"], s["end"]) for s in found] == [
        (s.likeliest, round(s.start, 3), round(s.end, 3)) for s in wanted
    ]


def test_a_speaker_is_learnt_compared_saved_and_loaded_again(visit, recognizer, tmp_path):
    page = visit()
    hear(page)
    before = page.locator("#bars").inner_text()
    enrol(page)
    status(page, "Głos poznany")
    with page.expect_download() as download:
        page.click("#speaker-save")
    file = tmp_path / "anna.json"
    download.value.save_as(file)
    adapted = recognizer.for_speaker(file).predict(TALK)
    shown = page.locator("#comparison-rows tr").first.locator("td").nth(1).inner_text()
    assert f"{adapted.confidence:.0%}" in shown.replace("\xa0", "")
    after = page.locator("#bars").inner_text()
    page.click("#speaker-forget")
    page.locator("#speaker-card").wait_for(state="hidden")
    page.locator("#bars").get_by_text(before.split("\n")[1]).first.wait_for()
    page.set_input_files("#speaker-file", file)
    page.locator("#speaker-said").get_by_text("Anna").wait_for()
    page.wait_for_function("after => document.querySelector('#bars').innerText === after", arg=after)


@pytest.mark.parametrize(
    ("locale", "words"), [("pl-PL", "Tego nagrania nie da się wysłuchać"), ("en-GB", "This recording cannot be heard")]
)
def test_a_file_that_is_no_recording_is_said_at_once(visit, locale, words):
    page = visit(locale)
    page.set_input_files("#file", ROOT / "README.md")
    page.get_by_role("alert").get_by_text(words).wait_for()


def test_a_file_that_is_too_large_is_said_with_the_limit(visit, tmp_path):
    page = visit("en-GB")
    soundfile.write(tmp_path / "long.wav", np.zeros(LARGEST), 16_000)
    page.set_input_files("#file", tmp_path / "long.wav")
    page.get_by_role("alert").get_by_text("2.0 MB").wait_for()


def test_silence_is_no_answer(visit, tmp_path):
    page = visit()
    soundfile.write(tmp_path / "silence.wav", np.zeros(16_000), 16_000)
    page.set_input_files("#file", tmp_path / "silence.wav")
    page.get_by_role("alert").get_by_text("nie słychać mowy").wait_for()


def test_a_refused_microphone_is_said(visit):
    page = visit("en-GB")
    refuse = "Promise.reject(new DOMException('', 'NotAllowedError'))"
    page.evaluate(f"void (navigator.mediaDevices.getUserMedia = () => {refuse})")
    page.click("#speak")
    page.get_by_role("alert").get_by_text("Allow it in the site's settings").wait_for()


def test_a_key_is_asked_for_used_and_not_stored(visit, locked):
    service, key = locked
    page = visit("en-GB", through=urlsplit(service.url).port, ready=False)
    unlock(page, key)
    hear(page)
    stored = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert key not in stored and page.locator("#alert").inner_text() == ""


def test_where_the_session_is_gone_speech_is_heard_on_in_a_new_one(visit, locked):
    service, key = locked
    line = Line(urlsplit(service.url).port)
    page = visit("en-GB", through=line.port, ready=False)
    unlock(page, key)
    speak(page, 0)
    line.cut()
    connection(page, "the session had expired")
    page.locator("#timeline button").nth(1).wait_for()
    finish(page)
    content = json.loads(downloaded(page, "json"))
    line.close()
    ends = [0, *(s["end"] for s in content["segments"]), content["duration"] + 0.1]
    starts = [s["start"] for s in content["segments"]]
    assert len(starts) > 1 and all(end <= start for end, start in zip(ends, [*starts, ends[-1]]))


def unlock(page, key):
    page.get_by_role("alert").get_by_text("needs an API key").wait_for()
    assert page.evaluate("document.activeElement.id") == "key"
    page.keyboard.type(key)
    page.keyboard.press("Enter")
    page.locator("#model").get_by_text("tembr default").wait_for()


def test_a_busy_service_is_asked_again_on_request(visit):
    page = visit()
    refusal = json.dumps({"error": {"code": "busy", "message": "try again"}})
    answer = {"status": 503, "headers": {"Retry-After": "7"}, "content_type": "application/json", "body": refusal}
    page.route("**/v1/predict*", lambda route: route.fulfill(**answer), times=1)
    page.set_input_files("#file", TALK)
    page.get_by_role("alert").get_by_text("za 7 s").wait_for()
    page.get_by_role("button", name="Spróbuj ponownie").click()
    page.locator("#timeline button").first.wait_for()


@pytest.mark.parametrize(("locale", "title"), [("pl-PL", "Czego posłuchać?"), ("de-DE", "What shall be heard?")])
def test_the_browsers_language_is_spoken(visit, locale, title):
    assert visit(locale).locator("#input-title").inner_text() == title


def test_another_language_is_remembered(visit):
    page = visit("pl-PL")
    hear(page)
    page.get_by_role("button", name="English").click()
    assert page.locator("#input-title").inner_text() == "What shall be heard?"
    assert page.evaluate("document.documentElement.lang") == "en"
    page.reload()
    page.get_by_role("heading", name="What shall be heard?").wait_for()


def test_everything_is_done_with_the_keyboard(visit):
    page = visit()
    page.on("filechooser", lambda chooser: chooser.set_files(TALK))
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "choose":
            break
    page.keyboard.press("Enter")
    page.locator("#timeline button").first.wait_for()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('segment')"):
            break
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.locator("#timeline button").nth(1).and_(page.locator(".playing")).wait_for()
    focused = "getComputedStyle(document.activeElement).outlineStyle + document.activeElement.className"
    assert page.evaluate(focused).startswith("solid")


def test_axe_finds_nothing_in_any_state_on_a_phone(visit, tmp_path_factory):
    page = visit(script=axe(tmp_path_factory), reduced_motion="reduce", viewport={"width": PHONE, "height": 740})
    complaints = check(page, "empty")
    hear(page)
    page.click("#list-title")
    complaints += check(page, "file")
    enrol(page)
    complaints += check(page, "enrolled")
    page.set_input_files("#file", ROOT / "README.md")
    page.get_by_role("alert").get_by_role("button").wait_for()
    complaints += check(page, "error")
    speak(page, 1)
    complaints += check(page, "live")
    assert complaints == []


def check(page, state: str) -> list[str]:
    """What axe says against the page, in light and dark, and whether it is wider than its window."""
    width = page.evaluate("document.documentElement.scrollWidth")
    found = [] if width == PHONE else [f"{state}: {width} pixels wide"]
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [f"{state}, {scheme}: {v['id']} {v['nodes'][0]['target']}" for v in result["violations"]]
    return found


def axe(tmp_path_factory) -> Path:
    """axe-core's script: of the folder in TEMBR_AXE, or from npm."""
    if named := os.environ.get("TEMBR_AXE"):
        return Path(named) / "axe.min.js"
    if shutil.which("npm") is None:
        pytest.skip("no axe-core: set TEMBR_AXE to its folder, or install npm")
    folder = tmp_path_factory.mktemp("axe")
    done = subprocess.run(["npm", "pack", "axe-core@4.14.1"], cwd=folder, capture_output=True, text=True, timeout=60)
    if done.returncode:
        pytest.skip(f"no axe-core: npm says {done.stderr.strip().splitlines()[-1:]}")
    with tarfile.open(next(folder.glob("*.tgz"))) as packed:
        packed.extract("package/axe.min.js", folder, filter="data")
    return folder / "package" / "axe.min.js"
