"""The site of `tembr web`: its size, its time for 3 s in Chromium, and how far its answers are from Python's.

    python bench/web.py --corpora DIR [--bundle NAME] [--onnxruntime-web DIR] [--chromium PATH]

The recordings are 120 of nEMO's, evenly over its files. The bundles in the package were trained on them: what is
measured is how far two ways of computing are apart, not how often they are right.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
from machine import write_section
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, os.fspath(Path(__file__).resolve().parents[1]))
from tests.serve.page import ARGUMENTS
from tests.serve.site import ISOLATED, ask, served

from tembr.recognize import load
from tembr.serve.site import RUNTIME_VERSION, build

RECORDINGS, ROUNDS, THREADS = 120, 30, 2
PARTS = {
    "onnxruntime-web": "ort/*",
    "model": "model/model.onnx",
    "speech detector": "model/voice.onnx",
    "page": "page/**/*.*",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--bundle", help="small, or a folder")
    parser.add_argument("--onnxruntime-web", type=Path)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    paths = sorted((given.corpora / "nemo" / "samples").glob("*.wav"))
    paths = [paths[i] for i in np.linspace(0, len(paths) - 1, RECORDINGS).astype(int)]
    with tempfile.TemporaryDirectory() as folder:
        site, clip = Path(folder) / "site", Path(folder) / "clip.wav"
        build(site, load(given.bundle).network, given.onnxruntime_web)
        soundfile.write(clip, three_seconds(paths), 16_000)
        lines = sizes(site)
        with opened(site, given.chromium) as page:
            apart = agreement(page, paths, given.bundle)
            alone = milliseconds(page, clip)
        with opened(site, given.chromium, **ISOLATED) as page:
            several = milliseconds(page, clip)
    command = "python bench/web.py --corpora CORPORA"
    write_section(
        "The page in a browser",
        command,
        [*lines, "", *times(clip_in_python(paths, given.bundle), alone, several), "", *apart],
        given.bundle,
    )


def three_seconds(paths: list[Path]) -> np.ndarray:
    """Speech of 3 s at 16 kHz, `(samples,)`."""
    from tembr import audio

    return np.concatenate([audio.read(path) for path in paths[:3]])[: 3 * 16_000]


def sizes(site: Path) -> list[str]:
    """A table of what the site has to send."""
    rows = ["| part | MB | gzip, MB |", "| --- | --- | --- |"]
    total = np.zeros(2)
    for name, pattern in PARTS.items():
        contents = [path.read_bytes() for path in site.glob(pattern)]
        both = np.array([sum(map(len, contents)), sum(len(gzip.compress(each)) for each in contents)]) / 1e6
        total += both
        rows.append(f"| {name} | {both[0]:.1f} | {both[1]:.1f} |")
    return [*rows, f"| **all** | {total[0]:.1f} | {total[1]:.1f} |"]


@contextmanager
def opened(site: Path, chromium: str, **headers: str) -> Iterator[Page]:
    """The site in a browser, its model loaded."""
    with served(site, **headers) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        page = browser.new_page()
        page.add_init_script(f"Object.defineProperty(navigator, 'hardwareConcurrency', {{value: {2 * THREADS}}})")
        page.goto(address)
        page.locator("#model").get_by_text("Tembr").wait_for()
        yield page
        browser.close()


def milliseconds(page: Page, clip: Path) -> list[float]:
    """From a file's bytes to its answer."""
    content = base64.b64encode(clip.read_bytes()).decode()
    ask(page, "predict", (clip.name, clip.read_bytes()))
    script = """async ([text, rounds]) => {
        const engine = await globalThis.engine;
        const file = new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], "clip.wav");
        const times = [];
        for (let i = 0; i < rounds; i++) {
            const begin = performance.now();
            await engine.predict(file);
            times.push(performance.now() - begin);
        }
        return times;
    }"""
    return page.evaluate(script, [content, ROUNDS])


def clip_in_python(paths: list[Path], bundle: str | None) -> list[float]:
    """The same in Python, on one thread."""
    recognizer, clip, taken = load(bundle), (three_seconds(paths), 16_000), []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        recognizer.predict(clip)
        taken.append(1_000 * (time.perf_counter() - begin))
    return taken


def times(python: list[float], alone: list[float], several: list[float]) -> list[str]:
    def told(taken: list[float]) -> str:
        return f"{min(taken):.0f} ({statistics.median(taken):.0f})"

    return [
        f"Milliseconds from a file of 3 s to its answer, lowest of {ROUNDS} (median): {told(alone)} in Chromium on one "
        f"thread, {told(several)} on {THREADS} (with COOP and COEP headers), {told(python)} in Python on one. "
        f"Load of the machine: {os.getloadavg()[0]:.1f}. onnxruntime-web {RUNTIME_VERSION}, WebAssembly.",
    ]


def agreement(page: Page, paths: list[Path], bundle: str | None) -> list[str]:
    """How far answers are from those of Python."""
    found = [ask(page, "predict", (path.name, path.read_bytes()))["answers"][0] for path in paths]
    recognizer = load(bundle)
    wanted = [recognizer.predict(path) for path in paths]
    apart = [
        max(abs(answer["probabilities"][label] - share) for label, share in other.probabilities.items())
        for answer, other in zip(found, wanted)
    ]
    same = sum(answer["likeliest"] == other.likeliest for answer, other in zip(found, wanted))
    return [
        f"Probabilities of {len(paths)} recordings of nEMO are at most {max(apart):.3f} from those of Python, "
        f"{np.mean(apart):.4f} on the mean; {same} name the same emotion. Where activations are rounded to 8 bits, the "
        "least difference in arithmetic moves some of them."
    ]


if __name__ == "__main__":
    main()
