"""Segments on ports that serve their masters in turn, burst by burst: every burst is simulated.

Without bursts a port serves whole uses in the order of their arrival, as the engine books them.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from typing import Protocol

from accelsim.program import Segment, Task, Use
from accelsim.units import Tick

Occupancy = Callable[[Use], tuple[str, Tick]]


class Memory(Protocol):
    """A port of which a burst takes as long as its state says."""

    def bursts(self, use: Use) -> int:
        """Return how many bursts a use is."""

    def serve(self, task: int, use: Use, left: int, now: Tick) -> Tick:
        """Serve the burst of a use after which ``left`` - 1 are left; return its ticks."""


class _Port:
    """Uses that wait, by master; the master whose turn it is comes behind the last one served."""

    def __init__(self, burst: Tick) -> None:
        self.burst = burst
        self.busy = False
        self.last = ""
        self.waiting: dict[str, deque[list[int]]] = defaultdict(deque)
        self.uses: dict[int, Use] = {}

    def add(self, master: str, task: int, ticks: Tick, use: Use) -> None:
        """Let a use of a task wait; without bursts all masters are one."""
        waiting = [task, ticks]
        self.uses[id(waiting)] = use
        self.waiting[master if self.burst else ""].append(waiting)

    def choose(self) -> list[int] | None:
        """Return the use that is served next: (task, ticks left)."""
        masters = sorted(master for master, uses in self.waiting.items() if uses)
        if self.busy or not masters:
            return None
        self.last = next((each for each in masters if each > self.last), masters[0])
        return self.waiting[self.last][0]


class BurstGold:
    """One run of a segment: ``occupancy`` gives a use's port and ticks, ``bursts`` ticks by port.

    A burst ends before another master's begins; the last of a use may be shorter.
    """

    def __init__(
        self,
        segment: Segment,
        occupancy: Occupancy,
        bursts: Mapping[str, Tick] | None = None,
        memories: Mapping[str, Memory] | None = None,
    ) -> None:
        self._segment = segment
        self._occupancy = occupancy
        self._bursts = bursts or {}
        self._memories = memories or {}
        self._ports: dict[str, _Port] = {}
        self._waits_for = list(segment.wait_counts)
        self._uses_left = [len(task.uses) for task in segment.tasks]
        self._ends: list[tuple[Tick, int, str, Tick]] = []
        self._ended: list[int] = []
        self._ready = [task for task in segment.tasks if not self._waits_for[task.id]]
        self.now: Tick = 0
        self.events = 0

    def run(self) -> Tick:
        """Return the tick at which all has ended."""
        while True:
            self._settle()
            if self._ready:
                granted, self._ready = sorted(self._ready, key=lambda task: task.id), []
                for task in granted:
                    self._begin(task)
                continue
            for name, port in self._ports.items():
                if port.burst and (use := port.choose()):
                    if memory := self._memories.get(name):
                        ticks = memory.serve(use[0], port.uses[id(use)], use[1], self.now)
                        self._begin_burst(name, port, ticks)
                    else:
                        self._serve(name, port, use[1])
            if not self._ends:
                assert not any(self._uses_left)
                return self.now
            self.now = self._ends[0][0]

    def _settle(self) -> None:
        """Let all end that ends in this tick; what begins in it begins together, afterwards."""
        settled = False
        while not settled:
            while self._ends and self._ends[0][0] == self.now:
                self._end_burst()
            for name, port in self._ports.items():
                while not port.burst and (use := port.choose()) and not use[1]:
                    self._end_use(port)
                if not port.burst and (use := port.choose()):
                    self._serve(name, port, use[1])
            settled = not self._ended
            for task in self._ended:
                self._end(task)
            self._ended.clear()

    def _begin(self, task: Task) -> None:
        if not task.uses:
            self._ended.append(task.id)
        for use in task.uses:
            if memory := self._memories.get(use.block):
                # What is left is counted in bursts.
                name, ticks, burst = use.block, memory.bursts(use), 1
            else:
                name, ticks = self._occupancy(use)
                burst = self._bursts.get(name, 0)
            port = self._ports.setdefault(name, _Port(burst))
            if ticks or not port.burst:
                port.add(task.queue, task.id, ticks, use)
            else:
                self._count(task.id)

    def _serve(self, name: str, port: _Port, left: Tick) -> None:
        self._begin_burst(name, port, min(left, port.burst or left))

    def _begin_burst(self, name: str, port: _Port, ticks: Tick) -> None:
        port.busy = True
        self.events += 1
        heappush(self._ends, (self.now + ticks, self.events, name, ticks))

    def _end_burst(self) -> None:
        _, _, name, ticks = heappop(self._ends)
        port = self._ports[name]
        port.busy = False
        use = port.waiting[port.last][0]
        use[1] -= 1 if name in self._memories else ticks
        if not use[1]:
            self._end_use(port)

    def _end_use(self, port: _Port) -> None:
        self._count(port.waiting[port.last].popleft()[0])

    def _count(self, task: int) -> None:
        self._uses_left[task] -= 1
        if not self._uses_left[task]:
            self._ended.append(task)

    def _end(self, task: int) -> None:
        for follower in self._segment.followers[task]:
            self._waits_for[follower] -= 1
            if not self._waits_for[follower]:
                self._ready.append(self._segment.tasks[follower])
