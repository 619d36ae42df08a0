"""Timings of a DRAM part in ticks, and the state of a channel as a value."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from accelsim.memory.dram import DramState, DramTechnology
from accelsim.units import Tick, to_ticks

IdleState = Literal["self_refresh", "power_down", "standby"]


@dataclass(frozen=True, slots=True)
class DramTicks:
    """The timings of a part in ticks, rounded up; ``burst_gap`` is max(tCCD, burst)."""

    activate_to_column: Tick
    precharge: Tick
    all_banks_precharge: Tick
    activate_to_precharge: Tick
    read_latency: Tick
    write_latency: Tick
    write_recovery: Tick
    read_to_precharge: Tick
    write_to_read: Tick
    burst: Tick
    burst_gap: Tick
    activate_to_activate: Tick
    four_activates: Tick
    refresh_cycle: Tick
    refresh_interval: Tick
    idle_exit: Tick
    idle_minimum: Tick

    @classmethod
    def of(cls, technology: DramTechnology, idle_state: IdleState) -> DramTicks:
        """Return the ticks of a part; the exit and minimum stay are those of the idle state."""
        timing = technology.timing
        own = {field.name for field in fields(cls)}
        named = {name: to_ticks(time) for name, time in timing if name in own}
        burst = to_ticks(technology.burst_time)
        leave, stay = {
            "self_refresh": (timing.self_refresh_exit, timing.self_refresh_minimum),
            "power_down": (timing.power_down_exit, timing.power_down_minimum),
            "standby": (0.0, 0.0),
        }[idle_state]
        return cls(
            **named,
            all_banks_precharge=to_ticks(timing.precharge_all_time),
            burst=burst,
            burst_gap=max(burst, to_ticks(timing.column_to_column)),
            idle_exit=to_ticks(leave),
            idle_minimum=to_ticks(stay),
        )


@dataclass(frozen=True, slots=True)
class ChannelState:
    """What a channel's future depends on, from some tick; nothing of it binds when ``quiet``."""

    times: dict[str, Tick]
    flags: dict[str, object]
    rows: dict[int, tuple[int, Tick]]
    activate_from: tuple[Tick, ...]
    activates: tuple[Tick, ...]
    changes: tuple[tuple[Tick, DramState], ...]
    quiet: bool
