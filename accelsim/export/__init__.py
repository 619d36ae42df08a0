"""Reports, results and timelines."""
