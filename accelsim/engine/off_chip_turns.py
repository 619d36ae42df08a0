"""The port of a memory off the chip, which serves its masters in turn, a burst of the bus each.

How long a turn takes depends on the memory's state, so turns are served ahead until a use ends. An
arrival undoes them and serves again those that have begun: a lone master's use stays one event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from accelsim.engine.turns import Item, Served, TurnPort
from accelsim.machine.components.off_chip import OffChipServer, Turn
from accelsim.program import Range
from accelsim.units import Tick


@dataclass(slots=True)
class _Item(Item):
    """A use in turns, with the ticks at which each began and ended and what it caused."""

    turns: list[Turn] = field(default_factory=list)
    begun: list[tuple[Tick, Tick, Counter[str]]] = field(default_factory=list)


class OffChipPort(TurnPort):
    """The port during a segment; a turn moves ``size`` bytes, or as few more as make bursts."""

    def __init__(self, server: OffChipServer, size: int, served: Served | None) -> None:
        super().__init__(server, size, served)
        self._memory, self._size = server, size
        # What to go back to, and the end of a use that was served ahead since.
        self._saved: tuple[dict[str, Any], list[tuple[_Item, int]]] | None = None
        self._ahead: tuple[str, Tick] = ("", 0)

    def add(self, master: str, item: Item, now: Tick) -> Tick | None:
        """Let a use wait for its master's turn."""
        turns = list(self._memory.turns(item.use.expect(Range), self._size))
        own = _Item(item.task, item.number, item.use, 0, 0, turns=turns)
        return super().add(master, own, now)

    def _catch_up(self, now: Tick) -> None:
        self._undo()
        while self._since < now and not self._ends(self._last):
            self._last, self._since = self._serve(self._last, self._since)
        if self._since < now:
            self._next_end()

    def _next_end(self) -> Tick:
        self._undo()
        items = [self._first(name) for name in self._queues]
        self._saved = self._memory.save(), [(item, len(item.begun)) for item in items]
        last, since, ends = self._last, self._since, False
        while not ends:
            ends = self._ends(last)
            last, since = self._serve(last, since)
        self._ahead = last, since
        return since

    def _complete(self) -> Item:
        self._saved = None
        self._last, self._since = self._ahead
        item = self._first(self._last)
        item.ticks = sum(end - start for start, end, _ in item.begun)
        item.caused = sum((caused for _, _, caused in item.begun), Counter[str]())
        if (served := self._served) is not None:
            done = 0
            for start, end in self._stretches(item):
                served(item, done, start, end)
                done += end - start
        return item

    @staticmethod
    def _stretches(item: _Item) -> Iterator[tuple[Tick, Tick]]:
        """Yield the turns of a use; those that follow one another are one."""
        first, last = item.begun[0][:2]
        for start, end, _ in item.begun[1:]:
            if start != last:
                yield first, last
                first = start
            last = end
        yield first, last

    def _undo(self) -> None:
        """Forget what was served ahead."""
        if self._saved:
            state, begun = self._saved
            self._memory.restore(state)
            for item, count in begun:
                del item.begun[count:]
            self._saved = None

    def _first(self, name: str) -> _Item:
        item = self._queues[name][0]
        assert isinstance(item, _Item)
        return item

    def _ends(self, last: str) -> bool:
        """Whether the next turn ends a use."""
        item = self._first(self._order(last)[0])
        return len(item.begun) + 1 == len(item.turns)

    def _serve(self, last: str, start: Tick) -> tuple[str, Tick]:
        """Serve the next turn from a tick on; return whose it was, and its end."""
        name = self._order(last)[0]
        item = self._first(name)
        follows = name == last and bool(item.begun)
        turn = item.turns[len(item.begun)]
        end = start + self._memory.turn(item.use.action, turn, start, follows=follows)
        item.begun.append((start, end, Counter(self._memory.extra_amounts())))
        return name, end
