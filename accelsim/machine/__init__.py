"""The schema of a machine, and the components that it is made of."""
