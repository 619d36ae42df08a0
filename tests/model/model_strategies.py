"""Random models and small graphs for the tests of accelsim.model."""

from __future__ import annotations

import re

from hypothesis import strategies

from accelsim.model.families import ModelFamily, find_model
from accelsim.model.operators import ADD, GELU, Operator

SIZES = (
    "albert-base",
    "albert-large",
    "albert-xlarge",
    "albert-xxlarge",
    "bert-base",
    "bert-large",
)


def exactly(message: str) -> str:
    """Return the regular expression that a whole error message matches."""
    return f"^{re.escape(message)}$"


@strategies.composite
def model_configs(draw: strategies.DrawFn) -> ModelFamily:
    """Draw a custom model with at most 4 layers and 128 positions."""
    numbers = strategies.integers(1, 40)
    family = draw(strategies.sampled_from(["albert", "bert"]))
    heads = draw(strategies.integers(1, 6))
    hidden = heads * draw(numbers)
    return find_model(
        "custom",
        family=family,
        vocabulary_size=draw(numbers),
        embedding_size=hidden if family == "bert" else draw(numbers),
        hidden_size=hidden,
        layers=draw(strategies.integers(1, 4)),
        heads=heads,
        intermediate_size=draw(numbers),
        maximum_positions=draw(strategies.integers(64, 128)),
        type_vocabulary_size=draw(strategies.integers(1, 3)),
        shared_layers=draw(strategies.booleans()),
        pooler=draw(strategies.booleans()),
    )


def gelu(name: str, columns: int = 8, rows: int = 4) -> Operator:
    return Operator(name, GELU, rows, columns, columns)


def add(name: str, columns: int = 8, rows: int = 4) -> Operator:
    return Operator(name, ADD, rows, columns, columns)
