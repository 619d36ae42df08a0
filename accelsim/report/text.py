"""Values as text for people: numbers with units, shares, durations; names made harmless."""

from __future__ import annotations

import math

from accelsim.units import format_si, parse_unit

# How a value without an entry reads.
NOTHING = "-"

Value = str | int | float | bool | None


def printable(text: str) -> str:
    """Return a text that may be sent to a terminal: control characters and the like are spelled.

    Line feeds stay. Names come from files, and ``\\x1b`` in one would command the terminal.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in "\n\N{NO-BREAK SPACE}" else ascii(each)[1:-1]
        for each in text
    )


def shortened(text: str, most: int = 1000) -> str:
    """Return a text whose lines are no longer than ``most`` characters: long ones lose a middle."""
    half = most // 2 - 10
    return "\n".join(
        line if len(line) <= most else f"{line[:half]} [...] {line[-half:]}"
        for line in text.split("\n")
    )


def value_text(value: Value, unit: str, digits: int) -> str:
    """Return a cell's text. ``unit`` and ``digits`` are those of a Column."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if unit == "%":
        return percent(value, digits)
    if unit == "x":
        return f"{number(value, digits, padded=True)}x"
    if unit == "year":
        return years(value)
    if unit == "#":
        return format_si(value, "", digits).strip()
    if heads_column(unit):
        return number(in_unit(value, unit), digits, padded=True)
    if unit in ("", "1"):
        return f"{value:,}" if isinstance(value, int) else number(value, digits)
    return rate(value, digits) if unit == "Hz" else format_si(value, unit, digits)


def rate(each_second: float, digits: int = 3) -> str:
    """Return how often something happens, which is no clock: ``3,790/s``, ``0.250/s``."""
    if not 1000 <= abs(each_second) < math.inf:
        return f"{number(each_second, digits, padded=True)}/s"
    return f"{float(f'{each_second:.{digits - 1}e}'):,.0f}/s"


def heads_column(unit: str) -> bool:
    """Say whether a unit such as ``mm2`` stands once over the numbers of a column.

    One without a prefix, ``J``, stands in every cell, with the prefix that suits the number.
    """
    if unit in ("", "1", "#", "%", "x", "year"):
        return False
    return "/" in unit or parse_unit(unit)[0] != 1 or unit in ("b", "K")


def in_unit(value: float, unit: str) -> float:
    """Return an SI value in a unit such as ``mm2``."""
    factor, _ = parse_unit(unit)
    # 1e-6 m2 times a million is exact where the division by 1e-6 is not.
    return value * round(1 / factor) if factor < 1 else value / factor if factor > 1 else value


def number(value: float, digits: int = 3, *, padded: bool = False) -> str:
    """Return a number of some significant digits: ``0.0123``, ``12345``, ``1.2e-4``.

    ``padded`` keeps zeros at the end, for numbers in a column.
    """
    if value == 0 or (isinstance(value, int) and abs(value) < 1e5):
        return f"{value:g}"
    plain = 1e-2 <= abs(value) < 1e5
    style = f"#.{digits}g" if padded else f".{digits}g"
    text = f"{value:{style}}" if plain else f"{value:.{max(0, digits - 2)}e}"
    if plain and "e" in text:
        text = f"{value:.0f}"
    text = text.removesuffix(".")
    return text.replace(".0e", "e").replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def percent(share: float, digits: int = 3) -> str:
    """Return a share of some significant digits as ``12.3 %``, a tiny one as ``8.00 ppm``."""
    if 0 < abs(share) < 1e-4:
        return f"{number(1e6 * share, digits, padded=True)} ppm"
    return f"{number(100 * share, digits, padded=True)} %"


def change(ratio: float) -> str:
    """Return a ratio as what it adds: ``+11.8 %``."""
    return f"{100 * (ratio - 1):+.1f} %"


def duration(seconds: float) -> str:
    """Return a time as ``24 h``, ``2.5 min`` or ``40.0 ms``."""
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit or (seconds >= unit and not seconds % unit):
            return f"{seconds / unit:.4g} {name}"
    return format_si(seconds, "s")


def years(span: float) -> str:
    """Return ``3.2 d``, ``4.1 years`` or, for an endless one, ``-``."""
    if math.isinf(span):
        return NOTHING
    if span < 0.1:
        return duration(span * 365.25 * 86_400)
    return f"{span:,.0f} years" if span >= 10 else f"{span:.2g} years"


def time_unit(longest: float) -> str:
    """Return the largest unit of which a time [s] has ten or more."""
    units = ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"))
    return next((name for seconds, name in units if longest >= 10 * seconds), "us")
