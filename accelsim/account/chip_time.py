"""How the time of a run was spent: awake at which operating point, or asleep in which state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.engine.run import Run
from accelsim.machine.chip_state import ChipState, PowerState
from accelsim.policies.idle import IDLE_STATES
from accelsim.program import ProgramKind


@dataclass(frozen=True)
class ChipTime:
    """Shares of a run: ``active`` by operating point, ``asleep`` by state; how often it woke up."""

    active: Mapping[str, float]
    asleep: Mapping[PowerState, float]
    wake_ups: int

    @property
    def awake(self) -> float:
        """The share in which programs ran."""
        return sum(self.active.values())


def chip_time(run: Run) -> ChipTime:
    """Return the shares of the states that the chip was in."""
    ticks = {state: n for state, n in run.ledger.chip_states.items() if n}
    total = sum(ticks.values())
    running = sorted((state for state in ticks if state.power is PowerState.ACTIVE), key=str)
    active = {state.point: ticks[state] / total for state in running}
    asleep = {
        state: ticks[ChipState(state)] / total for state in IDLE_STATES if ChipState(state) in ticks
    }
    return ChipTime(active, asleep, run.total(ProgramKind.POWER_UP).count)
