"""The transform of one recording in ONNX Runtime: factorised, as one basis, by its own operators; on one thread.

uv run --all-extras python bench/frontend.py
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import contextlib
import io
import warnings
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import torch
from machine import write_section
from onnx import TensorProto, helper, numpy_helper
from scipy.signal import get_window

from tembr.export.dft import PowerSpectrum, choose_columns
from tembr.export.frontend import FrontEnd
from tembr.export.runtime import timings
from tembr.features import FeatureSettings, extract_many

SAMPLES, RUNS, ROUNDS = 48_000, 3, 40
SIZES = ((512, 160), (1024, 256), (2048, 512))


class PlainProduct(torch.nn.Module):
    """Frames copied out by index, times the whole windowed basis."""

    def __init__(self, n_fft: int, hop: int):
        super().__init__()
        turns = np.outer(np.arange(n_fft), np.arange(n_fft // 2 + 1)) % n_fft / n_fft
        basis = np.concatenate([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=1)
        basis *= get_window("hann", n_fft)[:, None]
        self.register_buffer("basis", torch.from_numpy(basis.astype(np.float32)))
        starts = torch.arange(0, SAMPLES + 1, hop)
        self.register_buffer("index", starts[:, None] + torch.arange(n_fft))

    def forward(self, padded: torch.Tensor) -> torch.Tensor:
        frames = padded[:, self.index.reshape(-1)].reshape(-1, *self.index.shape)
        real, imaginary = (frames @ self.basis).chunk(2, dim=-1)
        return (real * real + imaginary * imaginary).transpose(1, 2)


def exported(module: torch.nn.Module, example: torch.Tensor) -> onnx.ModelProto:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(), (example,), dynamo=True, opset_version=18, input_names=["x"], output_names=["y"],
            dynamic_shapes=({0: torch.export.Dim("batch")},), verbose=False,
        )  # fmt: skip
    return program.model_proto


def own_operator(n_fft: int, hop: int) -> onnx.ModelProto:
    """ONNX's STFT, and its output squared."""
    constants = {
        "hop": np.int64(hop), "window": get_window("hann", n_fft).astype(np.float32), "size": np.int64(n_fft),
        "last": np.array([2]),
    }  # fmt: skip
    nodes = [
        helper.make_node("Unsqueeze", ["x", "last"], ["signal"]),
        helper.make_node("STFT", ["signal", "hop", "window", "size"], ["spectrum"]),
        helper.make_node("ReduceSumSquare", ["spectrum", "last_axis"], ["by_frame"], keepdims=0),
        helper.make_node("Transpose", ["by_frame"], ["y"], perm=[0, 2, 1]),
    ]
    tensors = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    tensors.append(numpy_helper.from_array(np.array([3]), "last_axis"))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", SAMPLES + n_fft])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "stft", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def work(model: onnx.ModelProto, feed: np.ndarray) -> Callable[[], np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": feed})[0]


def compared(n_fft: int, hop: int) -> str:
    """A line of the table; every way is checked against the fast Fourier transform first."""
    padded = torch.nn.functional.pad(torch.randn(1, SAMPLES) * 0.1, (n_fft // 2, n_fft // 2))
    window = torch.from_numpy(get_window("hann", n_fft))
    columns = choose_columns(n_fft, hop)
    models = [
        exported(PowerSpectrum(window, hop), padded.repeat(2, 1)),
        exported(PowerSpectrum(window, hop, precise=True), padded.repeat(2, 1)),
        exported(PowerSpectrum(window, hop, columns=1), padded.repeat(2, 1)),
        exported(PlainProduct(n_fft, hop), padded.repeat(2, 1)),
        own_operator(n_fft, hop),
    ]
    works = [work(model, padded.numpy()) for model in models]
    expected = torch.fft.rfft(padded.double().unfold(-1, n_fft, hop) * window).abs().square().transpose(1, 2).numpy()
    for way in works:
        assert np.abs(way() - expected).max() < 1e-4 * expected.max()
    fast, slow = works[:4], works[4:]
    runs = [timings(fast, ROUNDS) for _ in range(RUNS)]
    ours, double, plain, product = (min(run[k].lowest for run in runs) for k in range(4))
    operator = timings(slow, 5)[0].lowest
    return (
        f"| {n_fft} | {hop} | {n_fft // columns} × {columns} | **{ours:.2f}** | {double:.2f} | {plain:.2f} "
        f"| {product:.2f} | {operator:.1f} | {min(plain, product) / ours:.1f} | {operator / ours:.0f} |"
    )


def whole(names: tuple[str, ...]) -> str:
    """A line about a whole front end, beside `extract` on the same recording."""

    class Values(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.front_end = FrontEnd(names, FeatureSettings())

        def forward(self, waveform):
            return tuple(self.front_end(waveform))

    waveform = torch.randn(1, SAMPLES) * 0.1
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        model = torch.onnx.export(
            Values().eval(), (waveform.repeat(2, 1),), dynamo=True, opset_version=18, input_names=["x"],
            dynamic_shapes=({0: torch.export.Dim("batch"), 1: torch.export.Dim("samples")},), verbose=False,
        ).model_proto  # fmt: skip
    torch.set_num_threads(1)
    works = [work(model, waveform.numpy()), lambda: extract_many(waveform, names)]
    runs = [timings(works, ROUNDS) for _ in range(RUNS)]
    graph, ours = (min(run[k].lowest for run in runs) for k in range(2))
    said = ", ".join(names) if len(names) < 6 else "all eleven (transform in double precision)"
    return f"| {said} | {graph:.2f} | {ours:.2f} |"


def main() -> None:
    from tembr.features import REPRESENTATIONS

    lines = [
        "| n_fft | hop | factors | factorised, ms | the same in double | whole basis, convolution "
        "| whole basis, frames by index | STFT operator | whole basis / factorised | STFT operator / factorised |",
        "|---" * 10 + "|",
        *(compared(*size) for size in SIZES),
        "",
        "| front end, n_fft 2048, hop 512 | in the graph, ms | `extract`, ms |",
        "|---|---|---|",
        *(whole(names) for names in (("melspectrogram",), ("melspectrogram", "mfcc", "chroma"), REPRESENTATIONS)),
        "",
        f"Power spectrum of a 3 s recording at 16 kHz in ONNX Runtime {onnxruntime.__version__}, one thread, lowest of "
        f"{RUNS} × {ROUNDS} runs taken in turn (STFT operator: of 5).",
    ]
    write_section("The front end in a graph", "uv run --all-extras python bench/frontend.py", lines)


if __name__ == "__main__":
    main()
