"""How an ensemble is found: options as a command line has them, and what is wrong with them."""

from __future__ import annotations

import pytest

from tembr.ensemble.settings import EnsembleSettings
from tembr.errors import ConfigError


def test_options_that_are_not_given_keep_their_defaults():
    assert EnsembleSettings.of(trials=5, timeout=None, members=None) == EnsembleSettings(trials=5)


def test_what_is_named_twice_counts_once():
    chosen = EnsembleSettings(members=("rms", "mfcc", "rms"), protocols=("speaker", "speaker"))
    assert (chosen.members, chosen.protocols) == (("rms", "mfcc"), ("speaker",))


@pytest.mark.parametrize(
    ("option", "value"),
    [("trials", 0), ("timeout", 0), ("seed", -1), ("l1", -0.1), ("adapt", -1), ("dimensions", 0), ("best", -1)],
)
def test_a_number_out_of_range_is_one_line_that_names_the_option(option, value):
    with pytest.raises(ConfigError, match=rf"^{option} = {value}: .*; see tembr ensemble --help$"):
        EnsembleSettings.of(**{option: value})


def test_an_unknown_protocol_is_named_with_its_place():
    with pytest.raises(ConfigError, match=r"protocols\.1 = 'guess'"):
        EnsembleSettings.of(protocols=("random", "guess"))


def test_an_unknown_combiner_is_refused():
    with pytest.raises(ConfigError, match="combiner = 'mean': .*choose from weighted, stacking, "):
        EnsembleSettings.of(combiner="mean")


def test_an_unknown_option_is_refused():
    with pytest.raises(ConfigError, match="trails = 5"):
        EnsembleSettings.of(trails=5)
