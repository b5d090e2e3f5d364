"""One speaker as a recognizer knows them: a small file that only the bundle it was made with takes."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tembr.errors import TembrError
from tembr.files import json_bytes, write_bytes
from tembr.outputs import require_own_file
from tembr.recognize.network import Network, optional_inputs

FORMAT = 2
LARGEST_FILE = 1 << 20  # bytes; six emotions in 64 dimensions take thirty thousand
LARGEST = 1e6  # of an offset, a mean, a precision; beyond it there is no logit
LONGEST = 200  # characters of a name
PRINTED = 12  # digits of a hash that tell two apart


class SpeakerError(TembrError):
    """A speaker's file is unreadable, damaged, or of another bundle."""


@dataclass(frozen=True)
class Origin:
    """What a speaker was adapted with.

    Attributes:
        name, version: of the bundle.
        model: SHA-256 of its ONNX file, hexadecimal.
    """

    name: str
    version: str
    model: str

    @classmethod
    def of(cls, network: Network) -> Origin:
        """The origin of what is adapted with `network`."""
        facts = network.facts
        return cls(plain(str(facts.name)), plain(str(facts.version)), facts.hashes.get(network.variant, ""))

    def __str__(self) -> str:
        return f"{self.name} {self.version} (model {self.model[:PRINTED]})"


@dataclass(frozen=True)
class Speaker:
    """What a recognizer has learnt of one speaker; values are those of float32.

    Attributes:
        name: of the speaker, for people; '' where unknown.
        origin: the bundle it was made with, the only one it fits.
        recordings: it was learnt from, 1 or more.
        offset: `(labels,)`, added to the logits; of mean 0.
        means, precisions: `(labels, d)`, where the speaker's emotions lie, see `tembr.adaptation.fitting.Fitted`; empty
            where the bundle has no embedding.
        share: what relative logits count of an answer, 0 to 1; 0 where the bundle has none.

    Raises:
        SpeakerError: a value is out of its range.
    """

    name: str
    origin: Origin
    recordings: int
    offset: tuple[float, ...]
    means: tuple[tuple[float, ...], ...] = ()
    precisions: tuple[tuple[float, ...], ...] = ()
    share: float = 0.0

    def __post_init__(self):
        for wrong in _complaints(self):
            raise SpeakerError(f"speaker {plain(str(self.name))!r}: {wrong}; adapt to the recordings again")

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        """The network's inputs beside the waveform, float32: weight `(1,)`, offset `(labels,)`, where there is an
        embedding means and precisions `(labels, d)`, and where they count the share of relative logits `(1,)`."""
        given = {"speaker_weight": (1.0,), "speaker_offset": self.offset}
        if self.means:
            given |= {"speaker_means": self.means, "speaker_precisions": self.precisions}
        if self.share:
            given["speaker_share"] = (self.share,)
        return {name: np.array(values, np.float32) for name, values in given.items()}

    def tune(self, network: Network) -> Network:
        """`network` as it hears this speaker; the one given stays as it is.

        Raises:
            SpeakerError: made with another bundle.
            BundleError: the bundle cannot adapt.
        """
        network.require_adaptable()
        origin = Origin.of(network)
        if self.origin != origin:
            raise SpeakerError(
                f"speaker {self.name!r}: adapted with the bundle {self.origin}, not with {origin}; "
                "adapt to the speaker's recordings again"
            )
        expected = optional_inputs(network.session)
        for name, values in self.inputs.items():
            if name not in expected or list(values.shape) != expected[name].shape:
                raise SpeakerError(
                    f"speaker {self.name!r}: its {name} is not the bundle's; adapt to the speaker's recordings again"
                )
        return network.with_inputs(self.inputs)

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write a file that `load` reads back to the same values.

        Args:
            force: write over a file that is no speaker's, too.

        Raises:
            StoreError: something else is there, or it cannot be written.
        """
        require_own_file(path, "speaker", force)
        write_bytes(path, json_bytes(self.as_dict()))

    def as_dict(self) -> dict:
        """What the file holds, ready for `json.dumps`; `parse` takes it back."""
        return {"format": FORMAT, "kind": "tembr speaker"} | asdict(self)

    @classmethod
    def load(cls, path: str | Path) -> Speaker:
        """Read what `save` wrote; nothing in the file is believed without a look.

        Raises:
            SpeakerError: it cannot be read, is no such file, or has values out of range.
        """
        try:
            with open(path, "rb") as file:
                content = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise SpeakerError(f"{path}: cannot be read ({error.strerror}); check the path") from error
        return cls.parse(content, str(path))

    @classmethod
    def parse(cls, content: bytes, name: str = "the speaker given") -> Speaker:
        """The same of the content of a file, called `name` in messages; raises as `load`."""
        read = _read(content, name)
        try:
            origin = Origin(**read["origin"])
            offset = _numbers(read["offset"])
            places = {each: _rows(read.get(each, [])) for each in ("means", "precisions")}
            (share,) = _numbers([read["share"]])
            return cls(read["name"], origin, read["recordings"], offset, **places, share=share)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            why = f"{error.args[0]} is missing" if isinstance(error, KeyError) else "values of the wrong kind"
            raise SpeakerError(f"{name}: not a speaker's file ({why}); write one with `tembr adapt`") from error
        except SpeakerError as error:
            raise SpeakerError(f"{name}: {error}") from error


def plain(name: str) -> str:
    """`name` cut to 200 characters, each that cannot be printed as a question mark."""
    return "".join(c if c.isprintable() else "?" for c in name[:LONGEST])


def _complaints(speaker: Speaker) -> list[str]:
    wrong = []
    texts = (speaker.name, speaker.origin.name, speaker.origin.version, speaker.origin.model)
    if not all(isinstance(text, str) and text == plain(text) for text in texts):
        wrong.append("a name is no plain text")
    if isinstance(speaker.recordings, bool) or not isinstance(speaker.recordings, int) or speaker.recordings < 1:
        wrong.append("its number of recordings is not 1 or more")
    if not speaker.offset:
        wrong.append("its offset is empty")
    if not all(math.isfinite(v) and abs(v) <= LARGEST for v in speaker.offset):
        wrong.append(f"its offset has values that are not finite or beyond {LARGEST:g}")
    if not all(math.isfinite(v) and abs(v) <= LARGEST for row in (*speaker.means, *speaker.precisions) for v in row):
        wrong.append(f"means or precisions have values that are not finite or beyond {LARGEST:g}")
    if not 0 <= speaker.share <= 1:
        wrong.append("its share of relative logits is not 0 to 1")
    if any(v < 0 for row in speaker.precisions for v in row):
        wrong.append("a precision is below 0")
    if [len(row) for row in speaker.means] != [len(row) for row in speaker.precisions]:
        wrong.append("means and precisions are not of one shape")
    if len({len(row) for row in speaker.means}) > 1:
        wrong.append("means have rows of different lengths")
    return wrong


def _read(content: bytes, name: str) -> dict:
    if len(content) > LARGEST_FILE:
        raise SpeakerError(f"{name}: larger than any speaker's file; name one that `tembr adapt` wrote")
    try:
        read = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise SpeakerError(f"{name}: not a speaker's file (no JSON); write one with `tembr adapt`") from error
    if not isinstance(read, dict) or (read.get("kind"), read.get("format")) != ("tembr speaker", FORMAT):
        raise SpeakerError(f"{name}: not a speaker's file of format {FORMAT}; write one with `tembr adapt`")
    return read


def _rows(values: object) -> tuple[tuple[float, ...], ...]:
    if not isinstance(values, list):
        raise TypeError("not a list of lists")
    return tuple(_numbers(row) for row in values)


def _numbers(values: object) -> tuple[float, ...]:
    if not isinstance(values, list) or not all(type(v) in (int, float) for v in values):
        raise TypeError("not a list of numbers")
    return tuple(float(value) for value in values)
