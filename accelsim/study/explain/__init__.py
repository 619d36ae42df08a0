"""Where a ratio between two designs comes from: changes, one at a time, in every order."""
