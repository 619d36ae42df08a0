"""A segment under construction: tasks, and the bytes that every buffer holds.

No buffer may ever hold more than its capacity, whatever the order in which the queues run. So a
task that takes bytes waits for the tasks whose releases make the room; what was waited for once
is waited for by every later taker of that buffer.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf

from accelsim.program import Pairs, Segment, Task, Use


class NoRoomError(Exception):
    """A buffer cannot make room: (what, buffer, bytes needed, bytes free, capacity)."""

    def __init__(self, what: str, buffer: str, needed: int, free: int, capacity: int) -> None:
        super().__init__(what, buffer, needed, free, capacity)


@dataclass
class _Level:
    """Bytes of one buffer, in program order.

    ``live`` are those that no task planned so far gives back: at most ``peak``; ``short`` are the
    fewest that did not fit. ``steps`` are the bytes that tasks take, and give back (negative).
    """

    capacity: int
    live: int
    peak: int = 0
    short: float = inf
    steps: list[tuple[int, int]] = field(default_factory=list)

    def copy(self) -> _Level:
        return replace(self, steps=list(self.steps))

    def fits(self, size: int) -> bool:
        """Say whether so many bytes fit the buffer, and remember that it mattered."""
        if self.live + size <= self.capacity:
            self.peak = max(self.peak, self.live + size)
            return True
        self.short = min(self.short, self.live + size)
        return False

    def step(self, task: int, size: int) -> None:
        self.steps.append((task, size))
        self.live += size


Bounds = dict[str, tuple[int, float]]
"""Capacities of buffers, at least and less than, of which something is the same."""


class Plan:
    """Tasks of one segment with what they take of all buffers.

    ``capacities`` and ``held`` are bytes by buffer; ``held`` is what lies there when the segment
    starts. Only what fits depends on the capacities, and what takers wait for, which ``build``
    finds.
    """

    def __init__(self, name: str, capacities: Mapping[str, int], held: Mapping[str, int]) -> None:
        self._name, self._held = name, held
        self._levels = {b: _Level(size, held.get(b, 0)) for b, size in capacities.items()}
        self._tasks: list[tuple[str, str, tuple[Use, ...], set[int], Pairs]] = []
        self._releases: dict[int, Pairs] = {}
        self.last_in_queue: dict[str, int] = {}

    def copy(self) -> Plan:
        """Return an independent copy, to try a continuation."""
        other = copy.copy(self)
        other._tasks, other._releases = list(self._tasks), dict(self._releases)
        other._levels = {name: level.copy() for name, level in self._levels.items()}
        other.last_in_queue = dict(self.last_in_queue)
        return other

    def fits(self, buffer: str, size: int) -> bool:
        """Say whether bytes are free or will be released by tasks planned so far."""
        return self._levels[buffer].fits(size)

    @property
    def bounds(self) -> Bounds:
        """The capacities of which what fits is the same, whatever waits for whatever."""
        return {name: (level.peak, level.short) for name, level in self._levels.items()}

    def task(
        self,
        queue: str,
        operator: str,
        uses: Iterable[Use],
        after: Iterable[int] = (),
        holds: Iterable[tuple[str, int]] = (),
    ) -> int:
        """Append a task that takes ``holds`` (buffer, bytes); return its id.

        Uses of amount zero are left out. Raises NoRoomError when a buffer cannot make the room.
        """
        number, wanted = len(self._tasks), tuple([each for each in holds if each[1]])
        for buffer, size in wanted:
            level = self._levels[buffer]
            if not level.fits(size):
                free = level.capacity - level.live
                raise NoRoomError(operator, buffer, size, free, level.capacity)
            level.step(number, size)
        busy = tuple([use for use in uses if use.demand.amount])
        self._tasks.append((queue, operator, busy, set(after), wanted))
        self.last_in_queue[queue] = number
        return number

    def release(self, task: int, buffer: str, size: int) -> None:
        """Give back bytes when a task ends, which took them or waits for the one that did."""
        if size:
            self._releases[task] = (*self._releases.get(task, ()), (buffer, size))
            self._levels[buffer].step(task, -size)

    def end_held(self) -> dict[str, int]:
        """Return the bytes that every buffer still holds when the segment has ended."""
        return {name: level.live for name, level in self._levels.items()}

    def build(self) -> Segment:
        """Return the segment."""
        return self.built({name: level.capacity for name, level in self._levels.items()})[0]

    def built(self, capacities: Mapping[str, int]) -> tuple[Segment, Bounds]:
        """Return the segment with buffers in which the same fits, and of which it is the same."""
        bounds, waits = self.bounds, [each[3] for each in self._tasks]
        for name, level in self._levels.items():
            least, beyond, fences = self._wait_for_room(name, capacities[name])
            bounds[name] = max(least, level.peak), min(beyond, level.short)
            for task, fence in fences:
                waits[task] = waits[task] | fence
        tasks = tuple(
            Task(n, queue, operator, uses, tuple(sorted(after)), holds, self._releases.get(n, ()))
            for n, ((queue, operator, uses, _, holds), after) in enumerate(
                zip(self._tasks, waits, strict=True)
            )
        )
        return Segment(self._name, tasks), bounds

    def _wait_for_room(
        self, buffer: str, capacity: int
    ) -> tuple[int, float, list[tuple[int, set[int]]]]:
        """Return the capacities of which the waits for room are the same, and those of takers."""
        held, least, beyond = self._held.get(buffer, 0), 0, inf
        releases, last, fence = deque[tuple[int, int]](), dict[str, int](), set[int]()
        fences = []
        for task, size in self._levels[buffer].steps:
            if size < 0:
                releases.append((task, size))
                continue
            held += size
            if held > capacity:
                while held > capacity:
                    beyond = min(beyond, held)
                    freed, back = releases.popleft()
                    held += back
                    # In-order queues: waiting for the last task of a queue covers those before it.
                    queue = self._tasks[freed][0]
                    last[queue] = max(freed, last.get(queue, -1))
                fence = set(last.values())
            least = max(least, held)
            if fence:
                fences.append((task, fence))
        return least, beyond, fences
