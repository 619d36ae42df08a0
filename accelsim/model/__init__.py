"""What is computed: tensors, operators and the layer graph of an encoder."""
