"""A segment under construction: tasks, and the bytes that every buffer holds.

No buffer may ever hold more than its capacity, whatever the order in which the queues run. So a
task that takes bytes waits for the tasks whose releases make the room; what was waited for once
is waited for by every later taker of that buffer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from math import inf

from accelsim.program import Segment, SegmentBuilder, Use
from accelsim.values import dataclass


class NoRoomError(Exception):
    """A buffer cannot make room: (what, buffer, bytes needed, bytes free, capacity)."""

    def __init__(self, what: str, buffer: str, needed: int, free: int, capacity: int) -> None:
        super().__init__(what, buffer, needed, free, capacity)


@dataclass
class _Level:
    """Bytes held in one buffer, in program order.

    All that was planned is the same in a buffer of ``least`` bytes, up to less than ``beyond``.
    What fits, whatever waits for whatever, is so in one of ``peak`` bytes, to less than ``short``.
    """

    capacity: int
    held: int
    releasable: int = 0
    least: int = 0
    peak: int = 0
    beyond: float = inf
    short: float = inf
    releases: deque[tuple[int, int]] = field(default_factory=deque)
    fence: dict[str, int] = field(default_factory=dict)

    def copy(self) -> _Level:
        return replace(self, releases=deque(self.releases), fence=dict(self.fence))

    def holds(self, size: int) -> bool:
        """Say whether so many bytes fit the buffer, and remember that it mattered."""
        if size <= self.capacity:
            self.least = max(self.least, size)
            return True
        self.beyond = min(self.beyond, size)
        return False

    def release(self, task: int, size: int) -> None:
        self.releases.append((task, size))
        self.releasable += size

    def reclaim(self) -> int:
        """Count the oldest release as done; return its task."""
        task, size = self.releases.popleft()
        self.held -= size
        self.releasable -= size
        return task


class Plan:
    """Tasks of one segment with the levels of all buffers.

    ``capacities`` and ``held`` are bytes by buffer; ``held`` is what lies there when the segment
    starts.
    """

    def __init__(self, name: str, capacities: Mapping[str, int], held: Mapping[str, int]) -> None:
        self._builder = SegmentBuilder(name)
        self._levels = {b: _Level(size, held.get(b, 0)) for b, size in capacities.items()}
        self.last_in_queue: dict[str, int] = {}

    def copy(self) -> Plan:
        """Return an independent copy, to try a continuation."""
        other = Plan.__new__(Plan)
        other._builder = self._builder.copy()
        other._levels = {name: level.copy() for name, level in self._levels.items()}
        other.last_in_queue = dict(self.last_in_queue)
        return other

    def fits(self, buffer: str, size: int) -> bool:
        """Say whether bytes are free or will be released by tasks planned so far."""
        level = self._levels[buffer]
        live = level.held - level.releasable + size
        if level.holds(live):
            level.peak = max(level.peak, live)
            return True
        level.short = min(level.short, live)
        return False

    def bounds(self, *, fits: bool = False) -> dict[str, tuple[int, float]]:
        """Return the capacities of which the plan is the same: at least, and less than.

        With ``fits`` those of which what fits is the same.
        """
        levels = self._levels.items()
        if fits:
            return {name: (level.peak, level.short) for name, level in levels}
        return {name: (level.least, level.beyond) for name, level in levels}

    def task(
        self,
        queue: str,
        operator: str,
        uses: Iterable[Use],
        after: Iterable[int] = (),
        holds: Iterable[tuple[str, int]] = (),
    ) -> int:
        """Append a task that takes ``holds`` (buffer, bytes); return its id.

        Raises NoRoomError when a buffer cannot make the room.
        """
        wanted = [each for each in holds if each[1]]
        waits = set(after)
        for buffer, size in wanted:
            waits.update(self._make_room(operator, buffer, size))
        number = self._builder.add(queue, operator, uses, waits, wanted)
        self.last_in_queue[queue] = number
        return number

    def release(self, task: int, buffer: str, size: int) -> None:
        """Give back bytes when a task ends, which took them or waits for the one that did."""
        if size:
            self._builder.release(task, buffer, size)
            self._levels[buffer].release(task, size)

    def end_held(self) -> dict[str, int]:
        """Return the bytes that every buffer still holds when the segment has ended."""
        return {name: level.held - level.releasable for name, level in self._levels.items()}

    def build(self) -> Segment:
        """Return the segment."""
        return self._builder.build()

    def _make_room(self, what: str, buffer: str, size: int) -> Iterable[int]:
        level = self._levels[buffer]
        # What fits as it is fits behind releases, too.
        if level.held + size > level.capacity and not self.fits(buffer, size):
            free = level.capacity - level.held + level.releasable
            raise NoRoomError(what, buffer, size, free, level.capacity)
        while not level.holds(level.held + size):
            task = level.reclaim()
            # In-order queues: waiting for the last task of a queue covers those before it.
            queue = self._builder.queue_of(task)
            level.fence[queue] = max(task, level.fence.get(queue, -1))
        level.held += size
        return level.fence.values()
