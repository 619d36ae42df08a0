"""What a pattern of requests is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from accelsim.errors import ConfigError
from accelsim.inputs.paths import KeyPath, format_path
from accelsim.inputs.plugins import broken_promise
from accelsim.inputs.quantities import PositiveInt, SimulatedSeconds
from accelsim.inputs.validation import ConfigModel
from accelsim.requests.lengths import Lengths, LengthsConfig, unknown_lengths
from accelsim.requests.per_task import (
    PositiveSeconds,
    SecondsPerTask,
    other_tasks,
    unequal_tasks,
    value_of,
)
from accelsim.requests.request import LONGEST_SECONDS, Request, RequestContext, Requests
from accelsim.units import Tick, to_ticks

# [ours] A day of them simulates in minutes; more is a slip of the pen.
MAXIMUM_REQUESTS = 2_000_000

Seed = Annotated[int, Field(ge=0)]


class RequestPattern(ConfigModel):
    """Says which sentences are asked for, and when.

    ``pattern`` is how a workload calls it: a Literal in each subclass. Requests come when they
    come, but for those of a ``ClosedLoop``. A mapping by task in a key of ``by_task`` must name all
    tasks of the workload.
    """

    by_task: ClassVar[tuple[str, ...]] = ()

    pattern: str

    @property
    def closed_loop(self) -> bool:
        """Whether a sentence is asked for when the one before is done."""
        return False

    @property
    def turns(self) -> PositiveInt:
        """The rounds of a closed loop; an open stream is one."""
        return 1

    @property
    def pause(self) -> NonNegativeInt:
        """The ticks of idleness before each round of a closed loop."""
        return 0

    @property
    def source(self) -> str:
        """Where the requests come from, in words for a report."""
        return self.pattern

    def trace(self, folder: Path) -> Path | None:
        """Return the file that a workload in a folder takes its requests from, None for none."""
        return None

    def generate(self, context: RequestContext) -> Requests:
        """Return the requests in order of arrival, numbered from 0.

        Raises ConfigError with one line for each problem, ``requests.key: what is wrong``, or
        ``file:row: ...`` for a trace file.
        """
        wrong = list(self.problems(context))
        if wrong:
            lines = (f"{format_path(('requests', *path))}: {text}" for path, text in wrong)
            raise ConfigError("\n".join(lines))
        made = self.make_requests(context)
        if wrong_one := _wrong_request(made, context):
            raise broken_promise(self.make_requests, wrong_one)
        requests = made if isinstance(made, Requests) else Requests(made)
        if len(requests) > MAXIMUM_REQUESTS:
            raise ConfigError(f"requests: {too_many(len(requests))}")
        return requests

    def problems(self, context: RequestContext) -> Iterator[tuple[KeyPath, str]]:
        """Yield pairs of a key path below ``requests`` and what is wrong there in this workload."""
        yield from unequal_tasks(self, self.by_task, context.tasks)

    def horizon(self) -> NonNegativeInt | None:
        """Return the tick at which the observed time ends, None: with the last request's end."""
        return None

    @abstractmethod
    def make_requests(self, context: RequestContext) -> list[Request]:
        """Return the requests of a context without problems."""


def _wrong_request(made: list[Request], context: RequestContext) -> str:
    """Return what is wrong with the requests that a pattern has made, nothing for good ones."""
    tasks, longest, latest = {*context.tasks}, context.sequence_length, 0
    for number, one in enumerate(made):
        layers = (one.exit_layer, one.predicted_layer)
        if not (
            one.number == number
            and one.task in tasks
            and latest <= one.arrival
            and 1 <= one.tokens <= longest
            and all(n is None or 1 <= n <= context.layers for n in layers)
        ):
            return (
                "expected requests of the workload's tasks, numbered from 0, in order of arrival "
                f"from tick 0 on, all in whole ticks, of 1 to {longest} tokens, and exits from 1 "
                f"to {context.layers}; got {one!r} as number {number}"
            )
        latest = one.arrival
    return ""


class ClosedLoop(RequestPattern):
    """Requests of which each is asked for when the one before is done, in ``rounds``.

    Each has the number of its round. Before each round the device is idle for
    ``idle_between_rounds``.
    """

    rounds: PositiveInt
    idle_between_rounds: Annotated[
        SimulatedSeconds, Field(json_schema_extra={"default": "0 s"})
    ] = 0.0

    @property
    def closed_loop(self) -> bool:
        """It is."""
        return True

    @property
    def turns(self) -> int:
        """The rounds."""
        return self.rounds

    @property
    def pause(self) -> Tick:
        """The idleness before each round."""
        return to_ticks(self.idle_between_rounds)


def too_many(count: float) -> str:
    """Return the message for more requests than are generated."""
    most = f"expected at most {MAXIMUM_REQUESTS:,}: ask less often or for a shorter time"
    return f"{count:,.0f} requests are too many; {most}"


class OpenLoop(RequestPattern):
    """Requests that come at times of their own.

    ``duration`` ends the observed time; without it the last request's end does. ``rate_factor``
    divides it and all arrival times: the same requests, that many times as often. A ``deadline`` is
    counted from the arrival, whatever the factor.
    """

    duration: PositiveSeconds | None = None
    rate_factor: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    deadline: SecondsPerTask | None = None

    def horizon(self) -> Tick | None:
        """Return the tick at which the observed time ends, None without ``duration``."""
        return None if self.duration is None else self.scaled(to_ticks(self.duration))

    def problems(self, context: RequestContext) -> Iterator[tuple[KeyPath, str]]:
        """Yield what is wrong in this workload."""
        yield from super().problems(context)
        yield from other_tasks(self, ["deadline"], context.tasks)
        seconds = (self.duration or 0.0) / self.rate_factor
        if seconds > LONGEST_SECONDS:
            advice = f"expected at most {LONGEST_SECONDS:,} s: raise it or shorten the duration"
            yield ("rate_factor",), f"stretches the duration to {seconds:,.0f} s; {advice}"

    @cached_property
    def _ratio(self) -> tuple[int, int]:
        """The factor as it was typed: 0.1 is a tenth."""
        return Fraction(repr(self.rate_factor)).as_integer_ratio()

    def scaled(self, time: Tick) -> Tick:
        """Return a time divided by ``rate_factor``, to the nearest tick, halves up."""
        over, under = self._ratio
        return (2 * time * under + over) // (2 * over)

    def deadline_of(self, task: str, arrival: Tick) -> Tick | None:
        """Return the absolute deadline of a request, None if its task has none."""
        if self.deadline is None or (isinstance(self.deadline, dict) and task not in self.deadline):
            return None
        return arrival + to_ticks(value_of(task, self.deadline))


class GeneratedRequests(OpenLoop):
    """Requests made by a rule: those whose arrival, before ``rate_factor``, is below ``duration``.

    ``lengths`` are those of the GLUE tasks unless told otherwise: a stream of requests is meant to
    be like that of a device in use, and its sentences are seldom full.
    """

    by_task: ClassVar[tuple[str, ...]] = ("lengths",)

    duration: PositiveSeconds
    lengths: LengthsConfig = "glue"
    seed: Seed = 1

    def problems(self, context: RequestContext) -> Iterator[tuple[KeyPath, str]]:
        """Yield what is wrong in this workload, and more requests than are generated."""
        yield from super().problems(context)
        if self.lengths == "glue" and (unknown := unknown_lengths(context.tasks)):
            yield ("lengths",), unknown
        fitting = not any(unequal_tasks(self, self.by_task, context.tasks))
        if fitting and (expected := self.expected_requests(context.tasks)) > MAXIMUM_REQUESTS:
            yield ("duration",), too_many(expected)

    def make_requests(self, context: RequestContext) -> list[Request]:
        """Return the requests: arrivals by the rule, lengths from streams of their own."""
        lengths = Lengths(self.lengths, self.seed, context)
        requests = []
        # The sort is stable: ties stay as they are.
        arrivals = sorted(self.arrivals(context.tasks), key=lambda each: each[0])
        if unknown := sorted({task for _, task in arrivals}.difference(context.tasks)):
            known = f"expected tasks of {', '.join(context.tasks)}"
            raise broken_promise(self.arrivals, f"{known}; got {', '.join(unknown)}")
        for number, (time, task) in enumerate(arrivals):
            arrival, tokens = self.scaled(time), lengths.draw(task)
            deadline = self.deadline_of(task, arrival)
            requests.append(Request(number, task, arrival, tokens, deadline=deadline))
        return requests

    @abstractmethod
    def expected_requests(self, tasks: tuple[str, ...]) -> NonNegativeFloat:
        """Return the mean number of requests."""

    @abstractmethod
    def arrivals(self, tasks: tuple[str, ...]) -> Iterable[tuple[NonNegativeInt, str]]:
        """Return (time before ``rate_factor``, task); what comes together in the order to serve."""
