"""Runs one segment on the machine: queues, bookings, buffer levels.

Tasks that become ready in one tick start in the order of their ids at the end of the tick, so
the order in which processes wake up has no influence.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

import simpy

from accelsim.errors import ConservationError
from accelsim.machine.servers import Machine
from accelsim.machine.timing.dram_ticks import ChannelState
from accelsim.program import Segment, Task
from accelsim.units import Tick

# The operator of commands that no use caused, such as refreshes.
BACKGROUND = "background"

# SimPy works off priority 0, then 1, within a tick; grants come after everything else.
_LAST_IN_TICK = 2


class CountingEnvironment(simpy.Environment):
    """A SimPy environment that counts the events it schedules."""

    def __init__(self) -> None:
        super().__init__()
        self.event_count = 0

    @property
    def now(self) -> Tick:
        """The present tick: delays are integers, so it always is one."""
        return self._now  # type: ignore[return-value]

    def schedule(self, event: Any, priority: Any = 1, delay: Any = 0) -> None:
        """Schedule an event and count it."""
        self.event_count += 1
        super().schedule(event, priority, delay)

    def trigger_in(self, event: simpy.Event, delay: Tick, priority: int = 1) -> None:
        """Let an event happen after a delay, as a timeout does."""
        event._ok, event._value = True, None
        self.schedule(event, priority, delay)


@dataclass(frozen=True, slots=True)
class Span:
    """One booked interval of a port, in ticks from the start of the segment."""

    port: str
    action: str
    task: int
    use: int
    start: Tick
    end: Tick


@dataclass
class SegmentRecord:
    """The outcome of a segment: all that a replay needs, relative to its start.

    ``amounts`` are by (block, action, operator); ``ports`` are (busy, idle, last) ticks; ``dram``
    is the state of the DRAM at the end, if the segment uses it, with the ticks in each state.
    """

    segment: Segment
    duration: Tick = 0
    amounts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    ports: dict[str, tuple[Tick, Tick, Tick]] = field(default_factory=dict)
    peak: dict[str, int] = field(default_factory=dict)
    end_levels: dict[str, int] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    dram: ChannelState | None = None
    dram_residency: Counter[str] = field(default_factory=Counter)


class SegmentRun:
    """One execution of a segment; ``levels`` are bytes held by buffer and are brought forward.

    The DRAM must be settled and its background taken when the object is made.
    """

    def __init__(
        self,
        env: CountingEnvironment,
        machine: Machine,
        segment: Segment,
        levels: dict[str, int],
        *,
        trace: bool,
    ) -> None:
        self._env = env
        self._machine = machine
        self._levels = levels
        self._trace = trace
        self._start = env.now
        self._done = [env.event() for _ in segment.tasks]
        self._waiting: list[Task] = []
        self._dram_before = machine.dram.residency if machine.dram else Counter[str]()
        self.record = SegmentRecord(segment, peak=dict(levels))

    def run(self) -> Generator[simpy.Event, Any, SegmentRecord]:
        """Run all queues until they are empty (a SimPy process fragment); return the record."""
        for block in self._machine.blocks.values():
            block.settle(self._env.now)
        before = {name: (b.busy, b.idle) for name, b in self._machine.blocks.items()}
        drains = [self._env.process(self._drain(tasks)) for tasks in self._queues()]
        yield self._env.all_of(drains)
        self._close(before)
        return self.record

    def _queues(self) -> list[list[Task]]:
        queues: dict[str, list[Task]] = defaultdict(list)
        for task in self.record.segment.tasks:
            queues[task.queue].append(task)
        return list(queues.values())

    def _close(self, before: dict[str, tuple[Tick, Tick]]) -> None:
        record, now = self.record, self._env.now
        record.duration = now - self._start
        self._close_dram()
        record.end_levels = dict(self._levels)
        for name, block in self._machine.blocks.items():
            busy, idle = before[name]
            if block.busy > busy:
                last = block.free_at - self._start
                record.ports[name] = (block.busy - busy, block.idle - idle, last)

    def _close_dram(self) -> None:
        dram, segment = self._machine.dram, self.record.segment
        if dram is None or dram.name not in segment.blocks:
            return
        for action, amount in dram.take_background(self._env.now).items():
            self.record.amounts[dram.name, action, BACKGROUND] += amount
        self.record.dram = dram.state_at(self._env.now)
        self.record.dram_residency = dram.residency - self._dram_before

    def _drain(self, tasks: Iterable[Task]) -> Generator[simpy.Event, Any, None]:
        done = self._done
        for task in tasks:
            for earlier in task.after:
                if not done[earlier].processed:
                    yield done[earlier]
            self._request_start(task)
            yield done[task.id]

    def _request_start(self, task: Task) -> None:
        if not self._waiting:
            turn = self._env.event()
            turn.callbacks.append(self._grant)
            self._env.trigger_in(turn, 0, _LAST_IN_TICK)
        self._waiting.append(task)

    def _grant(self, _: simpy.Event) -> None:
        waiting, self._waiting = self._waiting, []
        for task in sorted(waiting, key=lambda task: task.id):
            self._begin(task)

    def _begin(self, task: Task) -> None:
        env, now = self._env, self._env.now
        for buffer, size in task.holds:
            self._take(buffer, size)
        end = now
        for number, use in enumerate(task.uses):
            port = self._machine.port(use.block, use.action)
            start, last = port.book(use, now)
            self.record.amounts[use.block, use.action, task.operator] += use.amount
            for action, amount in port.extra_amounts().items():
                self.record.amounts[use.block, action, task.operator] += amount
            if self._trace:
                at = self._start
                span = Span(port.name, use.action, task.id, number, start - at, last - at)
                self.record.spans.append(span)
            end = max(end, last)
        event = self._done[task.id]
        if task.releases:
            event.callbacks.insert(0, lambda _: self._give_back(task))
        env.trigger_in(event, end - now)

    def _take(self, buffer: str, size: int) -> None:
        level = self._levels.get(buffer, 0) + size
        self._levels[buffer] = level
        self.record.peak[buffer] = max(level, self.record.peak.get(buffer, 0))

    def _give_back(self, task: Task) -> None:
        for buffer, size in task.releases:
            self._levels[buffer] = self._levels.get(buffer, 0) - size
            if self._levels[buffer] < 0:
                raise ConservationError(
                    f"{task.operator}: releases {size} B of '{buffer}' that it does not hold"
                )
