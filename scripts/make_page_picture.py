"""Write docs/page.png: the page in Chromium with examples/conversation.flac heard.

uv run --all-extras python scripts/make_page_picture.py
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "page.png"
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
SIZE = {"width": 1_000, "height": 1_020}


def main() -> None:
    command = [sys.executable, "-m", "tembr.cli", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        url = re.search(r"at (http://\S+)", service.stderr.readline())[1]
        try:
            draw(url)
        finally:
            service.terminate()
    print(f"{OUT}: {OUT.stat().st_size >> 10} KiB")


def draw(url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        page = browser.new_context(locale="en-GB", viewport=SIZE).new_page()
        page.goto(url)
        page.set_input_files("input[type=file] >> nth=0", ROOT / "examples" / "conversation.flac")
        page.get_by_text("Praat TextGrid").wait_for()
        page.wait_for_timeout(1_000)
        page.screenshot(path=OUT)
        browser.close()


if __name__ == "__main__":
    main()
