"""Every quantity has a range, tight from both sides."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from accelsim.inputs import quantities
from accelsim.units import TICKS_PER_SECOND, period_of, to_ticks

# Field type: unit, least and greatest value, whether zero may be, and how the greatest is written.
RANGES: dict[str, tuple[str, float, float, bool, str]] = {
    "Seconds": ("s", 0, 1e11, True, "1e11 s"),
    "SimulatedSeconds": ("s", 0, 1e7, True, "1e7 s"),
    "Hertz": ("Hz", 1e3, 1e11, False, "100 GHz"),
    "RequestRate": ("Hz", 1e-6, 1e6, False, "1e6 Hz"),
    "Joules": ("J", 0, 1, True, "1 J"),
    "Watts": ("W", 0, 1e6, True, "1 MW"),
    "Volts": ("V", 0.1, 10, False, "10 V"),
    "Amperes": ("A", 0, 1000, True, "1000 A"),
    "Kelvin": ("K", 1, 1000, False, "1000 K"),
    "PartKelvin": ("K", 218, 424, False, "424 K"),
    "Meters": ("m", 0, 1, False, "1 m"),
    "SquareMeters": ("m2", 0, 1, True, "1 m2"),
    "Bytes": ("B", 1, 2**50, False, "1024 TiB"),
    "Bits": ("b", 1, 2**50, False, "1024 Tib"),
    "BytesPerSecond": ("B/s", 0, 1e15, False, "1000 TB/s"),
    "JoulesPerByte": ("J/B", 0, 1e-3, True, "1 mJ/B"),
    "Writes": ("writes", 0, 1e18, False, "1e18 writes"),
    "CellArea": ("F2", 0, 1e6, False, "1e6 F2"),
}
WHOLE = {"Bytes", "Bits"}


def read(kind: str, text: str) -> Any:
    return TypeAdapter(getattr(quantities, kind)).validate_python(text)


def refusal(kind: str, text: str) -> str:
    with pytest.raises(ValidationError) as error:
        read(kind, text)
    return str(error.value.errors()[0]["msg"])


def test_every_field_type_is_listed() -> None:
    assert set(RANGES) == {name for name in vars(quantities) if name[0].isupper()} - {
        "Annotated", "Any", "BeforeValidator", "Count", "Field", "Fraction", "PositiveInt",
        "PydanticCustomError", "UnitError", "ValidationInfo", "WithJsonSchema", "WORKED_OUT",
    }  # fmt: skip


@pytest.mark.parametrize("kind", RANGES)
def test_a_range_is_tight(kind: str) -> None:
    unit, least, most, zero, written = RANGES[kind]
    assert read(kind, f"{most!r} {unit}") == most
    assert read(kind, written) == most
    above = most + 1 if kind in WHOLE else math.nextafter(most, math.inf)
    assert refusal(kind, f" {above!r} {unit} ") == (
        f"{above!r} {unit} is too large; expected at most {written}"
    )
    if least:
        assert read(kind, f"{least!r} {unit}") == least
    if zero:
        assert read(kind, f"0 {unit}") == 0
    else:
        assert refusal(kind, f"0 {unit}") == f"input should be greater than 0, got '0 {unit}'"


@pytest.mark.parametrize(
    ("kind", "text", "least"),
    [("Hertz", "999.9 Hz", "1 kHz"), ("Volts", "99 mV", "0.1 V"), ("Kelvin", "0.5 K", "1 K")],
)
def test_what_is_too_small_is_told(kind: str, text: str, least: str) -> None:
    assert refusal(kind, text) == f"{text} is too small; expected at least {least}"


@given(st.sampled_from(sorted(RANGES)), st.floats(0, 1e30) | st.floats(0, 1))
def test_what_is_read_is_in_its_range(kind: str, value: float) -> None:
    unit, least, most, zero, _ = RANGES[kind]
    number = round(value) if kind in WHOLE else value
    if least <= number <= most and (number or zero):
        assert read(kind, f"{number!r} {unit}") == number
    else:
        assert re.search(
            r" is too (large|small); |^input should be ", refusal(kind, f"{number!r} {unit}")
        )


@given(st.integers(19, 10**8), st.sampled_from(sorted(RANGES)))
def test_absurd_numbers_are_refused(exponent: int, kind: str) -> None:
    unit, *_, zero, written = RANGES[kind]
    text = f"1e{exponent} {unit}"
    assert refusal(kind, text) == f"{text} is too large; expected at most {written}"
    bound = "greater than or equal to 0" if zero else "greater than 0"
    assert refusal(kind, f"-{text}") == f"input should be {bound}, got '-{text}'"


def test_extreme_times_and_clocks_have_ticks() -> None:
    assert to_ticks(read("SimulatedSeconds", "1e7 s")) == 10**7 * TICKS_PER_SECOND
    assert period_of(read("Hertz", "100 GHz")) == 10_000
    assert period_of(read("Hertz", "1 kHz")) == 10**12
