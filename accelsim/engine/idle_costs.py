"""What an idle policy that looks at costs is told, and what it plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import fsum

from accelsim.engine.residency import Held, Missing, Residency
from accelsim.errors import MappingError, ProgramError
from accelsim.machine.chip_state import PowerState
from accelsim.policies.idle import IdlePlan, IdlePolicy, StateCost
from accelsim.units import Tick


@dataclass(frozen=True)
class IdleCosts:
    """What idleness costs, for a policy that looks at it.

    ``states`` are those that the machine can take; waking from ``off`` includes shared parameters,
    not those of tasks: ``reloads`` are the joules of loading what a task lacks, or a model that is
    swapped in a memory, and ``loads`` what each of several models does.
    """

    states: Mapping[PowerState, StateCost]
    reloads: Mapping[tuple[Held, Missing], float]
    loads: Mapping[str, float] = field(default_factory=dict)


# What a policy is given that does not look at costs.
NO_COSTS = IdleCosts({PowerState.IDLE: StateCost(0.0, 0.0, 0)}, {})


Costs = Mapping[PowerState, StateCost]


class IdlePlanner:
    """Asks an idle policy, telling it what states cost: off also what it would lose."""

    def __init__(
        self, policy: IdlePolicy, costs: IdleCosts, residency: Residency, machine: str
    ) -> None:
        self._policy, self._costs = policy, costs
        self._residency, self._machine = residency, machine
        # By the joules of what a power-off would lose.
        self._priced: dict[float, Costs] = {}
        # Of thousands of idle times most begin with the same few contents.
        self._told = lru_cache(maxsize=1000)(self._find)

    def plan(self, gap: Tick | None, absent: frozenset[str]) -> tuple[IdlePlan, Costs]:
        """Return the plan until an arrival after ``gap`` and what states cost.

        ``absent`` are models whose shared parameters are lost already. Raises MappingError for a
        state that the machine does not have, PluginError for a plan that is none.
        """
        costs, plan = self._told(self._residency.contents, absent)
        return plan or self._checked(gap, costs), costs

    def _find(self, contents: object, absent: frozenset[str]) -> tuple[Costs, IdlePlan | None]:
        """Return what states cost with such contents, and the plan if that decides it."""
        costs = self._now(absent)
        return costs, None if self._policy.asked_each_time else self._checked(None, costs)

    def _now(self, absent: frozenset[str]) -> Costs:
        states, reloads = self._costs.states, self._costs.reloads
        if PowerState.OFF not in states:
            return states
        models = (joules for model, joules in self._costs.loads.items() if model not in absent)
        lost = fsum((*(reloads.get(loss, 0.0) for loss in self._residency.losses()), *models))
        if not lost:
            return states
        if lost not in self._priced:
            off = states[PowerState.OFF]
            with_reload = replace(off, wake_energy=off.wake_energy + lost)
            self._priced[lost] = {**states, PowerState.OFF: with_reload}
        return self._priced[lost]

    def _checked(self, gap: Tick | None, costs: Costs) -> IdlePlan:
        policy = self._policy
        plan = policy.checked_plan(gap, costs)
        if policy.knows_costs and (lacking := {state for _, state in plan.steps} - costs.keys()):
            raise MappingError(
                f"idle policy '{policy.policy}' enters '{min(lacking)}', a state that the machine "
                f"'{self._machine}' does not have; `costs` has those that there are"
            )
        if plan.wakes_early and gap is not None and not policy.knows_costs:
            raise ProgramError(f"idle policy '{policy.policy}' wakes early and knows no costs")
        return plan
