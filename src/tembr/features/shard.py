"""One shard of the cache: a stretch of recordings in one memory-mapped `.npy` under a JSON manifest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tembr.files import atomic_write, digest

FORMAT = 1  # raise when a representation's values or the layout change: old shards then count as absent


@dataclass(frozen=True)
class Shard:
    """Address of a shard and what must be in it.

    Attributes:
        folder: of its representation in the cache.
        representation: name.
        settings: every parameter its values depend on, as plain data.
        recordings: content digests of its recordings, in order.
    """

    folder: Path
    representation: str
    settings: dict
    recordings: tuple[str, ...]

    @property
    def key(self) -> str:
        """Name of its files: a digest of all that its bytes depend on."""
        return digest(json.dumps(self._identity(), sort_keys=True).encode())

    @property
    def values_path(self) -> Path:
        return self.folder / f"{self.key}.npy"

    @property
    def manifest_path(self) -> Path:
        return self.folder / f"{self.key}.json"

    def write(self, pictures: list[np.ndarray]) -> None:
        """Store one `(bins, frames)` array per recording; values first, then the manifest that vouches for them.

        Raises:
            StoreError: disk full or no permission; nothing half-written is left.
        """
        values = np.ascontiguousarray(np.concatenate([p.T for p in pictures]), dtype=np.float32)
        with atomic_write(self.values_path) as temporary, temporary.open("wb") as file:
            np.save(file, values, allow_pickle=False)
        manifest = self._identity() | {
            "bins": int(values.shape[1]),
            "frames": [int(p.shape[1]) for p in pictures],
            "checksum": digest(values.data),
        }
        with atomic_write(self.manifest_path, flush=False) as temporary:
            temporary.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")

    def read(self) -> tuple[np.ndarray, list[int]] | None:
        """Memory-mapped values `(sum of frames, bins)` and the frames of each recording; None if absent.

        Raises:
            ValueError: the files are there but damaged; the text says how.
        """
        return read_shard(self.manifest_path)

    def _identity(self) -> dict:
        return {
            "format": FORMAT,
            "representation": self.representation,
            "settings": self.settings,
            "recordings": list(self.recordings),
        }


def read_shard(manifest_path: Path) -> tuple[np.ndarray, list[int]] | None:
    """Open the shard of a manifest and check every byte of it; see `Shard.read`."""
    try:
        manifest = json.loads(manifest_path.read_bytes())
        frames = [int(count) for count in manifest["frames"]]
        expected = (sum(frames), int(manifest["bins"]))
        checksum = manifest["checksum"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("its manifest is damaged") from error
    try:
        values = np.load(manifest_path.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise ValueError("its values are missing") from None
    except (ValueError, EOFError, OSError) as error:
        raise ValueError("its values are truncated or damaged") from error
    if values.shape != expected or values.dtype != np.float32 or digest(values.data) != checksum:
        raise ValueError("its values were altered")
    return values, frames
