"""Runs one segment on the machine: queues, bookings, buffer levels.

A task starts when all that it waits for has ended, the task before it in its queue included. Tasks
that become ready in one tick start in the order of their ids at the end of the tick, so the order
in which events of a tick are worked off has no influence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Hashable, Mapping
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from math import gcd
from typing import Any

import simpy

from accelsim.engine.clock import CountingEnvironment
from accelsim.engine.ledger import BACKGROUND
from accelsim.engine.off_chip_turns import OffChipPort
from accelsim.engine.turns import Item, TurnPort
from accelsim.errors import ConservationError
from accelsim.machine.components.server import Server
from accelsim.machine.servers import Machine
from accelsim.program import Pairs, Segment, Task, Use
from accelsim.units import Tick

# An event is the end of a task, or the one that a port expected when its count of changes was so.
_Event = tuple[Tick, Any, int, TurnPort | None, int]
# What tasks of a kind do: (server, ticks, number of the use), and (port, use, its number, ticks).
_Plan = tuple[list[tuple[Server, Tick | None, int]], list[tuple[TurnPort, Use, int, Tick]]]


@dataclass(frozen=True, slots=True)
class Span:
    """One booked interval of a port, in ticks from the start of the segment.

    A use that others cut has several: ``done`` of its ``ticks`` lie before this one.
    """

    port: str
    action: str
    task: int
    use: int
    start: Tick
    end: Tick
    done: Tick
    ticks: Tick

    def share(self, amount: int) -> int:
        """Return what of the amount of its use falls into the interval."""
        if not self.ticks:
            return amount
        done, length = self.done, self.end - self.start
        return amount * (done + length) // self.ticks - amount * done // self.ticks


@dataclass
class SegmentRecord:
    """The outcome of a segment: all that a replay needs, relative to its start.

    ``amounts`` and ``busy`` ticks are by (block, action, operator); ``ports`` are (busy, idle,
    last) ticks; ``dram`` is the state of the DRAM at the end, if the segment uses it, with the
    ticks in each state. ``begun`` and ``ended`` are ticks by task; they and ``spans``, which
    are in order of time, are kept if anyone watches.
    """

    segment: Segment
    duration: Tick = 0
    amounts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    busy: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    ports: dict[str, tuple[Tick, Tick, Tick]] = field(default_factory=dict)
    peak: dict[str, int] = field(default_factory=dict)
    end_levels: dict[str, int] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    begun: dict[int, Tick] = field(default_factory=dict)
    ended: dict[int, Tick] = field(default_factory=dict)
    dram: Any = None
    dram_residency: Counter[str] = field(default_factory=Counter)

    def at_pace(self, unit: Tick, was: Tick) -> SegmentRecord:
        """Return what has been without spans, had each ``was`` ticks lasted one ``unit``."""
        if unit == was:
            return self
        busy = Counter({key: ticks // was * unit for key, ticks in self.busy.items()})
        ports = {
            n: (b // was * unit, i // was * unit, t // was * unit)
            for n, (b, i, t) in self.ports.items()
        }
        return replace(self, duration=self.duration // was * unit, busy=busy, ports=ports)


class SegmentRun:
    """One execution of a segment; ``levels`` are bytes held by buffer and are brought forward.

    The DRAM must be settled and its background taken when the object is made. ``unit`` is what all
    times are multiples of; 1 where they depend on a state.
    """

    # An instance with a dictionary is a sixth slower: most of a run looks up its own attributes.
    __slots__ = (
        *("_begun", "_bursts", "_caused", "_dram_before", "_env", "_events", "_followers"),
        *("_kinds", "_left", "_levels", "_machine", "_numbers", "_pending", "_plans", "_servers"),
        *("_start", "_tasks", "_trace", "_turns", "_waits_for", "record", "unit"),
    )

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
        self._servers = {id(use): _server(machine, use) for use in segment.distinct_uses}
        self._bursts = machine.bursts
        self.unit = self._unit()
        self._tasks, self._followers = segment.tasks, segment.followers
        self._kinds, self._waits_for = segment.kinds[1], list(segment.wait_counts)
        self._begun: list[int] = []
        self._left = len(segment.tasks)
        self._caused: dict[int, dict[int, Mapping[str, int]]] = {}
        self._events: list[_Event] = []
        self._numbers = env.numbers()
        watch = self._note_turn if trace else None
        shared = {block for block, masters in segment.masters.items() if len(masters) > 1}
        self._turns = {
            block: TurnPort(machine.blocks[block], burst, watch)
            for block, burst in self._bursts.items()
            if block in shared
        }
        if machine.dram_turn and machine.dram and machine.dram.name in shared:
            port = OffChipPort(machine.dram, machine.dram_turn, watch)
            self._turns[machine.dram.name] = port
        self._pending: dict[int, tuple[int, Tick]] = {}
        self._dram_before = machine.dram.residency if machine.dram else Counter[str]()
        self.record = SegmentRecord(segment, peak=dict(levels))

    def _unit(self) -> Tick:
        times = [ticks for _, ticks in self._servers.values()]
        if None in times:
            return 1
        return gcd(*filter(None, times), *self._bursts.values()) or 1

    @property
    def bookings(self) -> Hashable:
        """The server of each distinct use, how long it takes, and turns: a key, but for states.

        In units: an outcome of as many others is the same at another pace.
        """
        unit, bursts = self.unit, self._bursts.items()
        booked = tuple((s.name, t and t // unit) for s, t in self._servers.values())
        return (*booked, *((n, t // unit) for n, t in bursts), self._machine.dram_turn)

    def run(self) -> Generator[simpy.Event, Any, SegmentRecord]:
        """Run all queues until they are empty (a SimPy process fragment); return the record."""
        for block in self._machine.blocks.values():
            block.settle(self._env.now)
        before = {name: (b.busy, b.idle) for name, b in self._machine.blocks.items()}
        self._plans = [self._plan(task) for task in self.record.segment.kinds[0]]
        if self._left:
            next(self._numbers)
            self._env.reach(self._work_off())
            next(self._numbers)  # the event that a process would wait for
        if self._left:
            yield self._env.event()  # which never comes
        self._close(before)
        return self.record

    def _plan(self, task: Task) -> _Plan:
        booked, turns = [], []
        for number, use in enumerate(task.uses):
            server, ticks = self._servers[id(use)]
            if use.block not in self._turns:
                booked.append((server, ticks, number))
            elif ticks != 0:  # what takes no time waits for no turn
                turns.append((self._turns[use.block], use, number, ticks or 0))
        return booked, turns

    # -- tasks ---------------------------------------------------------------------------------

    def _work_off(self) -> Tick:
        """Work all events off until no task is left; return the tick of the last one."""
        now, events, numbers = self._env.now, self._events, self._numbers
        tasks, followers, waits_for = self._tasks, self._followers, self._waits_for
        ready = [task for task, waits in enumerate(waits_for) if not waits]
        while self._left:
            if ready and not (events and events[0][0] == now):
                beginning, ready = sorted(ready), []
                for task in beginning:
                    self._begin(task, now)
                continue
            if not events:
                break
            now, _, task, port, changes = heappop(events)
            if port and (port.changes != changes or (task := self._end_turn(port, now)) < 0):
                continue
            if self._trace:
                self.record.ended[task] = now - self._start
            if releases := tasks[task].releases:
                self._give_back(task, releases)
            for follower in followers[task]:
                waits_for[follower] -= 1
                if not waits_for[follower]:
                    if not ready:
                        next(numbers)
                    ready.append(follower)
            self._left -= 1
        return now

    def _begin(self, number: int, now: Tick) -> None:
        end, task = now, self._tasks[number]
        self._begun.append(number)
        if self._trace:
            self.record.begun[number] = now - self._start
        if task.holds:
            self._take(task.holds)
        booked, turns = self._plans[self._kinds[number]]
        for server, ticks, place in booked:
            if ticks is None:
                last = self._book(server, task, place, now)
            else:
                # What it was busy and idle is worked out at the end.
                start = server.free_at
                if start < now:
                    start = now
                server.free_at = last = start + ticks
                if self._trace:
                    self._note(server.name, task, place, start, last)
            if last > end:
                end = last
        if turns:
            self._pending[number] = len(turns), end
            for port, use, place, left in turns:
                due = port.add(task.queue, Item(task, place, use, left, left), now)
                if due is not None:
                    heappush(self._events, (due, next(self._numbers), -1, port, port.changes))
        else:
            heappush(self._events, (end, next(self._numbers), number, None, 0))

    def _book(self, server: Server, task: Task, number: int, now: Tick) -> Tick:
        """Book a use that takes as long as a state says; return the tick of its outcome."""
        use = task.uses[number]
        start, last = server.book(use, now)
        if extra := server.extra_amounts():
            self._caused.setdefault(task.id, {})[number] = extra
        self.record.busy[use.block, use.action, task.operator] += server.free_at - start
        if self._trace:
            self._note(server.name, task, number, start, server.free_at)
        return last

    def _end_turn(self, port: TurnPort, now: Tick) -> int:
        """Note that a port has served a use in turn; return the task if that ends now, or -1."""
        item, outcome, due = port.end()
        if due is not None:  # the next end, in place of the one expected before
            heappush(self._events, (due, next(self._numbers), -1, port, port.changes))
        task = item.task.id
        left, end = self._pending[task]
        if outcome > end:
            end = outcome
        if item.caused:
            self._caused.setdefault(task, {})[item.number] = item.caused
        if left > 1:
            self._pending[task] = left - 1, end
        elif end > now:
            heappush(self._events, (end, next(self._numbers), task, None, 0))
        else:
            return task
        return -1

    def _note(self, port: str, task: Task, number: int, start: Tick, end: Tick) -> None:
        at, action = self._start, task.uses[number].action
        booked = Span(port, action, task.id, number, start - at, end - at, 0, end - start)
        self.record.spans.append(booked)

    def _note_turn(self, item: Item, done: Tick, start: Tick, end: Tick) -> None:
        at, use = self._start, item.use
        times = (start - at, end - at, done, item.ticks)
        self.record.spans.append(Span(use.block, use.action, item.task.id, item.number, *times))

    def _take(self, holds: Pairs) -> None:
        levels, peak = self._levels, self.record.peak
        for buffer, size in holds:
            levels[buffer] = level = levels.get(buffer, 0) + size
            if level > peak.get(buffer, 0):
                peak[buffer] = level

    def _give_back(self, task: int, releases: Pairs) -> None:
        levels = self._levels
        for buffer, size in releases:
            levels[buffer] = level = levels.get(buffer, 0) - size
            if level < 0:
                name = self._tasks[task].operator
                raise ConservationError(
                    f"{name}: releases {size} B of '{buffer}' that it does not hold"
                )

    # -- the end -------------------------------------------------------------------------------

    def _close(self, before: dict[str, tuple[Tick, Tick]]) -> None:
        record, now = self.record, self._env.now
        record.duration = now - self._start
        # A port in turns tells of a use when it ends, of all its stretches.
        record.spans.sort(key=_times_of)
        self._count()
        for use, key, times in record.segment.use_counts:
            server, ticks = self._servers[id(use)]
            if ticks:
                record.busy[key] += ticks * times
                if use.block not in self._turns:
                    server.busy += ticks * times
        for name in {s.name for plan, _ in self._plans for s, t, _ in plan if t is not None}:
            block = self._machine.blocks[name]
            block.idle += block.free_at - self._start - (block.busy - before[name][0])
        self._close_dram()
        record.end_levels = dict(self._levels)
        for name, block in self._machine.blocks.items():
            busy, idle = before[name]
            if block.busy > busy:
                last = block.free_at - self._start
                record.ports[name] = (block.busy - busy, block.idle - idle, last)

    def _count(self) -> None:
        """Count what the tasks that began asked for and caused, in the order of their beginning."""
        segment, amounts = self.record.segment, self.record.amounts
        if sorted(self._begun) != list(range(len(segment.tasks))):
            raise ConservationError(f"segment '{segment.name}': not every task began exactly once")
        # Of a kind, which is of one queue, the first task begins first.
        wanted = self._caused.keys() | {task.id for task in segment.kinds[0]}
        asked, keys = segment.amounts, segment.keys
        for number in filter(wanted.__contains__, self._begun):
            caused = self._caused.get(number, {})
            for place, key in enumerate(keys[self._kinds[number]]):
                if key not in amounts:
                    amounts[key] = asked[key]
                for action, amount in caused[place].items() if place in caused else ():
                    amounts[key[0], action, key[2]] += amount

    def _close_dram(self) -> None:
        dram, segment = self._machine.dram, self.record.segment
        if dram is None or dram.name not in segment.blocks:
            return
        for action, amount in dram.take_background(self._env.now).items():
            self.record.amounts[dram.name, action, BACKGROUND] += amount
        self.record.dram = dram.state_at(self._env.now)
        self.record.dram_residency = dram.residency - self._dram_before


def _times_of(span: Span) -> tuple[Tick, Tick]:
    return span.start, span.end


def _server(machine: Machine, use: Use) -> tuple[Server, Tick | None]:
    """Return the server of a use and its ticks; None where they depend on the start."""
    server = machine.port(use.block, use.action)
    return server, server.occupancy(use, 0) if server.steady else None
