"""A request every so often, as of a sensor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from accelsim.requests.base import GeneratedRequests
from accelsim.requests.per_task import PositiveSecondsPerTask, SecondsPerTask, value_of
from accelsim.units import Tick, ceil_div, to_ticks


class Periodic(GeneratedRequests):
    """Each task is asked for at ``offset`` and every ``period`` from then on.

    Either is one time for each task or a mapping by task. Requests of one tick come in the order
    of the workload's tasks.
    """

    by_task: ClassVar[tuple[str, ...]] = ("lengths", "period", "offset")

    pattern: Literal["periodic"]
    period: PositiveSecondsPerTask
    offset: Annotated[SecondsPerTask, Field(json_schema_extra={"default": "0 s"})] = 0.0

    def expected_requests(self, tasks: tuple[str, ...]) -> int:
        """Return the exact number of requests."""
        return sum(self._count(task) for task in tasks)

    def arrivals(self, tasks: tuple[str, ...]) -> list[tuple[Tick, str]]:
        """Return (time before ``rate_factor``, task), task by task."""
        return [(time, task) for task in tasks for time in self._times(task)]

    def _count(self, task: str) -> int:
        room = to_ticks(self.duration) - to_ticks(value_of(task, self.offset))
        return max(0, ceil_div(room, to_ticks(value_of(task, self.period))))

    def _times(self, task: str) -> Iterator[Tick]:
        offset, period = (to_ticks(value_of(task, key)) for key in (self.offset, self.period))
        return (offset + turn * period for turn in range(self._count(task)))
