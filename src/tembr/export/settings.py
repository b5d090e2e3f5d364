"""How a bundle is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tembr.errors import ConfigError
from tembr.export.measure import FULL
from tembr.export.quantize import Quantize, variants

Inputs = Literal["waveform", "features"]


@dataclass(frozen=True)
class ExportSettings:
    """How a bundle is made.

    Attributes:
        inputs: 'waveform' (samples in, everything in the graph) or 'features' (one input a representation).
        quantize: 'none', 'dynamic' (variants that need no calibration) or 'static' (all).
        corpus_dir: where the study's corpus lies on this machine; None is where the study found it.
        name: of the bundle; by default the corpus and the members.
        version: of the bundle, as its maker counts.
        licence: of the weights; by default that of the corpora.
        recordings: compared with PyTorch before anything is written.
        default: name of the variant that opens; None takes the best on the held-out recordings (`best`).
        only_default: leave the default variant alone in the folder, as `model.onnx`.
        force: the folder may hold something else than a bundle; what is in it stays.

    Raises:
        ConfigError: an unknown word, a default that is not made, or no recordings.
    """

    inputs: Inputs = "waveform"
    quantize: Quantize = "none"
    corpus_dir: str | None = None
    name: str = ""
    version: str = "1.0.0"
    licence: str = ""
    recordings: int = 200
    default: str | None = None
    only_default: bool = False
    force: bool = False

    def __post_init__(self):
        for option, known in (("inputs", Inputs), ("quantize", Quantize)):
            if getattr(self, option) not in get_args(known):
                raise ConfigError(f"{option} {getattr(self, option)!r}: choose from {', '.join(get_args(known))}")
        known = [FULL, *(v.name for v in variants(self.quantize))]
        if self.default not in (None, *known):
            raise ConfigError(f"default {self.default!r}: quantize {self.quantize} makes {', '.join(known)}")
        if self.recordings < 1:
            raise ConfigError(f"recordings {self.recordings}: a graph is verified on at least one; 200 is usual")
