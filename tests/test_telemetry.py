"""Nothing leaves the machine: real commands in processes of their own, with a home of their own, watched."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tembr.outputs import LOCK
from tests.command import QUICK

EXAMPLE = Path(__file__).parents[1] / "examples" / "calm.flac"
STUDY = ("study", *QUICK, "--set", "train.epochs=1", "--member", "rms", "--protocol", "random")
COMMANDS = {"predict": ("predict", str(EXAMPLE)), "study": (*STUDY, "--out", "study")}
WRITTEN = {"predict": r"$^", "study": r"work/study/.*|home/\.cache/tembr/.*|home/\.(cache|config)/matplotlib/.*"}
"""What each command may leave below its folder; Matplotlib keeps its list of fonts."""

HOOK = """
import os, sys
log = os.open(os.environ["AUDIT_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
busy = False

def audit(event, arguments):
    global busy
    asks = event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
    sends = event in ("socket.connect", "socket.sendto", "socket.sendmsg") and isinstance(arguments[1], tuple)
    opens = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if (asks or sends or opens) and not busy:
        busy = True
        os.write(log, f"{event} {arguments[0] if opens else arguments[1:]}\\n".encode())
        busy = False

sys.addaudithook(audit)
"""
"""Python's own sockets, look-ups and files opened for writing, a line each."""

pytestmark = pytest.mark.timeout(900)  # a whole study, traced
NATIVE = re.compile(r"(connect|sendto|sendmsg|sendmmsg)\(.*AF_INET")


@dataclass(frozen=True)
class Traced:
    """What a command did: files below its folder, lines of the audit hook, and of strace (None without it)."""

    files: list[str]
    audited: list[str]
    traced: list[str] | None


@pytest.fixture(scope="module", params=COMMANDS)
def traced(request, tmp_path_factory, tracking_store) -> tuple[str, Traced]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "study":
        (folder / "work" / "study").mkdir(parents=True)
        (folder / "work" / "study" / LOCK).touch()  # as an interrupted one leaves it
        tracking_store(folder / "work" / "study")
    return request.param, trace(COMMANDS[request.param], folder)


def trace(arguments: tuple[str, ...], folder: Path) -> Traced:
    for name in ("work", "home", "tmp", "hook"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "hook" / "sitecustomize.py").write_text(HOOK)
    log, calls = folder / "hook" / "audit.log", folder / "hook" / "strace.log"
    environment = {  # nothing of a CI or of pytest: there some telemetry is silent by itself
        "PATH": os.environ["PATH"], "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "AUDIT_LOG": str(log),
        "PYTHONPATH": str(folder / "hook"), "PYTHONDONTWRITEBYTECODE": "1", "ORT_DISABLE_TELEMETRY": "0",
    }  # fmt: skip
    strace = ["strace", "-f", "--seccomp-bpf", "-e", "trace=network", "-o", str(calls)] if can_strace() else []
    command = [*strace, sys.executable, "-m", "tembr.cli", *arguments]
    subprocess.run(command, cwd=folder / "work", env=environment, check=True, capture_output=True)
    files = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and "hook" not in p.parts]
    return Traced(files, log.read_text().splitlines(), calls.read_text().splitlines() if strace else None)


def can_strace() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-f", "--seccomp-bpf", "true"], capture_output=True).returncode == 0


def test_no_file_appears_but_those_tembr_says_it_writes(traced):
    command, done = traced
    assert [name for name in done.files if not re.fullmatch(WRITTEN[command], name)] == []


def test_no_python_code_looks_up_a_host_or_connects(traced):
    assert [line for line in traced[1].audited if line.startswith("socket.")] == []


def test_no_python_code_writes_anywhere_else(traced, tmp_path_factory):
    """Numba keeps compiled functions beside their source, as Python does."""
    own = re.escape(str(tmp_path_factory.getbasetemp()))
    inside = re.compile(rf"open (\d+|/dev/(null|shm/.*|tty)|{own}/.*|study/.*|.*/__pycache__(/.*)?)")
    assert [x for x in traced[1].audited if x.startswith("open ") and not inside.fullmatch(x)] == []


def test_no_native_code_connects_or_sends(traced):
    if traced[1].traced is None:
        pytest.skip("strace is not installed, or may not trace here")
    assert [line for line in traced[1].traced if NATIVE.search(line)] == []


def test_the_hook_sees_a_look_up(tmp_path):
    """The test above can fail."""
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    environment = {"PYTHONPATH": str(tmp_path), "AUDIT_LOG": str(tmp_path / "log")}
    code = "import socket; socket.getaddrinfo('127.0.0.1', 80); socket.socket().connect_ex(('127.0.0.1', 9))"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    events = [line.split()[0] for line in (tmp_path / "log").read_text().splitlines()]
    assert events[-2:] == ["socket.getaddrinfo", "socket.connect"]
