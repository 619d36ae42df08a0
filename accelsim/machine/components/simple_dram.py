"""A DRAM with one port, a bandwidth and a latency: to compare with other simulators."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from accelsim.inputs.quantities import Bytes, BytesPerSecond, SimulatedSeconds
from accelsim.machine.components.base import ANY, Component, Datasheet, Part, Price
from accelsim.machine.components.burst_memory import BurstMemoryConfig
from accelsim.machine.components.dram import DramConfig
from accelsim.machine.components.server import Server
from accelsim.machine.site import Site
from accelsim.memory.dram import Direction, load_dram
from accelsim.memory.files import technology_kind
from accelsim.program import Range, Use
from accelsim.units import TICKS_PER_SECOND, Tick, ceil_div, to_ticks

_NO_PRICE = "no price: energy of this DRAM is left out (dram.priced_like)"
_ACTIONS: tuple[Direction, ...] = ("read", "write")


class SimpleDramConfig(Component):
    """Accesses of ``access`` bytes in order of arrival, answered after a ``latency``; no rows.

    A byte costs what one of a sequential stream costs on the part ``priced_like``, its background
    included; standby between accesses costs nothing. Source: ONNXim, src/Dram.cc.
    """

    kind: Literal["simple_dram"]
    access: Bytes
    bandwidth: Annotated[BytesPerSecond, Field(gt=0, le=1e15)]
    latency: SimulatedSeconds
    priced_like: str | None = None

    keeps: ClassVar[bool] = True
    rests_in: ClassVar[None] = None

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the port's server."""
        return {ANY: SimpleDram(name, self)}

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Bytes have the price of a stream, or none."""
        part = load_dram(self.priced_like) if self.priced_like else None
        return Datasheet(
            Part.DRAM,
            {a: Price("bytes", self.byte_energy(a, site)) for a in _ACTIONS},
            follows_supply=False,
            source=f"a sequential stream of {part.name}: {part.power.source}" if part else "",
            unpriced=part.unpriced if part else _NO_PRICE,
        )

    def timing(self, name: str, site: Site) -> Hashable:
        """All but the price."""
        return (self.access, self.bandwidth, self.latency)

    def byte_energy(self, action: Direction, site: Site) -> float:
        """Return the energy of a byte of the stream, 0 without a price [J/B].

        Controller and PHY are part of it.
        """
        if not self.priced_like:
            return 0.0
        return load_dram(self.priced_like).stream_energy(action) + 8 * site.logic.interface_bit

    def in_rows(self, asked: Range, rows: int) -> Range:
        """Return an access to equal rows that lie one behind the other: each in whole accesses."""
        row = ceil_div(asked.size, rows)
        return Range(asked.address, row, rows, row)


class SimpleDram(Server):
    """An access at a time; answers are under way beside later accesses."""

    def __init__(self, name: str, config: SimpleDramConfig) -> None:
        super().__init__(name)
        self._access = config.access
        self._ticks = max(1, round(config.access / config.bandwidth * TICKS_PER_SECOND))
        self.lag = to_ticks(config.latency)

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of whole accesses, for each piece of a range."""
        asked = use.expect(Range)
        return asked.pieces * ceil_div(asked.size, self._access) * self._ticks


def _tag(value: Any) -> str:
    given = value.model_dump() if isinstance(value, Component) else value
    if isinstance(given, dict) and "kind" in given:
        return "simple_dram"
    technology = given.get("technology") if isinstance(given, dict) else None
    kind = technology_kind(technology) if isinstance(technology, str) else None
    return "burst_memory" if kind == "burst_memory" else "dram"


OffChip = Annotated[
    Annotated[DramConfig, Tag("dram")]
    | Annotated[BurstMemoryConfig, Tag("burst_memory")]
    | Annotated[SimpleDramConfig, Tag("simple_dram")],
    Discriminator(_tag),
]
"""What a machine may have off its chip: a part of the technology table, or the simple one."""
