"""Execution providers of ONNX Runtime by short names, with the options that suit these networks."""

from __future__ import annotations

from typing import Any

from tembr.errors import ConfigError
from tembr.files import cache_root

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
"""Short name → ONNX Runtime's."""


def available() -> list[str]:
    """Short names of those that this installation of ONNX Runtime has."""
    import onnxruntime

    there = onnxruntime.get_available_providers()
    return [name for name, whole in PROVIDERS.items() if whole in there]


def chosen(provider: str, shortest: int, longest: int) -> list[tuple[str, dict[str, Any]]]:
    """What a session is opened with: the provider, then the processor for what that does not have.

    Args:
        provider: short name.
        shortest, longest: samples of a waveform.

    Raises:
        ConfigError: there is no such provider, or this installation lacks it.
    """
    if provider not in PROVIDERS:
        raise ConfigError(f"provider {provider!r}: give one of {', '.join(PROVIDERS)}")
    if provider not in available():
        raise ConfigError(
            f"provider {provider}: this ONNX Runtime has {', '.join(available())}; install the build of onnxruntime "
            "that has it, or leave it out"
        )
    options = {"cuda": _cuda, "tensorrt": _tensorrt}.get(provider, lambda *_: {})(shortest, longest)
    found = [(PROVIDERS[provider], options)]
    return found if provider == "cpu" else [*found, (PROVIDERS["cpu"], {})]


def _cuda(shortest: int, longest: int) -> dict[str, Any]:
    return {"cudnn_conv_algo_search": "HEURISTIC"}  # the default tries every algorithm for every length it meets


def _tensorrt(shortest: int, longest: int) -> dict[str, Any]:
    """Engines are kept, and one serves all lengths: without a profile each new one would build another."""
    usual = min(longest, 3 * 16_000)
    shapes = {"min": shortest, "opt": usual, "max": longest}
    profile = {f"trt_profile_{name}_shapes": f"waveform:1x{samples}" for name, samples in shapes.items()}
    folder = cache_root() / "tensorrt"
    return profile | {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(folder)}
