"""What is added to the scores of an attention: relative positions."""

from __future__ import annotations

from accelsim.errors import ConfigError
from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe
from accelsim.model.tensors import Shape


class ScoreBias(OperatorKind):
    """Adds a table to scores: a row for each row of each head, below each other, or one for all.

    A table of fewer heads is that of the next ones again: of other windows of a picture. It is
    stored as it is added, each position once for each pair of tokens [ours].
    """

    name = "score_bias"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 0, 1)  # an addition
    vectors = 1

    def parameters(self, operator: Operator) -> tuple[tuple[Shape, ...], ...]:
        """Return a row, and a table of the rows of some heads."""
        shape = operator.parameters[0].shape if operator.parameters else ()
        rows = shape[0] if len(shape) > 1 else operator.rows
        return ((operator.columns,),), ((rows, operator.columns),)

    def row_parameters(self, operator: Operator) -> int:
        """Return the elements of a row of the table."""
        return operator.columns

    def check(self, operator: Operator) -> None:
        """Raise ConfigError for a table that heads cannot share."""
        super().check(operator)
        (table,) = operator.parameters
        heads = table.elements // (operator.columns * operator.rows)
        if len(table.shape) > 1 and (table.shape[0] % operator.rows or operator.batch % heads):
            raise ConfigError(
                f"operator '{operator.name}': a table of {table.shape[0]} rows is not that of "
                f"heads of {operator.rows} rows that {operator.batch} heads share"
            )

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return scores (sentences, heads, rows, columns) + table."""
        import numpy as np

        (table,), (scores,) = parameters, inputs
        if table.ndim > 1 and scores.ndim > 3:
            heads = len(table) // operator.rows
            table = table.reshape(heads, operator.rows, operator.columns)
            table = np.tile(table, (operator.batch // heads, 1, 1))
        return scores + table
