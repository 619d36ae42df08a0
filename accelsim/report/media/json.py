"""JSON: the whole document, for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from accelsim.report.media.base import Medium
from accelsim.report.saved import REPORT, saved
from accelsim.report.table import Report

_CONTAINERS = (Mapping, list, tuple)
_SCALARS = {str, int, float, bool, type(None)}


class Json(Medium):
    """The document of a report, indented; behind it what readers see, for ``accelsim report``."""

    name = "json"

    def render(self, report: Report) -> Iterable[str]:
        """Return the document's text; the format escapes control characters in names.

        Numbers that are not finite, which it does not have, become null.
        """
        text = _indented(report.document)
        shown = json.dumps(saved(report), separators=(",", ":"), allow_nan=False)
        return [f'{text.removesuffix(chr(10) + "}")},\n "{REPORT}": {shown}\n}}\n']


def _indented(value: Any, margin: str = "\n") -> str:
    """Return what ``json.dumps(value, indent=1)`` would, but for numbers that are not finite.

    With an indent that works in Python alone, value by value; here what holds no container is
    written in C as a whole, the indent being part of the separator; so is a list of such mappings.
    """
    if not isinstance(value, _CONTAINERS) or not value:
        return _encoded(value)
    inner, mapped = margin + " ", isinstance(value, Mapping)
    value = dict(value) if mapped else value
    if _is_flat(value.values() if mapped else value):
        text = _encoded(value, f",{inner}")[1:-1]
    elif not mapped and all(
        type(each) is dict and each and _is_flat(each.values()) for each in value
    ):
        # Within texts a line break is escaped: each one here stands between values.
        text = _encoded(value, f",{inner} ")[2:-2]
        text = text.replace(f"}},{inner} {{", f"{inner}}},{inner}{{{inner} ")
        text = f"{{{inner} {text}{inner}}}"
    elif mapped:
        parts = (f"{_encoded(str(k))}: {_indented(each, inner)}" for k, each in value.items())
        text = f",{inner}".join(parts)
    else:
        text = f",{inner}".join(_indented(each, inner) for each in value)
    opened, closed = "{}" if mapped else "[]"
    return f"{opened}{inner}{text}{margin}{closed}"


def _is_flat(values: Iterable[Any]) -> bool:
    return _SCALARS.issuperset(map(type, values))


def _encoded(value: Any, separator: str = ",") -> str:
    encoder = _encoder(separator)
    try:
        return encoder.encode(value)
    except ValueError:
        return encoder.encode(_finite(value))


@cache
def _encoder(separator: str) -> json.JSONEncoder:
    return json.JSONEncoder(separators=(separator, ": "), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
