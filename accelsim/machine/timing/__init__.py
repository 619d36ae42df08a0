"""Closed forms and state machines: how long the parts of components take."""
