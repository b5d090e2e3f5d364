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
    """A model whose activations are not rounded to 8 bits: rounding follows the least difference in arithmetic, and
    two ways of computing can be told apart by nothing smaller."""
    import onnx

    model = onnx.load_from_string(content)
    rounded = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    restored = {node.output[0]: node for node in model.graph.node if node.op_type == "DequantizeLinear"}
    straight = {name: rounded[node.input[0]] for name, node in restored.items() if node.input[0] in rounded}
    assert straight, "the bundle rounds no activation"
    kept = [node for node in model.graph.node if not {*node.output} & {*rounded, *straight}]
    for node in kept:
        node.input[:] = [straight.get(name, name) for name in node.input]
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model.SerializeToString()
