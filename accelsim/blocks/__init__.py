"""Pieces of hardware: servers that say for how long a use occupies them."""
