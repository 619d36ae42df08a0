"""A window of a run: its requests, programs and states, its spans with what they cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from math import fsum
from typing import NamedTuple

from accelsim.account.energy import cycle_joules
from accelsim.account.prices import PriceList
from accelsim.engine.run import Execution, RequestOutcome, Run, StateSpan
from accelsim.engine.segment_run import SegmentRecord
from accelsim.machine.chip_state import ChipState, PowerState
from accelsim.machine.components.off_chip import DRAM
from accelsim.units import Tick


class Booking(NamedTuple):
    """A span with what it was for, what it moved and what it cost.

    ``start`` and ``end`` are ticks from the start of the segment, ``amount`` is in the unit of
    the action, ``joules`` is dynamic energy.
    """

    port: str
    block: str
    action: str
    operator: str
    task: int
    amount: int
    start: Tick
    end: Tick
    joules: float


@dataclass(frozen=True)
class View:
    """The part of a run that is shown, from tick ``start`` to ``end``, with its programs whole.

    ``requests`` are those in service meanwhile, ``stays`` the states of the chip, which follow one
    another without a gap. ``bookings`` and ``joules`` (dynamic energy) are those of one execution
    of each segment record, by the record's identity.
    """

    run: Run
    prices: PriceList
    start: Tick
    end: Tick
    requests: tuple[RequestOutcome, ...]
    executions: tuple[Execution, ...]
    stays: tuple[StateSpan, ...]
    bookings: dict[int, list[Booking]]
    joules: dict[int, float]

    @property
    def active(self) -> Tick:
        """The ticks in which programs ran."""
        return sum(execution.duration for execution in self.executions)

    def bookings_of(self, record: SegmentRecord) -> list[Booking]:
        """Return the bookings of a record of this view."""
        return self.bookings[id(record)]

    def joules_of(self, record: SegmentRecord) -> float:
        """Return the dynamic energy of one execution of a record of this view [J]."""
        return self.joules[id(record)]

    @cached_property
    def ports(self) -> dict[str, str]:
        """All ports in use, each with its block."""
        every = (booking for bookings in self.bookings.values() for booking in bookings)
        return {booking.port: booking.block for booking in every}


def view_of(run: Run, prices: PriceList) -> View:
    """Return what the window of a run shows, widened to whole programs.

    The run has spans (``trace=True``), and something happens in its window.
    """
    last = max((*(one.end for one in run.executions), *(stay.end for stay in run.states)))
    start = min((run.window.start, *(execution.start for execution in run.executions)))
    end = max((min(last, run.window.end or last), *(one.end for one in run.executions)))
    parts = {id(part.record): part for one in run.executions for part in one.parts}
    bookings = {key: price_spans(part.record, part.point, prices) for key, part in parts.items()}
    return View(
        run,
        prices,
        start=start,
        end=end,
        requests=tuple(one for one in run.requests if one.start < end and one.end > start),
        executions=run.executions,
        stays=tuple(_stays(run, start, end)),
        bookings=bookings,
        joules={key: fsum(each.joules for each in booked) for key, booked in bookings.items()},
    )


def _stays(run: Run, start: Tick, end: Tick) -> Iterator[StateSpan]:
    """Yield the states of the chip in order; neighbours of one state are joined."""
    points = ((e.start, e.end, e.parts[0].point) for e in run.executions)
    active = (StateSpan(s, e, ChipState(PowerState.ACTIVE, point)) for s, e, point in points)
    idle = (StateSpan(max(s.start, start), min(s.end, end), s.state) for s in run.states)
    spans = sorted((*active, *idle), key=lambda span: span.start)
    lasting = (span for span in spans if span.end > span.start)
    for state, same in groupby(lasting, key=lambda span: span.state):
        joined = list(same)
        yield StateSpan(joined[0].start, joined[-1].end, state)


def queue_lengths(shown: View) -> list[tuple[Tick, int]]:
    """Return from which tick of the view on how many requests wait, where it changes.

    A request waits from its arrival until its service begins, a switch being part of that. The
    first pair is that of the start; when nothing changes it is the only one.
    """
    start, end = shown.start, shown.end
    changes: Counter[Tick] = Counter()
    for request in shown.run.requests:
        if request.start > request.arrival:
            changes[max(request.arrival, start)] += 1
            changes[max(request.start, start)] -= 1
    length = changes.pop(start, 0)
    steps = [(start, length)]
    for tick in sorted(tick for tick, by in changes.items() if by and tick < end):
        length += changes[tick]
        steps.append((tick, length))
    return steps


def price_spans(record: SegmentRecord, point: str, prices: PriceList) -> list[Booking]:
    """Return the bookings of a segment at an operating point, in order of time.

    The DRAM's commands (activates, bursts, refreshes) have no spans of their own: their energy is
    shared out over the segment's DRAM spans by bytes. A clock that stops between bookings is part
    of theirs. ``prices`` must know every action.
    """
    tasks = record.segment.tasks
    per_byte = _dram_joules_per_byte(record, point, prices)
    clocked = {block for block in prices.cycles if prices.stops(block)}
    bookings = []
    for span in record.spans:
        task = tasks[span.task]
        use = task.uses[span.use]
        block, action, amount = use.block, use.action, span.share(use.amount)
        free = (block, action) in prices.paid_elsewhere
        joules = amount * (per_byte if free else prices.unit(block, action, point))
        if block in clocked:
            joules += cycle_joules(prices, block, span.end - span.start, point)
        bookings.append(
            Booking(
                span.port, block, action, task.operator, span.task, amount,
                span.start, span.end, joules,
            )
        )  # fmt: skip
    return bookings


def _dram_joules_per_byte(record: SegmentRecord, point: str, prices: PriceList) -> float:
    commands, moved = 0.0, 0
    for (block, action, _), amount in record.amounts.items():
        if (block, action) in prices.paid_elsewhere:
            moved += amount
        elif block == DRAM:
            commands += amount * prices.unit(block, action, point)
    return commands / moved if moved else 0.0
