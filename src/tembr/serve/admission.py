"""Who is let in: a bounded number of requests in all and for each client, everybody else at once told to come back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tembr.serve.errors import Refusal
from tembr.serve.settings import Limits


class Admission:
    """Counts the requests under way.

    Args:
        limits: of the service.

    Attributes:
        closing: whether nobody is let in any more, because the service stops.
    """

    def __init__(self, limits: Limits):
        self._limits, self._clients, self.closing = limits, Counter(), False

    @property
    def under_way(self) -> int:
        """Requests let in and not answered yet."""
        return self._clients.total()

    @contextmanager
    def enter(self, client: str) -> Iterator[None]:
        """Let a request of `client` in while the block runs.

        Raises:
            Refusal: too many are under way.
        """
        self.check_open()
        if self._clients[client] >= self._limits.max_requests_per_client:
            raise Refusal(429, "too_many", "too many of your requests are under way; wait for an answer", 1)
        if self.under_way >= self._limits.max_requests:
            raise Refusal(503, "busy", "as many requests as can be answered are under way; try again", 1)
        self._clients[client] += 1
        try:
            yield
        finally:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    def check_open(self) -> None:
        """Raises `Refusal` while the service stops."""
        if self.closing:
            raise Refusal(503, "stopping", "the service is stopping; try again in a moment", 5)
