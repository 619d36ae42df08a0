"""Elements of other matrices in places of their own."""

from __future__ import annotations

from accelsim.errors import ConfigError
from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Rearrange(OperatorKind):
    """Puts elements of its inputs elsewhere: shuffled channels, windows of a picture, a roll, a
    part, rows below others, pixels that are repeated or stand between zeros.

    ``sources`` are rows and columns of each input. Every element is read and written once, though
    a machine could read it where it is [ours]; zeros are written, and counted as if they were read.
    The places come from outside the graph: the number of each element among those of all inputs,
    one behind the other; -1 is a zero.
    """

    name = "rearrange"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 0, 1)  # a copy, counted as an addition
    repeats = True
    one_turn = True  # an element comes from one input

    def check(self, operator: Operator) -> None:
        """Raise ConfigError for inputs without elements."""
        super().check(operator)
        if any(min(shape) < 1 for shape in operator.sources):
            raise ConfigError(
                f"operator '{operator.name}': the sources {operator.sources} of a rearrange are "
                "rows and columns of 1 or more"
            )

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the elements of the inputs in the places (rows, columns) behind them."""
        import numpy as np

        *values, places = inputs
        count = len(values[0])
        given = np.concatenate([value.reshape(count, -1) for value in values], axis=1)
        made: Array = np.where(places < 0, np.float32(0), given[:, places])
        return made.reshape(count, operator.rows, operator.columns)
