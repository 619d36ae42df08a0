"""An input of the graph, where operators combine it with what others make."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe


class Take(OperatorKind):
    """Gives the rows of an input of the graph, as they are."""

    name = "take"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 0, 1)  # a copy, counted as an addition

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the input."""
        return inputs[0]
