"""Fitting answers to one speaker from recordings without labels: numpy alone, the same on both sides of a bundle."""
