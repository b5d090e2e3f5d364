"""Names of files that someone else wrote into a table."""

from __future__ import annotations

import pytest

from tembr.corpora.materialize import plain_name
from tembr.errors import CorpusError


@pytest.mark.parametrize(
    ("name", "plain"), [(" a b.wav ", "a b.wav"), ("ż-1.wav", "ż-1.wav"), ("..wav", "..wav"), (7, "7")]
)
def test_a_plain_name_is_taken_without_the_spaces_around(name, plain):
    assert plain_name(name, "t.csv") == plain


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/b", "/a", "a\\b", "C:a", "a\0b"])
def test_a_name_that_could_reach_another_folder_is_refused(name):
    with pytest.raises(CorpusError, match="^t.csv: file name .* is not a plain name; correct it in the table$"):
        plain_name(name, "t.csv")
