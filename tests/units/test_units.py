from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.units import (
    TICKS_PER_SECOND,
    UnitError,
    ceil_div,
    format_bytes,
    format_si,
    parse_quantity,
    parse_unit,
    parse_whole,
    period_of,
    to_seconds,
    to_ticks,
)

UNITS = {
    "fs": ("s", -15),
    "ps": ("s", -12),
    "ns": ("s", -9),
    "us": ("s", -6),
    "µs": ("s", -6),
    "μs": ("s", -6),
    "ms": ("s", -3),
    "s": ("s", 0),
    "kHz": ("Hz", 3),
    "GHz": ("Hz", 9),
    "pJ": ("J", -12),
    "mW": ("W", -3),
    "nm": ("m", -9),
    "um2": ("m2", -12),
    "mm2": ("m2", -6),
    "m2": ("m2", 0),
    "pJ/b": ("J/b", -12),
    "GB/s": ("B/s", 9),
    "mW/mm2": ("W/m2", 3),
    "MB": ("B", 6),
}

numbers = st.decimals(-(10**6), 10**6, places=4)


@given(numbers, st.sampled_from(sorted(UNITS)))
def test_a_quantity_is_the_float_that_a_reader_would_type_in_si(number: Decimal, unit: str) -> None:
    dimension, exponent = UNITS[unit]
    assert parse_quantity(f"{number} {unit}", dimension) == float(f"{number}e{exponent}")


@given(st.integers(0, 2**70), st.sampled_from([("B", 1), ("KiB", 2**10), ("MiB", 2**20)]))
def test_whole_quantities_are_exact(number: int, unit: tuple[str, int]) -> None:
    assert parse_whole(f"{number} {unit[0]}", "B") == number * unit[1]


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("0.1 mm2", "m2", 1e-7),
        ("0.3pJ/b", "J/b", 3e-13),
        (" 40 mW/mm2 ", "W/m2", 4e4),
        ("1 d", "s", 86400.0),
        ("5 %", "1", 0.05),
        ("4.5 MiB", "B", 4718592.0),
        ("1e6 writes", "write", 1e6),
        ("1e400 s", "s", math.inf),
        ("-1e999999999 s", "s", -math.inf),
        ("1e-999999999 s", "s", 0.0),
        ("0e999999999 s", "s", 0.0),
        ("9" * 5000 + " s", "s", math.inf),
    ],
)
def test_examples_of_quantities(text: str, dimension: str, value: float) -> None:
    assert parse_quantity(text, dimension) == value


@pytest.mark.parametrize(
    ("text", "dimension", "message"),
    [
        ("5", "s", "expected a unit of s after 5, got none"),
        ("5 mA", "s", "expected a unit of s, got 'mA', a unit of A"),
        ("5 MB", "b", "expected a unit of b, got 'MB', a unit of B"),
        ("nan s", "s", "expected a quantity in s, got 'nan s'"),
        ("inf s", "s", "expected a quantity in s, got 'inf s'"),
        ("", "s", "expected a quantity in s, got ''"),
        ("1_000 s", "s", "unknown unit '_000 s'"),
        ("١ s", "s", "expected a quantity in s, got '١ s'"),
        ("1 sec", "s", "unknown unit 'sec'"),
        ("1 ghz", "Hz", "unknown unit 'ghz'; did you mean 'GHz'?"),
        ("4 mB", "B", "unknown unit 'mB'; did you mean 'Mb' or 'MB'?"),
        ("1 pJ/bit", "J/b", "unknown unit 'bit'"),
        ("1 J s", "J", "expected a unit of J, got 'J s', a unit of J s"),
        ("1 J sec", "J s", "unknown unit 'J sec'"),
        *((f"1 J{two}s", "J s", f"unknown unit 'J{two}s'") for two in ("  ", " * ", "**")),
        ("1 J s/", "J s", "unknown unit ''"),
    ],
)
def test_wrong_quantities_are_named(text: str, dimension: str, message: str) -> None:
    with pytest.raises(UnitError, match=f"^{re.escape(message)}$"):
        parse_quantity(text, dimension)


@pytest.mark.parametrize("text", ["0.3 B", "1e999 B", "1e-9 KiB"])
def test_a_fraction_of_a_byte_is_refused(text: str) -> None:
    with pytest.raises(UnitError, match=f"^expected a whole number of B, got '{re.escape(text)}'$"):
        parse_whole(text, "B")


def test_units_have_their_factor_and_dimension() -> None:
    assert parse_unit("pJ/b") == (1e-12, "J/b")
    assert parse_unit("KiB") == (1024.0, "B")
    for text in ("mJ us", "us mJ", "us*mJ", "us\u00b7mJ"):
        assert parse_unit(text) == (1e-9, "J s")
    assert parse_unit("mJ us/KiB") == (1e-9 / 1024, "J s/B")
    assert parse_quantity("1.5 s*mJ", "J s") == 1.5e-3


@given(st.integers(0, 10**20))
def test_whole_femtoseconds_survive_the_way_over_seconds(ticks: int) -> None:
    assert abs(to_ticks(to_seconds(ticks)) - ticks) <= ticks * 1e-15
    assert to_ticks(ticks / TICKS_PER_SECOND) >= ticks * (1 - 1e-15)


@given(st.floats(1e-15, 1e3))
def test_latencies_are_rounded_up_to_the_next_tick(seconds: float) -> None:
    exact = Fraction(seconds) * TICKS_PER_SECOND
    slack = Fraction(1, 10**9) + exact / 10**12 + exact / 2**50
    assert exact - slack <= to_ticks(seconds) < exact + 1 + slack


@given(st.floats(0, 1e3), st.floats(0, 1e3))
def test_a_longer_latency_has_no_fewer_ticks(first: float, second: float) -> None:
    low, high = sorted([first, second])
    assert to_ticks(low) <= to_ticks(high) + 1e-9 + 1e-12 * to_ticks(high)


@pytest.mark.parametrize(
    ("seconds", "ticks"), [(3e-10, 300_000), (1.1e-15, 2), (1e-15, 1), (0.0, 0), (1e-18, 1)]
)
def test_examples_of_ticks(seconds: float, ticks: int) -> None:
    assert to_ticks(seconds) == ticks


@given(st.floats(1e3, 1e12))
def test_periods_are_rounded_to_the_nearest_tick(frequency: float) -> None:
    assert abs(period_of(frequency) - TICKS_PER_SECOND / Fraction(frequency)) <= 0.501


@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_ceil_div_is_the_least_number_that_covers(amount: int, by: int) -> None:
    assert (ceil_div(amount, by) - 1) * by < amount <= ceil_div(amount, by) * by


@given(st.floats(1e-15, 9.99e14), st.integers(2, 6))
def test_a_formatted_quantity_is_the_value_to_its_digits(value: float, digits: int) -> None:
    back = parse_quantity(format_si(value, "s", digits), "s")
    assert abs(back - value) <= 0.5001 * value * 10.0 ** (1 - digits)


@given(st.floats(1e-14, 9.9e13))
def test_a_formatted_quantity_has_three_digits_below_a_thousand(value: float) -> None:
    number = format_si(value, "s").split()[0]
    assert 1 <= float(number) < 1000
    assert len(number.replace(".", "")) == 3


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "J", "0 J"),
        (-0.0, "J", "0 J"),
        (999.96, "s", "1.00 ks"),
        (9.996e-4, "s", "1.00 ms"),
        (-1.5e-3, "J", "-1.50 mJ"),
        (1e-18, "J", "0.00100 fJ"),
        (1e-6, "m2", "1.00 mm2"),
        (0.65e-6, "m2", "0.650 mm2"),
        (2.5e-10, "m2", "250 um2"),
        (math.inf, "s", "inf s"),
        (1.5e-7, "J s", "150 nJ s"),
        (1.5e-7, "m2*s", "0.150 mm2*s"),
        (1.5e-7, "s m2", "150 ns m2"),
    ],
)
def test_examples_of_formatted_quantities(value: float, unit: str, text: str) -> None:
    assert format_si(value, unit) == text


@given(st.integers(0, 2**45))
def test_formatted_bytes_are_the_size_to_a_hundredth(size: int) -> None:
    number, unit = format_bytes(size).split()
    step = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}[unit]
    assert abs(float(number) * step - size) <= 0.00501 * step
    assert float(number) < 1024 or unit == "GiB"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (2**20 - 1, "1.00 MiB"),
        (2**20 - 10, "1023.99 KiB"),
        (2**20, "1 MiB"),
        (4718592, "4.50 MiB"),
        (-5000, "-4.88 KiB"),
    ],
)
def test_examples_of_formatted_bytes(size: int, text: str) -> None:
    assert format_bytes(size) == text
