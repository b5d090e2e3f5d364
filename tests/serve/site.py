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

from tembr.recognize.network import open_session
from tembr.recognize.recognizer import Recognizer, load

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


def in_single_precision(bundle: str | None = None) -> Recognizer:
    """A recognizer on the same 8-bit weights, but with arithmetic in single precision, as in WebAssembly."""
    recognizer = load(bundle)
    network = recognizer.network
    network.session = open_session(_in_single_precision(network.folder / network.variant), "the model")
    return recognizer


def _in_single_precision(path: Path) -> bytes:
    """The model, with MatMulNBits told not to round activations to 8 bits, which WebAssembly never does."""
    import onnx

    model = onnx.load(path)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "accuracy_level":
                attribute.i = 1
    return model.SerializeToString()
