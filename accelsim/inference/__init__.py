"""Forward pass in NumPy, for the consequences of faults."""
