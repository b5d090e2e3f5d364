"""Work on many things in several threads, answers in order, memory bounded."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator

AHEAD = 4
"""Things taken on for each thread, so that none waits for a slow neighbour."""


def in_order(work: Callable, items: Iterable, threads: int | None = None) -> Iterator:
    """Yield `work(item)` for every item, in order; at most `AHEAD * threads` are under way or waiting.

    Args:
        threads: None is one for each core this process may use; with 1 all happens in the caller's.

    What `work` raises comes out here, and the rest is given up.
    """
    threads = threads or cores()
    if threads == 1:
        yield from map(work, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(threads, thread_name_prefix="tembr")
    under_way: deque = deque()
    try:
        for item in items:
            under_way.append(pool.submit(work, item))
            if len(under_way) >= AHEAD * threads:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
