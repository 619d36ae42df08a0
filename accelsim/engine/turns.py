"""A port that serves its masters in turn, a burst each.

Between arrivals and ends all bursts are equal, so that whoever ends next is known in closed form: a
lone master's use is one event, and so is what several share until one of them ends. An arrival cuts
it at the end of the burst that is being served.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from accelsim.machine.components.server import Server
from accelsim.program import Task, Use
from accelsim.units import Tick, ceil_div


class Happening:
    """What SimPy needs of an event, and no more: who is called, and about which task."""

    __slots__ = ("callbacks", "task")
    _ok = True

    def __init__(self, callbacks: Callbacks, task: Task | None = None) -> None:
        self.callbacks, self.task = callbacks, task


Callbacks = tuple[Callable[[Happening], None], ...]


class Clock(Protocol):
    """What a port asks of the environment."""

    @property
    def now(self) -> Tick:
        """The present tick."""

    def call(self, callbacks: Callbacks, delay: Tick) -> Happening:
        """Let an event happen after a delay; return it."""


@dataclass
class Item:
    """A use of a task, how many of its ticks are left, and what serving it caused."""

    task: Task
    number: int
    use: Use
    ticks: Tick
    left: Tick
    caused: Mapping[str, int] = field(default_factory=dict)


Served = Callable[[Item, Tick, Tick, Tick], None]


class TurnPort:
    """One port during a segment; ``burst`` are the ticks of a turn.

    ``ended`` is called with each use that has ended and the tick of its outcome, ``served`` with
    the stretches of a use, the ticks done before and those of start and end, if anyone watches.
    Turns go round in the order of the masters' names; what arrives in the tick in which a burst
    ends is in time.
    """

    def __init__(
        self,
        clock: Clock,
        server: Server,
        burst: Tick,
        ended: Callable[[Item, Tick], None],
        served: Served | None,
    ) -> None:
        self._clock, self._server, self._burst = clock, server, burst
        self._ended, self._served = ended, served
        self._queues: dict[str, deque[Item]] = {}
        self._joining: list[tuple[str, Item]] = []
        self._last = ""
        # All bursts that began before this tick are done.
        self._since: Tick = 0
        self._expected: Happening | None = None
        # The masters in order and the number of the burst that ends a use, until bursts are done.
        self._ending: tuple[list[str], int] | None = None

    def add(self, master: str, item: Item) -> None:
        """Let a use wait for its master's turn; those of one master follow one another."""
        now = self._clock.now
        if not self._queues:
            self._server.idle += now - self._server.free_at
            self._since = now
        else:
            self._catch_up(now)
        if self._since < now and master not in self._queues:
            self._joining.append((master, item))
            return
        self._queues.setdefault(master, deque()).append(item)
        self._expect()

    def _order(self, last: str | None = None) -> list[str]:
        """Return the masters in the order of their turns, after whose turn was the last."""
        if len(self._queues) == 1:
            return list(self._queues)
        names, last = sorted(self._queues), self._last if last is None else last
        return [n for n in names if n > last] + [n for n in names if n <= last]

    def _last_burst(self, order: list[str]) -> int:
        """Return the number of the first burst that ends a use, counted from now on."""
        queues, burst, count = self._queues, self._burst, len(order)
        if count == 1:
            return ceil_div(queues[order[0]][0].left, burst) - 1
        return min(
            (ceil_div(queues[name][0].left, burst) - 1) * count + place
            for place, name in enumerate(order)
        )

    def _catch_up(self, now: Tick) -> None:
        """Note the bursts that began before a tick as done, but for one that ends a use."""
        order = self._order()
        begun = ceil_div(max(0, now - self._since), self._burst)
        self._pass(order, min(begun, self._last_burst(order)))

    def _pass(self, order: list[str], bursts: int) -> None:
        """Serve so many whole bursts."""
        if not bursts:
            return
        self._ending, count = None, len(order)
        if self._served:
            self._show(order, bursts, self._served)
        for place, name in enumerate(order):
            self._queues[name][0].left -= ceil_div(max(0, bursts - place), count) * self._burst
        self._last = order[(bursts - 1) % count]
        self._since += bursts * self._burst

    def _show(self, order: list[str], bursts: int, served: Served) -> None:
        # A lone master's bursts are one stretch.
        turns, length = (1, bursts) if len(order) == 1 else (bursts, 1)
        for number in range(turns):
            turn, place = divmod(number, len(order))
            item = self._queues[order[place]][0]
            start = self._since + number * self._burst
            done = item.ticks - item.left + turn * self._burst
            served(item, done, start, start + length * self._burst)

    def _expect(self) -> None:
        """Wait for the next end of a use, in place of the one expected before."""
        self._expected = self._clock.call((self._end,), self._next_end() - self._clock.now)

    def _next_end(self) -> Tick:
        """Return the tick in which the next use ends, if nothing arrives before."""
        order = self._order()
        number = self._last_burst(order)
        self._ending = order, number
        rest = (self._queues[order[number % len(order)]][0].left - 1) % self._burst + 1
        return self._since + number * self._burst + rest

    def _complete(self) -> Item:
        """Serve all up to the next end of a use, and return that, which its master still has."""
        if self._ending is None:
            self._next_end()
        assert self._ending is not None
        order, number = self._ending
        self._pass(order, number)
        self._last = order[number % len(order)]
        item = self._queues[self._last][0]
        if self._served:
            done = item.ticks - item.left
            self._served(item, done, self._since, self._since + item.left)
        self._since += item.left
        return item

    def _end(self, event: Happening) -> None:
        if event is not self._expected:
            return
        item = self._complete()
        self._queues[self._last].popleft()
        if not self._queues[self._last]:
            del self._queues[self._last]
        self._server.busy += item.ticks
        for master, joining in self._joining:
            self._queues.setdefault(master, deque()).append(joining)
        self._joining.clear()
        if self._queues:
            self._expect()
        else:
            self._server.free_at = self._since
        self._ended(item, self._since + self._server.lag)
