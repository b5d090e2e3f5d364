"""API keys: only their SHA-256 is ever kept; a key has 256 bits of chance, so that no salt is needed."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from tembr.errors import ConfigError

VARIABLE = "TEMBR_API_KEYS"
"""Of the environment: hashes, with commas or spaces between them."""


def new_key() -> tuple[str, str]:
    """A key for a client, and its hash for the service."""
    key = secrets.token_urlsafe(32)
    return key, hashed(key)


def hashed(key: str) -> str:
    """SHA-256 of a key, hexadecimal."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def read_keys(path: Path | None = None, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Hashes from a file, one at the beginning of each line (what follows is a note, `#` a comment), and from
    `TEMBR_API_KEYS`.

    Raises:
        ConfigError: the file cannot be read, or what stands there is no hash.
    """
    given = environment.get(VARIABLE)
    if given is not None and not given.strip(" ,\t\r\n"):
        raise ConfigError(f"{VARIABLE}: is set and holds no hash of a key; unset it, or `tembr serve --new-key`")
    found = re.split(r"[\s,]+", (given or "").strip())
    if path is not None:
        try:
            lines = [line.partition("#")[0].split() for line in path.read_text(encoding="utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read as a file of keys ({error}); check the path") from error
        found += [words[0] for words in lines if words]
    hashes = tuple(dict.fromkeys(word.lower() for word in found if word))
    if any(not re.fullmatch("[0-9a-f]{64}", one) for one in hashes):  # it may be a key: nothing of it is shown
        where = f"{path} or {VARIABLE}" if path else VARIABLE
        raise ConfigError(f"{where}: holds what is no SHA-256; `tembr serve --new-key` writes a key and its hash")
    if path is not None and not hashes:
        raise ConfigError(f"{path}: holds no hash of a key; `tembr serve --new-key` writes one")
    return hashes


def client_of(key: str, hashes: Sequence[str]) -> str | None:
    """The hash of `key` where it is one of `hashes`; the time this takes says nothing."""
    given = hashed(key)
    matches = [one for one in hashes if hmac.compare_digest(one, given)]
    return matches[0] if matches else None
