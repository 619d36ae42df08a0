"""On-chip memories: banked arrays of the technology table."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from functools import partial
from typing import Annotated, Literal

from pydantic import Field, model_validator

from accelsim.errors import ConfigError
from accelsim.inputs.files import kept
from accelsim.inputs.quantities import Bits, Bytes, Kelvin, PositiveInt, Seconds
from accelsim.machine.components.base import ANY, Component, Datasheet, Part, Price
from accelsim.machine.components.clocked import ClockedServer
from accelsim.machine.components.server import Server
from accelsim.machine.regions import ArrayQuery, Region, Target
from accelsim.machine.site import Site
from accelsim.memory.logic import at_least_built, built_least
from accelsim.memory.nvsim_search import NvsimTechnology, Technology
from accelsim.program import CodeWords, Use, Words
from accelsim.units import Tick, ceil_div, period_of, to_ticks

# The narrowest array of the table; a narrower word pays for all of it.
NARROWEST = 64
_ENERGIES = ("read_energy", "write_energy")


class MemoryConfig(Component):
    """One on-chip memory region: arrays of the technology table.

    ``roadmap`` and ``temperature`` are its own, else those of ``process``. What fades is written
    again every ``refresh``, just as its retention is over unless told otherwise.
    """

    kind: Literal["memory"] = "memory"
    technology: Technology
    capacity: Bytes
    word: Bits
    bits_per_cell: PositiveInt = 1
    banks: Annotated[int, Field(gt=0, le=1024)] = 1
    target: Target = "ReadEDP"
    roadmap: str | None = None
    temperature: Kelvin | None = None
    refresh: Literal["none"] | Seconds | None = None
    extrapolate: bool = False

    @model_validator(mode="after")
    def _whole_banks(self) -> MemoryConfig:
        if self.capacity % self.banks:
            wrong = f"capacity of {self.capacity} B does not divide into {self.banks} equal banks"
            raise ValueError(f"{wrong}; change one of the two")
        return self

    def rewritten_every(self, retention: float | None) -> float:
        """Return the time between two writings of what holds for a ``retention`` [s]."""
        if retention is None or self.refresh == "none":
            return math.inf
        return self.refresh or retention

    def region(self, name: str, site: Site) -> Region:
        """Return the memory's arrays. Raises ConfigError for what the table does not have."""
        return self._arrays(name, site, self.word)

    def _arrays(self, name: str, site: Site, word: int) -> Region:
        kind = "activations" if name == site.activations else "parameters"

        def find() -> Region:
            return site.region(name, kind, self.query(site, word), f"memories.{name}")

        return arrays_once(self, name, site, word, find)

    def query(self, site: Site, word: int | None = None) -> ArrayQuery:
        """Return what it asks of its technology, for another word [b] than its own if told so."""
        return ArrayQuery(
            self.technology, self.capacity, word or self.word, self.target, self.bits_per_cell,
            self.banks, self.roadmap, self.temperature, self.extrapolate,
        )  # fmt: skip

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the memory's server: one port for reads and writes."""
        region = self.region(name, site)
        return {ANY: Memory(name, region, site.period, scales=follows_supply(region, site))}

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Words are priced by the array. Parameters outlive retention in a volatile memory."""
        region = self.region(name, site)
        narrower = not isinstance(self.technology, NvsimTechnology)
        arrays = partial(self._arrays, name, site)
        read, write, raised_by = word_energies(self.word, site, arrays, narrower=narrower)
        parameters = region.kind == "parameters"
        # Built banks of SRAM are the least that a word costs.
        banks = f"; {site.logic.sources_of('banks')}" if at_least_built(region.array) else ""
        return Datasheet(
            Part.PARAMETERS if parameters else Part.ACTIVATIONS,
            {"read": Price("words", read), "write": Price("words", write)},
            area=region.area,
            leakage=region.leakage,
            follows_supply=follows_supply(region, site),
            retained=parameters and region.array.volatile,
            kept=region.kept,
            source=region.array.source + banks,
            raised_by=raised_by,
        )

    def layout(self, name: str, site: Site) -> Hashable:
        """Capacity, word, cells, and whether it forgets without supply."""
        volatile = self.region(name, site).array.volatile
        return (self.capacity, self.word, self.bits_per_cell, volatile)

    def emission(self, name: str, site: Site) -> Hashable:
        """Word and cells; what lies in it was placed before, and activations are planned."""
        return (self.word, self.bits_per_cell)

    def timing(self, name: str, site: Site) -> Hashable:
        """Banks and latencies of the arrays, and whether they follow the logic's clock."""
        return port_timing(self.region(name, site), site)


def arrays_once(
    owner: Component, name: str, site: Site, word: int, find: Callable[[], Region]
) -> Region:
    """Return the arrays of a word [b] that were found for a site, or the last for an equal one."""
    own, what = owner.__dict__, f"arrays of {word} b"
    return site.once((name, word), lambda: kept(own, what, (name, site), find))


def word_energies(
    word: int, site: Site, arrays: Callable[[int], Region], *, narrower: bool
) -> tuple[float, float, str]:
    """Return what reading and writing a word of so many bits cost [J], and what raised them.

    That of its arrays, and no less than a narrower word of the table costs in as large a memory:
    NVSim may lay a wide one out slower and thriftier; without ``narrower`` there is none to ask.
    Nor less than built banks of SRAM, unless the user has brought the figures.
    """
    built = [arrays(word)]
    for other in (NARROWEST << n for n in range(word.bit_length() * narrower)):
        # The table may have no arrays of that width and capacity.
        with suppress(ConfigError):
            built += [arrays(other)] if other < word else []
    own, bank = built[0], site.logic.bank if at_least_built(built[0].array) else 0.0
    least, raised_by = word * bank, set()
    charged = [least, least]
    for place, energy in enumerate(_ENERGIES):
        found = max(getattr(each, energy) for each in built)
        charged[place] = max(least, found)
        if charged[place] > getattr(own, energy):
            raised_by.add(built_least(bank) if least > found else "narrower words of the table")
    return charged[0], charged[1], "; ".join(sorted(raised_by))


def follows_supply(region: Region, site: Site) -> bool:
    """Say whether an array shares the logic's supply at every operating point."""
    return bool(site.scaling and site.scaling.memories and region.array.volatile)


def port_timing(region: Region, site: Site) -> Hashable:
    """Return what decides the ticks of a port: banks, and the cycles of an access at each point."""
    server = Memory("", region, site.period, scales=follows_supply(region, site))
    cycles = [server.word_cycles]
    for point in site.scaling.points if site.scaling else ():
        server.retime(period_of(point.frequency))
        cycles.append(server.word_cycles)
    return (region.banks, *(tuple(each.items()) for each in cycles))


class Memory(ClockedServer):
    """A clocked memory with one port: an access takes whole cycles, banks take turns.

    A word occupies its bank for the array's read or write latency, rounded up to whole cycles;
    consecutive words lie in consecutive banks. An array that ``scales`` with the logic's supply
    takes the same cycles at every operating point; any other has a supply, and so latencies, of
    its own.
    """

    def __init__(self, name: str, region: Region, period: Tick, *, scales: bool = False) -> None:
        super().__init__(name, period)
        array = region.array
        self._banks, self._scales = region.banks, scales
        read, write = to_ticks(array.read_latency), to_ticks(array.write_latency)
        self._latencies = {"read": read, "write": write}
        self.word_cycles = self._cycles()

    def retime(self, period: Tick) -> None:
        """Follow the clock to another period [ticks]."""
        super().retime(period)
        if not self._scales:
            self.word_cycles = self._cycles()

    def _cycles(self) -> dict[str, int]:
        return {action: ceil_div(t, self.period) for action, t in self._latencies.items()}

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of words read or written, or of code words."""
        if use.action not in self._latencies:
            # A codec works at the pace of the memory and takes its own cycles longer.
            return use.expect(CodeWords).cycles * self.period
        # One word a cycle is the most the port takes, however many banks stand behind it.
        words = use.expect(Words).amount
        cycles = max(words, ceil_div(words, self._banks) * self.word_cycles[use.action])
        return cycles * self.period
