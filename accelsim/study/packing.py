"""Figures as bytes and back, exact to the last bit: names stand once for all rows that have them.

Figures of eight bytes follow one another; the layout says whose they are and of which type.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from accelsim.evaluation.point import Figure

# Of a 64-bit whole number.
_LARGEST = 2**63


class Packed(NamedTuple):
    """The layout as JSON, the figures as bytes."""

    layout: str
    body: bytes


def pack(figures: Mapping[str, Figure]) -> Packed:
    """Return figures packed."""
    codes = "".join([_code(value) for value in figures.values()])
    numbers = [value for value, code in zip(figures.values(), codes, strict=True) if code in "dq"]
    texts = [value for value, code in zip(figures.values(), codes, strict=True) if code == "t"]
    fixed = struct.pack(_format(codes), *numbers)
    told = json.dumps([str(text) if isinstance(text, int) else [text] for text in texts])
    return Packed(_layout(tuple(figures), codes), zlib.compress(fixed + told.encode(), 1))


def unpack(packed: Packed) -> dict[str, Figure]:
    """Return the figures."""
    names, codes = read_layout(packed.layout)
    body, form = zlib.decompress(packed.body), _format(codes)
    size = struct.calcsize(form)
    numbers = iter(struct.unpack(form, body[:size]))
    texts = iter(json.loads(body[size:]))
    return {name: _value(code, numbers, texts) for name, code in zip(names, codes, strict=True)}


@lru_cache(maxsize=256)
def read_layout(layout: str) -> tuple[tuple[str, ...], str]:
    """Return the names of figures, and a letter for the type of each."""
    names, codes = json.loads(layout)
    return tuple(names), codes


@lru_cache(maxsize=256)
def _layout(names: tuple[str, ...], codes: str) -> str:
    return json.dumps([names, codes])


def _code(value: Figure) -> str:
    """Return the letter of a type: d and q as in struct, n for None, t for what is a text."""
    if isinstance(value, float):
        return "d"
    if value is None:
        return "n"
    if isinstance(value, int) and -_LARGEST <= value < _LARGEST:
        return "q"
    return "t"


def _format(codes: str) -> str:
    return "<" + codes.replace("n", "").replace("t", "")


def _value(code: str, numbers: Iterator[float | int], texts: Iterator[Any]) -> Figure:
    if code == "n":
        return None
    if code == "t":
        text = next(texts)
        return text[0] if isinstance(text, list) else int(text)
    return next(numbers)
