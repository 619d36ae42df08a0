"""A server without a simulator, and what idleness costs: where policies are judged."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from accelsim.machine.chip_state import PowerState
from accelsim.policies.idle import IdlePlan, StateCost
from accelsim.policies.scheduling import SchedulingPolicy
from accelsim.requests.request import Request
from accelsim.units import Tick, to_seconds


class Served(NamedTuple):
    request: Request
    start: Tick


def age(request: Request) -> tuple[Tick, int]:
    return (request.arrival, request.number)


def serve(policy: SchedulingPolicy, requests: Sequence[Request], service: Tick) -> list[Served]:
    """Serve all requests, ``service`` ticks each, never idle while one waits."""
    coming = sorted(requests, key=age)
    waiting: list[Request] = []
    served: list[Served] = []
    present, now = None, 0
    while coming or waiting:
        if not waiting:
            now = max(now, coming[0].arrival)
        while coming and coming[0].arrival <= now:
            insort(waiting, coming.pop(0), key=age)
        chosen = waiting.pop(policy.choose(waiting, present, now))
        served.append(Served(chosen, now))
        present, now = chosen.task, now + service
    return served


def switches(served: Sequence[Served]) -> int:
    tasks = [each.request.task for each in served]
    return sum(a != b for a, b in zip([None, *tasks], tasks, strict=False))


def joules(plan: IdlePlan, gap: Tick, costs: Mapping[PowerState, StateCost]) -> float:
    """Return what a gap costs: each state's power for its stay, then the wake-up.

    A device that wakes early spends the wake time inside the gap, the other one after it.
    """
    energy, last = 0.0, PowerState.IDLE
    for state, ticks in plan.stays(gap):
        last = state
        energy += costs[state].watts * to_seconds(ticks)
    if plan.wakes_early:
        energy -= costs[last].watts * to_seconds(costs[last].wake_time)
    return energy + costs[last].wake_energy
