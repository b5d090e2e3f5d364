"""How to use a bundle, with the package and with ONNX Runtime alone, for its card."""

from __future__ import annotations

from tembr.bundle import Facts
from tembr.silence import FRAME


def how_to_use(facts: Facts) -> str:
    """The section of the card, of waveforms or of features as the file takes them."""
    if facts.inputs == "features":
        return _use_features(facts)
    return f"""## How to use it

```python
import tembr

answer = tembr.load("path/to/this/folder").predict("recording.wav")
answer.label, answer.confidence, answer.probabilities
```

Or with ONNX Runtime alone, mono samples at {facts.sample_rate} Hz:

```python
import json, os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before ONNX Runtime is imported
import numpy, onnxruntime, soundfile

onnxruntime.set_default_logger_severity(3)
session = onnxruntime.InferenceSession("{facts.default}")
samples, rate = soundfile.read("recording.wav", dtype="float32")  # mono, {facts.sample_rate} Hz
{_without_silence(facts)}labels = json.loads(session.get_modelmeta().custom_metadata_map["labels"])
print(dict(zip(labels, session.run(None, {{"waveform": samples[None]}})[0][0])))
```

The file answers whatever it is given, also silence and noise, which the package leaves unanswered, and takes the first
{facts.window:g} s alone, where the package averages over windows of that length.{_cut(facts)} It was made for ONNX
Runtime 1.22 or later{_operators(facts)}."""


def _cut(facts: Facts) -> str:
    """What a batch of recordings takes that are cut."""
    if not facts.silence:
        return ""
    return (
        " Silence is cut as above, at most to a tenth of a second, and a batch is of recordings that are equally long "
        "then: zeros at the end would be silence again."
    )


def _operators(facts: Facts) -> str:
    variant = facts.variants.get(facts.default, {}).get("variant", "")
    return " with its own operators (`com.microsoft`: MatMulNBits)" if variant.startswith("block") else ""


def _without_silence(facts: Facts) -> str:
    """Lines that cut a recording as `tembr.silence.trimmed` does."""
    if not facts.silence:
        return ""
    frame, left = round(FRAME * facts.sample_rate), round(facts.silence["margin"] * facts.sample_rate)
    return f"""power = numpy.square(samples[: len(samples) // {frame} * {frame}].reshape(-1, {frame})).mean(1)
loud = numpy.flatnonzero(power >= power.max() * 10 ** (-{facts.silence["below"]:g} / 10))  # it takes no silence around
samples = samples[max(0, loud[0] * {frame} - {left}) : (loud[-1] + 1) * {frame} + {left}]
"""


def _use_features(facts: Facts) -> str:
    names = ", ".join(f'"{name}": {name}[None]' for name in facts.shapes)
    return f"""## How to use it

With ONNX Runtime and features of your own, float32 `(batch, bins, frames)`, as `tembr.features.extract` (and librosa)
gives them under the settings in `bundle.json`, from samples cut or padded to {facts.window:g} s:

```python
import json, os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before ONNX Runtime is imported
import onnxruntime

session = onnxruntime.InferenceSession("{facts.default}")
labels = json.loads(session.get_modelmeta().custom_metadata_map["labels"])
probabilities = session.run(None, {{{names}}})[0][0]
print(dict(zip(labels, probabilities)))
```"""
