"""Deeper the longer nothing happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Literal

from pydantic import model_validator

from accelsim.inputs.quantities import SimulatedSeconds
from accelsim.inputs.validation import RuleError
from accelsim.machine.chip_state import PowerState
from accelsim.policies.idle.base import IDLE_STATES, IdlePlan, IdlePolicy, StateCost
from accelsim.units import Tick, format_si, to_seconds, to_ticks


class Timeout(IdlePolicy):
    """Enters a state after a fixed time of idleness, and wakes at the next arrival.

    A state without a threshold is never entered; without any the device stays idle. The best
    threshold without knowledge of the future is the break-even time: it costs at most twice what
    the oracle pays (Karlin et al., "Competitive Randomized Algorithms for Nonuniform Problems",
    Algorithmica 11, 1994).
    """

    knows_costs = False
    asked_each_time = False

    policy: Literal["timeout"]
    clock_gated_after: SimulatedSeconds | None = None
    retention_after: SimulatedSeconds | None = None
    off_after: SimulatedSeconds | None = None

    @model_validator(mode="after")
    def _deeper_later(self) -> Timeout:
        for (shallow, early), (deep, late) in pairwise(self._thresholds()):
            if late <= early:
                key, other = f"{deep}_after", f"{shallow}_after"
                message = (
                    f"a deeper state must come later, but {_seconds(late)} is not after "
                    f"{other} of {_seconds(early)}; raise {key} or leave {other} out"
                )
                raise RuleError(((key,), message))
        return self

    def plan(self, gap: Tick | None, costs: Mapping[PowerState, StateCost]) -> IdlePlan:
        """Return the same plan for every gap."""
        return self._plan

    @cached_property
    def _plan(self) -> IdlePlan:
        steps = tuple((after, state) for state, after in self._thresholds())
        if not steps or steps[0][0] > 0:
            steps = ((0, PowerState.IDLE), *steps)
        return IdlePlan(steps, wakes_early=False)

    def _thresholds(self) -> Iterator[tuple[PowerState, Tick]]:
        for state in IDLE_STATES[1:]:
            after = getattr(self, f"{state}_after")
            if after is not None:
                yield state, to_ticks(after)


def _seconds(ticks: Tick) -> str:
    return format_si(to_seconds(ticks), "s")
