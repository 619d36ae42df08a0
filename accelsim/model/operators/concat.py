"""Inputs side by side."""

from __future__ import annotations

from accelsim.errors import ConfigError
from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe
from accelsim.model.tensors import Shape


class Concat(OperatorKind):
    """Puts the rows of two or more inputs side by side; ``parts`` are the columns of each.

    Every element is read and written once: inputs are not made where they are wanted [ours].
    """

    name = "concat"
    reach = Reach.ROW
    recipe = Recipe(1, 0, 1)  # a copy, counted as an addition
    repeats = True
    side_by_side = True
    one_turn = True  # all inputs together are one row

    def inputs(self, operator: Operator) -> tuple[Shape, ...]:
        """Return the inputs, each of its own columns."""
        return tuple((operator.rows, columns) for columns in operator.parts)

    def check(self, operator: Operator) -> None:
        """Raise ConfigError for parts that are not the columns."""
        super().check(operator)
        if len(operator.parts) < 2 or sum(operator.parts) != operator.columns:
            raise ConfigError(
                f"operator '{operator.name}': a concat of {operator.columns} columns has the parts "
                f"{operator.parts}; give the columns of two or more inputs"
            )

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the rows of all inputs, one behind the other."""
        import numpy as np

        return np.concatenate(inputs, axis=-1)
