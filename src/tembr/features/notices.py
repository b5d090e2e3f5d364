"""Licence texts that go with weights of others which a bundle carries."""

from __future__ import annotations

from collections.abc import Sequence

from tembr.features.encoder import EncoderInput
from tembr.features.inputs import Input

NOTICE = "NOTICE"
"""File of a bundle that holds the texts."""

MIT = """MIT License

Copyright (c) {holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without
limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the
Software, and to permit persons to whom the Software is furnished to do so, subject to the following
conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions
of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED
TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL
THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF
CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER
DEALINGS IN THE SOFTWARE.
"""

KNOWN = {"whisper": ("MIT", "2022 OpenAI", MIT)}
"""Type of an encoder → licence of its published weights, who holds it, its text."""


def notices(inputs: Sequence[Input]) -> dict[str, str]:
    """Weights of others in a graph with these inputs → their licence in a line; of unknown ones that it is unknown."""
    encoders = {one.source: KNOWN.get(one.kind) for one in inputs if isinstance(one, EncoderInput)}
    return {
        source: f"{known[0]}, Copyright (c) {known[1]}" if known else "of its publisher: see there before you share it"
        for source, known in encoders.items()
    }


def notice_text(inputs: Sequence[Input]) -> str:
    """The texts of all known licences of these inputs, '' where there are none."""
    encoders = {one.source: KNOWN.get(one.kind) for one in inputs if isinstance(one, EncoderInput)}
    texts = [f"{source}\n\n{known[2].format(holder=known[1])}" for source, known in encoders.items() if known]
    return "\n\n".join(texts)
