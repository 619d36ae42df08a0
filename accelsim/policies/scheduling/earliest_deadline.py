"""Earliest deadline first.

Source: Liu and Layland, "Scheduling Algorithms for Multiprogramming in a Hard-Real-Time
Environment", Journal of the ACM 20(1), 1973, section 7; here without preemption.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from accelsim.policies.scheduling.base import SchedulingPolicy
from accelsim.requests.request import Request
from accelsim.units import Tick


class EarliestDeadline(SchedulingPolicy):
    """Serves the request whose deadline is nearest or longest past.

    Requests without a deadline come after all that have one; ties go by arrival, then number.
    """

    name: Literal["earliest_deadline"]

    def choose(self, waiting: Sequence[Request], present: str | None, now: Tick) -> int:
        """Return the position of the first request that has the earliest deadline."""
        best, earliest = 0, waiting[0].deadline
        for at, request in enumerate(waiting):
            deadline = request.deadline
            if deadline is not None and (earliest is None or deadline < earliest):
                best, earliest = at, deadline
        return best

    def rank(self, request: Request) -> tuple[int, ...]:
        """Return (without a deadline, deadline, arrival, number)."""
        without = request.deadline is None
        return int(without), request.deadline or 0, request.arrival, request.number
