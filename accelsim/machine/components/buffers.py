"""Buffers next to the datapath: one vector wide, a port for each direction."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

from accelsim.inputs.quantities import Bytes, Kelvin
from accelsim.inputs.validation import ConfigModel
from accelsim.machine.components.base import Block, Datasheet, Part, Price
from accelsim.machine.components.bus import BusServer
from accelsim.machine.components.memory import (
    NARROWEST,
    Memory,
    arrays_once,
    follows_supply,
    port_timing,
    word_energies,
)
from accelsim.machine.components.server import Server
from accelsim.machine.regions import ArrayQuery, Region, Target
from accelsim.machine.site import Site
from accelsim.memory.nvsim_search import NvsimTechnology, Technology
from accelsim.program import Use, Vectors
from accelsim.units import Tick, ceil_div

# A wider vector lies in arrays side by side: the table's wider words are those of large memories,
# and tell nothing of small ones.
_WIDEST = 256


class BufferConfig(Block):
    """An array one vector wide, next to the datapath; the table's smallest stands for less."""

    element_bytes: ClassVar[int] = 1
    written_by_datapath: ClassVar[bool] = False

    technology: Technology
    target: Target = "ReadEDP"
    roadmap: str | None = None
    temperature: Kelvin | None = None

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes of the array: data and masks lie in one."""

    def capacities(self, name: str) -> dict[str, int]:
        """Return the bytes of each half whose filling is planned, by name."""
        return {name: self.size}

    def vector_bytes(self, site: Site) -> int:
        """Return the bytes of a vector."""
        return self.element_bytes * site.lanes

    def region(self, name: str, site: Site) -> Region:
        """Return the buffer's arrays. Raises ConfigError for what the table does not have."""
        return self._arrays(name, site, self._word(site))

    def _arrays(self, name: str, site: Site, word: int) -> Region:
        def find() -> Region:
            region = site.region(name, "buffer", self.query(site, word), name)
            lanes = ceil_div(word, _WIDEST) * region.lanes
            return replace(region, lanes=lanes, capacity=self.size)

        return arrays_once(self, name, site, word, find)

    def query(self, site: Site, word: int | None = None) -> ArrayQuery:
        """Return what each of the arrays side by side asks of the technology."""
        word = word or self._word(site)
        return ArrayQuery(
            self.technology, self.size // ceil_div(word, _WIDEST), min(word, _WIDEST), self.target,
            roadmap=self.roadmap, temperature=self.temperature, extrapolate=True,
        )  # fmt: skip

    def _word(self, site: Site) -> int:
        return max(NARROWEST, 8 * self.vector_bytes(site))

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return a server for each direction: loads go to the half that is not read."""
        region, scales = self.region(name, site), follows_supply(self.region(name, site), site)
        ports = {port: f"{name}.{port}" for port in ("read", "write")}
        return {p: BufferPort(n, region, site.period, scales=scales) for p, n in ports.items()}

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """A vector costs a whole access; buffers count bytes, as zero lanes are not accessed.

        What the datapath reads or writes passes the wires between, which are of the logic's supply;
        other writes come off the bus.
        """
        region, size, logic = self.region(name, site), self.vector_bytes(site), site.logic
        word = int(8 * region.word_bytes)
        narrower = not isinstance(self.technology, NvsimTechnology)
        arrays = partial(self._arrays, name, site)
        read, write, raised_by = word_energies(word, site, arrays, narrower=narrower)
        wires = word * logic.operand_wire
        sent = wires * self.written_by_datapath
        return Datasheet(
            Part.BUFFERS,
            {
                "read": Price("bytes", (read + wires) / size, logic=wires / size, access=size),
                "write": Price("bytes", (write + sent) / size, logic=sent / size, access=size),
            },
            area=region.area,
            leakage=region.leakage,
            follows_supply=follows_supply(region, site),
            source=f"{region.array.source}; {logic.sources_of('banks', 'wires')}",
            raised_by="; ".join(filter(None, (raised_by, "wires to the datapath"))),
        )

    def layout(self, name: str, site: Site) -> Hashable:
        """What it holds."""
        return (type(self).__name__, *self.capacities(name).items())

    def emission(self, name: str, site: Site) -> Hashable:
        """Nothing: its sizes stand apart."""
        return type(self).__name__

    def timing(self, name: str, site: Site) -> Hashable:
        """The width of a vector, and how long the arrays take."""
        return (site.lanes, port_timing(self.region(name, site), site))


class OperandBufferConfig(BufferConfig):
    """A PE operand memory: banked data memory and mask memory (one mask word a vector)."""

    kind: Literal["operand_buffer"]
    data: Bytes
    masks: Bytes

    @property
    def size(self) -> int:
        """Bytes of the array."""
        return self.data + self.masks

    def capacities(self, name: str) -> dict[str, int]:
        """Return the bytes of data and of masks."""
        return {name: self.data, f"{name}_masks": self.masks}


class Whole(ConfigModel):
    """What makes a buffer one of one piece."""

    capacity: Bytes

    @property
    def size(self) -> int:
        """Bytes of the array."""
        return self.capacity


class AuxiliaryMemoryConfig(Whole, BufferConfig):
    """Holds layer-norm parameters and small tables next to the special-function unit."""

    kind: Literal["auxiliary_memory"]


class BufferPort(Memory):
    """One port of an operand buffer or of the auxiliary memory: one vector an access.

    Loads go to the half that is not read, so reads and writes have a port each.
    """

    _port: Callable[[str, str], Server]

    def connect(self, port: Callable[[str, str], Server]) -> None:
        """Get to know the bus that masks come from."""
        self._port = port

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of the vectors that hold the bytes, and of masks behind them."""
        asked = use.expect(Vectors)
        words = asked.vectors
        if asked.masks:
            bus = self._port(asked.bus, "transfer")
            assert isinstance(bus, BusServer), asked.bus
            words += ceil_div(asked.masks, bus.masks_per_cycle)
        return words * self.word_cycles[use.action] * self.period
