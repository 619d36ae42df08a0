"""A machine of fixed service times, random segments, and the same rules in plain SimPy."""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator, Mapping
from itertools import count
from typing import Any, cast

import simpy
from hypothesis import strategies as st

from accelsim.engine.clock import CountingEnvironment
from accelsim.engine.segment_run import SegmentRecord, SegmentRun
from accelsim.machine.components.server import Server
from accelsim.machine.servers import Machine
from accelsim.program import Command, Segment, Task, Use
from accelsim.units import Tick

PORTS = ("alpha", "beta", "gamma")
QUEUES = ("load", "pe", "sfu", "move")
Interval = tuple[str, int, int, Tick, Tick]  # port, task, use, start, end


class FixedBlock(Server):
    """Serves a use for as many ticks as its amount, or times as many."""

    steady = True
    pace = 1

    def occupancy(self, use: Use, start: Tick) -> Tick:
        return self.pace * use.amount


class FixedMachine:
    """A machine of fixed blocks, one port each, without DRAM."""

    dram = None
    dram_turn = 0

    def __init__(self, bursts: Mapping[str, Tick] | None = None) -> None:
        self.bursts = dict(bursts or {})
        self.blocks: dict[str, Server] = {name: FixedBlock(name) for name in PORTS}

    def port(self, block: str, action: str) -> Server:
        return self.blocks[block]


class ShuffledEnvironment(CountingEnvironment):
    """Works off the events of one tick in a random order."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._shuffler = random.Random(seed)

    def numbers(self) -> Iterator[Any]:
        """Return random places; of equal ones the first comes first."""
        return ((self._shuffler.random(), number) for number in count())


def run_segment(
    segment: Segment,
    *,
    machine: FixedMachine | None = None,
    levels: dict[str, int] | None = None,
    trace: bool = True,
    seed: int | None = None,
) -> SegmentRecord:
    """Return the record of one execution; ``seed`` shuffles the events of each tick."""
    env = CountingEnvironment() if seed is None else ShuffledEnvironment(seed)
    held = {} if levels is None else levels
    blocks = cast("Machine", machine or FixedMachine())
    run = SegmentRun(env, blocks, segment, held, trace=trace)
    env.run(until=env.process(run.run()))
    return run.record


def intervals_of(record: SegmentRecord) -> set[Interval]:
    return {(span.port, span.task, span.use, span.start, span.end) for span in record.spans}


def gold_intervals(segment: Segment) -> tuple[set[Interval], Tick]:
    """Return the intervals and the makespan with a ``simpy.Resource(1)`` for every port."""
    gold = _Gold(segment)
    gold.env.process(gold.dispatch())
    gold.env.run()
    assert gold.ended == set(range(len(segment.tasks)))
    return gold.intervals, gold.last


class _Gold:
    """One process looks for startable tasks whenever a tick is over; ports are resources."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.env = simpy.Environment()
        self.ports = {name: simpy.Resource(self.env, capacity=1) for name in PORTS}
        self.started: set[int] = set()
        self.ended: set[int] = set()
        self.intervals: set[Interval] = set()
        self.last: Tick = 0

    def dispatch(self) -> Generator[Any, Any, None]:
        running: list[simpy.Event] = []
        while len(self.ended) < len(self.segment.tasks):
            for task in self.segment.tasks:
                if self._may_start(task):
                    self.started.add(task.id)
                    running.append(self.env.process(self._perform(task)))
            yield self.env.any_of([event for event in running if not event.processed])
            yield self._end_of_tick()

    def _may_start(self, task: Task) -> bool:
        before = {t.id for t in self.segment.tasks[: task.id] if t.queue == task.queue}
        return task.id not in self.started and (before | set(task.after)) <= self.ended

    def _end_of_tick(self) -> simpy.Event:
        event = self.env.event()
        event._ok, event._value = True, None
        self.env.schedule(event, priority=9)
        return event

    def _perform(self, task: Task) -> Generator[Any, Any, None]:
        serving = [
            self.env.process(self._serve(task, number, use)) for number, use in enumerate(task.uses)
        ]
        yield self.env.all_of(serving)
        self.ended.add(task.id)
        self.last = max(self.last, self.env.now)

    def _serve(self, task: Task, number: int, use: Use) -> Generator[Any, Any, None]:
        with self.ports[use.block].request() as turn:
            yield turn
            start = self.env.now
            yield self.env.timeout(use.amount)
            self.intervals.add((use.block, task.id, number, start, self.env.now))


_uses = st.lists(
    st.builds(Use, st.sampled_from(PORTS), st.just("work"), st.builds(Command, st.integers(0, 4))),
    max_size=3,
)


@st.composite
def segments(draw: st.DrawFn, largest: int = 14) -> Segment:
    """Random tasks in random queues that wait for random earlier ones."""
    tasks = []
    for number in range(draw(st.integers(1, largest))):
        after = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        queue = draw(st.sampled_from(QUEUES))
        uses = tuple(draw(_uses))
        tasks.append(Task(number, queue, f"operator{number % 3}", uses, tuple(sorted(after))))
    return Segment("random", tuple(tasks))
