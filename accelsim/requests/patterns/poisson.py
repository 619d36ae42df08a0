"""Requests that know nothing of each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from accelsim.inputs.paths import KeyPath
from accelsim.requests.base import GeneratedRequests
from accelsim.requests.draws import exponential, stream
from accelsim.requests.per_task import PositiveSecondsPerTask, unequal_tasks, value_of
from accelsim.units import TICKS_PER_SECOND, Tick, to_ticks


class Poisson(GeneratedRequests):
    """Each task is asked for after independent exponential times of mean ``mean_interval``.

    That is one time for each task (three tasks come three times as often as one) or a mapping by
    task. What one task draws does not depend on the others.
    """

    pattern: Literal["poisson"]
    mean_interval: PositiveSecondsPerTask

    def task_problems(self, tasks: tuple[str, ...]) -> Iterator[tuple[KeyPath, str]]:
        """Yield a mapping by task that does not fit the tasks of the workload."""
        if isinstance(self.mean_interval, dict):
            for message in unequal_tasks(self.mean_interval, tasks):
                yield ("mean_interval",), message

    def expected_requests(self, tasks: tuple[str, ...]) -> float:
        """Return the mean number of requests."""
        return sum(self.duration / value_of(task, self.mean_interval) for task in tasks)

    def arrivals(self, tasks: tuple[str, ...]) -> list[tuple[Tick, str]]:
        """Return (time before ``rate_factor``, task) in order."""
        times = [(time, task) for task in tasks for time in self._times(task)]
        return sorted(times, key=lambda each: each[0])

    def _times(self, task: str) -> Iterator[Tick]:
        source = stream(self.seed, "arrivals", task)
        mean = value_of(task, self.mean_interval) * TICKS_PER_SECOND
        end = to_ticks(self.duration)
        time = exponential(source, mean)
        while time < end:
            yield time
            time += exponential(source, mean)
