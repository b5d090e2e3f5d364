"""A service under load: live streams that keep real time, how long a request takes, twice the load it can carry.

Server and load share two cores, as on a small machine: the load takes its part of them.

uv run --all-extras python bench/service.py NEMO_DIR [--bundle NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
from machine import write_section
from websockets.asyncio.client import connect

from tembr.audio import read
from tembr.cli.console import progress_bars

RATE = 16_000
BLOCK = 0.1  # seconds of speech sent at a time
SECONDS = 20.0  # that streams are listened to at each count
LATE = 1.0  # seconds a stream's answer to a ping may take; beyond it does not keep real time
OVERLOAD = 120.0  # seconds of twice the load


class Service:
    """`tembr serve` as a process."""

    def __init__(self, bundle: str | None):
        command = [sys.executable, "-m", "tembr.cli", "serve", "--port", "0"]
        command += ["--limit", "max_streams=1000", "--limit", "max_requests_per_client=1000"]
        self.process = subprocess.Popen(
            command + (["--bundle", bundle] if bundle else []), stderr=subprocess.PIPE, text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self.url = re.search(r"at (http://\S+)", self.process.stderr.readline())[1]
        asyncio.get_running_loop().run_in_executor(None, self._drain)

    def _drain(self) -> None:
        for _ in self.process.stderr:
            pass

    @property
    def socket(self) -> str:
        return f"ws{self.url.removeprefix('http')}/v1/stream"

    @property
    def mebibytes(self) -> float:
        """Memory held now."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


async def live(service: Service, samples: np.ndarray, seconds: float, offset: float) -> list[float]:
    """Speak for `seconds` at the speed of speech; how long each ping, one a second, took to be answered."""
    size, delays, asked = round(BLOCK * RATE), [], []
    await asyncio.sleep(offset)
    async with connect(service.socket, max_queue=None) as socket:
        await socket.send(json.dumps({"type": "start", "sample_rate": RATE}))

        async def hear() -> None:
            async for message in socket:
                if '"pong"' in message[:20]:
                    delays.append(time.monotonic() - asked[len(delays)])

        hearing, begin = asyncio.create_task(hear()), time.monotonic()
        for number in range(round(seconds / BLOCK)):
            at = number * size % (len(samples) - size)
            await socket.send(samples[at : at + size].tobytes())
            if number % round(1 / BLOCK) == 0:
                asked.append(time.monotonic())
                await socket.send('{"type": "ping"}')
            await asyncio.sleep(max(0.0, begin + (number + 1) * BLOCK - time.monotonic()))
        await socket.send('{"type": "finish"}')
        await hearing
    return delays + [np.inf] * (len(asked) - len(delays))


async def streams(service: Service, calls: list[np.ndarray], count: int) -> float:
    """99th percentile of the delays of so many streams at once, seconds."""
    going = [live(service, calls[k % len(calls)], SECONDS, k / count) for k in range(count)]
    return float(np.quantile(np.concatenate(await asyncio.gather(*going)), 0.99))


async def most_streams(service: Service, calls: list[np.ndarray], bars) -> tuple[int, list[str]]:
    """How many streams keep real time, and a row for each count tried."""
    rows, most, count = [], 0, 10
    while count <= 400:
        bars.count(f"{count} streams", 0, 1)
        delay = await streams(service, calls, count)
        bars.count(f"{count} streams", 1, 1)
        rows.append(f"| {count} | {delay:.2f} | {service.mebibytes:.0f} |")
        if delay > LATE:
            break
        most, count = count, max(count + 5, round(count * 1.25))
    return most, rows


async def ask(http: httpx.AsyncClient, content: bytes) -> tuple[int, float]:
    """Status and seconds of one request."""
    begin = time.monotonic()
    answer = await http.post("/v1/predict", content=content)
    assert answer.status_code in (200, 429, 503), answer.text
    assert answer.status_code == 200 or "retry-after" in answer.headers
    return answer.status_code, time.monotonic() - begin


async def capacity(http: httpx.AsyncClient, files: list[bytes], seconds: float = 10.0) -> float:
    """Requests a second with four under way all the time."""
    end, done = time.monotonic() + seconds, 0

    async def worker(first: int) -> None:
        nonlocal done
        while time.monotonic() < end:
            await ask(http, files[(first + done) % len(files)])
            done += 1

    begin = time.monotonic()
    await asyncio.gather(*map(worker, range(4)))
    return done / (time.monotonic() - begin)


async def at_rate(
    http: httpx.AsyncClient, files: list[bytes], rate: float, seconds: float, rng: np.random.Generator
) -> list[tuple[int, float]]:
    """Requests that come by chance (Poisson), whatever becomes of those before: status and seconds of each."""
    going, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        going.append(asyncio.create_task(ask(http, files[len(going) % len(files)])))
        await asyncio.sleep(rng.exponential(1 / rate))
    return await asyncio.gather(*going)


async def measure(folder: Path, bundle: str | None) -> list[str]:
    """All figures, as lines of the page."""
    rng = np.random.default_rng(0)
    paths = sorted(folder.rglob("*.wav"))
    chosen = [paths[i] for i in rng.choice(len(paths), 200, replace=False)]
    spoken = [(np.clip(read(path), -1, 1) * 32_767).astype("<i2") for path in chosen]
    pause = np.zeros(RATE // 2, "<i2")
    calls = [np.concatenate([part for one in spoken[k::10] for part in (one, pause)]) for k in range(10)]
    files = [path.read_bytes() for path in chosen]
    service = Service(bundle)
    try:
        with progress_bars() as bars:
            most, rows = await most_streams(service, calls, bars)
            limits = httpx.Limits(max_connections=500)
            async with httpx.AsyncClient(base_url=service.url, timeout=90, limits=limits) as http:
                model = (await http.get("/v1/model")).json()
                able = await capacity(http, files)
                half = await at_rate(http, files, able / 2, 30, rng)
                before = service.mebibytes
                over = await at_rate(http, files, able * 2, OVERLOAD, rng)
                after = service.mebibytes
    finally:
        service.stop()
    quick, statuses = [seconds for status, seconds in half if status == 200], Counter(status for status, _ in over)
    return [
        f"Bundle {model['bundle']} {model['version']}, recordings of {folder.name}; server and load on the same cores.",
        "",
        "| live streams | 99th percentile of a ping's answer, s | MiB |",
        "|---|---|---|",
        *rows,
        "",
        f"**{most} live streams keep real time** (pings answered within {LATE:g} s; goal: 15 with the default "
        "bundle, 100 with `small`).",
        "",
        f"`/v1/predict`: {able:.0f} requests a second with four under way. At half that rate, arriving by chance, "
        f"{len(half)} requests: median {1e3 * np.median(quick):.0f} ms, 99th percentile "
        f"**{1e3 * np.quantile(quick, 0.99):.0f} ms** (goal 200 ms), {len(half) - len(quick)} refused.",
        "",
        f"At twice that rate for {OVERLOAD:.0f} s, {len(over)} requests: {statuses[200]} answered, "
        f"{statuses[429] + statuses[503]} refused with 429 or 503 and Retry-After, none lost; memory {before:.0f} MiB "
        f"before, {after:.0f} MiB after.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--bundle", help="small, or a folder")
    given = parser.parse_args()
    lines = asyncio.run(measure(given.corpus, given.bundle))
    write_section("A service under load", "uv run --all-extras python bench/service.py NEMO_DIR", lines, given.bundle)


if __name__ == "__main__":
    main()
