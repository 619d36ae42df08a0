"""Reads a timeline back with a decoder of a few lines that owes the writer nothing.

It does what Perfetto's trace processor does (tests/reference/trace_processor.json) and refuses what
that swallows: lost ends, open slices, dangling arrows, tracks that nobody declared.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from accelsim.report.timeline.marks import Begin, End, Facts, Mark, Sample, Track

_SHARED: Facts = (("ticks", 650_000_001), ("energy_nJ", 0.1), ("waited_for", 'µ-load \x1b "q"'))
DAY = 86_400 * 10**9
# All that a timeline can hold, and each of its borders: slices that touch, end together, last no
# time; times of 0 ns and of a day; arrows that cross and that share an end; long and strange texts.
EXAMPLE: tuple[Mark, ...] = (
    Track(1, 0, "design µ", 1),
    Track(2, 1, "blocks", 1, about="A group."),
    Track(3, 2, "pe_array", 2),
    Track(4, 2, "pe_array", 1),
    Track(20_000, 1, "power", 2, unit="mW", scale="power"),
    Track(300, 0, "second", 2),
    Track(301, 300, "requests", 0),
    Begin(3, 0, "a", "use", _SHARED, (1, 2)),
    End(3, 16_383),
    Begin(3, 16_383, "b", "use", (), (), ()),
    End(3, 16_384),
    Begin(3, 16_384, "no time", "use", (("ticks", 0),)),
    End(3, 16_384),
    Begin(3, 16_384, "b", "use", _SHARED, (2**40,)),
    End(3, DAY),
    Begin(4, 16_384, "outer", "operator", (("macs", 2**52), ("share", 0.5))),
    Begin(4, 16_384, "inner", "panel", (), (), (1,)),
    Begin(4, 20_000, "waits", "stall", (("waited_for", "x" * 20_000),)),
    End(4, 20_001),
    End(4, 30_000),
    Begin(4, 30_000, "inner", "panel", _SHARED, (), (2,)),
    End(4, DAY),
    End(4, DAY),
    Begin(301, DAY, "served", "request", (), (), (2**40,)),
    End(301, DAY + 1),
    Sample(20_000, 0, 0.0),
    Sample(20_000, 16_384, 1e-9),
    Sample(20_000, DAY, -123456.789),
)


@dataclass(eq=False)
class Slice:
    track: int
    name: str
    level: str
    start: int
    end: int
    depth: int
    facts: dict[str, Any]


@dataclass
class Trace:
    """``tracks`` are (name, parent, unit) by number, ``arrows`` the slices at both ends."""

    tracks: dict[int, tuple[str, int, str]] = field(default_factory=dict)
    slices: list[Slice] = field(default_factory=list)
    samples: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    arrows: dict[int, tuple[Slice, Slice]] = field(default_factory=dict)

    def row(self, *way: str) -> int:
        """Return the number of a track by its way from the process."""
        number = 0
        for name in way:
            (number,) = (n for n, found in self.tracks.items() if found[:2] == (name, number))
        return number

    @cached_property
    def by_track(self) -> dict[int, list[Slice]]:
        """The slices of each track."""
        found: dict[int, list[Slice]] = {number: [] for number in self.tracks}
        for one in self.slices:
            found[one.track].append(one)
        return found

    def on(self, *way: str) -> list[Slice]:
        """Return the slices of a track."""
        return self.by_track[self.row(*way)]

    def rows(self, *way: str) -> dict[str, int]:
        """Return the tracks below one, by name."""
        parent = self.row(*way)
        return {name: number for number, (name, above, _) in self.tracks.items() if above == parent}

    def below(self, *way: str) -> dict[str, list[Slice]]:
        """Return the slices of each track below one, by name."""
        return {name: self.by_track[number] for name, number in self.rows(*way).items()}


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the fields of a protobuf message: numbers, and bytes of what has a length."""
    at = 0

    def varint() -> int:
        nonlocal at
        number = shift = 0
        while True:
            at += 1
            number |= (data[at - 1] & 127) << shift
            shift += 7
            if data[at - 1] < 128:
                return number

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            size = {1: 8, 2: 0, 5: 4}[key & 7] or varint()
            at += size
            yield key >> 3, data[at - size : at]


def decode(data: bytes) -> Trace:
    """Return what a trace shows; fails where a viewer would show something else or nothing."""
    trace, names, events = Trace(), dict[tuple[int, int], str](), list[tuple[int, bytes]]()
    for _, packet in fields(data):
        content = dict(fields(packet))
        assert content.keys() <= {8, 10, 11, 12, 13, 60}
        for kind, entry in fields(content.get(12, b"")):
            number, text = dict(fields(entry)).values()
            assert (kind, number) not in names
            names[kind, number] = text.decode()
        if 60 in content:
            _declare(trace, content[60])
        if 11 in content:
            events.append((content[8], content[11]))
    sends: dict[int, Slice] = {}
    stacks: defaultdict[int, list[Slice]] = defaultdict(list)
    for at, event in sorted(events, key=lambda pair: pair[0]):
        _happen(trace, names, stacks, sends, at, list(fields(event)))
    assert not any(stacks.values()), "slices that never end"
    assert sends.keys() == trace.arrows.keys(), "arrows that never arrive"
    return trace


def _declare(trace: Trace, data: bytes) -> None:
    content = dict(fields(data))
    parent, unit = content.get(5, 0), dict(fields(content.get(8, b""))).get(6, b"")
    assert content[1] not in trace.tracks
    assert (parent in trace.tracks) != (3 in content)
    trace.tracks[content[1]] = (content[2].decode(), parent, unit.decode())


def _happen(
    trace: Trace,
    names: dict[tuple[int, int], str],
    stacks: dict[int, list[Slice]],
    sends: dict[int, Slice],
    at: int,
    event: list[tuple[int, Any]],
) -> None:
    content = dict(event)
    track = content[11]
    assert track in trace.tracks, "a track that nobody declared"
    stack = stacks[track]
    if content[9] == 4:
        (value,) = struct.unpack("<d", content[44])
        trace.samples.setdefault(track, []).append((at, value))
    elif content[9] == 2:
        assert stack, "an end without a begin"
        stack.pop().end = at
    else:
        facts = dict(_fact(names, dict(fields(data))) for number, data in event if number == 4)
        begun = Slice(track, names[2, content[10]], names[1, content[3]], at, -1, len(stack), facts)
        trace.slices.append(begun)
        stack.append(begun)
        sends |= {struct.unpack("<q", arrow)[0]: begun for n, arrow in event if n == 47}
        for number, arrow in event:
            if number == 48:
                (known,) = struct.unpack("<q", arrow)
                assert known not in trace.arrows
                trace.arrows[known] = (sends[known], begun)


def _fact(names: dict[tuple[int, int], str], data: dict[int, Any]) -> tuple[str, Any]:
    key = names[3, data[1]]
    if 17 in data:
        return key, names[29, data[17]]
    return key, data[4] if 4 in data else struct.unpack("<d", data[5])[0]
