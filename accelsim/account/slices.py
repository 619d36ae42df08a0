"""What is drawn of a window: lanes of ports, their bookings joined into slices, transfers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import fsum
from typing import Literal, NamedTuple

from accelsim.account.prices import PriceList
from accelsim.account.window import Booking, View
from accelsim.engine.segment_run import SegmentRecord
from accelsim.machine.components.base import Part
from accelsim.placement.placement import DRAM
from accelsim.units import Tick

# Alternating operators are drawn apart down to this part of the active time, a few pixels of a
# screen.
COLUMNS = 500

Detail = Literal["operator", "task"]


def column_of(shown: View) -> Tick:
    """Return the shortest time in which alternating operators are drawn apart."""
    return shown.active // COLUMNS


@dataclass(frozen=True, slots=True)
class Slice:
    """Bookings of one port drawn as one, in ticks from the start of the segment.

    ``operators`` are in order of their busy ticks, the busiest first; ``busy`` are the ticks
    booked; ``amounts`` are by (block, action).
    """

    operators: tuple[str, ...]
    start: Tick
    end: Tick
    tasks: int
    busy: Tick
    amounts: dict[tuple[str, str], int]
    joules: float


def slices(bookings: Sequence[Booking], column: Tick, detail: Detail) -> dict[str, list[Slice]]:
    """Return the slices of each port, in order of time.

    With the detail ``task`` a slice is a booking. With ``operator``, consecutive bookings of one
    operator are one slice; operators that alternate faster share a slice of at most one
    ``column`` (in ticks), so that the number of slices is bounded by what can be seen.
    """
    by_port: defaultdict[str, list[Booking]] = defaultdict(list)
    for booking in bookings:
        by_port[booking.port].append(booking)
    if detail == "task":
        return {port: [_join([b]) for b in booked] for port, booked in by_port.items()}
    return {port: [_join(g) for g in _fold(booked, column)] for port, booked in by_port.items()}


def _fold(bookings: Sequence[Booking], column: Tick) -> list[list[Booking]]:
    folded: list[list[Booking]] = []
    for _, same in groupby(bookings, key=lambda booking: booking.operator):
        run = list(same)
        if folded and run[-1].end - folded[-1][0].start <= column:
            folded[-1] += run
        else:
            folded.append(run)
    return folded


def _join(bookings: Sequence[Booking]) -> Slice:
    busy: Counter[str] = Counter()
    amounts: Counter[tuple[str, str]] = Counter()
    for booking in bookings:
        busy[booking.operator] += booking.end - booking.start
        amounts[booking.block, booking.action] += booking.amount
    return Slice(
        operators=tuple(operator for operator, _ in busy.most_common()),
        start=bookings[0].start,
        end=bookings[-1].end,
        tasks=len(bookings),
        busy=sum(busy.values()),
        amounts=dict(amounts),
        joules=fsum(booking.joules for booking in bookings),
    )


def lanes(shown: View) -> list[str]:
    """Return the ports in use from top to bottom: by part."""
    parts, declared, used = list(Part), list(shown.prices.sheets), shown.ports

    def place(port: str) -> tuple[int, int, str]:
        part = shown.prices.part(used[port])
        order = 0 if part is Part.BUFFERS else declared.index(used[port])
        return parts.index(part), order, port

    return sorted(used, key=place)


def counted(prices: PriceList, block: str, action: str) -> str:
    """Return what an amount counts, and for memories in which direction."""
    sheet = prices.sheets[block]
    unit = sheet.prices[action].unit
    return f"{action}_{unit}" if sheet.part.is_memory or sheet.part is Part.DRAM else unit


_MEMORIES = (Part.PARAMETERS, Part.ACTIVATIONS)


class Load(NamedTuple):
    """A transfer from DRAM into an on-chip memory: the starts at both ends and the memory."""

    sent: Tick
    memory: str
    received: Tick


def loads(shown: View, record: SegmentRecord) -> list[Load]:
    """Return the transfers of a segment whose tasks read DRAM and write one of the memories."""
    bookings, prices = shown.bookings_of(record), shown.prices
    reads = {b.task: b.start for b in bookings if (b.block, b.action) == (DRAM, "read")}
    return [
        Load(reads[b.task], b.block, b.start)
        for b in bookings
        if b.action == "write" and b.task in reads and prices.part(b.block) in _MEMORIES
    ]
