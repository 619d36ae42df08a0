"""Operators: the pieces of work that a layer graph is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from accelsim.errors import ConfigError
from accelsim.model.tensors import Parameter, format_shape


class OperatorKind(StrEnum):
    """What an operator computes.

    ``gather``             look up one row of an embedding table for each token
    ``matmul``             activations times a weight matrix, plus its bias
    ``attention_scores``   queries times keys, one product for each head
    ``attention_context``  probabilities times values, one product for each head
    ``softmax``            scale, mask where ``masked``, and normalise each row
    ``add``                sum of two or more inputs, element by element
    ``layer_norm``         normalise each row, then scale and shift
    ``gelu``, ``tanh``     activation functions, element by element
    ``entropy``            one entropy of each row of logits, for early exit
    """

    GATHER = "gather"
    MATMUL = "matmul"
    ATTENTION_SCORES = "attention_scores"
    ATTENTION_CONTEXT = "attention_context"
    SOFTMAX = "softmax"
    ADD = "add"
    LAYER_NORM = "layer_norm"
    GELU = "gelu"
    TANH = "tanh"
    ENTROPY = "entropy"


_ATTENTION = frozenset({OperatorKind.ATTENTION_SCORES, OperatorKind.ATTENTION_CONTEXT})
_PRODUCTS = _ATTENTION | {OperatorKind.MATMUL}
_KEEPS_WIDTH = frozenset(
    {
        OperatorKind.SOFTMAX,
        OperatorKind.ADD,
        OperatorKind.LAYER_NORM,
        OperatorKind.GELU,
        OperatorKind.TANH,
    }
)


@dataclass(frozen=True, slots=True)
class Operator:
    """One piece of work: ``batch`` outputs of ``rows`` x ``columns``.

    A ``matmul`` is C[rows x columns] = A[rows x depth] W[columns x depth]^T + bias, with
    ``parameters`` = (W,) or (W, bias). Attention products have one batch entry for each head:
    scores are queries[rows x depth] keys[columns x depth]^T, context is
    probabilities[rows x depth] values[depth x columns]. ``depth`` is the width of one input row:
    equal to ``columns`` where the width is kept, 1 for a ``gather`` (the token's number).
    ``layer`` is the encoder layer, counted from 0, or None outside the layers. ``masked`` says
    that a softmax applies a mask, of padding or of attention spans. ``partial`` says that a
    matmul uses only ``columns`` outputs and ``depth`` inputs of a larger weight matrix, because
    heads are switched off.

    Raises ConfigError, naming the operator, for a size below 1 or a parameter that does not fit.
    """

    name: str
    kind: OperatorKind
    rows: int
    columns: int
    depth: int
    batch: int = 1
    parameters: tuple[Parameter, ...] = ()
    layer: int | None = None
    masked: bool = False
    partial: bool = False

    def __post_init__(self) -> None:
        _check_sizes(self)
        _check_parameters(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """Output shape: (rows, columns), or (batch, rows, columns) for more than one product."""
        matrix = (self.rows, self.columns)
        return matrix if self.batch == 1 else (self.batch, *matrix)

    @property
    def elements(self) -> int:
        """Number of output values."""
        return self.batch * self.rows * self.columns

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a matrix product (bias not counted); 0 for all other kinds."""
        return self.elements * self.depth if self.kind in _PRODUCTS else 0

    @property
    def used_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of what is used of each parameter: all of it, but where ``partial``.

        Of an embedding table these are the rows that the tokens can ask for at most.
        """
        if self.kind is OperatorKind.MATMUL:
            return ((self.columns, self.depth), (self.columns,))[: len(self.parameters)]
        if self.kind is OperatorKind.GATHER:
            return ((min(self.rows, self.parameters[0].shape[0]), self.columns),)
        return tuple(parameter.shape for parameter in self.parameters)

    @property
    def rowwise(self) -> bool:
        """Whether an output row depends on the same row of its inputs only."""
        return self.kind not in _ATTENTION


def _check_sizes(operator: Operator) -> None:
    for size in ("rows", "columns", "depth", "batch"):
        value = getattr(operator, size)
        if value < 1:
            raise ConfigError(f"operator '{operator.name}': {size} is {value}, must be 1 or more")
    if operator.kind in _KEEPS_WIDTH and operator.depth != operator.columns:
        raise ConfigError(
            f"operator '{operator.name}': {operator.kind} keeps the width of its input, so depth "
            f"({operator.depth}) must equal columns ({operator.columns})"
        )


def _check_parameters(operator: Operator) -> None:
    shapes = tuple(parameter.shape for parameter in operator.parameters)
    if operator.partial:
        _check_partial(operator, shapes)
        return
    if shapes in _allowed_parameter_shapes(operator):
        return
    allowed = " or ".join(_format_shapes(shapes) for shapes in _allowed_parameter_shapes(operator))
    raise ConfigError(
        f"operator '{operator.name}': {operator.kind} of {operator.columns} columns and depth "
        f"{operator.depth} has parameters {_format_shapes(shapes)}, expected {allowed}"
    )


def _check_partial(operator: Operator, shapes: tuple[tuple[int, ...], ...]) -> None:
    """Check that the weights and biases, if any, hold what a part of them is used of."""
    if operator.kind is not OperatorKind.MATMUL:
        raise ConfigError(
            f"operator '{operator.name}': partial is for a matmul, not for {operator.kind}"
        )
    if [len(shape) for shape in shapes] in ([2, 1], [2]):
        (outputs, inputs), *bias = shapes
        if outputs >= operator.columns and inputs >= operator.depth and bias in ([], [(outputs,)]):
            return
    raise ConfigError(
        f"operator '{operator.name}': a partial matmul of {operator.columns} columns and depth "
        f"{operator.depth} has parameters {_format_shapes(shapes)}, expected a weight of at least "
        f"{format_shape((operator.columns, operator.depth))} and one bias for each of its outputs"
    )


def _allowed_parameter_shapes(operator: Operator) -> list[tuple[tuple[int, ...], ...]]:
    row = (operator.columns,)
    if operator.kind is OperatorKind.MATMUL:
        weight = (operator.columns, operator.depth)
        return [(weight, row), (weight,)]
    if operator.kind is OperatorKind.GATHER:
        entries = operator.parameters[0].shape[0] if operator.parameters else 1
        return [((entries, operator.columns),)]
    if operator.kind is OperatorKind.LAYER_NORM:
        return [(row, row)]
    return [()]


def _format_shapes(shapes: tuple[tuple[int, ...], ...]) -> str:
    return f"[{', '.join(map(format_shape, shapes))}]"
