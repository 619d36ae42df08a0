"""The components of machines."""
