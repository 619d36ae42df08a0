"""The clock of a simulation: SimPy's, which may be told that nothing happens for a while."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import simpy

from accelsim.units import Tick


class CountingEnvironment(simpy.Environment):
    """A SimPy environment that tells how many events it has scheduled."""

    _skipped = 0

    @property
    def event_count(self) -> int:
        """Events scheduled so far, and those that were spared."""
        # To copy an iterator is deprecated; it says itself where it is: ``count(17)``.
        scheduled = int(repr(self._eid).removeprefix("count(").removesuffix(")"))
        return scheduled + self._skipped

    @property
    def now(self) -> Tick:
        """The present tick: delays are integers, so it always is one."""
        return self._now  # type: ignore[return-value]

    def skip(self, ticks: Tick, events: int = 1) -> bool:
        """Let time pass, if nothing else happens meanwhile: counts as the timeouts that it spares.

        Says whether it did; a process that may not skip yields a timeout instead.
        """
        if self._queue and self.peek() <= self._now + ticks:
            return False
        self._now += ticks
        self._skipped += events
        return True

    def reach(self, tick: Tick) -> None:
        """Let time pass until a tick before which nothing else happens."""
        self._now = tick

    def numbers(self) -> Iterator[Any]:
        """Return what numbers events in the order in which they are scheduled."""
        return self._eid
