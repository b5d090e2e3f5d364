"""Variation of training data; of validation and test data never."""
