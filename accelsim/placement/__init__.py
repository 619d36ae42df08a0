"""Where parameters and activations live: homes, capacity, images."""
