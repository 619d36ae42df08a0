"""Faults of memory cells: their probabilities, drawing them, and what they do to stored data."""
