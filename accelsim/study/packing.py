"""Figures as bytes and back, exact to the last bit: names stand once for all rows that have them.

Figures of eight bytes follow one another; the layout says whose they are and of which type.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

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
    layout, body = _read_layout(packed.layout), zlib.decompress(packed.body)
    size = struct.calcsize(layout.form)
    found = dict(layout.empty)
    found.update(zip(layout.numbers, struct.unpack(layout.form, body[:size]), strict=True))
    texts = json.loads(body[size:])
    found.update(
        (name, each[0] if isinstance(each, list) else int(each))
        for name, each in zip(layout.texts, texts, strict=True)
    )
    return found


class _Layout(NamedTuple):
    """The names of all figures, None for each; of the numbers and their format, of the texts."""

    empty: Mapping[str, Figure]
    numbers: tuple[str, ...]
    form: str
    texts: tuple[str, ...]


@lru_cache(maxsize=256)
def _read_layout(layout: str) -> _Layout:
    names, codes = json.loads(layout)
    pairs = list(zip(names, codes, strict=True))
    numbers = tuple(name for name, code in pairs if code in "dq")
    texts = tuple(name for name, code in pairs if code == "t")
    return _Layout(dict.fromkeys(names), numbers, _format(codes), texts)


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
