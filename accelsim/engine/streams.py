"""Request streams: an open one has arrival times of its own, a closed one waits for answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import takewhile
from typing import Protocol

from accelsim.inputs.plugins import broken_promise
from accelsim.policies.scheduling import SchedulingPolicy
from accelsim.requests.request import Request
from accelsim.units import Tick


class Stream(Protocol):
    """What the controller asks: each request is handed out once, in order of (arrival, number).

    ``following`` is the next request with its arrival, ``None`` when none will come; it is asked
    for only when nothing waits and all that were handed out have been answered.
    """

    def take(self, now: Tick) -> list[Request]:
        """Return the requests that have come by now and were not handed out before."""

    def joining(self, now: Tick) -> list[Request]:
        """Return those that have come by now while others are being answered."""

    def following(self, now: Tick) -> Request | None:
        """Return the next request, or None."""


class OpenStream:
    """Requests that arrive at times of their own, sorted by arrival."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self._requests = requests
        self._next = 0

    def take(self, now: Tick) -> list[Request]:
        """Return the new arrivals up to and including ``now``."""
        first = last = self._next
        while last < len(self._requests) and self._requests[last].arrival <= now:
            last += 1
        self._next = last
        return list(self._requests[first:last])

    joining = take

    def following(self, now: Tick) -> Request | None:
        """Return the next request."""
        return self._requests[self._next] if self._next < len(self._requests) else None


@dataclass
class ClosedStream:
    """One client that asks again when it has its answers, and ``gap`` ticks before each round.

    It asks at most ``batch`` requests of a task and a round at once.
    """

    requests: Sequence[Request]
    gap: Tick = 0
    batch: int = 1

    def __post_init__(self) -> None:
        self._next = 0
        self._asked: Request | None = None
        self._round = -1

    def take(self, now: Tick) -> list[Request]:
        """Return what has been asked, if its time has come."""
        following = self.following(now)
        if following is None or following.arrival > now:
            return []
        self._asked = None
        rest = self.requests[self._next : self._next + self.batch - 1]
        alike = takewhile(lambda each: _kind(each) == _kind(following), rest)
        together = [following, *(replace(each, arrival=following.arrival) for each in alike)]
        self._next += len(together) - 1
        return together

    def joining(self, now: Tick) -> list[Request]:
        """Return none: the client waits."""
        return []

    def following(self, now: Tick) -> Request | None:
        """Return the next request; its pause counts from the first call after an answer."""
        if self._asked is None:
            if self._next == len(self.requests):
                return None
            request = self.requests[self._next]
            self._next += 1
            pause = self.gap if request.round != self._round else 0
            self._round = request.round
            self._asked = replace(request, arrival=now + pause)
        return self._asked


def _kind(request: Request) -> tuple[str, int]:
    return request.task, request.round


@dataclass
class WaitingRequests:
    """Requests that have come and are not served yet, in the order of a policy.

    ``ranked`` is a heap, for a policy that ranks requests; ``listed`` is in order of arrival.
    """

    policy: SchedulingPolicy
    ranked: list[tuple[tuple[int, ...], int, Request]] = field(default_factory=list)
    listed: list[Request] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.ranked or self.listed)

    def add(self, requests: Sequence[Request]) -> None:
        """Let requests wait that come after all that were added before."""
        for request in requests:
            rank = self.policy.rank(request)
            if rank is None and not self.ranked:
                self.listed.append(request)
            elif rank is not None and not self.listed:
                heappush(self.ranked, (rank, request.number, request))
            else:
                expected = "expected a tuple of int for every request, or None for every one"
                raise broken_promise(self.policy.rank, f"{expected}; got {rank!r}")

    def take(self, present: str | None, now: Tick) -> Request:
        """Return the request to serve next; it waits no longer."""
        if self.ranked:
            return heappop(self.ranked)[-1]
        return self.listed.pop(self._chosen(present, now))

    def take_alike(self, present: str, now: Tick) -> Request | None:
        """Return the request to serve next, if it is of the present task; else all wait on."""
        if not self:
            return None
        following = self.ranked[0][-1] if self.ranked else self.listed[self._chosen(present, now)]
        return self.take(present, now) if following.task == present else None

    def _chosen(self, present: str | None, now: Tick) -> int:
        at, count = self.policy.choose(self.listed, present, now), len(self.listed)
        if not 0 <= at < count:
            expected = f"expected a position from 0 to {count - 1}"
            raise broken_promise(self.policy.choose, f"{expected}; got {at!r}")
        return at
