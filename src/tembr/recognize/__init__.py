"""Waveform → answer, without PyTorch."""
