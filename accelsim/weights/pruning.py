"""Magnitude pruning: the smallest weights become zero."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from accelsim.units import ceil_div
from accelsim.weights.weight_set import Values


def prune(values: Values, density: float | Fraction) -> Values:
    """Return the values with all but the largest magnitudes set to zero.

    Kept are ``ceil(density * elements)``, as many as the analytic size of a stored tensor counts;
    of equal magnitudes those that come first.
    """
    keep = _kept(values.size, density)
    if keep == values.size:
        return values
    kept = _largest(values.reshape(-1), keep).reshape(values.shape)
    return np.where(kept, values, np.float32(0))


def prune_together(tensors: Mapping[str, Values], density: float | Fraction) -> dict[str, Values]:
    """Return the tensors pruned with one threshold: the density holds over all of them."""
    if not tensors:
        return {}
    flat = np.concatenate([values.reshape(-1) for values in tensors.values()])
    ends = np.cumsum([values.size for values in tensors.values()])[:-1]
    parts = np.split(prune(flat, density), ends)
    return {
        name: part.reshape(tensors[name].shape) for name, part in zip(tensors, parts, strict=True)
    }


def _kept(elements: int, density: float | Fraction) -> int:
    # As a decimal: 0.07 x 100 are 7, not the 7.000000000000001 of floats.
    share = Fraction(str(density))
    return ceil_div(elements * share.numerator, share.denominator)


def _largest(values: Values, keep: int) -> NDArray[np.bool_]:
    """Return which of the values have the ``keep`` largest magnitudes."""
    magnitudes = np.abs(values)
    threshold = np.partition(magnitudes, values.size - keep)[values.size - keep]
    kept: NDArray[np.bool_] = magnitudes >= threshold
    surplus = int(np.count_nonzero(kept)) - keep
    if surplus:
        kept[np.flatnonzero(magnitudes == threshold)[-surplus:]] = False
    return kept
