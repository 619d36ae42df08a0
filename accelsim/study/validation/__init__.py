"""Comparison with figures that nobody here wrote: published, measured, or of other tools.

The reference data is read here and nowhere else in the package, so that no model can be fitted to
it; a test sees to that.
"""
