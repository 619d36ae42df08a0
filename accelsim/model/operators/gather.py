"""Look-up in an embedding table."""

from __future__ import annotations

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach
from accelsim.model.tensors import Shape


class Gather(OperatorKind):
    """Looks up one row of a table for each token, whose numbers come from outside the graph."""

    name = "gather"
    reach = Reach.TABLE
    keeps_width = False
    beside = 1  # rows side by side

    def inputs(self, operator: Operator) -> tuple[Shape, ...]:
        """Return nothing: the numbers of the tokens are no activation."""
        return ()

    def parameters(self, operator: Operator) -> tuple[tuple[Shape, ...], ...]:
        """Return a table of any number of rows."""
        entries = operator.parameters[0].shape[0] if operator.parameters else 1
        return (((entries, operator.columns // self.beside),),)

    def used(self, operator: Operator) -> tuple[Shape, ...]:
        """Return the rows that the tokens can ask for at most."""
        rows = min(operator.rows, operator.parameters[0].shape[0])
        return ((rows, operator.columns // self.beside),)

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the rows of the numbers (sentences, rows)."""
        return parameters[0][inputs[0]]
