"""From a point of the design space to its figures."""
