"""The accelerators that a machine can be: how a model is compiled for each."""
