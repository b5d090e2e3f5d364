"""MLflow's store, where it cannot be written."""

from __future__ import annotations

from tests.processes import Process

FULL = """
import resource, signal, sys
from pathlib import Path
from tembr.errors import StoreError
from tembr.experiment.tracking import open_tracker
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    open_tracker("", "experiment", "study", Path(sys.argv[1]))
except StoreError as error:
    print(error)
"""


def test_no_room_for_the_store_is_one_line_with_a_way_on(tmp_path):
    status, said, errors = Process(FULL, str(tmp_path)).finished()
    assert status == 0, errors
    assert said.count("\n") == 1
    assert "MLflow's store could not be used" in said and "track.enabled=false" in said
