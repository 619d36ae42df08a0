"""Conversations: silence, then a few requests of one task in short order."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from accelsim.inputs.quantities import SimulatedSeconds
from accelsim.requests.base import GeneratedRequests
from accelsim.requests.draws import exponential, geometric, stream, uniform
from accelsim.requests.per_task import PositiveSeconds, spelled_tasks
from accelsim.units import TICKS_PER_SECOND, Tick, to_ticks


def _some_weight(weights: dict[str, float]) -> dict[str, float]:
    if not any(weights.values()):
        raise ValueError("expected at least one weight above 0, got none")
    return weights


Weights = Annotated[
    dict[str, Annotated[float, Field(ge=0, le=1e9)]],
    AfterValidator(spelled_tasks),
    AfterValidator(_some_weight),
]


class Bursts(GeneratedRequests):
    """On and off: bursts of one task each, with silence between them.

    From the last request of a burst to the first of the next is an exponential time of mean
    ``mean_interval``. A burst has a geometric number of requests (1, 2, ...) of mean
    ``requests_per_burst``, exponential times of mean ``gap`` apart. Its task is drawn by
    ``weights``, which are equal unless given.
    """

    by_task: ClassVar[tuple[str, ...]] = ("lengths", "weights")

    pattern: Literal["bursts"]
    mean_interval: PositiveSeconds
    requests_per_burst: Annotated[float, Field(ge=1, le=1e6)]
    gap: SimulatedSeconds
    weights: Weights | None = None

    def expected_requests(self, tasks: tuple[str, ...]) -> float:
        """Return the mean number of requests of a long time, in proportion."""
        cycle = self.mean_interval + (self.requests_per_burst - 1) * self.gap
        return self.requests_per_burst * self.duration / cycle

    def arrivals(self, tasks: tuple[str, ...]) -> Iterator[tuple[Tick, str]]:
        """Yield (time before ``rate_factor``, task) in order."""
        names = sorted(tasks)
        sums = list(accumulate(self.weights[name] if self.weights else 1.0 for name in names))
        times, choices = stream(self.seed, "arrivals"), stream(self.seed, "tasks")
        silence, gap = (time * TICKS_PER_SECOND for time in (self.mean_interval, self.gap))
        end, time = to_ticks(self.duration), exponential(times, silence)
        while time < end:
            task = names[bisect(sums, uniform(choices) * sums[-1])]
            for follows in range(geometric(times, self.requests_per_burst)):
                time += exponential(times, gap) if follows else 0
                if time >= end:
                    return
                yield time, task
            time += exponential(times, silence)
