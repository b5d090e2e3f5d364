"""What a benchmark ran on, and how its figures are written down."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def machine() -> str:
    """One line about processor, cores and versions."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next(
        (line.split(":")[1].strip() for line in flags.splitlines() if "model name" in line), platform.machine()
    )
    fast = [name for name, flag in (("AMX", "amx_bf16"), ("AVX-512 BF16", "avx512_bf16")) if flag in flags]
    return f"{model}, {os.cpu_count()} cores ({', '.join(fast) or 'no bfloat16'}), torch {version('torch')}"


def write_section(title: str, command: str, lines: list[str], bundle: str | None = None) -> None:
    """Put a section into docs/benchmarks.md in place of the one of that title, and print it.

    Args:
        title, command, lines: heading, what writes the section, and its text.
        bundle: measured in place of the default one, if any; heading and command say so.
    """
    if bundle:
        title, command = f"{title}: {bundle}", f"{command} --bundle {bundle}"
    body = "\n".join([f"## {title}", "", f"`{command}`", f"on {machine()}", "", *lines, ""])
    print(body)
    text = (
        PAGE.read_text() if PAGE.exists() else "# Benchmarks\n\nWritten by the commands named; ratios within one run.\n"
    )
    sections = [part for part in text.split("\n## ") if not part.startswith(title + "\n")]
    PAGE.write_text("\n## ".join([section.rstrip("\n") + "\n" for section in sections]) + "\n" + body)
