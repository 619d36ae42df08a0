"""Timelines of runs, for the viewers that people have."""
