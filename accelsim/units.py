"""Physical quantities: text with a unit outside, SI floats and integer ticks inside.

A *tick* is one femtosecond, a Python ``int``. Rounding of time happens here and nowhere else:
latencies are rounded up, clock periods to the nearest tick.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

Tick = int

TICKS_PER_SECOND = 10**15

_PREFIXES = {
    "f": 1e-15,
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "µ": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
}
_BINARY_PREFIXES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}

# Symbol of the unit -> may it carry a decimal prefix?
_BASE_UNITS = {
    "s": True,
    "Hz": True,
    "J": True,
    "W": True,
    "V": True,
    "A": True,
    "K": False,
    "b": True,
    "B": True,
    "cycle": False,
    "access": False,
    "MAC": False,
    "operation": False,
    "write": False,
}
_SCALED = {
    "nm": (1e-9, "m"),
    "um": (1e-6, "m"),
    "mm": (1e-3, "m"),
    "um2": (1e-12, "m2"),
    "mm2": (1e-6, "m2"),
    "min": (60.0, "s"),
    "h": (3600.0, "s"),
    "d": (86400.0, "s"),
    "%": (0.01, "1"),
    "ppm": (1e-6, "1"),
    "cycles": (1.0, "cycle"),
    "writes": (1.0, "write"),
    "F2": (1.0, "F2"),
}

_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\S.*?)?\s*")


class UnitError(ValueError):
    """A text is no quantity, or has no unit, or the wrong one."""


@lru_cache(maxsize=512)
def parse_unit(text: str) -> tuple[float, str]:
    """Return (factor to SI, dimension) of a unit such as ``pJ/b`` -> (1e-12, "J/b").

    Raises UnitError for an unknown unit.
    """
    numerator, slash, denominator = text.partition("/")
    factor, dimension = _parse_simple_unit(numerator)
    if not slash:
        return factor, dimension
    divisor, of = _parse_simple_unit(denominator)
    return factor / divisor, f"{dimension}/{of}"


def _parse_simple_unit(text: str) -> tuple[float, str]:
    if text in _SCALED:
        return _SCALED[text]
    for symbol, may_scale in _BASE_UNITS.items():
        if not text.endswith(symbol):
            continue
        prefix = text[: -len(symbol)]
        if prefix == "" or (may_scale and prefix in _PREFIXES):
            return _PREFIXES[prefix], symbol
        if symbol in ("b", "B") and prefix in _BINARY_PREFIXES:
            return float(_BINARY_PREFIXES[prefix]), symbol
    raise UnitError(f"unknown unit '{text}'")


def parse_quantity(text: str, dimension: str) -> float:
    """Return the SI value of a text such as ``1.5 ns`` for the dimension ``s``.

    Dimensions are SI symbols: ``s``, ``J/b``, ``B/s``, ``m2`` and so on. Raises UnitError with a
    message that says what was expected.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise UnitError(f"expected a quantity in {dimension}, got '{text}'")
    number, unit = match.groups()
    if unit is None:
        raise UnitError(f"expected a unit of {dimension} after {number}, got none")
    factor, found = parse_unit(unit)
    if found != dimension:
        raise UnitError(f"expected a unit of {dimension}, got '{unit}', a unit of {found}")
    # Dividing by the reciprocal keeps decimal fractions exact where 1e-12 itself is not:
    # 0.3 pJ becomes 3e-13, the float that a reader would type.
    return float(number) * factor if factor >= 1 else float(number) / round(1 / factor)


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


_SI_STEPS = (
    (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""),
    (1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"),
)  # fmt: skip


def format_si(value: float, unit: str, digits: int = 3) -> str:
    """Return a text such as ``1.23 mJ`` with the given number of significant digits."""
    if value == 0:
        return f"0 {unit}"
    size = abs(value)
    # 999.96 with three digits reads 1000: choose the prefix after rounding.
    rounded = float(f"{size:.{digits - 1}e}")
    scale, prefix = next(((s, p) for s, p in _SI_STEPS if rounded >= s * 0.9999999), _SI_STEPS[-1])
    number = float(f"{value / scale:.{digits - 1}e}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(number))))
    return f"{number:.{decimals}f} {prefix}{unit}"


def format_bytes(size: float) -> str:
    """Return a size in binary units, such as ``4.50 MiB`` or ``96 B``."""
    for factor, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if abs(size) >= factor:
            number = size / factor
            return f"{number:.0f} {unit}" if number == int(number) else f"{number:.2f} {unit}"
    return f"{size:g} B"
