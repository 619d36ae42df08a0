"""Memories composed of banks: which points of the table, and what joins them.

NVSim knows powers of two only. A memory of another capacity is built as a designer would build it:
of banks that are points of the table, a multiplexer, and wires from the port to the banks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from accelsim.memory.bank_wires import BankWires
from accelsim.memory.technology import Row

# The latency that a target asks for; the others ask for none.
_SPEEDS = {
    "ReadLatency": "read_latency",
    "ReadEDP": "read_latency",
    "WriteLatency": "write_latency",
    "WriteEDP": "write_latency",
}


class Joint(NamedTuple):
    """What joining banks adds: energy [J] and time [s] of an access, area [m2] in all."""

    energy: float
    delay: float
    area: float


def compose(rows: Sequence[Row], capacity: int) -> tuple[Row, ...]:
    """Return the banks, largest first, that hold a capacity [B] in the least area.

    ``rows`` are points of one word in rising order of capacity. A point of its own is returned
    alone. Otherwise whole banks are taken from the largest down and one bank holds what is left;
    which one, and where to stop, decides the area. Where the target of the points asks for speed,
    no bank is slower than the next larger point, which would do alone.
    """
    known = {row.capacity: row for row in rows}
    if capacity in known:
        return (known[capacity],)
    speed = _SPEEDS.get(rows[0].target)
    larger = next((row for row in rows if row.capacity > capacity), None)
    limit = getattr(larger, speed) if speed and larger else math.inf
    found = [
        banks
        for banks in _candidates(rows, capacity)
        if not speed or max(getattr(row, speed) for row in banks) <= limit
    ]
    return min(found, key=_size)


def _candidates(rows: Sequence[Row], capacity: int) -> Iterator[tuple[Row, ...]]:
    taken: tuple[Row, ...] = ()
    left = capacity
    for row in reversed(rows):
        yield from ((*taken, last) for last in rows if last.capacity >= left)
        count, left = divmod(left, row.capacity)
        taken = (*taken, *[row] * count)
        if not left:
            yield taken
            return
    yield from ((*taken, last) for last in rows)


def _size(banks: Sequence[Row]) -> tuple[int, int]:
    """Square micrometres, and of equal ones the fewest banks."""
    return round(1e12 * math.fsum(row.area for row in banks)), len(banks)


def join(
    file: BankWires, area: float, banks: int, word: int, address: int, node: float, roadmap: str
) -> Joint:
    """Return what joining banks of one word [b] and an ``area`` [m2] in all adds.

    ``address`` are the bits that select a word. One bank needs nothing. Raises ConfigError for a
    node and roadmap whose supply is not known.
    """
    if banks == 1:
        return Joint(0.0, 0.0, 0.0)
    supply = file.supply(node, roadmap)
    wire, mux, side = file.wire, file.multiplexer, 1e3 * math.sqrt(area)
    levels, shrink = math.ceil(math.log2(banks)), node / mux.node
    chosen = levels * word * mux.energy_per_bit * shrink * (supply / mux.voltage) ** 2
    carried = (word + address) * wire.energy_per_bit_mm * (supply / wire.voltage) ** 2
    return Joint(
        energy=carried * side / 2 + chosen,
        delay=wire.delay_per_mm2 * side**2 + levels * mux.delay,
        area=(banks - 1) * word * mux.area_per_bit * shrink**2,
    )
