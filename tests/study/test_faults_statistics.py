from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.study.faults.statistics import mean_of, share_of, student_quantile

# Any table of Student's t, two-sided, 5 %.
TABLE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 10: 2.228, 30: 2.042}


@pytest.mark.parametrize(("freedom", "quantile"), TABLE.items())
def test_quantiles_are_those_of_the_tables(freedom: int, quantile: float) -> None:
    assert student_quantile(freedom) == pytest.approx(quantile, abs=5e-4)


def test_quantiles_of_one_and_two_degrees_have_closed_forms() -> None:
    assert student_quantile(1) == pytest.approx(math.tan(0.95 * math.pi / 2), rel=1e-9)
    assert student_quantile(2) == pytest.approx(0.95 * math.sqrt(2 / (1 - 0.95**2)), rel=1e-9)


def test_interval_of_a_mean_covers_the_truth_in_95_of_100_draws() -> None:
    draw = random.Random("coverage")
    trials, hits = 4000, 0
    for _ in range(trials):
        found = mean_of([draw.gauss(3.0, 2.0) for _ in range(4)])
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 3.0 <= found.high
    assert abs(hits - 0.95 * trials) < 4 * math.sqrt(trials * 0.95 * 0.05)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_interval_of_a_mean_is_centred_on_it(values: list[float]) -> None:
    found = mean_of(values)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.mean <= found.high
    assert found.high - found.mean == pytest.approx(found.mean - found.low, rel=1e-6, abs=1e-6)
    assert found.mean == pytest.approx(statistics.fmean(values), rel=1e-9, abs=1e-9)


def test_one_seed_and_infinite_errors_have_no_interval() -> None:
    assert mean_of([0.5]).low is None
    overflowed = mean_of([0.5, math.inf])
    assert overflowed.mean == math.inf
    assert (overflowed.low, overflowed.high) == (None, None)


def test_intervals_shrink_with_seeds() -> None:
    values = [0.2, 0.8] * 32
    for estimate in (mean_of, share_of):
        widths = []
        for count in (2, 4, 16, 64):
            found = estimate(values[:count])
            assert found.low is not None
            assert found.high is not None
            widths.append(found.high - found.low)
        assert widths == sorted(widths, reverse=True)


@given(st.integers(1, 40), st.data())
def test_share_bounds_solve_the_score_equation(count: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, count))
    found = share_of([1.0] * hits + [0.0] * (count - hits))
    for bound in (found.low, found.high):
        assert bound is not None
        # The bound lies 1.96 of its own standard errors from the share, or at an end of 0..1.
        error = math.sqrt(bound * (1 - bound) / count)
        if 1e-9 < bound < 1 - 1e-9:
            assert abs(found.mean - bound) == pytest.approx(1.959963984540054 * error, rel=1e-6)


def test_full_agreement_of_five_seeds_is_no_certainty() -> None:
    found = share_of([1.0] * 5)
    assert (found.mean, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(5 / (5 + 1.959963984540054**2))
