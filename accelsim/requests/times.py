"""Absolute times as text, exact to the femtosecond: a float holds a day to 15 ps only."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from accelsim.inputs.document import describe
from accelsim.requests.request import LONGEST_SECONDS
from accelsim.units import TICKS_PER_SECOND, Tick, UnitError, parse_unit

LONGEST = LONGEST_SECONDS * TICKS_PER_SECOND
# [ours] Seconds from 1970: a Unix time of milliseconds is later.
_LATEST = 10**11 * TICKS_PER_SECOND

_TIME = re.compile(r"([-+]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][-+]?[0-9]{1,2})?)\s*+(\S*)")
# ISO 8601, to the second and what is below it.
_DATE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]{1,15}))?"
    r"(Z|[-+][0-9]{2}:?[0-9]{2})?"
)


@lru_cache(maxsize=64)
def ticks_of_unit(unit: str) -> int:
    """Return the ticks of a unit of time such as ``ms``. Raises UnitError for any other unit."""
    factor, dimension = parse_unit(unit)
    if dimension != "s":
        raise UnitError(f"expected a unit of s, got '{unit}', a unit of {dimension}")
    # repr gives back the power of ten that the float stands for.
    return int(Fraction(repr(factor)) * TICKS_PER_SECOND)


def parse_time(text: str, unit: str | None = None) -> Tick:
    """Return the ticks of ``12.5 s``, or of ``12.5`` where ``unit`` is given, to the nearest.

    Without a unit a date is a time too, counted from 1970 (UTC unless it says otherwise):
    ``2023-11-16 18:15:46.68``. Raises UnitError with a message that says what was expected.
    """
    if unit is None and (date := _DATE.fullmatch(text)):
        second, fraction, zone = date.groups()
        return _second(second, zone or "Z") * TICKS_PER_SECOND + int(
            (fraction or "").ljust(15, "0")
        )
    match = _TIME.fullmatch(text)
    if match is None:
        expected = "a time such as 12.5 s" if unit is None else f"a number of {unit}"
        raise UnitError(f"expected {expected}, got {describe(text)}")
    number, own = match.groups()
    if unit is None and not own:
        raise UnitError(f"expected a unit after {number}, such as {number} s; got none")
    if unit is not None and own:
        raise UnitError(f"expected a bare number of {unit}, the column's unit; got '{text}'")
    ticks = int((Decimal(number) * ticks_of_unit(unit or own)).to_integral_value())
    if ticks > _LATEST:
        raise UnitError(f"{number} {unit or own} is later than the year 5000; is the unit right?")
    return ticks


def parse_time_from_zero(text: str, unit: str | None = None) -> Tick:
    """Return ``parse_time`` of a time that counts from the start. Raises UnitError for others."""
    ticks = parse_time(text, unit)
    if ticks < 0:
        raise UnitError(f"{text} is negative; times count from the start, 0 s")
    if ticks > LONGEST:
        advice = "requests.origin: first counts dates and Unix times from the first arrival"
        raise UnitError(f"{text} is too large; expected at most 1e7 s; {advice}")
    return ticks


@lru_cache(maxsize=64)
def _second(text: str, zone: str) -> int:
    try:
        return int(datetime.fromisoformat(f"{text}{zone}").timestamp())
    except ValueError as error:
        raise UnitError(f"'{text}{zone}' is no date: {error}") from None


def seconds_text(time: Tick) -> str:
    """Return the exact decimal number of seconds, such as ``12.5``."""
    whole, rest = divmod(time, TICKS_PER_SECOND)
    return f"{whole}.{rest:015d}".rstrip("0").rstrip(".")
