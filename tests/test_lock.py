"""One process at a time in a folder, and the next one once it is gone, however it went."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tembr.errors import StoreError
from tembr.lock import only_process
from tembr.outputs import LOCK
from tests.command import QUICK, tembr_here

HOLDER = """
import sys, time
from tembr.lock import only_process
with only_process(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def held(tmp_path):
    """A folder that another process works in, and that process."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "x")], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    yield tmp_path / "x", holder
    holder.kill()
    holder.communicate()


def test_a_second_study_in_a_folder_is_refused_in_a_line(held, capsys):
    done = tembr_here(capsys, "study", *QUICK, "--member", "rms", "--out", str(held[0]), "-q")
    assert done.status == 1 and done.one_line_error and "another process is working there" in done.err
    assert os.listdir(held[0]) == [LOCK]


def test_a_killed_process_holds_nothing(held):
    folder, holder = held
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with only_process(folder):
        pass


def test_what_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot write"), only_process(tmp_path / "file"):
        pass
