"""Writes marks in Perfetto's protobuf format, names interned, a piece at a time.

A hand-written encoder of the dozen messages that a timeline needs: the package's own one takes 2.6
times as long. Field numbers are those of ``perfetto_trace.proto`` (v55). All packets are of one
sequence, so that a name is written once.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache

from accelsim.report.timeline.marks import Begin, End, Facts, Mark, Sample, Track

# Bytes of a piece that is handed on, and facts whose encoding is remembered.
_PIECE, _REMEMBERED = 1 << 16, 20_000
_EXPLICIT, _NOT_MERGED = b"\x03", b"\x02"
# The sequence (field 10), and that its names are needed (13) or begin anew.
_NEEDS, _CLEARED = b"\x50\x01\x68\x02", b"\x50\x01\x68\x03"
_BEGIN, _END, _SAMPLE = b"\x48\x01\x58", b"\x48\x02\x58", b"\x48\x04\x58"


def varint(number: int) -> bytes:
    """Return an integer of 0 or more in groups of seven bits, the lowest first."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


# A later time differs from the last in its low digits: these are looked up, the rest is remembered.
_LOW = [bytes((n & 127 | 128, n >> 7 | 128)) for n in range(1 << 14)]
_HIGH = lru_cache(1 << 12)(varint)
_SHORT = [varint(n) for n in range(1 << 14)]


def _short(number: int) -> bytes:
    return _SHORT[number] if number < 1 << 14 else varint(number)


def _field(number: int, content: bytes | str) -> bytes:
    """Return a field of bytes, text or a message."""
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def _packet(content: bytes) -> bytes:
    return b"\x0a" + _short(len(content)) + content


def _event(at: int, event: bytes) -> bytes:
    """Return a packet of an event at a time [ns]."""
    size = _short(len(event))
    time = b"\x40" + _LOW[at & 16383] + _HIGH(at >> 14)
    content = time + _NEEDS + b"\x5a" + size + event
    return b"\x0a" + _short(len(content)) + content


def perfetto(marks: Iterable[Mark]) -> Iterator[bytes]:
    """Yield the pieces of a file in Perfetto's format."""
    encoder, pieces, size = _Encoder(), [_packet(_CLEARED)], 0
    for mark in marks:
        if isinstance(mark, Begin):
            piece = encoder.begin(mark)
        elif isinstance(mark, End):
            piece = _event(mark.at, _END + _short(mark.track))
        elif isinstance(mark, Sample):
            piece = _sample(mark)
        else:
            piece = _track(mark)
        pieces.append(piece)
        size += len(piece)
        if size > _PIECE:
            yield b"".join(pieces)
            pieces, size = [], 0
    yield b"".join(pieces)


def _sample(mark: Sample) -> bytes:
    value = b"\xe1\x02" + struct.pack("<d", mark.value)
    return _event(mark.at, _SAMPLE + _short(mark.track) + value)


def _track(track: Track) -> bytes:
    found = b"\x08" + varint(track.number) + _field(2, track.name)
    found += b"\x58" + _EXPLICIT + b"\x60" + varint(track.place) + b"\x78" + _NOT_MERGED
    if track.about:
        found += _field(14, track.about)
    if track.unit:
        scale = _field(7, track.scale) if track.scale else b""
        found += _field(8, _field(6, track.unit) + scale)
    if track.parent:
        found += b"\x28" + varint(track.parent)
    else:
        # ``process``: number and name. ``process_ordering``: by place.
        found += _field(3, b"\x08" + varint(track.number) + _field(6, track.name))
        found += b"\x98\x01\x01"
    return _packet(_NEEDS + _field(60, found))


class _Encoder:
    """Knows which names and texts were written, and the encoding of facts that come again."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], int] = {}
        self._new: list[bytes] = []
        self._facts: dict[int, tuple[Facts, bytes]] = {}

    def begin(self, mark: Begin) -> bytes:
        """Return the begin of a slice, after the names that are new."""
        track, at, name, level, facts, sends, receives = mark
        found = self._facts.get(id(facts))
        told = found[1] if found else self._remember(facts)
        event = (
            _BEGIN + _short(track) + b"\x50" + self._number(2, name)
            + b"\x18" + self._number(1, level) + told
        )  # fmt: skip
        for arrow in sends:
            event += b"\xf9\x02" + arrow.to_bytes(8, "little")
        for arrow in receives:
            event += b"\x81\x03" + arrow.to_bytes(8, "little")
        if self._new:
            return self._names() + _event(at, event)
        return _event(at, event)

    def _number(self, kind: int, text: str) -> bytes:
        """Return the number of a text; ``kind`` is its field in the interned data."""
        known = self._known.get((kind, text))
        if known is None:
            known = self._known[kind, text] = len(self._known) + 1
            self._new.append(_field(kind, b"\x08" + varint(known) + _field(2, text)))
        return _short(known)

    def _names(self) -> bytes:
        found = _packet(_NEEDS + _field(12, b"".join(self._new)))
        self._new.clear()
        return found

    def _remember(self, facts: Facts) -> bytes:
        told = b"".join(_field(4, self._fact(key, value)) for key, value in facts)
        if len(self._facts) >= _REMEMBERED:
            self._facts.clear()
        # Its own facts are kept with it: no other tuple can have their identity meanwhile.
        self._facts[id(facts)] = (facts, told)
        return told

    def _fact(self, key: str, value: int | float | str) -> bytes:
        name = b"\x08" + self._number(3, key)
        if isinstance(value, str):
            return name + b"\x88\x01" + self._number(29, value)
        if isinstance(value, float):
            return name + b"\x29" + struct.pack("<d", value)
        return name + b"\x20" + varint(value)
