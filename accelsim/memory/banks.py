"""Memories composed of banks: which points of the table, and what joins them.

NVSim knows powers of two only. A memory of another capacity is built as a designer would build it:
of banks that are points of the table, a multiplexer, and wires from the port to the banks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal, NamedTuple

from accelsim.errors import ConfigError
from accelsim.inputs.quantities import Joules, Meters, Seconds, SquareMeters, Volts
from accelsim.inputs.validation import ConfigModel, validate
from accelsim.memory.files import load_file
from accelsim.memory.tables import Row

# What a target asks for: banks that hold a memory are chosen by the product of these figures.
_MERITS = {
    "Area": ("area",),
    "Leakage": ("leakage",),
    "ReadEnergy": ("area", "leakage"),
    "WriteEnergy": ("area", "leakage"),
    "ReadLatency": ("area", "read_latency"),
    "WriteLatency": ("area", "write_latency"),
    "ReadEDP": ("area", "leakage", "read_latency"),
    "WriteEDP": ("area", "leakage", "write_latency"),
}


class Joint(NamedTuple):
    """What joining banks adds: energy [J] and time [s] of an access, area [m2] in all."""

    energy: float
    delay: float
    area: float


def compose(rows: Sequence[Row], capacity: int) -> tuple[Row, ...]:
    """Return the banks, largest first, that hold a capacity [B] at the least ``merit``.

    ``rows`` are points of one word in rising order of capacity. Whole banks are taken from the
    largest down and one bank holds what is left; which one, and where to stop, is the choice. A
    larger point may stand for less, all of it counted. So a memory's merit never falls with its
    capacity: of what a larger memory may be built of, a part, or all, is open to a smaller one.
    A single figure of a product may: NVSim lays 4 MiB of LSTP SRAM out for a quarter of the leakage
    of its 2 MiB, in 1.7 times the area. Only the target ``Leakage`` takes what leaks least whatever
    the area.
    """
    return min(
        _candidates(rows, capacity),
        key=lambda banks: (merit(banks), len(banks), math.fsum(row.area for row in banks)),
    )


def merit(banks: Sequence[Row]) -> float:
    """Return the product of the figures that the target asks for, in SI units.

    A target that a file names itself says nothing of what it asks for: area decides.
    """
    target = banks[0].target if banks[0].target in _MERITS else "Area"
    return math.prod(
        (max if name.endswith("latency") else math.fsum)(getattr(row, name) for row in banks)
        for name in _MERITS[target]
    )


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


class Supply(ConfigModel):
    """The supply of arrays of a node and roadmap."""

    node: Meters
    roadmap: str
    voltage: Volts


class Wire(ConfigModel):
    """A wire between banks: energy of a bit over a millimetre, delay of a square millimetre."""

    voltage: Volts
    energy_per_bit_mm: Joules
    delay_per_mm2: Seconds
    source: str


class Multiplexer(ConfigModel):
    """A choice of one in two, for every bit of the word."""

    node: Meters
    voltage: Volts
    energy_per_bit: Joules
    area_per_bit: SquareMeters
    delay: Seconds
    source: str


class BankWires(ConfigModel):
    """Schema of ``bank_wires.yaml``."""

    kind: Literal["bank_wires"]
    name: str
    supplies: list[Supply]
    supplies_source: str
    wire: Wire
    multiplexer: Multiplexer

    # One object for one content, as technologies are.
    __hash__ = object.__hash__

    def supply(self, node: float, roadmap: str) -> float:
        """Return the supply of arrays [V]. Raises ConfigError where it is not known."""
        for each in self.supplies:
            if math.isclose(each.node, node) and each.roadmap == roadmap:
                return each.voltage
        raise ConfigError(
            f"{self.name}.yaml has no supply for {node * 1e9:g} nm, {roadmap}; "
            "add it under supplies"
        )


def load_wires(name: str = "bank_wires") -> BankWires:
    """Return what joins banks. Raises ConfigError for every problem of the file."""
    return load_file(name, _read, "wires between banks", "bank_wires")


_read = partial(validate, kind=BankWires)
