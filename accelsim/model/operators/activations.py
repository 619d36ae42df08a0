"""Activation functions by the names that configurations call them."""

from __future__ import annotations

from typing import Literal, get_args

from accelsim.model.operators import GELU, RELU, SILU, TANH
from accelsim.model.operators.base import OperatorKind

Activation = Literal[
    "gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "relu", "silu", "swish", "tanh"
]
ACTIVATIONS: tuple[str, ...] = get_args(Activation)


def activation(name: str) -> tuple[OperatorKind, str]:
    """Return the kind and the form of an activation function."""
    plain = {"relu": RELU, "silu": SILU, "swish": SILU, "tanh": TANH}
    return (plain[name], "") if name in plain else (GELU, "" if name == "gelu" else "tanh")
