"""A DRAM with one port, a bandwidth and a latency: to compare with other simulators."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from accelsim.errors import ConfigError
from accelsim.inputs.quantities import Bytes, BytesPerSecond, SimulatedSeconds
from accelsim.machine.components.base import ANY, Component, Datasheet, Part, Price
from accelsim.machine.components.off_chip import RestingServer, Turn
from accelsim.machine.components.server import Server
from accelsim.machine.site import Site
from accelsim.memory.dram import Direction, DramTechnology, load_dram, prices
from accelsim.program import Range, Use
from accelsim.units import TICKS_PER_SECOND, Tick, ceil_div, to_ticks

_NO_PRICE = "no price: energy of this DRAM, standby too, is left out (dram.priced_like)"
_ACTIONS: tuple[Direction, ...] = ("read", "write")
_MOST_DEVICES = 64
_SERVES, _WAITS, _RESTS = "active_standby", "precharge_standby", "self_refresh"


class SimpleDramConfig(Component):
    """Accesses of ``access`` bytes in order of arrival, answered after a ``latency``; no rows.

    It costs what as many parts ``priced_like`` cost as its bandwidth takes: a byte as one of a
    sequential stream, active standby until the answer is there, precharge standby for as long as
    the part takes to leave self-refresh, then self-refresh. Leaving it takes no time; refreshes
    count at their mean. Source of the port: ONNXim, src/Dram.cc.
    """

    kind: Literal["simple_dram"]
    access: Bytes
    bandwidth: Annotated[BytesPerSecond, Field(gt=0, le=1e15)]
    latency: SimulatedSeconds
    priced_like: str | None = None

    keeps: ClassVar[bool] = True
    rests_in: ClassVar[str] = _RESTS

    @property
    def part(self) -> DramTechnology | None:
        """The part that it costs like."""
        return None if self.priced_like is None else load_dram(self.priced_like)

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the port's server."""
        return {ANY: SimpleDram(name, self)}

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Bytes and the time in each state have the price of the parts, or none."""
        part, bus = self.part, 8 * site.logic.interface_bit
        return Datasheet(
            Part.DRAM,
            {a: Price("bytes", part.moved_energy(a) + bus if part else 0.0) for a in _ACTIONS},
            follows_supply=False,
            states=dict.fromkeys((_SERVES, _WAITS, _RESTS), 0.0) | self._states(part, site),
            source=f"a sequential stream of {part.name}: {part.power.source}" if part else "",
            unpriced=part.unpriced if part else _NO_PRICE,
        )

    def timing(self, name: str, site: Site) -> Hashable:
        """All but the price, and when it rests."""
        return (self.access, self.bandwidth, self.latency, self.hold)

    @property
    def hold(self) -> float:
        """Time that it waits for another access before it rests [s]."""
        part = self.part
        return part.timing.self_refresh_exit if part else 0.0

    @property
    def peak_bandwidth(self) -> float:
        """Its bandwidth [B/s]."""
        return self.bandwidth

    def byte_energy(self, action: Direction, site: Site) -> float:
        """Return a byte of the stream with background, controller, PHY [J/B]; 0 without a price."""
        part = self.part
        return part.stream_energy(action) + 8 * site.logic.interface_bit if part else 0.0

    def in_rows(self, asked: Range, rows: int) -> Range:
        """Return an access to equal rows that lie one behind the other: each in whole accesses."""
        row = ceil_div(asked.size, rows)
        return Range(asked.address, row, rows, row)

    def _states(self, part: DramTechnology | None, site: Site) -> dict[str, float]:
        if part is None:
            return {}
        devices = self._devices(part)
        factor = part.self_refresh_factor(site.process.temperature)
        watts = prices(part, devices, factor)["watts"]
        awake = devices * part.refresh_power + site.logic.interface_power
        return {_RESTS: watts[_RESTS], **{s: watts[s] + awake for s in (_SERVES, _WAITS)}}

    def _devices(self, part: DramTechnology) -> int:
        """Return how many parts have the bandwidth. Raises ConfigError for more than a channel."""
        devices = math.ceil(round(self.bandwidth / part.peak_bandwidth, 9))
        if devices > _MOST_DEVICES:
            most = _MOST_DEVICES * part.peak_bandwidth / 1e9
            raise ConfigError(
                f"a bandwidth of {self.bandwidth / 1e9:g} GB/s takes {devices} parts of "
                f"{part.name}, expected at most {_MOST_DEVICES}; ask for at most {most:g} GB/s, or "
                "set dram.priced_like to a faster part or to null, which leaves its energy out"
            )
        return devices


class SimpleDram(RestingServer):
    """An access at a time; answers are under way beside later accesses."""

    def __init__(self, name: str, config: SimpleDramConfig) -> None:
        self._hold = to_ticks(config.hold)
        super().__init__(name, self._hold)
        self._access = config.access
        self._served_in = max(1, round(config.access / config.bandwidth * TICKS_PER_SECOND))
        self.lag = to_ticks(config.latency)

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of whole accesses, for each piece of a range."""
        asked = use.expect(Range)
        return self._serve(asked.pieces * ceil_div(asked.size, self._access), start)

    @property
    def grain(self) -> int:
        """Bytes of an access."""
        return self._access

    def turn(self, action: str, turn: Turn, start: Tick, *, follows: bool) -> Tick:
        """Serve a turn, whatever was served before."""
        return self._serve(ceil_div(turn.size, self._access), start)

    def _serve(self, accesses: int, start: Tick) -> Tick:
        self.count(start)
        ticks = accesses * self._served_in
        self._end = start + ticks + self.lag
        return ticks

    def states(self, now: Tick) -> tuple[tuple[str, Tick], ...]:
        """Serving until the last answer, waiting, rest."""
        return (_SERVES, self._end), (_WAITS, self._end + self._hold), (_RESTS, now)

    def state_key(self, now: Tick) -> Hashable:
        """Return when it has answered, relative to now, back to where it rests."""
        self.count(now)
        return self.state_at(now)

    def state_at(self, now: Tick) -> Tick:
        """Return the same; it must be settled to now."""
        return max(self._end - now, -self._hold)
