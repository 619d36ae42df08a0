"""Values of the parameters: real or synthetic tensors, their compression, the forward pass."""
