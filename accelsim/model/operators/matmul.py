"""Product of activations and a weight matrix."""

from __future__ import annotations

from accelsim.errors import ConfigError
from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach
from accelsim.model.tensors import Shape, format_shape, format_shapes

LAST = "last"


class Matmul(OperatorKind):
    """Multiplies rows by the transposed weights, and adds the bias if there is one.

    A product of fewer rows than its input takes the first ones: a pooler reads the first token. In
    the form ``last`` it takes the last row, or of each sentence the one whose number comes from
    outside the graph: a language model predicts what follows its last token.
    """

    name = "matmul"
    reach = Reach.MATRIX
    first_rows = True
    keeps_width = False
    forms = frozenset({"", LAST})

    def parameters(self, operator: Operator) -> tuple[tuple[Shape, ...], ...]:
        """Return (weight, bias) and (weight,)."""
        weight = (operator.columns, operator.depth)
        return ((weight, (operator.columns,)), (weight,))

    def used(self, operator: Operator) -> tuple[Shape, ...]:
        """Return the part of the weight and of the bias that a partial product uses."""
        return self.parameters(operator)[0][: len(operator.parameters)]

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return rows x weight^T + bias."""
        weight, *bias = parameters
        source = inputs[0][:, : operator.rows]
        if operator.form == LAST:
            ends = inputs[1] if len(inputs) > 1 else inputs[0].shape[1] - 1
            source = inputs[0][range(len(inputs[0])), ends][:, None]
        product: Array = source.reshape(-1, operator.depth) @ weight.T
        for shift in bias:
            product += shift
        return product.reshape(-1, operator.rows, operator.columns)

    def check(self, operator: Operator) -> None:
        """Raise ConfigError for weights that do not hold what is used of them."""
        if not operator.partial:
            super().check(operator)
            return
        shapes = tuple(parameter.shape for parameter in operator.parameters)
        if [len(shape) for shape in shapes] in ([2, 1], [2]):
            (outputs, inputs), *bias = shapes
            holds = outputs >= operator.columns and inputs >= operator.depth
            if holds and bias in ([], [(outputs,)]):
                return
        raise ConfigError(
            f"operator '{operator.name}': a partial matmul of {operator.columns} columns and depth "
            f"{operator.depth} has parameters {format_shapes(shapes)}, expected a weight of at "
            f"least {format_shape((operator.columns, operator.depth))} and one bias for each of "
            "its outputs"
        )
