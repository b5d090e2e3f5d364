"""What a service counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


class Metrics:
    """Counters of one service.

    Args:
        under_way, streams: how many there are now.
    """

    def __init__(self, under_way: Callable[[], int], streams: Callable[[], int]):
        self._registry = CollectorRegistry()
        own = {"registry": self._registry}
        self.requests = Counter("tembr_requests_total", "Requests answered.", ("path", "status"), **own)
        self.seconds = Histogram(
            "tembr_request_seconds", "From a request to its answer.", ("path",), buckets=SECONDS, **own
        )
        self.audio = Counter("tembr_audio_seconds_total", "Seconds of audio heard.", ("path",), **own)
        self.events = Counter("tembr_stream_events_total", "Events told by streams.", ("kind",), **own)
        Gauge("tembr_requests_under_way", "Requests not answered yet.", **own).set_function(under_way)
        Gauge("tembr_streams", "Streams, those that may be resumed too.", **own).set_function(streams)

    def text(self) -> bytes:
        """In Prometheus' format."""
        return generate_latest(self._registry)
