"""What a pattern of requests is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, ClassVar

from pydantic import Field

from accelsim.errors import ConfigError
from accelsim.inputs.paths import KeyPath, format_path
from accelsim.inputs.validation import ConfigModel
from accelsim.requests.lengths import Lengths, LengthsConfig, length_problems
from accelsim.requests.per_task import PositiveSeconds, SecondsPerTask, value_of
from accelsim.requests.request import Request, RequestContext
from accelsim.requests.times import LONGEST_SECONDS
from accelsim.units import Tick, to_ticks

# [ours] A day of them simulates in minutes; more is a slip of the pen.
MAXIMUM_REQUESTS = 2_000_000

Seed = Annotated[int, Field(ge=0)]


class RequestPattern(ConfigModel):
    """Says which sentences are asked for, and when.

    ``pattern`` is how a workload calls it: a Literal in each subclass. In a closed loop a sentence
    is asked for when the one before is done; otherwise requests come when they come.
    """

    closed_loop: ClassVar[bool] = False

    pattern: str

    def generate(self, context: RequestContext) -> list[Request]:
        """Return the requests in order of arrival, numbered from 0.

        Raises ConfigError with one line for each problem, ``requests.key: what is wrong``, or
        ``file:row: ...`` for a trace file.
        """
        wrong = list(self.problems(context))
        if wrong:
            lines = (f"{format_path(('requests', *path))}: {text}" for path, text in wrong)
            raise ConfigError("\n".join(lines))
        requests = self.make_requests(context)
        if len(requests) > MAXIMUM_REQUESTS:
            raise ConfigError(f"requests: {too_many(len(requests))}")
        return requests

    def problems(self, context: RequestContext) -> Iterator[tuple[KeyPath, str]]:
        """Yield pairs of a key path below ``requests`` and what is wrong there in this workload."""
        yield from ()

    def content(self, context: RequestContext) -> Hashable:
        """Return all that the requests of a context are made from; equal ones are equal."""
        return (self.digest, context)

    def horizon(self) -> Tick | None:
        """Return the tick at which the observed time ends, None: with the last request's end."""
        return None

    @abstractmethod
    def make_requests(self, context: RequestContext) -> list[Request]:
        """Return the requests of a context without problems."""


def too_many(count: float) -> str:
    """Return the message for more requests than are generated."""
    return (
        f"{count:,.0f} requests are too many; expected at most {MAXIMUM_REQUESTS:,}: ask less "
        "often or for a shorter time"
    )


# Not a cached property: a copy with another rate_factor would keep it.
@lru_cache(maxsize=16)
def _decimal_ratio(number: float) -> tuple[int, int]:
    """Return the decimal number as it was typed, as a ratio: 0.1 is a tenth."""
    return Fraction(repr(number)).as_integer_ratio()


class OpenLoop(RequestPattern):
    """Requests that come at times of their own.

    ``rate_factor`` divides all arrival times and the duration: the same requests, that many times
    as often. A ``deadline`` is counted from the arrival, whatever the factor.
    """

    rate_factor: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    deadline: SecondsPerTask | None = None

    def scaled(self, time: Tick) -> Tick:
        """Return a time divided by ``rate_factor``, to the nearest tick, halves up."""
        over, under = _decimal_ratio(self.rate_factor)
        return (2 * time * under + over) // (2 * over)

    def deadline_of(self, task: str, arrival: Tick) -> Tick | None:
        """Return the absolute deadline of a request, None if its task has none."""
        if self.deadline is None or (isinstance(self.deadline, dict) and task not in self.deadline):
            return None
        return arrival + to_ticks(value_of(task, self.deadline))

    def _scaled_problems(self, duration: float) -> Iterator[tuple[KeyPath, str]]:
        seconds = duration / self.rate_factor
        if seconds > LONGEST_SECONDS:
            message = (
                f"stretches the duration to {seconds:,.0f} s; expected at most "
                f"{LONGEST_SECONDS:,} s: raise it or shorten the duration"
            )
            yield ("rate_factor",), message


class GeneratedRequests(OpenLoop):
    """Requests made by a rule: those whose arrival, before ``rate_factor``, is below ``duration``.

    ``lengths`` are those of the GLUE tasks unless told otherwise: a stream of requests is meant to
    be like that of a device in use, and its sentences are seldom full.
    """

    duration: PositiveSeconds
    lengths: LengthsConfig = "glue"
    seed: Seed = 1

    def horizon(self) -> Tick:
        """Return the tick at which the observed time ends."""
        return self.scaled(to_ticks(self.duration))

    def problems(self, context: RequestContext) -> Iterator[tuple[KeyPath, str]]:
        """Yield what is wrong in this workload, and more requests than are generated."""
        yield from length_problems(self.lengths, context)
        yield from self._scaled_problems(self.duration)
        wrong = list(self.task_problems(context.tasks))
        yield from wrong
        if not wrong and (expected := self.expected_requests(context.tasks)) > MAXIMUM_REQUESTS:
            yield ("duration",), too_many(expected)

    def make_requests(self, context: RequestContext) -> list[Request]:
        """Return the requests: arrivals by the rule, lengths from streams of their own."""
        lengths = Lengths(self.lengths, self.seed, context)
        requests = []
        for number, (time, task) in enumerate(self.arrivals(context.tasks)):
            arrival, tokens = self.scaled(time), lengths.draw(task)
            deadline = self.deadline_of(task, arrival)
            requests.append(Request(number, task, arrival, tokens, deadline=deadline))
        return requests

    @abstractmethod
    def task_problems(self, tasks: tuple[str, ...]) -> Iterator[tuple[KeyPath, str]]:
        """Yield mappings by task that do not fit the tasks of the workload."""

    @abstractmethod
    def expected_requests(self, tasks: tuple[str, ...]) -> float:
        """Return the mean number of requests."""

    @abstractmethod
    def arrivals(self, tasks: tuple[str, ...]) -> Iterable[tuple[Tick, str]]:
        """Return (time before ``rate_factor``, task) in order; ties in the order of the tasks."""
