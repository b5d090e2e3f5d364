"""A site made by `tembr web` on a server of its own, and its engine called from Python."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}

CALL = """async ([method, files, values]) => {
    globalThis.engine ??= (async () => {
        const engine = (await import(new URL("page/local/engine.js", document.baseURI))).open();
        await engine.load(() => {});
        return engine;
    })();
    const engine = await globalThis.engine;
    const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const blobs = files.map(([name, text]) => new File([bytes(text)], name));
    if (method !== "stream") return method === "enrol" ? engine.enrol(blobs, "Anna") : engine[method](blobs[0], values);
    const samples = new Float32Array(bytes(files[0][1]).buffer);
    const events = [];
    const tell = (told) => events.push(told);
    const stream = engine.stream(values.rate, values, {event: tell, error: (error) => tell(String(error))});
    for (let at = 0; at < samples.length; at += 2048) stream.push(samples.slice(at, at + 2048));
    await stream.finish();
    return events;
}"""
"""Calls the local engine of the page, opened once more beside the page's own."""


class _Handler(SimpleHTTPRequestHandler):
    extra: dict[str, str] = {}
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript", ".wasm": "application/wasm"}

    def end_headers(self):
        for name, value in self.extra.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def served(folder: Path, **headers: str) -> Iterator[str]:
    """The address at which `folder` is served."""
    handler = type("Handler", (_Handler,), {"extra": headers})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=os.fspath(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def ask(page, method: str, *files: tuple[str, bytes], **values):
    """What the engine in the browser answers."""
    given = [(name, base64.b64encode(content).decode()) for name, content in files]
    return page.evaluate(CALL, [method, given, values])


def without_rounding(content: bytes) -> bytes:
    """A model with the same weights in single precision and activations that are not rounded to 8 bits.

    Rounding follows the least difference in arithmetic; two ways of computing are told apart by nothing smaller.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(content)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    rounded = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    straight, kept = {}, []
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in rounded:
            straight[node.output[0]] = rounded[node.input[0]]
        elif node.op_type == "DequantizeLinear":
            weight, scale, zero = (numpy_helper.to_array(constants[name]).astype(np.float32) for name in node.input)
            tensor = numpy_helper.from_array((weight - zero) * scale, node.output[0])
            model.graph.initializer.append(tensor)
        elif node.op_type != "QuantizeLinear":
            kept.append(onnx.NodeProto.FromString(node.SerializeToString()))
    assert straight, "the bundle rounds no activation"
    for node in kept:
        node.input[:] = [straight.get(name, name) for name in node.input]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model.SerializeToString()
