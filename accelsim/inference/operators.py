"""What the operators of a layer graph compute, in NumPy and float32.

Activations have the sentences first: (batch, rows, columns), and (batch, heads, rows, columns)
between the scores and the context of an attention.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from accelsim.model.operators import Operator, OperatorKind

Array = NDArray[np.float32]

# `layer_norm_eps` of AlbertConfig and BertConfig of Hugging Face transformers.
_LAYER_NORM_EPSILON = 1e-12

# Elements that a chain of element-wise operations handles together: 256 KiB of float32 stay in
# the second-level cache (512 KiB or more in current cores) [ours].
_BLOCK = 1 << 16

# Beyond 4 the error function is within 1.6e-8 of its limit, a quarter of float32's last digit.
_ERF_LIMIT = 4.0
# Degree in x^2: interpolation is off by 1.1e-8 at most, less than the cut at the limit [ours].
_ERF_DEGREE = 16

# The GELU of a family, also between the projections of its adapters, as in the code that Houlsby
# et al. released. Source: `hidden_act` in config.json of albert-*-v2 (gelu_new, the tanh form)
# and bert-*-uncased (gelu, the erf form), the defaults of AlbertConfig and BertConfig.
_TANH_GELU_FAMILIES = frozenset({"albert"})


def compute(
    operator: Operator,
    operands: Sequence[NDArray[Any]],
    parameters: Sequence[Array],
    *,
    family: str,
    mask: NDArray[np.bool_] | None,
) -> Array:
    """Return the output of an operator.

    ``operands`` are its inputs in order, a gather's the integers (batch, rows) to look up.
    ``family`` chooses the GELU: ``gelu_tanh`` for albert, ``gelu_erf`` for bert. ``mask``
    (batch, tokens) is True for tokens that a masked softmax may attend to.
    """
    match operator.kind:
        case OperatorKind.SOFTMAX:
            return softmax(operands[0], mask if operator.masked else None)
        case OperatorKind.GELU:
            gelu = gelu_tanh if family in _TANH_GELU_FAMILIES else gelu_erf
            return in_blocks(gelu, operands[0])
        case _:
            return _COMPUTE[operator.kind](operator, operands, parameters)


def _gather(
    operator: Operator, operands: Sequence[NDArray[np.int64]], parameters: Sequence[Array]
) -> Array:
    rows: Array = parameters[0][operands[0]]
    return rows


def _matmul(operator: Operator, operands: Sequence[Array], parameters: Sequence[Array]) -> Array:
    """Return rows x weights^T + bias; an operator of fewer rows takes the first tokens."""
    weight, *bias = parameters
    source = operands[0][:, : operator.rows]
    product: Array = source.reshape(-1, operator.depth) @ weight.T
    for shift in bias:
        product += shift
    return product.reshape(-1, operator.rows, operator.columns)


def _scores(operator: Operator, operands: Sequence[Array], parameters: Sequence[Array]) -> Array:
    query, key = (split_heads(operand, operator.batch) for operand in operands)
    scores: Array = query @ key.swapaxes(-1, -2)
    # The graph counts the scaling to the softmax; the width of a head is at hand here.
    scores *= np.float32(1 / math.sqrt(operator.depth))
    return scores


def _context(operator: Operator, operands: Sequence[Array], parameters: Sequence[Array]) -> Array:
    probabilities, value = operands
    return join_heads(probabilities @ split_heads(value, operator.batch))


def _add(operator: Operator, operands: Sequence[Array], parameters: Sequence[Array]) -> Array:
    first, second, *others = operands
    total = first + second
    for other in others:
        total = total + other
    return total


def _layer_norm(
    operator: Operator, operands: Sequence[Array], parameters: Sequence[Array]
) -> Array:
    scale, shift = parameters
    value = operands[0]
    centred: Array = value - value.mean(axis=-1, keepdims=True)
    variance = np.square(centred).mean(axis=-1, keepdims=True)
    centred /= np.sqrt(variance + np.float32(_LAYER_NORM_EPSILON))
    centred *= scale
    centred += shift
    return centred


def _tanh(operator: Operator, operands: Sequence[Array], parameters: Sequence[Array]) -> Array:
    return np.tanh(operands[0])


def _entropy(operator: Operator, operands: Sequence[Array], parameters: Sequence[Array]) -> Array:
    return entropy(operands[0])[..., None]


_COMPUTE: dict[OperatorKind, Callable[[Operator, Sequence[Any], Sequence[Array]], Array]] = {
    OperatorKind.GATHER: _gather,
    OperatorKind.MATMUL: _matmul,
    OperatorKind.ATTENTION_SCORES: _scores,
    OperatorKind.ATTENTION_CONTEXT: _context,
    OperatorKind.ADD: _add,
    OperatorKind.LAYER_NORM: _layer_norm,
    OperatorKind.TANH: _tanh,
    OperatorKind.ENTROPY: _entropy,
}


def split_heads(value: Array, heads: int) -> Array:
    """Return (batch, rows, heads x width) as (batch, heads, rows, width), a view."""
    batch, rows, _ = value.shape
    return value.reshape(batch, rows, heads, -1).swapaxes(1, 2)


def join_heads(value: Array) -> Array:
    """Return (batch, heads, rows, width) as (batch, rows, heads x width)."""
    batch, _, rows, _ = value.shape
    return value.swapaxes(1, 2).reshape(batch, rows, -1)


def softmax(scores: Array, mask: NDArray[np.bool_] | None = None) -> Array:
    """Return the softmax of each row of (batch, heads, rows, columns).

    A column that ``mask`` (batch, columns) hides gets exactly 0.
    """
    if mask is not None:
        scores = np.where(mask[:, None, None, :], scores, np.float32(-np.inf))
    exponentials: Array = scores - scores.max(axis=-1, keepdims=True)
    np.exp(exponentials, out=exponentials)
    exponentials /= exponentials.sum(axis=-1, keepdims=True)
    return exponentials


def entropy(logits: Array) -> Array:
    """Return the entropy of softmax(logits) over the last axis, in nats.

    H = ln(sum e^x) - sum(x e^x) / sum(e^x) with x relative to the largest logit (EdgeBERT, Tambe
    et al., MICRO 2021, for early exit).
    """
    relative = logits - logits.max(axis=-1, keepdims=True)
    exponentials = np.exp(relative)
    total = exponentials.sum(axis=-1)
    result: Array = np.log(total) - (relative * exponentials).sum(axis=-1) / total
    return result


def in_blocks(function: Callable[[Array], Array], value: Array) -> Array:
    """Return an element-wise function of an array, computed block by block for the cache."""
    flat = value.reshape(-1)
    result = np.empty_like(flat)
    for start in range(0, flat.size, _BLOCK):
        result[start : start + _BLOCK] = function(flat[start : start + _BLOCK])
    return result.reshape(value.shape)


def gelu_tanh(value: Array) -> Array:
    """Return x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), called ``gelu_new``.

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)", 2016, section 2.
    """
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
    result = erf(value * math.sqrt(0.5))
    result += 1
    result *= value
    result *= 0.5
    return result


def erf(value: Array) -> Array:
    """Return the error function, in the precision of ``value``, off by 1.6e-8 at most.

    Single precision adds its rounding: 2.5e-7 in all. x times a polynomial in x^2, interpolated
    from ``math.erf``; constant beyond 4.
    """
    clipped = np.clip(value, -_ERF_LIMIT, _ERF_LIMIT)
    # x^2 from 0 to 16 becomes -1 to 1, where the polynomial is well conditioned.
    squared = clipped * clipped
    squared *= 2 / _ERF_LIMIT**2
    squared -= 1
    first, *others = _erf_coefficients()
    result: Array = np.full_like(squared, first)
    for coefficient in others:
        result *= squared
        result += coefficient
    result *= clipped
    return result


@cache
def _erf_coefficients() -> list[float]:
    """Return the polynomial erf(x) / x over s = x^2 / 8 - 1, highest power first.

    It interpolates at the Chebyshev nodes: Trefethen, "Approximation Theory and Approximation
    Practice", 2013, chapter 4.
    """
    nodes = chebyshev.chebpts1(_ERF_DEGREE + 1)
    roots = _ERF_LIMIT * np.sqrt((1 + nodes) / 2)
    ratios = np.array([math.erf(x) / x for x in roots.tolist()])
    series = chebyshev.chebfit(nodes, ratios, _ERF_DEGREE)
    ascending: list[float] = chebyshev.cheb2poly(series).tolist()
    return ascending[::-1]
