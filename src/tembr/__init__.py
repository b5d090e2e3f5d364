"""Tembr hears emotion in speech, Polish first.

>>> import tembr                                    # doctest: +SKIP
>>> tembr.load().predict("clip.wav").label          # doctest: +SKIP
'anger'
"""

from __future__ import annotations

from tembr.telemetry import switch_off

switch_off()

__version__ = "0.1.0"
__all__ = [
    "EMOTIONS",
    "AudioError",
    "BundleError",
    "ConfigError",
    "CorpusError",
    "Failure",
    "MissingExtraError",
    "Prediction",
    "Recognizer",
    "SpeakerError",
    "StoreError",
    "TembrError",
    "__version__",
    "load",
]

_HOMES = {
    "EMOTIONS": "tembr.emotions",
    "AudioError": "tembr.errors",
    "BundleError": "tembr.bundle",
    "ConfigError": "tembr.errors",
    "CorpusError": "tembr.errors",
    "MissingExtraError": "tembr.errors",
    "SpeakerError": "tembr.recognize.speaker",
    "StoreError": "tembr.errors",
    "TembrError": "tembr.errors",
    "Failure": "tembr.recognize.prediction",
    "Prediction": "tembr.recognize.prediction",
    "Recognizer": "tembr.recognize.recognizer",
    "load": "tembr.recognize.recognizer",
}


def __getattr__(name: str):
    """Import what is asked for when it is asked for: `import tembr` alone takes no time."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tembr' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
