"""Several runs together: cases and their comparison."""
