"""A bundle opened: its facts and its network in ONNX Runtime."""

from __future__ import annotations

import ctypes
import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from pathlib import Path, PurePosixPath

import numpy as np

from tembr.bundle import FACTS, BundleError, Facts, complaints, locate, read_facts
from tembr.errors import AudioError, first_line
from tembr.recognize.providers import chosen
from tembr.silence import trimmed

PRETRAINED = Path(__file__).parents[1] / "pretrained"
"""The bundles inside the package, each in a folder of its name."""

DEFAULT = PRETRAINED / "default"
"""The one that is taken where none is named."""

SUM_TOLERANCE = 1e-4
"""How far the sum of an answer's probabilities may be from one."""

SHORTEST = 0.1
"""Seconds below which a waveform is filled up with silence: a graph may take no less."""

LARGE_BLOCK = 1 << 17
"""Bytes from which a block of memory is large: glibc begins with as much, and raises it as it sees blocks freed."""

_MMAP_THRESHOLD = -3  # glibc's M_MMAP_THRESHOLD, see mallopt(3)

_ELSEWHERE = b"\x0a\x08location\x12"  # how ONNX says that weights lie in another file


class Network:
    """One variant of a bundle, ready to run; safe to use from many threads.

    Args:
        folder: the bundle, or the name of one inside the package ('small'); None is the default one there.
        variant: path of an ONNX file in it, or that file's name without extension; None is the bundle's default.
        threads: that one answer may use.
        provider: that runs the network, as in `tembr.recognize.providers.PROVIDERS`.

    Attributes:
        facts: what `bundle.json` says.
        folder, variant: what was opened.
        session: `onnxruntime.InferenceSession`.
        window: samples the graph cuts or pads a waveform to.
        given: inputs that every run gets beside the waveform, by name.
        provider: as given.

    Raises:
        ConfigError: this installation lacks the provider.
        BundleError: not a bundle, altered, of features instead of waveforms, or not what its facts say.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        variant: str | None = None,
        threads: int = 1,
        provider: str = "cpu",
    ):
        self.folder = bundle_folder(folder)
        if folder is None and not self.folder.is_dir():
            raise BundleError("this installation has no default bundle; name one with --bundle or tembr.load(path)")
        self.facts = read_facts(self.folder)
        _refuse(self.folder, self.facts)
        self.variant = _choose(self.folder, self.facts, variant)
        content = _content(self.folder, self.variant, None if folder is None else self.facts)
        self.window, self.provider = round(self.facts.window * self.facts.sample_rate), provider
        providers = chosen(provider, round(SHORTEST * self.facts.sample_rate), self.window)
        self.session = open_session(content, f"{self.folder / self.variant}", threads, providers)
        wrong = disagreements(self.session, self.facts) or contradictions(self.session, self.facts)
        if wrong:
            raise BundleError(f"{self.folder / self.variant}: {wrong[0]}; export the bundle again")
        self.given: Mapping[str, np.ndarray] = {}

    def with_inputs(self, given: Mapping[str, np.ndarray]) -> Network:
        """The same network on the same session, whose runs get these inputs and no others beside the waveform."""
        other = copy(self)
        other.given = dict(given)
        return other

    def window_samples(self, window: float) -> int:
        """Samples of a window of so many seconds, at most those of its own."""
        return min(self.window, round(window * self.facts.sample_rate))

    def require_adaptable(self) -> None:
        """See whether it can be adapted to a speaker.

        Raises:
            BundleError: it cannot, or its model is not what adapting takes.
        """
        if not self.facts.adaptation:
            raise BundleError(
                f"the bundle {self.facts.name} {self.facts.version} cannot adapt to a speaker; "
                "leave adaptation out or name a bundle that can"
            )
        wrong = unadaptable(self.session, self.facts)
        if wrong:
            raise BundleError(f"{self.folder / self.variant}: {wrong[0]}; export the bundle again")

    def outputs(self, waveform: np.ndarray, *names: str) -> list[np.ndarray]:
        """Outputs of the network by name, `(values,)` float64 each, for a waveform `(samples,)`; may not be finite."""
        shortest = round(SHORTEST * self.facts.sample_rate)
        if len(waveform) < shortest:
            waveform = np.pad(waveform, (0, shortest - len(waveform)))
        if self.facts.silence:
            waveform = trimmed(waveform, self.facts.sample_rate, **self.facts.silence)
        return [found[0].astype(np.float64) for found in run(self.session, waveform[None], names, self.given)]

    def posteriors(self, waveform: np.ndarray, name: str = "the audio given") -> np.ndarray:
        """Probabilities of the labels, `(labels,)` float64, for a waveform `(samples,)` at the bundle's rate.

        Raises:
            AudioError: the samples are beyond full scale, and no finite answer comes out.
            BundleError: the answer is no distribution: not finite, negative, or of another sum than one.
        """
        (answer,) = self.outputs(waveform, "probabilities")
        if is_distribution(answer):
            return answer / answer.sum()
        peak = float(np.abs(waveform).max(initial=0))
        if peak > 1 and not np.isfinite(answer).all():
            raise AudioError(f"{name}: no finite answer to samples up to {peak:.3g}; scale them to -1 … 1")
        listed = ", ".join(f"{value:.3g}" for value in answer)
        raise BundleError(
            f"{self.folder / self.variant}: answers {listed} to {name}, which are no probabilities; "
            "export the bundle again"
        )


def run(
    session,
    waveforms: np.ndarray,
    outputs: Sequence[str] = ("probabilities",),
    given: Mapping[str, np.ndarray] | None = None,
) -> list[np.ndarray]:
    """Outputs for waveforms `(batch, samples)`, of probabilities `(batch, labels)`.

    Args:
        outputs: names.
        given: other inputs, by name.

    Raises:
        BundleError: the network fails.
    """
    try:
        feed = {"waveform": np.ascontiguousarray(waveforms, np.float32), **(given or {})}
        return session.run(list(outputs), feed)
    except Exception as error:  # ONNX Runtime has its own hierarchy
        raise BundleError(f"the network failed ({first_line(error)}); check it with `tembr verify`") from error


def open_session(content: bytes, name: str, threads: int = 1, providers: Sequence = ("CPUExecutionProvider",)):
    """An `InferenceSession` on the content of an ONNX file.

    Args:
        providers: as ONNX Runtime takes them.

    Raises:
        BundleError: not ONNX, or with weights outside the file, which could be any file of this machine.
    """
    import onnxruntime

    _steady_heap()
    if _ELSEWHERE in content:
        raise BundleError(f"{name}: keeps weights in another file; a bundle's model must be whole, export it again")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=list(providers))
    except Exception as error:  # ONNX Runtime has its own hierarchy
        raise BundleError(f"{name}: not a usable ONNX file ({first_line(error)}); export the bundle again") from error


def _steady_heap() -> None:
    """Have glibc give large blocks back to the system as they are freed.

    ONNX Runtime takes some at every run beside its arena; by default glibc comes to keep such blocks in its heap, which
    then grows with the length of a recording as small ones are left between them. Elsewhere nothing is done.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(_MMAP_THRESHOLD, LARGE_BLOCK)


def disagreements(session, facts: Facts) -> list[str]:
    """A line for each way in which inputs and outputs are not what a bundle of waveforms has."""
    inputs = {i.name: i for i in session.get_inputs()}
    outputs = {o.name: o for o in session.get_outputs()}
    if list(inputs) != ["waveform"]:
        return [f"inputs {', '.join(inputs) or 'none'} instead of waveform"]
    if "probabilities" not in outputs:
        return [f"outputs {', '.join(outputs) or 'none'} instead of probabilities"]
    wrong = [
        f"{v.name} is {v.type}, not float32"
        for v in (inputs["waveform"], outputs["probabilities"])
        if v.type != "tensor(float)"
    ]
    if len(inputs["waveform"].shape) != 2 or any(isinstance(n, int) for n in inputs["waveform"].shape):
        wrong.append(f"waveform has the shape {inputs['waveform'].shape}, not [batch, samples]")
    shape = outputs["probabilities"].shape
    if len(shape) != 2 or (isinstance(shape[1], int) and shape[1] != len(facts.labels)):
        wrong.append(f"probabilities have the shape {shape}, not [batch, {len(facts.labels)}]")
    return wrong


def contradictions(session, facts: Facts) -> list[str]:
    """A line where labels, rate or window in the ONNX file's metadata are missing or not those of `bundle.json`.

    The labels of the columns stand nowhere else: in another order every answer would be wrong.
    """
    written = session.get_modelmeta().custom_metadata_map
    wanted = {"labels": facts.labels, "sample_rate": facts.sample_rate, "window": facts.window}
    wrong = [name for name, value in wanted.items() if not _same(written.get(name), value)]
    return [f"{', '.join(wrong)}: not as in bundle.json"] if wrong else []


def is_distribution(probabilities: np.ndarray) -> bool:
    """Whether every row `(..., labels)` is finite, not negative, and sums to one within `SUM_TOLERANCE`."""
    sums = probabilities.sum(axis=-1)
    return bool((probabilities >= 0).all() and np.allclose(sums, 1, rtol=0, atol=SUM_TOLERANCE))


def optional_inputs(session) -> dict:
    """Inputs that have a value already, by name: `onnxruntime.NodeArg`."""
    return {each.name: each for each in session.get_overridable_initializers()}


def unadaptable(session, facts: Facts) -> list[str]:
    """A line for each way in which a network is not one that can adapt to a speaker.

    That takes the optional inputs speaker_weight [1] and speaker_offset [labels], and the output logits
    [batch, labels]; with a two-covariance model also the inputs speaker_means and speaker_precisions [labels, d] and
    the output embedding [batch, d]; with relative logits the input speaker_share [1] and the output relative
    [batch, labels]; all float32.
    """
    inputs, outputs = optional_inputs(session), {o.name: o for o in session.get_outputs()}
    embedded, labels = bool(facts.adaptation.get("two_covariance")), len(facts.labels)
    wanted = ["speaker_weight", "speaker_offset", "logits"]
    wanted += ["speaker_means", "speaker_precisions", "embedding"] if embedded else []
    relative = bool(facts.adaptation.get("relative"))
    wanted += ["speaker_share", "relative"] if relative else []
    missing = [name for name in wanted if name not in inputs | outputs]
    if missing:
        return [f"cannot adapt as bundle.json says, without {', '.join(missing)}"]
    found = [(inputs | outputs)[name] for name in wanted]
    wrong = [f"{each.name} is {each.type}, not float32" for each in found if each.type != "tensor(float)"]
    shapes = {"speaker_weight": [1], "speaker_offset": [labels]} | ({"speaker_share": [1]} if relative else {})
    if embedded:
        size = outputs["embedding"].shape[1:]
        shapes |= {name: [labels, *size] for name in ("speaker_means", "speaker_precisions")}
    wrong += [f"{n} has the shape {inputs[n].shape}, not {s}" for n, s in shapes.items() if inputs[n].shape != s]
    for name in ["logits", *(["relative"] if relative else [])]:
        shape = outputs[name].shape
        if len(shape) != 2 or (isinstance(shape[1], int) and shape[1] != labels):
            wrong.append(f"{name} has the shape {shape}, not [batch, {labels}]")
    return wrong


def _refuse(folder: Path, facts: Facts) -> None:
    wrong = complaints(facts)
    if wrong:
        raise BundleError(f"{folder}: {wrong[0]} in bundle.json; export the bundle again")
    if facts.inputs != "waveform":
        raise BundleError(
            f"{folder}: takes {facts.inputs}, for those with an extractor of their own; "
            "export it with --inputs waveform to use it here"
        )


def _choose(folder: Path, facts: Facts, variant: str | None) -> str:
    if variant is None:
        return facts.default
    known = [name for name in facts.hashes if name.endswith(".onnx")]
    found = [name for name in known if variant in (name, PurePosixPath(name).stem)]
    if len(found) != 1:
        raise BundleError(f"{folder}: no variant {variant!r}; it has {', '.join(known) or 'none'}")
    return found[0]


def bundle_folder(named: str | Path | None) -> Path:
    """Folder of a bundle: itself, one of `PRETRAINED` by its name where no bundle here is called so, or `DEFAULT`."""
    if named is None:
        return DEFAULT
    here, packaged = Path(named), PRETRAINED / named
    known = packaged.parent == PRETRAINED and packaged.is_dir()
    return packaged if known and not (here / FACTS).exists() else here


def _content(folder: Path, variant: str, facts: Facts | None) -> bytes:
    path = locate(folder, variant)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}); export or copy the bundle again") from error
    if facts is not None and facts.hashes.get(variant) != hashlib.sha256(content).hexdigest():
        raise BundleError(f"{path}: not the file that bundle.json vouches for; copy or export the bundle again")
    return content


def _same(text: str | None, value) -> bool:
    """Metadata are text: a list as JSON or with commas, a number in digits."""
    if text is None:
        return False
    try:
        read = json.loads(text)
    except ValueError:
        read = [part.strip() for part in text.split(",")]
    return read == value
