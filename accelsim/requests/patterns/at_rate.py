"""The requests of another pattern, stretched in time to a mean rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import WithJsonSchema

from accelsim.errors import ConfigError
from accelsim.inputs.files import read_bytes
from accelsim.inputs.paths import KeyPath
from accelsim.inputs.plugins import Plugin, loaded_plugins
from accelsim.inputs.quantities import PositiveInt, RequestRate
from accelsim.requests.base import RequestPattern
from accelsim.requests.patterns import RequestsConfig
from accelsim.requests.request import Request, RequestContext
from accelsim.units import TICKS_PER_SECOND, Tick, to_ticks


@dataclass(frozen=True)
class RequestShape:
    """Requests to be stretched in time: those that come within ``horizon`` ticks."""

    requests: tuple[Request, ...]
    horizon: Tick

    def at(self, rate: float) -> tuple[list[Request], Tick]:
        """Return requests at a rate [1/s], deadlines as far from arrivals, and a horizon."""
        horizon = to_ticks(len(self.requests) / rate)
        return [self._moved(request, horizon) for request in self.requests], horizon

    def _moved(self, request: Request, horizon: Tick) -> Request:
        arrival, deadline = request.arrival * horizon // self.horizon, request.deadline
        if deadline is not None:
            deadline += arrival - request.arrival
        return replace(request, arrival=arrival, deadline=deadline)


# A schema that has itself as a part has no end.
_PATTERN = {"type": "object", "required": ["pattern"], "description": "a pattern of requests"}


class AtRate(RequestPattern):
    """The ``first`` requests of the pattern ``of``, stretched in time to a mean ``rate``.

    Deadlines keep their distance from the arrival. The rounds of a closed loop are repeated and
    come at equal intervals, whoever waits.
    """

    pattern: Literal["at_rate"]
    rate: RequestRate
    first: PositiveInt
    of: Annotated[RequestsConfig, WithJsonSchema(_PATTERN)]

    @property
    def source(self) -> str:
        """The pattern that is stretched."""
        return f"{self.of.source}, at a rate"

    def trace(self, folder: Path) -> Path | None:
        """Return the file of the pattern that is stretched."""
        return self.of.trace(folder)

    def problems(self, context: RequestContext) -> Iterator[tuple[KeyPath, str]]:
        """Yield what is wrong with the pattern that is stretched."""
        yield from ((("of", *path), text) for path, text in self.of.problems(context))

    def horizon(self) -> Tick:
        """Return the tick at which the stretched requests end to come."""
        return to_ticks(self.first / self.rate)

    def make_requests(self, context: RequestContext) -> list[Request]:
        """Return the stretched requests. Raises ConfigError for fewer than are wanted."""
        shape = request_shape(self.of, context, self.first)
        if len(shape.requests) < self.first:
            told = f"requests.first: {self.of.pattern} has {len(shape.requests)} requests"
            raise ConfigError(f"{told}, fewer than {self.first}; lower it")
        return shape.at(self.rate)[0]


def request_shape(pattern: RequestPattern, context: RequestContext, limit: int) -> RequestShape:
    """Return the first requests of a pattern, up to a number, and the time in which they come.

    Of an open pattern that time ends with the next arrival, or with the pattern's duration. The
    rounds of a closed loop are repeated up to the number and come at equal intervals, all requests
    of a round at once: served one after the other, with the idle time between rounds that the rate
    leaves. Raises ConfigError when no rate can be told.
    """
    file = pattern.trace(context.folder)
    content = b"" if file is None else read_bytes(file)
    return _shape(_Asked(pattern.digest, context, limit, content, loaded_plugins(), pattern))


@dataclass(frozen=True)
class _Asked:
    """All that a shape depends on."""

    digest: str
    context: RequestContext
    limit: int
    content: bytes
    plugins: tuple[Plugin, ...]
    pattern: RequestPattern = field(compare=False)


# A rate after another is asked of one shape.
@lru_cache(maxsize=1)
def _shape(asked: _Asked) -> RequestShape:
    pattern, limit = asked.pattern, asked.limit
    if pattern.closed_loop:
        return _rounds(pattern, asked.context, limit)
    requests, horizon = pattern.generate(asked.context), pattern.horizon()
    if not requests:
        raise ConfigError("requests: none arrives in this time; lengthen it or ask more often")
    if limit < len(requests):
        horizon = requests[limit].arrival
    elif horizon is None:
        # Nothing says when the next one would have come: a mean interval after the last.
        horizon = requests[-1].arrival * len(requests) // max(1, len(requests) - 1)
    if not horizon:
        raise ConfigError(
            f"requests: the first {min(limit, len(requests))} all arrive at 0 s, so they have no "
            "rate to change; raise --requests, or give requests.duration"
        )
    return RequestShape(tuple(requests[:limit]), horizon)


def _rounds(pattern: RequestPattern, context: RequestContext, limit: int) -> RequestShape:
    def asked(rounds: int) -> list[Request]:
        return pattern.model_copy(update={"rounds": rounds}).generate(context)

    each = len(asked(1))
    requests = asked(max(1, limit // each))
    interval = each * TICKS_PER_SECOND
    moved = tuple(replace(request, arrival=request.round * interval) for request in requests)
    return RequestShape(moved, len(requests) * TICKS_PER_SECOND)
