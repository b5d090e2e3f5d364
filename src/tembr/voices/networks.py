"""Networks trained once and kept: by what they are, where they learnt and their seed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from tembr.corpora.corpus import Corpus
from tembr.errors import ConfigError, StoreError
from tembr.features.shard import digest
from tembr.files import atomic_write, cache_root
from tembr.voices.kinds import FORMATS, learn, new_member
from tembr.voices.plan import Part
from tembr.voices.pool import Pool, make_pool
from tembr.voices.recipe import MemberSettings
from tembr.voices.settings import VoiceSettings


@dataclass(frozen=True, eq=False)
class Task:
    """One network to be trained.

    Attributes:
        settings: of its training.
        indices: recordings of the pool learnt from, `(n,)`.
        seed: of it alone.
        key: digest of all this and of the recordings; name of its file.
    """

    settings: VoiceSettings
    indices: np.ndarray
    seed: int
    key: str


class Networks:
    """Voice networks over one pool, trained where they are not there yet, several processes at once.

    Args:
        corpora: the first is asked, the others are learnt from besides.
        pool: their recordings.
        root: folder of the weights; by default `voices` in the user's cache.
        encoder: whose embeddings the pool has.
    """

    def __init__(self, corpora: Sequence[Corpus], pool: Pool, root: Path | None = None, encoder: str = ""):
        self.corpora, self.pool, self.encoder = tuple(corpora), pool, encoder
        self.root = root or cache_root() / "voices"
        self._recordings = _fingerprint(corpora)
        self._copied = pool.originals != np.arange(len(pool.originals))

    def tasks(self, part: Part, member: MemberSettings, seed: int) -> list[Task]:
        """What a member has to train for one part of a plan.

        Raises:
            ConfigError: it learns from a corpus that the recipe does not name.
        """
        chosen = np.concatenate([part.train, self._besides(member)])
        copies = np.flatnonzero(np.isin(self.pool.originals, chosen) & self._copied)
        indices = np.concatenate([chosen, copies])
        settings = VoiceSettings(**{name: getattr(member, name) for name in VoiceSettings.model_fields})
        facts = [
            FORMATS[settings.kind],
            settings.model_dump(mode="json"),
            self._recordings,
            digest(indices.astype("<i8").tobytes()),
        ]
        if settings.kind == "encoder":
            facts.append(digest(self.pool.embeddings.numpy().tobytes()))
        seeds = [1_000 * seed + number for number in range(member.networks)]
        return [Task(settings, indices, one, digest(json.dumps([*facts, one]).encode())) for one in seeds]

    def _besides(self, member: MemberSettings) -> np.ndarray:
        names = [corpus.name for corpus in self.corpora]
        wanted = names[1:] if member.besides is None else member.besides
        unknown = [name for name in wanted if name not in names[1:]]
        if unknown:
            raise ConfigError(f"{member.name}: besides {unknown[0]}, which is not among the recipe's more")
        return np.flatnonzero(~self._copied & np.isin(self.pool.corpus, [names.index(name, 1) for name in wanted]))

    def train(
        self, tasks: Iterable[Task], jobs: int, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> None:
        """Train what is missing; what is finished stays if the work is stopped.

        Raises:
            StoreError: weights cannot be written.
        """
        missing = list({task.key: task for task in tasks if not self._path(task).exists()}.values())
        jobs = max(1, min(jobs, len(missing)))
        progress(0, len(missing))
        if jobs == 1:
            for done, task in enumerate(missing, start=1):
                _write(learn(self.pool, task.indices, task.settings, task.seed), self._path(task))
                progress(done, len(missing))
            return
        threads = max(1, (os.cpu_count() or 1) // jobs)
        start = (self.corpora, missing[0].settings.features, threads, bool(self._copied.any()), self.encoder)
        with ProcessPoolExecutor(jobs, get_context("spawn"), _begin, start) as workers:
            futures = [workers.submit(_train, task, self._path(task)) for task in missing]
            try:
                for done, future in enumerate(as_completed(futures), start=1):
                    future.result()
                    progress(done, len(missing))
            except BaseException:
                workers.shutdown(wait=False, cancel_futures=True)
                raise

    def load(self, task: Task) -> nn.Module:
        """A trained network in evaluation mode.

        Raises:
            StoreError: its file is damaged; it is removed, so that the next run trains it again.
        """
        network = new_member(task.settings, self.pool)
        try:
            network.load_state_dict(load_file(self._path(task)))
        except Exception as error:
            self._path(task).unlink(missing_ok=True)
            raise StoreError(f"{self._path(task)}: damaged ({error}); run again and it is trained anew") from error
        return network.eval()

    def _path(self, task: Task) -> Path:
        return self.root / f"{task.key}.safetensors"


def _write(network: nn.Module, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, temporary)


def _fingerprint(corpora: Sequence[Corpus]) -> str:
    rows = [(c.name, u.key, u.emotion, u.speaker, u.path.stat().st_size) for c in corpora for u in c.utterances]
    return digest(json.dumps(rows).encode())


_pool: Pool | None = None


def _begin(corpora: Sequence[Corpus], features, threads: int, copies: bool, encoder: str) -> None:
    global _pool  # one a process: it is the processes' only state
    torch.set_num_threads(threads)
    _pool = make_pool(corpora, features, copies=copies, encoder=encoder)


def _train(task: Task, path: Path) -> None:
    _write(learn(_pool, task.indices, task.settings, task.seed), path)
