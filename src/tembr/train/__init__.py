"""Networks and baselines: what learns from representations."""
