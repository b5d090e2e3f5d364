"""Every error is one line."""

from __future__ import annotations

import pytest

from tembr.errors import (
    AudioError,
    ConfigError,
    CorpusError,
    MissingExtraError,
    StoreError,
    TembrError,
    first_line,
)


@pytest.mark.parametrize("kind", [AudioError, ConfigError, CorpusError, MissingExtraError, StoreError])
def test_an_error_is_one_line_whatever_it_was_made_of(kind):
    with pytest.raises(TembrError) as error:
        raise kind(" a.wav:  broken\n\tcopy it again ")
    assert str(error.value) == "a.wav: broken copy it again"


@pytest.mark.parametrize(("text", "line"), [(" a\nb", "a"), ("", "KeyError"), ("x" * 300, "x" * 160)])
def test_of_anothers_error_the_first_line_is_taken_or_its_type(text, line):
    class KeyError(Exception):
        pass

    assert first_line(KeyError(text)) == line


def test_a_missing_extra_is_an_import_that_failed():
    with pytest.raises(ImportError, match="^torch is missing$"):
        raise MissingExtraError("torch\nis missing")
