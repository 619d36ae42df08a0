"""Sum of two or more inputs."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Add(OperatorKind):
    """Adds two or more inputs, element by element."""

    name = "add"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 0, 1)  # one addition
    operands = 2
    repeats = True

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the sum, in the order of the inputs."""
        return sum(inputs[1:], start=inputs[0])
