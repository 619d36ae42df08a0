"""Choices that the host makes while the device runs: which request next, how deep to sleep."""
