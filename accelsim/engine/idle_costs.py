"""What an idle policy that looks at costs is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from accelsim.engine.residency import Held, Missing
from accelsim.machine.chip_state import PowerState
from accelsim.policies.idle import StateCost


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
