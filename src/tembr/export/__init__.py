"""From an ensemble to a bundle: ONNX, optimised, verified, quantised, described."""
