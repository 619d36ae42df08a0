"""Deeper as soon as the idle time so far would have paid for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from accelsim.machine.chip_state import PowerState
from accelsim.policies.idle.base import IDLE_STATES, IdlePlan, IdlePolicy, StateCost
from accelsim.units import Tick, to_ticks


class BreakEven(IdlePolicy):
    """Enters each state at its break-even time, and wakes at the next arrival.

    A stay of t costs ``watts * t + wake_energy`` in a state; at any time the device is in the state
    that would have been cheapest had idleness ended then. That costs at most twice what the oracle
    pays (Irani, Shukla and Gupta, "Online strategies for dynamic power management in systems with
    multiple power-saving states", ACM TECS 2(3), 2003). Power-off is charged with the reload of all
    that it loses, as the oracle's. Of equal states it takes the shallower.
    """

    asked_each_time = False

    policy: Literal["break_even"]

    def plan(self, gap: Tick | None, costs: Mapping[PowerState, StateCost]) -> IdlePlan:
        """Return the same plan for every gap."""
        states = [state for state in IDLE_STATES if state in costs]
        present = min(states, key=lambda state: (costs[state].wake_energy, costs[state].watts))
        steps = {0: present}
        while rivals := {
            state: _break_even(costs[present], costs[state])
            for state in states
            if costs[state].watts < costs[present].watts
        }:
            present = min(rivals, key=lambda state: (rivals[state], costs[state].watts))
            # Of states that begin together the deepest is entered.
            steps[to_ticks(rivals[present])] = present
        return IdlePlan(tuple(steps.items()), wakes_early=False)


def _break_even(shallow: StateCost, deep: StateCost) -> float:
    """Return after how many seconds a deeper state has cost as little as a shallower one."""
    return (deep.wake_energy - shallow.wake_energy) / (shallow.watts - deep.watts)
