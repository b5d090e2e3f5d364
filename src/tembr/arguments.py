"""What public functions take, said once for each argument and checked when they are called.

pydantic would do the same; importing it takes longer than an answer.
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Iterable
from functools import wraps
from numbers import Integral, Real
from typing import NamedTuple

from tembr.errors import ConfigError

SHOWN = 60
"""Characters of a refused value that a message shows."""


class Rule(NamedTuple):
    """What an argument may be.

    Attributes:
        fits: value → whether it may be that.
        wanted: the same in words, after 'give'.
    """

    fits: Callable[[object], bool]
    wanted: str

    def check(self, name: str, value: object) -> None:
        """Refuse `value` for the argument called `name`.

        Raises:
            ConfigError: it does not fit.
        """
        if not self.fits(value):
            raise ConfigError(f"{name} {_shown(value)}: give {self.wanted}")


def number(low: float = -math.inf, high: float = math.inf) -> Rule:
    """A finite number from `low` to `high`, of Python or numpy."""
    wanted = "a finite number" if low == -math.inf else f"a number of at least {low:g}"
    wanted = wanted if high == math.inf else f"a number from {low:g} to {high:g}"
    return Rule(lambda value: _is(value, Real) and low <= value <= high and abs(value) < math.inf, wanted)


def whole(low: int, high: float = math.inf) -> Rule:
    """A whole number from `low` to `high`, of Python or numpy."""
    wanted = f"a whole number of at least {low}" if high == math.inf else f"a whole number from {low} to {high}"
    return Rule(lambda value: _is(value, Integral) and low <= value <= high, wanted)


def one_of(*names: str) -> Rule:
    """One of these texts."""
    return Rule(lambda value: isinstance(value, str) and value in names, f"{', '.join(names[:-1])} or {names[-1]}")


def of_kind(*kinds: type) -> Rule:
    """An instance of one of these classes."""
    return Rule(lambda value: isinstance(value, kinds), " or ".join(f"a {kind.__name__}" for kind in kinds))


def either(*rules: Rule) -> Rule:
    """What fits one of these rules."""
    return Rule(lambda value: any(rule.fits(value) for rule in rules), " or ".join(rule.wanted for rule in rules))


def optional(rule: Rule) -> Rule:
    """What fits `rule`, or None."""
    return Rule(lambda value: value is None or rule.fits(value), f"{rule.wanted}, or None")


def one_recording(value: object) -> bool:
    """What `Recognizer.predict` takes, or its samples alone, and no list of such."""
    single = isinstance(value, (str, os.PathLike, bytes, bytearray, memoryview)) or hasattr(value, "read")
    pair = isinstance(value, tuple) and len(value) == 2 and _is(value[1], Integral)
    return single or pair or getattr(getattr(value, "dtype", None), "kind", None) in ("f", "i", "u")


ANYTHING = Rule(lambda value: True, "anything")
FLAG = Rule(lambda value: isinstance(value, bool), "True or False")
TEXT = Rule(lambda value: isinstance(value, str), "text")
TEXTS = Rule(
    lambda value: isinstance(value, Iterable) and not isinstance(value, (str, bytes)), "several texts, in a list"
)
PATH = Rule(lambda value: isinstance(value, (str, os.PathLike)), "a path")
FUNCTION = Rule(callable, "a function")
THREADS = whole(1)
RATES = range(1_000, 768_001)
"""Hz; outside this a header is damaged, not unusual."""

CHANNEL = either(one_of("mix", "left", "right"), whole(1))

RULES = {
    "source": ANYTHING,  # whoever reads it says what is wrong with it
    "sources": Rule(
        lambda value: isinstance(value, Iterable) and not one_recording(value), "several recordings, in a list"
    ),
    "recordings": Rule(
        lambda value: isinstance(value, Iterable) or one_recording(value),
        "a folder, a recording, or a list of them",
    ),
    "waveforms": ANYTHING,
    "sample_rate": whole(RATES[0], RATES[-1]),
    "start": number(0),
    "end": optional(number(0)),
    "hop": number(0.01, 600),
    "smoothing": number(0),
    "window": number(0.5, 30),
    "lag": number(0, 600),
    "min_confidence": number(0, 1),
    "coverage": optional(number(0.5, 0.99)),
    "check_speech": FLAG,
    "speech_only": FLAG,
    "channel": either(one_of("mix", "left", "right", "each"), whole(1)),
    "threads": optional(THREADS),
    "on_error": one_of("report", "raise"),
    "progress": optional(FUNCTION),
    "on_warning": optional(FUNCTION),
    "path": PATH,
    "folder": PATH,
    "variant": optional(TEXT),
    "provider": TEXT,
    "name": TEXT,
    "representation": TEXT,
    "representations": TEXTS,
    "member": TEXT,
    "protocol": optional(TEXT),
}
"""What an argument may be, by the name it has everywhere."""


def checked(**own: Rule) -> Callable[[Callable], Callable]:
    """A decorator: refuse with a `ConfigError` that names the argument what does not fit its rule.

    Args:
        own: rules of arguments that `RULES` does not have, or has otherwise, by name. Every argument has one.
    """

    def decorate(function: Callable) -> Callable:
        signature = inspect.signature(function)
        rules = {name: (RULES | own)[name] for name in signature.parameters if name != "self"}

        @wraps(function)
        def call(*args, **kwargs):
            try:
                given = signature.bind(*args, **kwargs).arguments
            except TypeError:
                return function(*args, **kwargs)  # Python's own message says more
            for name, rule in rules.items():
                if name in given:
                    rule.check(name, given[name])
            return function(*args, **kwargs)

        call.rules = rules
        return call

    return decorate


def _is(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _shown(value: object) -> str:
    """The value, where it is short; its kind where it is not: an array could be any size."""
    if isinstance(value, (str, bytes)):
        value = value[:SHOWN]
    elif not (value is None or isinstance(value, (bool, Real))):
        return f"of the kind {type(value).__name__}"
    elif isinstance(value, int) and value.bit_length() > 200:
        return "of many digits"
    return repr(value)[:SHOWN]
