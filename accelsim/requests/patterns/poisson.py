"""Requests that know nothing of each other."""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum
from typing import ClassVar, Literal

from accelsim.requests.base import GeneratedRequests
from accelsim.requests.draws import exponential, stream
from accelsim.requests.per_task import PositiveSecondsPerTask, value_of
from accelsim.units import TICKS_PER_SECOND, Tick, to_ticks


class Poisson(GeneratedRequests):
    """Each task is asked for after independent exponential times of mean ``mean_interval``.

    That is one time for each task (three tasks come three times as often as one) or a mapping by
    task. What one task draws does not depend on the others.
    """

    by_task: ClassVar[tuple[str, ...]] = ("lengths", "mean_interval")

    pattern: Literal["poisson"]
    mean_interval: PositiveSecondsPerTask

    def expected_requests(self, tasks: tuple[str, ...]) -> float:
        """Return the mean number of requests."""
        return fsum(self.duration / value_of(task, self.mean_interval) for task in tasks)

    def arrivals(self, tasks: tuple[str, ...]) -> list[tuple[Tick, str]]:
        """Return (time before ``rate_factor``, task), task by task."""
        return [(time, task) for task in tasks for time in self._times(task)]

    def _times(self, task: str) -> Iterator[Tick]:
        source = stream(self.seed, "arrivals", task)
        mean = value_of(task, self.mean_interval) * TICKS_PER_SECOND
        end = to_ticks(self.duration)
        time = exponential(source, mean)
        while time < end:
            yield time
            time += exponential(source, mean)
