"""What `tembr serve` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from pydantic import ValidationError

from tembr.cli.predicting import tell
from tembr.recognize.recognizer import load
from tembr.serve.keys import new_key, read_keys
from tembr.serve.settings import LOCAL, Limits, ServiceSettings


def print_key() -> None:
    """A new key, and the line for the file of keys."""
    key, hashed = new_key()
    click.echo(f"key for the client, shown only now: {key}\nline for the file of keys: {hashed}")


def print_limits(changes: Sequence[str] = ()) -> None:
    """Every limit and what it is, with `changes` as of `limits_of`."""
    for name, value in limits_of(changes).model_dump().items():
        click.echo(f"{name}={value:.15g}")


def limits_of(changes: Sequence[str]) -> Limits:
    """Limits with `changes`, NAME=NUMBER.

    Raises:
        click.UsageError: a limit that is none.
    """
    pairs = dict(change.partition("=")[::2] for change in changes)
    try:
        return Limits.model_validate(pairs)
    except ValidationError as error:
        worst = error.errors()[0]
        name = ".".join(map(str, worst["loc"]))
        why = "there is no such limit" if worst["type"] == "extra_forbidden" else worst["msg"]
        raise click.UsageError(f"--limit {name}: {why}; --limits lists them") from error


def settings_of(
    host: str, port: int, threads: int | None, keys: Path | None, changes: list[str], **others
) -> ServiceSettings:
    """Settings of what was said on the command line.

    Args:
        keys: file of keys.
        changes: of limits, see `limits_of`.
        others: fields of the settings.

    Raises:
        ConfigError: keys that are none. click.UsageError: a limit that is none.
    """
    others |= {"threads": threads} if threads else {}
    return ServiceSettings(host=host, port=port, keys=read_keys(keys), limits=limits_of(changes), **others)


def run(settings: ServiceSettings, bundle: str | None, variant: str | None, provider: str) -> None:
    """Load the bundle, say where it is served, and serve it.

    Raises:
        TembrError: as `load`. ConfigError: the address cannot be listened on.
    """
    from tembr.serve.run import serve

    recognizer = load(bundle, variant, provider=provider)
    if settings.host not in LOCAL and not settings.keys:
        tell("anybody who reaches this address is let in; --keys asks for a key, a proxy in front can encrypt")
    facts, host = recognizer.facts, f"[{settings.host}]" if ":" in settings.host else settings.host
    serve(recognizer, settings, lambda port: tell(f"{facts.name} {facts.version} at http://{host}:{port}"))
