"""A port that serves its masters in turn, a burst each.

Between arrivals and ends all bursts are equal, so that whoever ends next is known in closed form: a
lone master's use is one event, and so is what several share until one of them ends. An arrival cuts
it at the end of the burst that is being served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from accelsim.machine.components.server import Server
from accelsim.program import Task, Use
from accelsim.units import Tick, ceil_div


@dataclass(slots=True)
class Item:
    """A use of a task, how many of its ticks are left, and what serving it caused."""

    task: Task
    number: int
    use: Use
    ticks: Tick
    left: Tick
    caused: Mapping[str, int] | None = None


Served = Callable[[Item, Tick, Tick, Tick], None]


class TurnPort:
    """One port during a segment; ``burst`` are the ticks of a turn.

    ``served`` is called with the stretches of a use, the ticks done before and those of start and
    end, if anyone watches. ``changes`` counts how often the next end was another than before.
    Turns go round in the order of the masters' names; what arrives in the tick in which a burst
    ends is in time.
    """

    def __init__(self, server: Server, burst: Tick, served: Served | None) -> None:
        self._server, self._burst, self._served = server, burst, served
        self.changes = 0
        self._queues: dict[str, list[Item]] = {}
        self._joining: list[tuple[str, Item]] = []
        self._last = ""
        # All bursts that began before this tick are done.
        self._since: Tick = 0
        # The masters in order and the number of the burst that ends a use, until bursts are done.
        self._ending: tuple[list[str], int] | None = None

    def add(self, master: str, item: Item, now: Tick) -> Tick | None:
        """Let a use wait for its master's turn; those of one master follow one another.

        Returns the tick in which the next use ends, if it is another than before.
        """
        if master in self._queues:
            self._queues[master].append(item)
            return None
        if not self._queues:
            self._server.idle += now - self._server.free_at
            self._since = now
        else:
            self._catch_up(now)
        if self._since < now:
            self._joining.append((master, item))
            return None
        self._queues[master] = [item]
        self.changes += 1
        return self._next_end()

    def _order(self, last: str | None = None) -> list[str]:
        """Return the masters in the order of their turns, after whose turn was the last."""
        if len(self._queues) == 1:
            return list(self._queues)
        names, last = sorted(self._queues), self._last if last is None else last
        return [n for n in names if n > last] + [n for n in names if n <= last]

    def _last_burst(self, order: list[str]) -> int:
        """Return the number of the first burst that ends a use, counted from now on."""
        queues, burst, count = self._queues, self._burst, len(order)
        number, *others = [(queues[name][0].left - 1) // burst * count for name in order]
        for place, bursts in enumerate(others, start=1):
            if bursts + place < number:
                number = bursts + place
        return number

    def _catch_up(self, now: Tick) -> None:
        """Note the bursts that began before a tick as done, but for one that ends a use."""
        if now > self._since:
            order = self._order()
            begun = ceil_div(now - self._since, self._burst)
            self._pass(order, min(begun, self._last_burst(order)))

    def _pass(self, order: list[str], bursts: int) -> None:
        """Serve so many whole bursts."""
        if not bursts:
            return
        self._ending, count, burst = None, len(order), self._burst
        if self._served:
            self._show(order, bursts, self._served)
        for place, name in enumerate(order[:bursts]):
            self._queues[name][0].left -= (bursts - place + count - 1) // count * burst
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

    def _next_end(self) -> Tick:
        """Return the tick in which the next use ends, if nothing arrives before."""
        if len(self._queues) == 1:
            (queue,) = self._queues.values()
            self._ending = None
            return self._since + queue[0].left
        order = self._order()
        number = self._last_burst(order)
        self._ending = order, number
        rest = (self._queues[order[number % len(order)]][0].left - 1) % self._burst + 1
        return self._since + number * self._burst + rest

    def _complete(self) -> Item:
        """Serve all up to the next end of a use, and return that, which its master still has."""
        if self._served is None and len(self._queues) == 1:
            ((self._last, queue),) = self._queues.items()
            self._since += queue[0].left
            return queue[0]
        order, number = self._ending or (order := self._order(), self._last_burst(order))
        self._pass(order, number)
        self._last = order[number % len(order)]
        item = self._queues[self._last][0]
        if self._served:
            done = item.ticks - item.left
            self._served(item, done, self._since, self._since + item.left)
        self._since += item.left
        return item

    def end(self) -> tuple[Item, Tick, Tick | None]:
        """Return the use that ends, the tick of its outcome, and that of the next end, if any."""
        item = self._complete()
        own = self._queues[self._last]
        if len(own) > 1:
            del own[0]
        else:
            del self._queues[self._last]
        self._server.busy += item.ticks
        outcome = self._since + self._server.lag
        if self._joining:
            for master, joining in self._joining:
                self._queues.setdefault(master, []).append(joining)
            self._joining.clear()
        self.changes += 1
        if self._queues:
            return item, outcome, self._next_end()
        self._server.free_at = self._since
        return item, outcome, None
