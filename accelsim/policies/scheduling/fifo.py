"""First in, first out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from accelsim.policies.scheduling.base import SchedulingPolicy
from accelsim.requests.request import Request
from accelsim.units import Tick


class Fifo(SchedulingPolicy):
    """Serves in the order of arrival; of two that arrive together, the lower number first."""

    name: Literal["fifo"]

    def choose(self, waiting: Sequence[Request], present: str | None, now: Tick) -> int:
        """Return the position of the oldest request."""
        return 0

    def rank(self, request: Request) -> tuple[int, ...]:
        """Return (arrival, number)."""
        return request.arrival, request.number
