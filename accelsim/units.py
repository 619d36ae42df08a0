"""Physical quantities: text with a unit outside, SI floats and integer ticks inside.

A *tick* is one femtosecond, a Python ``int``. Rounding of time happens here and nowhere else:
latencies are rounded up, clock periods to the nearest tick.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

Tick = int

TICKS_PER_SECOND = 10**15

# SI brochure (BIPM, 9th edition), table 7; both signs for micro that Unicode has.
_EXPONENTS = {"f": -15, "p": -12, "n": -9, "u": -6, "\u00b5": -6, "\u03bc": -6, "m": -3}
_EXPONENTS |= {"": 0, "k": 3, "M": 6, "G": 9, "T": 12}
_PREFIXES = {prefix: Fraction(10) ** exponent for prefix, exponent in _EXPONENTS.items()}
# IEC 80000-13, binary prefixes. There are no milli-bytes: a small prefix is a slip (mB for MB).
_DATA_PREFIXES = {prefix: factor for prefix, factor in _PREFIXES.items() if factor >= 1}
_DATA_PREFIXES |= {"Ki": Fraction(2**10), "Mi": Fraction(2**20)}
_DATA_PREFIXES |= {"Gi": Fraction(2**30), "Ti": Fraction(2**40)}

# Symbols of units with the prefixes that they may carry, then further units.
_BASE_UNITS = (
    (("s", "Hz", "J", "W", "V", "A"), _PREFIXES),
    (("b", "B"), _DATA_PREFIXES),
    (("K", "m", "m2", "F2", "cycle", "access", "MAC", "operation", "write"), {"": Fraction(1)}),
)
_UNITS: dict[str, tuple[Fraction, str]] = {
    prefix + symbol: (factor, symbol)
    for symbols, prefixes in _BASE_UNITS
    for symbol in symbols
    for prefix, factor in prefixes.items()
} | {
    "nm": (Fraction(1, 10**9), "m"),
    "um": (Fraction(1, 10**6), "m"),
    "mm": (Fraction(1, 10**3), "m"),
    "um2": (Fraction(1, 10**12), "m2"),
    "mm2": (Fraction(1, 10**6), "m2"),
    "min": (Fraction(60), "s"),
    "h": (Fraction(3600), "s"),
    "d": (Fraction(86400), "s"),
    "%": (Fraction(1, 100), "1"),
    "ppm": (Fraction(1, 10**6), "1"),
    "cycles": (Fraction(1), "cycle"),
    "writes": (Fraction(1), "write"),
}

# Possessive: digits are given back to nothing, so that no text takes more than one pass.
_QUANTITY = re.compile(
    r"([-+]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][-+]?[0-9]{1,9})?)\s*+(\S.*)?", re.DOTALL
)

# Between the factors of a unit.
_FACTORS = re.compile("[ *\u00b7]")

# Beyond these powers of ten every unit's value is infinite or zero as a float; exact arithmetic
# with, say, 1e999999999 would fill the memory.
_LARGEST_EXPONENT = 400


class UnitError(ValueError):
    """A text is no quantity, or has no unit, or the wrong one."""


def parse_unit(text: str) -> tuple[float, str]:
    """Return (factor to SI, dimension) of a unit such as ``pJ/b`` -> (1e-12, "J/b").

    Factors of a product are apart by a blank, ``*`` or a raised dot, in any order: ``mJ s`` and
    ``s*mJ`` are (1e-3, "J s"). Raises UnitError for an unknown unit.
    """
    factor, dimension = _exact_unit(text)
    return float(factor), dimension


@lru_cache(maxsize=512)
def _exact_unit(text: str) -> tuple[Fraction, str]:
    numerator, slash, denominator = text.partition("/")
    factor, dimension = _product(numerator)
    if not slash:
        return factor, dimension
    divisor, of = _product(denominator)
    return factor / divisor, f"{dimension}/{of}"


def _product(text: str) -> tuple[Fraction, str]:
    names = _FACTORS.split(text)
    if not _UNITS.keys() >= {*names}:
        return _simple_unit(text)  # which is none
    factors, dimensions = zip(*map(_simple_unit, names), strict=True)
    return math.prod(factors), " ".join(sorted(dimensions))


def _simple_unit(text: str) -> tuple[Fraction, str]:
    if text in _UNITS:
        return _UNITS[text]
    alike = [unit for unit in _UNITS if unit.casefold() == text.casefold()]
    hint = f"; did you mean {' or '.join(repr(unit) for unit in alike)}?" if alike else ""
    raise UnitError(f"unknown unit '{text}'{hint}")


@lru_cache(maxsize=1024)
def parse_quantity(text: str, dimension: str) -> float:
    """Return the SI value of a text such as ``1.5 ns`` for the dimension ``s``.

    Dimensions are SI symbols: ``s``, ``J/b``, ``B/s``, ``m2`` and so on. The result is the float
    nearest to the exact decimal value, as if it had been typed in SI units; it is infinite or
    zero beyond the range of floats. Raises UnitError with a message that says what was expected.
    """
    number, factor = _split_quantity(text, dimension)
    if _is_extreme(number):
        return float(number) * float(factor)
    exact = Fraction(number) * factor
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


@lru_cache(maxsize=1024)
def parse_whole(text: str, dimension: str) -> int:
    """Return the exact value of a text such as ``4.5 MiB``, a whole number of its SI unit.

    Raises UnitError as ``parse_quantity`` does, and for a fraction of a unit or a number that is
    out of all proportion.
    """
    number, factor = _split_quantity(text, dimension)
    exact = Fraction("0.5") if _is_extreme(number) else Fraction(number) * factor
    if exact.denominator != 1:
        raise UnitError(f"expected a whole number of {dimension}, got '{text}'")
    return exact.numerator


def parse_any(text: str) -> tuple[float, str]:
    """Return (SI value, dimension) of a quantity of any dimension. Raises UnitError for none."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match[2] is None:
        raise UnitError(f"expected a quantity with its unit, got '{text}'")
    _, dimension = _exact_unit(match[2])
    return parse_quantity(text, dimension), dimension


def _split_quantity(text: str, dimension: str) -> tuple[Decimal, Fraction]:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise UnitError(f"expected a quantity in {dimension}, got '{text}'")
    number, unit = match.groups()
    if unit is None:
        raise UnitError(f"expected a unit of {dimension} after {number}, got none")
    factor, found = _exact_unit(unit)
    if found != dimension:
        raise UnitError(f"expected a unit of {dimension}, got '{unit}', a unit of {found}")
    return Decimal(number), factor


def _is_extreme(number: Decimal) -> bool:
    return not number.is_zero() and abs(number.adjusted()) > _LARGEST_EXPONENT


def to_ticks(seconds: float) -> Tick:
    """Return a latency in ticks, rounded up. A float's own error (1e-12) is not rounded up."""
    femtoseconds = seconds * TICKS_PER_SECOND
    nearest = round(femtoseconds)
    if abs(femtoseconds - nearest) <= 1e-9 + 1e-12 * abs(femtoseconds):
        return nearest
    return math.ceil(femtoseconds)


def period_of(frequency: float) -> Tick:
    """Return the clock period of a frequency in Hz, to the nearest tick."""
    return round(TICKS_PER_SECOND / frequency)


def to_seconds(ticks: Tick) -> float:
    """Return a time in seconds."""
    return ticks / TICKS_PER_SECOND


def ceil_div(amount: int, by: int) -> int:
    """Return amount / by, rounded up, for non-negative integers."""
    return -(-amount // by)


_STEPS = {4: "T", 3: "G", 2: "M", 1: "k", 0: "", -1: "m", -2: "u", -3: "n", -4: "p", -5: "f"}


def format_si(value: float, unit: str, digits: int = 3) -> str:
    """Return a text such as ``1.23 mJ`` with the given number of significant digits.

    A prefix of a square unit counts twice: 1e-6 m2 is ``1.00 mm2``. It is that of the first factor.
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}".replace("-0 ", "0 ")
    # Rounded once, in decimal: 999.96 reads 1.00 k, and no second rounding moves a digit.
    rounded = Decimal(f"{value:.{digits - 1}e}")
    # Squares have wide steps: 0.650 mm2 reads better than 650000 um2.
    power, lead = (6, 3) if _FACTORS.split(unit)[0].endswith("2") else (3, 0)
    step = min(max((rounded.adjusted() + lead) // power, min(_STEPS)), max(_STEPS))
    number = rounded.scaleb(-power * step)
    decimals = max(0, digits - 1 - number.adjusted())
    return f"{number:.{decimals}f} {_STEPS[step]}{unit}"


_BYTE_STEPS = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def format_bytes(size: float) -> str:
    """Return a size in binary units, such as ``4.50 MiB`` or ``96 B``; ``4 MiB`` is exact."""
    for factor, unit in _BYTE_STEPS:
        # 1023.996 KiB would read 1024.00 KiB: choose the unit after rounding.
        if round(1024 * abs(size) / factor, 2) >= 1024:
            number = size / factor
            return f"{number:.0f} {unit}" if number == int(number) else f"{number:.2f} {unit}"
    return f"{size:g} B"
