"""What an export may be asked for, refused before anything is built."""

from __future__ import annotations

import pytest

from tembr.errors import ConfigError
from tembr.export.settings import ExportSettings


def test_the_defaults_make_one_file_that_takes_a_waveform():
    settings = ExportSettings()
    assert (settings.inputs, settings.quantize, settings.default, settings.recordings) == (
        "waveform",
        "none",
        None,
        200,
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"inputs": "mp3"}, "inputs 'mp3': choose from waveform, features"),
        ({"quantize": "int4"}, "quantize 'int4': choose from none, dynamic, static"),
        ({"recordings": 0}, "recordings 0: a graph is verified on at least one"),
        ({"default": "static-int8", "quantize": "dynamic"}, "default 'static-int8': quantize dynamic makes fp32, "),
    ],
)
def test_what_cannot_be_made_is_said_with_what_can(wrong, said):
    with pytest.raises(ConfigError, match=said):
        ExportSettings(**wrong)


def test_a_variant_that_is_made_may_be_the_default():
    assert ExportSettings(default="weights-int8", quantize="dynamic").default == "weights-int8"
    assert ExportSettings(default="fp32").default == "fp32"
