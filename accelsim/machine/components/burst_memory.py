"""A memory off the chip that answers a command with a burst, as a component of the machine."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Literal

from accelsim.errors import CapacityError, ConfigError
from accelsim.machine.components.base import ANY, Component, Datasheet, Part, Price
from accelsim.machine.components.off_chip import RestingServer, Turn
from accelsim.machine.components.server import Server
from accelsim.machine.site import Site
from accelsim.memory.burst_memory import (
    BurstMemoryTechnology,
    CurrentKind,
    RestName,
    load_burst_memory,
)
from accelsim.program import Range, Use
from accelsim.units import TICKS_PER_SECOND, Tick, ceil_div, format_bytes, to_ticks

# The states of a server, beside the one in which it rests.
ACCESS, STANDBY = "access", "standby"


class BurstMemoryConfig(Component):
    """A part of the technology table; ``idle_state`` is that in which it rests, its usual one.

    ``currents`` are maxima unless told otherwise: the kind that nearly every data sheet has.
    """

    technology: str
    idle_state: RestName | None = None
    currents: CurrentKind = "maximum"

    @property
    def part(self) -> BurstMemoryTechnology:
        """What the technology table says. Raises ConfigError for a state that it lacks."""
        part = load_burst_memory(self.technology)
        if self.idle_state and self.idle_state not in part.rests:
            known = ", ".join(part.rests)
            raise ConfigError(
                f"idle_state: {part.name} has no state '{self.idle_state}'; it has {known}"
            )
        return part

    @property
    def rests_in(self) -> RestName:
        """The state in which it is while nothing is asked for."""
        return self.idle_state or self.part.rests_in

    @property
    def keeps(self) -> bool:
        """Whether the contents outlive the state in which it rests."""
        return self.part.keeps(self.rests_in)

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the port's server."""
        return {ANY: BurstMemory(name, self.part, self.rests_in)}

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Bytes are paid by the bursts that they cause, rest by the time in each state.

        While a command waits for its data the part draws what it draws while it reads or writes.
        """
        part, access, power, kind = self.part, self.part.access, self.part.power, self.currents
        moved = Price("bytes", 0.0, paid_elsewhere=True)
        prices: dict[str, Price] = {}
        for action, current in (("read", power.read), ("write", power.write)):
            if current is not None:
                watts = power.voltage * current.of(kind)
                byte = access.transfer * (watts / access.bandwidth + power.bus)
                prices[action] = moved
                prices[f"{action}_command"] = Price("commands", watts * access.latency)
                prices[f"{action}_transfer"] = Price("transfers", byte)
        kelvin = site.process.temperature
        states: tuple[RestName, ...] = ("standby", self.rests_in)
        rests: dict[str, float] = {s: part.rest_power(s, kelvin, kind) for s in states}
        return Datasheet(
            Part.DRAM,
            prices,
            follows_supply=False,
            states={ACCESS: 0.0, **rests},
            source=f"{part.name}: {access.source}; {power.source}",
            unpriced="; ".join(part.doubts(self.rests_in, kelvin, kind)),
        )

    def layout(self, name: str, site: Site) -> Hashable:
        """That it is there, and what it keeps."""
        return self.keeps

    def timing(self, name: str, site: Site) -> Hashable:
        """Times of accesses and of leaving the state in which it rests."""
        leaves = self.part.rests[self.rests_in].exit
        return (self.part.capacity, self.part.access.digest, self.rests_in, leaves)

    @property
    def peak_bandwidth(self) -> float:
        """Bytes a second of a long access [B/s]."""
        return self.part.access.bandwidth

    def byte_energy(self, action: Literal["read", "write"], site: Site) -> float:
        """Return the energy of a byte of a sequential access [J/B].

        Flash counts as if it were written as it is read: a plan that writes to it never runs.
        """
        power = self.part.power
        current = (power.write if action == "write" else None) or power.read
        return self.part.stream_energy(current.of(self.currents))

    def in_rows(self, asked: Range, rows: int) -> Range:
        """Return an access to equal rows that lie one behind the other: one range."""
        return asked


class BurstMemory(RestingServer):
    """Serves one access at a time.

    After one it stays in standby for as long as it takes to leave the state in which it rests, then
    goes there: a shorter pause would not pay.
    """

    changing = (*RestingServer.changing, "_own")

    def __init__(self, name: str, part: BurstMemoryTechnology, rests_in: RestName) -> None:
        self._part, self._rests_in = part, rests_in
        self._exit = to_ticks(part.rests[rests_in].exit)
        super().__init__(name, self._exit + 1)
        self._latency = to_ticks(part.access.latency)
        self._burst, size = part.access.burst, part.access.transfer
        self._transfer = ceil_div(size * TICKS_PER_SECOND, int(part.access.bandwidth))
        self._own = Counter[str]()

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a range, one piece after the other. Raises CapacityError beyond."""
        asked = use.expect(Range)
        self._check(asked)
        commands = asked.pieces * (ceil_div(asked.size, self._burst) if self._burst else 1)
        transfers = asked.pieces * ceil_div(asked.size, self._part.access.transfer)
        return self._serve(use.action, commands, transfers, start)

    @property
    def grain(self) -> int:
        """Bytes of a command, or of what the bus moves at once where a command has no end."""
        return math.lcm(self._burst or 1, self._part.access.transfer)

    def turn(self, action: str, turn: Turn, start: Tick, *, follows: bool) -> Tick:
        """Serve a turn; a command without an end goes on until another comes between."""
        self._check(Range(turn.address, turn.size))
        commands = int(turn.fresh or not follows)
        if self._burst:
            commands = ceil_div(turn.size, self._burst)
        transfers = ceil_div(turn.size, self._part.access.transfer)
        return self._serve(action, commands, transfers, start)

    def _serve(self, action: str, commands: int, transfers: int, start: Tick) -> Tick:
        self.count(start)
        woken = start + (self._exit if start > self._end + self._exit else 0)
        moving = commands * self._latency + transfers * self._transfer
        self._own = Counter({f"{action}_command": commands, f"{action}_transfer": transfers})
        self._ticks[STANDBY] += woken - start
        self._ticks[ACCESS] += moving
        self._end = self._counted = woken + moving
        return self._end - start

    def extra_amounts(self) -> Counter[str]:
        """Return the commands and transfers of the last access."""
        return self._own

    def states(self, now: Tick) -> tuple[tuple[str, Tick], ...]:
        """Standby first, then rest."""
        return (STANDBY, self._end + self._exit), (self._rests_in, now)

    def state_key(self, now: Tick) -> Hashable:
        """Return for how long it has been free, up to when it rests."""
        self.count(now)
        return min(max(now, self._end) - self._end, self._exit + 1)

    def state_at(self, now: Tick) -> Tick:
        """Return the end of the last access, relative to now."""
        return self._end - now

    def _check(self, asked: Range) -> None:
        end = asked.address + (asked.pieces - 1) * asked.stride + asked.size
        if end > self._part.capacity:
            raise CapacityError(
                f"an access to {self.name} ends {end - self._part.capacity} B beyond the "
                f"{format_bytes(self._part.capacity)} of {self._part.name}; use a larger part"
            )
