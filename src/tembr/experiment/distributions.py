"""What the values of a setting are drawn from, as `[space]` has it."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from tembr.errors import ConfigError
from tembr.experiment.storage import quietly

RANGE, CHOICES = {"low", "high", "step", "log"}, {"choices"}
FORM = "{ low = 1e-4, high = 1e-2, log = true }, { low = 1, high = 5, step = 1 } or { choices = [...] }"


def leaves(space: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """A dotted name may be written with quotation marks, or as tables in tables, which is what TOML makes of dots."""
    for name, given in space.items():
        if isinstance(given, dict) and given and not set(given) & (RANGE | CHOICES):
            yield from leaves(given, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", given


def distribution(key: str, given: Any, takes: Callable[[Any], bool]) -> BaseDistribution:
    """What Optuna draws from; whole numbers where the setting takes no others.

    Args:
        key: dotted name of the setting.
        given: what `[space]` says of it.
        takes: whether the setting takes a value.

    Raises:
        ConfigError: it is none; the message names the key.
    """
    if not isinstance(given, dict) or not (set(given) == CHOICES or {"low", "high"} <= set(given) <= RANGE):
        raise ConfigError(f"space.{key} = {given!r}: give it as {FORM}")
    with quietly(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a range that its step does not divide: the rest is left out
        return _choices(key, given["choices"]) if "choices" in given else _range(key, given, takes)


def draw(trial: Trial, key: str, given: BaseDistribution) -> Any:
    """A value of the setting in a trial."""
    if isinstance(given, CategoricalDistribution):
        return trial.suggest_categorical(key, given.choices)
    suggest = trial.suggest_int if isinstance(given, IntDistribution) else trial.suggest_float
    return suggest(key, given.low, given.high, step=given.step, log=given.log)


def extremes(given: BaseDistribution) -> tuple[Any, ...]:
    """Ends of a range, or all choices."""
    if isinstance(given, CategoricalDistribution):
        return given.choices
    return given.low, given.high


def as_written(given: BaseDistribution) -> dict[str, Any]:
    """The form that `distribution` reads."""
    if isinstance(given, CategoricalDistribution):
        return {"choices": list(given.choices)}
    plain = {"low": given.low, "high": given.high}
    if given.log:
        return plain | {"log": True}
    unsaid = 1 if isinstance(given, IntDistribution) else None
    return plain if given.step == unsaid else plain | {"step": given.step}


def _choices(key: str, choices: Any) -> CategoricalDistribution:
    simple = isinstance(choices, list) and all(isinstance(one, (str, bool, int, float)) for one in choices)
    if not simple or len(choices) < 2 or len(set(map(repr, choices))) < len(choices):
        raise ConfigError(f"space.{key}.choices = {choices!r}: give two or more different words, numbers or booleans")
    return CategoricalDistribution(choices)


def _range(key: str, given: dict[str, Any], takes: Callable[[Any], bool]) -> BaseDistribution:
    numbers = {name: given[name] for name in ("low", "high", "step") if name in given}
    log = given.get("log", False)
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= sys.float_info.max:
            raise ConfigError(f"space.{key}.{name} = {value!r}: give a number")
    if not isinstance(log, bool):
        raise ConfigError(f"space.{key}.log = {log!r}: give true or false")
    low, high, step = numbers["low"], numbers["high"], numbers.get("step")
    if low >= high:
        raise ConfigError(f"space.{key}: low ({low}) has to be below high ({high})")
    if step is not None and Decimal(str(step)) > Decimal(str(high)) - Decimal(str(low)):
        raise ConfigError(f"space.{key}: step ({step}) is wider than the range from {low} to {high}")
    try:
        if not takes(low + 0.381966 * (high - low)):
            whole = {name: int(value) for name, value in numbers.items()}
            if whole == numbers:
                return IntDistribution(**{"step": 1, **whole}, log=log)
            if takes(math.ceil(low)):
                raise ConfigError(
                    f"space.{key}: the setting takes whole numbers alone; give low, high and step as such"
                )
        return FloatDistribution(low, high, log=log, step=step)
    except ValueError as error:
        raise ConfigError(f"space.{key}: {str(error).rstrip('.')}") from error
