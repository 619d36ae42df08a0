"""EdgeBERT-style accelerator: vector MACs, special-function unit, operand buffers."""
