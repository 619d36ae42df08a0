"""Gaussian error linear unit."""

from __future__ import annotations

import math
from collections.abc import Callable

from accelsim.model.operators.base import Array, Arrays, Held, Operator, OperatorKind, Reach, Recipe

# Elements that a chain of element-wise operations handles together: 256 KiB of float32 stay in
# the second-level cache (512 KiB or more in current cores) [ours].
_BLOCK = 1 << 16


class Gelu(OperatorKind):
    """Multiplies each element by the normal distribution's function of it.

    The form ``tanh`` is the approximation that ALBERT uses (``gelu_new``), "" the exact function.
    """

    name = "gelu"
    reach = Reach.ELEMENT
    recipe = Recipe(1, 1, 2)  # one piecewise-linear step
    forms = frozenset({"", "tanh"})

    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the GELU in the operator's form."""
        return in_blocks(gelu_tanh if operator.form == "tanh" else gelu_erf, inputs[0])


def in_blocks(function: Callable[[Array], Array], value: Array) -> Array:
    """Return an element-wise function of an array, computed block by block for the cache."""
    import numpy as np

    flat = value.reshape(-1)
    result = np.empty_like(flat)
    for start in range(0, flat.size, _BLOCK):
        result[start : start + _BLOCK] = function(flat[start : start + _BLOCK])
    return result.reshape(value.shape)


def gelu_tanh(value: Array) -> Array:
    """Return x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), called ``gelu_new``.

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)", 2016, section 2.
    """
    import numpy as np

    inner = value * value
    inner *= 0.044715
    inner += 1
    inner *= value
    inner *= math.sqrt(2 / math.pi)
    np.tanh(inner, out=inner)
    inner += 1
    inner *= value
    inner *= 0.5
    return inner


def gelu_erf(value: Array) -> Array:
    """Return x/2 (1 + erf(x / sqrt(2))), the exact GELU but for the error of ``erf``."""
    from accelsim.model.error_function import erf

    result = erf(value * math.sqrt(0.5))
    result += 1
    result *= value
    result *= 0.5
    return result
