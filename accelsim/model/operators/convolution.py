"""Convolution of a picture."""

from __future__ import annotations

from accelsim.errors import ConfigError
from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach
from accelsim.model.tensors import Shape


class Convolution(OperatorKind):
    """Multiplies the pixels of every window by weights, and adds the bias if there is one.

    A row is an output pixel, ``depth`` a window of the channels of a group: a product of rows that
    are gathered from the picture (im2col). A weight is stored as (outputs, channels x height x
    width), in the order of torch.
    """

    name = "convolution"
    reach = Reach.MATRIX
    keeps_width = False

    def inputs(self, operator: Operator) -> tuple[Shape, ...]:
        """Return the picture."""
        window = operator.window
        assert window
        return ((window.pixels, operator.depth // window.taps * operator.groups),)

    def parameters(self, operator: Operator) -> tuple[tuple[Shape, ...], ...]:
        """Return (weight, bias) and (weight,)."""
        weight = (operator.columns, operator.depth)
        return ((weight, (operator.columns,)), (weight,))

    def check(self, operator: Operator) -> None:
        """Raise ConfigError for sizes that do not go with the window."""
        super().check(operator)
        window = operator.window
        if window is None or operator.rows != window.rows or operator.depth % window.taps:
            raise ConfigError(
                f"operator '{operator.name}': a convolution has a window, {operator.rows} rows are "
                f"what it makes, and depth {operator.depth} is a multiple of its pixels; correct "
                "the sizes"
            )
        if operator.columns % operator.groups:
            raise ConfigError(
                f"operator '{operator.name}': {operator.columns} columns are not divisible by "
                f"{operator.groups} groups"
            )

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return windows x weight^T + bias, group by group."""
        import numpy as np

        (weight, *bias), window, groups = parameters, operator.window, operator.groups
        assert window
        patches = window.patches(inputs[0])
        parts = zip(np.split(patches, groups, axis=2), np.split(weight, groups), strict=True)
        made = [part.reshape(*part.shape[:2], -1) @ own.T for part, own in parts]
        product: Array = np.concatenate(made, axis=-1)
        for shift in bias:
            product += shift
        return product
