"""What knowledge of the next arrival is worth: the bound to measure real policies by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from accelsim.machine.chip_state import PowerState
from accelsim.policies.idle.base import IDLE_STATES, IdlePlan, IdlePolicy, StateCost
from accelsim.units import Tick, to_seconds


class Oracle(IdlePolicy):
    """Knows the next arrival: takes the state of least energy, and is awake when it comes.

    A state costs ``watts * (gap - wake_time) + wake_energy``; one that cannot be left in time is
    out of the question. When nothing follows it takes the state of least power. Of equal states
    it takes the shallower. Power-off is charged with the reload of all that it loses, so that each
    sleep pays for itself: no policy that keeps contents does better, and none at all while one
    task is resident at a time. With several, a policy that knew all arrivals could do better.
    """

    policy: Literal["oracle"]

    def plan(self, gap: Tick | None, costs: Mapping[PowerState, StateCost]) -> IdlePlan:
        """Return one step: the best state for this gap."""
        known = (state for state in IDLE_STATES if state in costs)
        states = [s for s in known if gap is None or costs[s].wake_time <= gap]
        best = min(states, key=lambda state: _price(costs[state], gap), default=PowerState.IDLE)
        return IdlePlan(((0, best),), wakes_early=True)


def _price(cost: StateCost, gap: Tick | None) -> float:
    """Return the joules of a state over a gap; without one its watts, which then decide."""
    if gap is None:
        return cost.watts
    return cost.watts * to_seconds(gap - cost.wake_time) + cost.wake_energy
