from __future__ import annotations

import itertools
import math
import re

import pytest
from fault_parts import bit_error_rate, even
from hypothesis import assume, given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.memory.faults.levels import BitFlips, Transitions, thresholds, transitions_of
from accelsim.memory.faults.model import FaultConfig, fault_model
from accelsim.memory.technology import load_technology

# Recomputed from the unrounded distributions of nvmFI (NVMExplorer 16eb289): threshold, up, down.
PUBLISHED = {
    1: [("0.717738", "0", "0")],
    2: [
        ("0.079900", "1.2e-20", "4.8e-20"),
        ("0.569458", "1.743e-8", "1.417e-8"),
        ("0.968602", "1.1e-19", "1.3e-20"),
    ],
    3: [
        ("0.031267", "1.493e-4", "2.397e-4"),
        ("0.119385", "1.123e-3", "2.752e-3"),
        ("0.290401", "2.210e-3", "2.459e-3"),
        ("0.473519", "3.999e-3", "2.865e-3"),
        ("0.627819", "2.787e-4", "3.100e-4"),
        ("0.793330", "4.472e-3", "6.300e-3"),
        ("0.988077", "3.058e-3", "2.264e-4"),
    ],
}
# The levels are published with six digits: what they may have been lies this near.
ROUNDING = 5e-7


def half_unit(text: str) -> float:
    """Half a unit of the last printed digit."""
    digits, _, power = text.partition("e")
    return 0.5 * 10.0 ** (int(power or 0) - len(digits.partition(".")[2])) if "." in digits else 0.0


def reachable(means: list[float], sigmas: list[float]) -> list[tuple[float, float, float]]:
    """Threshold, up and down at all corners of the rounding of two neighbouring levels."""
    found = []
    for signs in itertools.product((-ROUNDING, 0, ROUNDING), repeat=4):
        near = [m + s for m, s in zip(means, signs[:2], strict=True)]
        wide = [m + s for m, s in zip(sigmas, signs[2:], strict=True)]
        cuts = thresholds(near, wide)
        table = transitions_of(near, wide, cuts)
        found.append((*cuts, *table.up, *table.down))
    return found


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_published_thresholds_and_probabilities_follow_from_the_published_levels(bits: int) -> None:
    levels = load_technology("RRAM").cell_levels[bits]
    cuts = thresholds(levels.means, levels.sigmas)
    table = transitions_of(levels.means, levels.sigmas, cuts)
    for gap, texts in enumerate(PUBLISHED[bits]):
        corners = reachable(levels.means[gap : gap + 2], levels.sigmas[gap : gap + 2])
        ours = (cuts[gap], table.up[gap], table.down[gap])
        for column, text in enumerate(texts):
            values = [corner[column] for corner in corners]
            slack = half_unit(text)
            assert min(values) - slack <= float(text) <= max(values) + slack, (gap, text)
            # The rounding leaves little room: the agreement is no accident.
            assert ours[column] == pytest.approx(float(text), rel=0.05 if bits == 2 else 1e-3)


def test_published_error_rates() -> None:
    rram = load_technology("RRAM")
    one, two, three = (fault_model(rram, bits, FaultConfig()) for bits in (1, 2, 3))
    assert one.fault_probability() == 0
    assert two.fault_probability() == pytest.approx(7.90e-9, rel=1e-3)
    assert three.fault_probability() == pytest.approx(3.805e-3, rel=2e-4)
    assert bit_error_rate(two, "binary") == pytest.approx(7.9e-9, rel=1e-3)
    assert bit_error_rate(two, "gray") == pytest.approx(4.0e-9, rel=0.0125)
    assert bit_error_rate(three, "binary") == pytest.approx(2.45e-3, rel=1e-3)
    assert bit_error_rate(three, "gray") == pytest.approx(1.27e-3, rel=2e-3)


gaps = st.floats(0.05, 0.5)
spreads = st.floats(0.002, 0.06)


def density(x: float, mean: float, sigma: float) -> float:
    return -(((x - mean) / sigma) ** 2) / 2 - math.log(sigma)


@given(st.floats(-1, 1), gaps, spreads, spreads)
def test_at_a_threshold_both_densities_are_equal(low: float, gap: float, a: float, b: float):
    high = low + gap
    assume(density(low, low, a) > density(low, high, b))
    assume(density(high, high, b) > density(high, low, a))
    (cut,) = thresholds([low, high], [a, b])
    assert low < cut < high
    assert density(cut, low, a) == pytest.approx(density(cut, high, b), rel=1e-6, abs=1e-6)


@given(gaps, spreads)
def test_levels_of_one_sigma_meet_in_the_middle(gap: float, sigma: float) -> None:
    cuts = thresholds([0, gap], [sigma, sigma])
    assert cuts == pytest.approx([gap / 2])
    table = transitions_of([0, gap], [sigma, sigma], cuts)
    expected = math.erfc(gap / sigma / math.sqrt(8)) / 2
    assert table.up == pytest.approx((expected,), rel=1e-9)
    assert table.down == pytest.approx((expected,), rel=1e-9)


@pytest.mark.parametrize("deviations", [9.2, 15.0, 37.0])
def test_tails_keep_their_digits_far_out(deviations: float) -> None:
    # Mills ratio between its first two bounds: 1/x - 1/x^3 < tail / density < 1/x.
    (tail,) = transitions_of([0, 100], [1, 1], [deviations]).up
    ratio = tail / (math.exp(-(deviations**2) / 2) / math.sqrt(2 * math.pi))
    assert 1 / deviations - 1 / deviations**3 < ratio < 1 / deviations


@given(st.floats(1e-3, 1e3), gaps, spreads, spreads)
def test_the_unit_of_the_range_does_not_matter(scale: float, gap: float, a: float, b: float):
    assume(density(0, 0, a) > density(0, gap, b))
    assume(density(gap, gap, b) > density(gap, 0, a))
    cut, scaled = thresholds([0, gap], [a, b]), thresholds([0, scale * gap], [scale * a, scale * b])
    assert scaled[0] == pytest.approx(scale * cut[0])


def test_levels_that_hide_each_other_have_no_threshold() -> None:
    message = (
        "levels 0 and 1 overlap so much that no threshold between 0 and 0.05 tells them apart; "
        "lower their sigmas or sigma_scale"
    )
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        thresholds([0, 0.05], [0.05, 0.3])


def test_wrong_bits_of_a_fault() -> None:
    # Binary 01 and 10 differ in both bits, the other neighbours in one.
    middle = Transitions((0.0, 0.01, 0.0), (0.0, 0.03, 0.0))
    assert middle.flips("binary") == BitFlips(0.0, pytest.approx(0.01))
    assert middle.flips("gray") == BitFlips(pytest.approx(0.01), 0.0)
    assert middle.flips("gray", [0, 1, 0, 0]) == BitFlips(0.01, 0.0)
    assert bit_error_rate(middle, "binary") == pytest.approx(0.01)


@given(st.integers(1, 3), st.just(0.0) | st.floats(1e-300, 0.5))
def test_gray_code_has_one_wrong_bit_a_fault(bits: int, probability: float) -> None:
    table = even(bits, probability)
    faulty = table.fault_probability()
    assert faulty == pytest.approx(2 * probability * (2**bits - 1) / 2**bits)
    assert table.flips("gray") == BitFlips(pytest.approx(faulty), 0.0)
    assert bit_error_rate(table, "gray") == pytest.approx(faulty / bits)
    assert bit_error_rate(table, "binary") >= bit_error_rate(table, "gray") * (1 - 1e-9)
