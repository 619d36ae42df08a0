"""Looking for the best points of a space that is too large to evaluate whole."""
