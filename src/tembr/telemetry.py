"""Telemetry of the libraries below, off before any of them is imported.

ONNX Runtime counts uses and sends them to Microsoft, MLflow to its makers, and the clients of Hugging Face say who
asks. Each reads its switch from the environment while it is imported; ONNX Runtime's own call comes too late.
"""

from __future__ import annotations

import os

SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "true",
}
"""Variable of the environment → value that switches off; the last two are read by several libraries."""


def switch_off() -> None:
    """Set every switch, for this process and those it starts, whatever the environment said before."""
    os.environ.update(SWITCHES)
