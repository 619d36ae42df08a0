from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from weight_inputs import weights

from accelsim.weights.pruning import prune, prune_together
from accelsim.weights.weight_set import Values

densities = st.integers(1, 1000).map(lambda n: n / 1000)


def gold_prune(values: Values, density: float) -> list[float]:
    """Sort by magnitude, then by place; keep the first."""
    flat = values.reshape(-1).tolist()
    keep = math.ceil(len(flat) * Fraction(str(density)))
    kept = sorted(range(len(flat)), key=lambda place: (-abs(flat[place]), place))[:keep]
    return [value if place in kept else 0.0 for place, value in enumerate(flat)]


@given(weights, densities)
def test_the_largest_magnitudes_stay(values: Values, density: float) -> None:
    pruned = prune(values, density)
    assert pruned.reshape(-1).tolist() == gold_prune(values, density)
    assert (pruned.shape, pruned.dtype) == (values.shape, np.float32)


@given(weights, densities)
def test_as_many_stay_as_the_density_says(values: Values, density: float) -> None:
    values = np.where(values == 0, np.float32(1), values)
    stored = np.count_nonzero(prune(values, density))
    assert stored == math.ceil(Fraction(str(density)) * values.size)


def test_a_decimal_density_is_exact() -> None:
    assert np.count_nonzero(prune(np.ones((10, 10), np.float32), 0.07)) == 7


@given(st.lists(weights, max_size=4), densities)
def test_pruning_together_is_pruning_the_tensors_end_to_end(
    tensors: list[Values], density: float
) -> None:
    named = {str(number): values for number, values in enumerate(tensors)}
    pruned = prune_together(named, density)
    assert {n: values.shape for n, values in pruned.items()} == {
        n: values.shape for n, values in named.items()
    }
    flat = [value for values in pruned.values() for value in values.reshape(-1).tolist()]
    whole = np.concatenate([np.zeros(0, np.float32), *(v.reshape(-1) for v in tensors)])
    assert flat == (gold_prune(whole, density) if tensors else [])


def test_one_threshold_for_all_leaves_small_weights_sparser() -> None:
    large, small = np.full((4, 4), 9, np.float32), np.ones((4, 4), np.float32)
    pruned = prune_together({"large": large, "small": small}, 0.5)
    assert [np.count_nonzero(values) for values in pruned.values()] == [16, 0]


@given(weights, densities)
def test_the_given_values_are_not_changed(values: Values, density: float) -> None:
    before = values.copy()
    values.flags.writeable = False
    prune(values, density)
    np.testing.assert_array_equal(values, before)
