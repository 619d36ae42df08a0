"""What an idle policy is: power states, what they cost, and plans to go through them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from accelsim.inputs.plugins import broken_promise
from accelsim.inputs.validation import ConfigModel
from accelsim.machine.chip_state import PowerState
from accelsim.units import Tick

# The states that a device without work can be in, by depth.
IDLE_STATES = (PowerState.IDLE, PowerState.CLOCK_GATED, PowerState.RETENTION, PowerState.OFF)


@dataclass(frozen=True, slots=True)
class StateCost:
    """What a state costs a device.

    ``watts`` is drawn in the state, ``wake_energy`` joules by leaving it, with the reload of what
    it loses; leaving takes ``wake_time`` ticks.
    """

    watts: float
    wake_energy: float
    wake_time: Tick


@dataclass(frozen=True, slots=True)
class IdlePlan:
    """What a device does while idle.

    ``steps`` are (ticks after the start of idleness, state), the first at 0, ascending. With
    ``wakes_early`` the device is ready at the next arrival: it begins to wake a wake time before;
    else it begins at the arrival.
    """

    steps: tuple[tuple[Tick, PowerState], ...]
    wakes_early: bool

    def stays(self, duration: Tick) -> Iterator[tuple[PowerState, Tick]]:
        """Yield the states that the plan reaches within ``duration``, and the ticks in each.

        The last one is the state to wake from; it may have been reached just then.
        """
        ends = [start for start, _ in self.steps[1:]] + [duration]
        for (start, state), end in zip(self.steps, ends, strict=True):
            if start <= duration:
                yield state, min(end, duration) - start


class IdlePolicy(ConfigModel):
    """Plans each idle interval at its start.

    ``policy`` is how a workload calls the policy: a Literal in each subclass. ``knows_costs`` says
    whether it looks at what states cost; one that does not is given none but ``IDLE``, and cannot
    wake early. One that is not ``asked_each_time`` is asked once for equal costs.
    """

    knows_costs: ClassVar[bool] = True
    asked_each_time: ClassVar[bool] = True

    policy: str

    @abstractmethod
    def plan(self, gap: Tick | None, costs: Mapping[PowerState, StateCost]) -> IdlePlan:
        """Return what to do until the next arrival.

        ``gap`` is the ticks until then, None when nothing follows: only a policy that knows the
        future may look at it. ``costs`` has the states of the machine, ``IDLE`` always.
        """

    def checked_plan(self, gap: Tick | None, costs: Mapping[PowerState, StateCost]) -> IdlePlan:
        """Return the plan. Raises PluginError for one that is none."""
        plan = self.plan(gap, costs)
        if not _is_sound(plan.steps):
            raise broken_promise(
                self.plan,
                f"expected an IdlePlan with steps (ticks, PowerState), the first at 0, in whole "
                f"ticks that do not descend, and no state {PowerState.ACTIVE}; got {plan!r}",
            )
        return plan


def _is_sound(steps: tuple[tuple[Tick, PowerState], ...]) -> bool:
    """Whether steps are those of a plan."""
    times = [time for time, _ in steps]
    known = all(state in IDLE_STATES for _, state in steps)
    return known and times[:1] == [0] and times == sorted(times)
