"""Batches of one task, to switch less often, with a bound on what that costs the others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

from accelsim.inputs.quantities import SimulatedSeconds
from accelsim.policies.scheduling.base import SchedulingPolicy
from accelsim.requests.request import Request
from accelsim.units import Tick, to_ticks


class TaskAffinity(SchedulingPolicy):
    """Stays with the present task until a request has waited ``maximum_delay`` or more.

    The oldest waiting request (by arrival, then number) is served when it has waited that long,
    or when no request of the present task waits; else the oldest one of the present task.

    Invariant: if request B is chosen at time t while an older request A waits, then B is of the
    task served just before it, and A has waited less than the delay: t < A's arrival +
    ``maximum_delay``. So a request that has waited the delay is overtaken no more: only the
    request in service and older ones come before it. A delay of 0 s is FIFO.
    """

    name: Literal["task_affinity"]
    maximum_delay: SimulatedSeconds

    @cached_property
    def _patience(self) -> Tick:
        return to_ticks(self.maximum_delay)

    def choose(self, waiting: Sequence[Request], present: str | None, now: Tick) -> int:
        """Return the position of the oldest request, or of the oldest of the present task."""
        if now - waiting[0].arrival >= self._patience:
            return 0
        return next((at for at, request in enumerate(waiting) if request.task == present), 0)
