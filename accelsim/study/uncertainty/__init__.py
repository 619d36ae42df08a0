"""How sure the figures are: what is not known for sure, drawn, and what comes of it."""
