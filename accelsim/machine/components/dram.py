"""The DRAM channel as a component of the machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from accelsim.machine.components.base import ANY, Component, Datasheet, Part, Price
from accelsim.machine.components.off_chip import OffChipServer, Turn
from accelsim.machine.components.server import Server
from accelsim.machine.site import Site
from accelsim.machine.timing.dram_channel import DramChannel
from accelsim.machine.timing.dram_ticks import ChannelState, IdleState
from accelsim.memory.dram import DramState, load_dram, prices
from accelsim.memory.dram_rules import ArrayShare
from accelsim.program import Range, Use
from accelsim.units import Tick

_NOTHING: Counter[str] = Counter()
_BURSTS = frozenset({"read_burst", "write_burst"})
# The states in which the clocks of controller and PHY stop.
_ASLEEP = frozenset({"self_refresh", "power_down"})


class DramConfig(Component):
    """The off-chip channel: a part of the technology table, in lock step if several.

    ``refreshed`` is the share of the array that self-refresh keeps; what lies beyond is not used.
    """

    keeps: ClassVar[bool] = True

    technology: str
    devices: Annotated[int, Field(gt=0, le=64)] = 1
    idle_state: IdleState = "self_refresh"
    refreshed: ArrayShare = "all"

    @property
    def rests_in(self) -> DramState:
        """The state in which it is while nothing is asked for."""
        return "precharge_standby" if self.idle_state == "standby" else self.idle_state

    @property
    def peak_bandwidth(self) -> float:
        """Bytes a second on all data pins [B/s]."""
        return load_dram(self.technology).peak_bandwidth * self.devices

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the channel's server."""
        return {ANY: Dram(name, self)}

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Commands pay for bytes, time in states for standby; controller and PHY are in both."""
        part, logic = load_dram(self.technology), site.logic
        kelvin = site.process.temperature
        cost = prices(part, self.devices, part.self_refresh_factor(kelvin, self.refreshed))
        bytes_moved = Price("bytes", 0.0, paid_elsewhere=True)
        burst = 8 * part.organisation.burst_size * self.devices * logic.interface_bit
        joules = cost["joules"].items()
        commands = {a: Price("commands", j + burst * (a in _BURSTS)) for a, j in joules}
        return Datasheet(
            Part.DRAM,
            {"read": bytes_moved, "write": bytes_moved, **commands},
            follows_supply=False,
            states={
                state: watts + (0.0 if state in _ASLEEP else logic.interface_power)
                for state, watts in cost["watts"].items()
            },
            source=f"{part.name}: {part.timing.source}; {part.power.source}; "
            + logic.sources_of("dram_interface"),
            unpriced=part.unpriced,
        )

    def layout(self, name: str, site: Site) -> Hashable:
        """That it is there."""
        return True

    def timing(self, name: str, site: Site) -> Hashable:
        """The part's organisation and timings, how many of them, and how they sleep."""
        part = load_dram(self.technology)
        own = (self.devices, self.idle_state, self.refreshed)
        return (part.organisation.digest, part.timing.digest, *own)

    def channel(self) -> DramChannel:
        """Return a channel that has been idle for long."""
        part = load_dram(self.technology)
        return DramChannel(part, self.devices, self.idle_state, self.refreshed)

    def byte_energy(self, action: Literal["read", "write"], site: Site) -> float:
        """Return the energy of a byte of a sequential access, controller and PHY included [J/B]."""
        return load_dram(self.technology).stream_energy(action) + 8 * site.logic.interface_bit

    def in_rows(self, asked: Range, rows: int) -> Range:
        """Return an access to equal rows that lie one behind the other: one range."""
        return asked


@lru_cache(maxsize=256)
def _from_sleep(part: Hashable, config: DramConfig, action: str, asked: Range) -> DramChannel:
    """Return a channel that slept for long, then served a range; its file says ``part`` of it."""
    channel = config.channel()
    _serve(channel, action, asked, 0)
    return channel


def _serve(channel: DramChannel, action: str, asked: Range, start: Tick) -> Tick:
    """Serve the pieces of a range one after the other; return the tick of the last end."""
    for piece in range(asked.pieces):
        address = asked.address + piece * asked.stride
        start = channel.access(start, address, asked.size, action == "write")
    return start


class Dram(OffChipServer):
    """Serves one sequential access at a time; commands and refreshes are counted as they happen.

    The pieces of a range are scattered rows, or one place that is read again. Commands of an access
    are told from those of the background (refreshes while nothing is asked for).
    """

    changing = ("channel", "_seen", "_own", "_background")
    aligned = True

    def __init__(self, name: str, config: DramConfig) -> None:
        super().__init__(name)
        self._config, self.channel = config, config.channel()
        part = self.channel.technology
        self._part = (part.organisation.digest, part.timing.digest)
        self._seen, self._own, self._background = (Counter[str]() for _ in range(3))

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a range, one piece after the other."""
        asked = use.expect(Range)
        self.channel.settle(start)
        self._background += self._new_commands()
        if self.channel.settled == start and self.channel.is_quiet(start):
            known = _from_sleep(self._part, self._config, use.action, asked)
            end = start + known.settled
            self.channel.resume(known.state_at(known.settled), end)
            for name, amount in known.counts.items():
                self.channel.counts[name] += amount
            for state, ticks in known.residency.items():
                self.channel.residency[state] += ticks
        else:
            end = _serve(self.channel, use.action, asked, start)
        self._own = self._new_commands()
        return end - start

    @property
    def grain(self) -> int:
        """Bytes of a burst of all devices."""
        return self.channel.burst_size

    def turn(self, action: str, turn: Turn, start: Tick, *, follows: bool) -> Tick:
        """Serve a turn; what goes on with an access takes no latency of its own."""
        if not follows:
            self.channel.settle(start)
            self._background += self._new_commands()
        asked = (start, turn.address, turn.size, action == "write")
        end = self.channel.access(*asked, goes_on=follows and not turn.fresh)
        self._own = self._new_commands()
        return end - start

    def extra_amounts(self) -> Counter[str]:
        """Return the commands of the last access: activate, read_burst, write_burst, refresh."""
        return self._own

    def take_background(self, now: Tick) -> Counter[str]:
        """Settle the channel and return the background commands since the last call."""
        self.channel.settle(now)
        if self.channel.counts == self._seen and not self._background:
            return _NOTHING
        found = self._background + self._new_commands()
        self._background = Counter()
        return found

    @property
    def residency(self) -> Counter[str]:
        """Ticks in each state up to the last settlement."""
        return Counter({str(state): ticks for state, ticks in self.channel.residency.items()})

    def state_key(self, now: Tick) -> Hashable:
        """Return the state relative to now: equal keys, equal futures."""
        return self.channel.state_key(now)

    def state_at(self, now: Tick) -> ChannelState:
        """Return the state to hand to ``resume``; the channel must be settled to now."""
        return self.channel.state_at(now)

    def resume(self, state: ChannelState, now: Tick, residency: Counter[str]) -> None:
        """Go on from a recorded state, after the ticks in each state of what is replayed."""
        self.channel.resume(state, now)
        for name in self.channel.residency:
            self.channel.residency[name] += residency[name]

    def _new_commands(self) -> Counter[str]:
        if self.channel.counts == self._seen:
            return Counter()
        counts = Counter(self.channel.counts)
        new, self._seen = counts - self._seen, counts
        return new
