"""Values as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.report.table import Column
from accelsim.report.text import change, duration, in_unit, number, printable, years


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "J", "-"),
        ("none", "J", "none"),
        (True, "", "yes"),
        (1.5e-3, "J", "1.50 mJ"),
        (2_580_000, "B", "2.58 MB"),
        (2**20, "MiB", "1.00"),
        (0.5, "%", "50.0 %"),
        (1.0, "%", "100 %"),
        (0.0, "%", "0 %"),
        (0.00602, "%", "0.602 %"),
        (27.96, "x", "28.0x"),
        (36_600_000, "#", "36.6 M"),
        (1234567, "1", "1,234,567"),
        (1.5e-12, "pJ/B", "1.50"),
        (math.inf, "year", "-"),
        (350.0, "K", "350"),
        (3791.7, "Hz", "3,790/s"),
        (0.25, "Hz", "0.250/s"),
    ],
)
def test_cells(value: float, unit: str, text: str) -> None:
    assert Column("a", "a", unit).text(value) == text


@pytest.mark.parametrize(
    ("key", "unit", "name"),
    [
        ("area", "mm2", "area_mm2"),
        ("e", "pJ/B", "e_pJ_per_B"),
        ("load", "%", "load"),
        ("n", "#", "n"),
    ],
)
def test_names_carry_the_unit(key: str, unit: str, name: str) -> None:
    assert Column(key, key, unit).name == name


@given(st.floats(1e-20, 1e20))
def test_a_number_keeps_its_value_in_seven_characters(value: float) -> None:
    text = number(value)
    assert len(text) <= 7
    assert float(text) == pytest.approx(value, rel=0.06)


@given(st.floats(1e-15, 1.0))
def test_units_of_a_millionth_multiply_exactly(value: float) -> None:
    assert in_unit(value, "mm2") == 1e6 * value
    assert in_unit(value, "nm") == 1e9 * value


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (86_400.0, "1 d"),
        (7200.0, "2 h"),
        (3600.0, "1 h"),
        (5400.0, "90 min"),
        (150.0, "2.5 min"),
        (90.0, "90.0 s"),
        (0.04, "40.0 ms"),
    ],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_years_and_changes() -> None:
    assert [years(span) for span in (0.01, 8.24, 123.4)] == ["3.652 d", "8.2 years", "123 years"]
    assert [change(ratio) for ratio in (1.118, 0.9, 1.0)] == ["+11.8 %", "-10.0 %", "+0.0 %"]


@given(st.text())
def test_what_is_printable_stays_and_nothing_else(text: str) -> None:
    made = printable(text)
    assert all(each.isprintable() or each in "\n\xa0" for each in made)
    assert made == text or not text.isprintable()
