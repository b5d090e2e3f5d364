"""Waveform → answer, without PyTorch."""

from __future__ import annotations

from tembr.recognize.annotations import annotation
from tembr.recognize.frame import to_frame
from tembr.recognize.prediction import Failure, Prediction
from tembr.recognize.recognizer import Recognizer, load

__all__ = ["Failure", "Prediction", "Recognizer", "annotation", "load", "to_frame"]
