"""What a timeline shows: a window of a run, its spans with their costs, and slices of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, NamedTuple

from accelsim.accelerators.design import Design
from accelsim.account.prices import FREE_ACTIONS, PriceList
from accelsim.engine.ledger import NOMINAL
from accelsim.engine.run import Execution, RequestOutcome, Run, StateSpan
from accelsim.engine.segment_run import SegmentRecord
from accelsim.errors import OutputError
from accelsim.placement.placement import DRAM
from accelsim.policies.idle import PowerState
from accelsim.units import Tick, to_seconds

# Alternating operators are drawn apart down to this part of the active time, a few pixels of a
# screen.
COLUMNS = 500
# [ours] Some hundred MB of text; viewers take no more.
MOST_PROGRAMS = 2_000

Detail = Literal["operator", "task"]


@dataclass(frozen=True)
class CaseTrace:
    """A case to draw: its design, its run with spans (``trace=True``) and its prices."""

    design: Design
    run: Run
    prices: PriceList


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
    """The part of a run that is drawn, from tick ``start`` to ``end``, with its programs whole.

    ``requests`` are those in service meanwhile, ``stays`` the states of the chip, which follow one
    another without a gap. ``bookings`` and ``joules`` (dynamic energy) are those of one execution
    of each segment record, by the record's identity.
    """

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

    @property
    def column(self) -> Tick:
        """The shortest time in which alternating operators are drawn apart."""
        return self.active // COLUMNS

    def bookings_of(self, record: SegmentRecord) -> list[Booking]:
        """Return the bookings of a record of this view."""
        return self.bookings[id(record)]

    def joules_of(self, record: SegmentRecord) -> float:
        """Return the dynamic energy of one execution of a record of this view [J]."""
        return self.joules[id(record)]

    @property
    def ports(self) -> set[str]:
        """Names of all ports in use."""
        return {booking.port for bookings in self.bookings.values() for booking in bookings}


@dataclass(frozen=True, slots=True)
class Slice:
    """Bookings of one port drawn as one, in ticks from the start of the segment.

    ``operators`` are in order of their busy ticks, the busiest first; ``busy`` are the ticks
    booked; ``amounts`` are by (block, action).
    """

    operators: tuple[str, ...]
    start: Tick
    end: Tick
    tasks: int
    busy: Tick
    amounts: dict[tuple[str, str], int]
    joules: float


def view_of(name: str, case: CaseTrace) -> View:
    """Return what the window of a case's run shows, widened to whole programs.

    Raises OutputError when the run has no spans, and when its window shows nothing or more than
    MOST_PROGRAMS programs.
    """
    run = case.run
    _check_drawable(name, run)
    last = max((*(one.end for one in run.executions), *(stay.end for stay in run.states)))
    start = min((run.window.start, *(execution.start for execution in run.executions)))
    end = max((min(last, run.window.end or last), *(one.end for one in run.executions)))
    parts = {id(part.record): part for one in run.executions for part in one.parts}
    bookings = {
        key: price_spans(part.record, part.point, case.prices) for key, part in parts.items()
    }
    return View(
        start=start,
        end=end,
        requests=tuple(one for one in run.requests if one.start < end and one.end > start),
        executions=run.executions,
        stays=tuple(_stays(run, start, end)),
        bookings=bookings,
        joules={key: sum(each.joules for each in booked) for key, booked in bookings.items()},
    )


def _check_drawable(name: str, run: Run) -> None:
    refused = f"cannot draw the timeline of '{name}': "
    if not run.traced:
        raise OutputError(f"{refused}its run recorded no spans; simulate it with trace=True")
    if not run.executions and not run.states:
        raise OutputError(
            f"{refused}nothing happens in its window, which begins at "
            f"{to_seconds(run.window.start):g} s; the run ends at {to_seconds(run.makespan):g} s"
        )
    if len(run.executions) > MOST_PROGRAMS:
        raise OutputError(
            f"{refused}its window shows {len(run.executions):,} programs, expected at most "
            f"{MOST_PROGRAMS:,}; shorten the window"
        )


def _stays(run: Run, start: Tick, end: Tick) -> Iterator[StateSpan]:
    """Yield the states of the chip in order; neighbours of one state are joined."""
    active = (StateSpan(e.start, e.end, state_of(e)) for e in run.executions)
    idle = (StateSpan(max(s.start, start), min(s.end, end), s.state) for s in run.states)
    spans = sorted((*active, *idle), key=lambda span: span.start)
    lasting = (span for span in spans if span.end > span.start)
    for state, same in groupby(lasting, key=lambda span: span.state):
        joined = list(same)
        yield StateSpan(joined[0].start, joined[-1].end, state)


def state_of(execution: Execution) -> str:
    """Return the state of the chip while a program runs, as the ledger names it."""
    active, point = PowerState.ACTIVE.value, execution.parts[0].point
    return active if point == NOMINAL else f"{active} {point}"


def queue_lengths(
    requests: Sequence[RequestOutcome], start: Tick, end: Tick
) -> list[tuple[Tick, int]]:
    """Return from which tick on how many requests wait, from start to end, where it changes.

    A request waits from its arrival until its service begins, a switch being part of that. The
    first pair is that of the start; when nothing changes it is the only one.
    """
    changes: Counter[Tick] = Counter()
    for request in requests:
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
    """Return the bookings of a segment at an operating point, in the order in which they were made.

    The DRAM's commands (activates, bursts, refreshes) have no spans of their own: their energy is
    shared out over the segment's DRAM spans by bytes. ``prices`` must know every action.
    """
    tasks = record.segment.tasks
    per_byte = _dram_joules_per_byte(record, point, prices)
    bookings = []
    for span in record.spans:
        task = tasks[span.task]
        use = task.uses[span.use]
        block, action, amount = use.block, use.action, use.amount
        free = (block, action) in FREE_ACTIONS
        unit = per_byte if free else _price(prices, block, action, point)
        bookings.append(
            Booking(
                span.port, block, action, task.operator, span.task, amount,
                span.start, span.end, amount * unit,
            )
        )  # fmt: skip
    return bookings


def _price(prices: PriceList, block: str, action: str, point: str) -> float:
    return prices.joules[block, action] * prices.supplies.dynamic(point, block)


def _dram_joules_per_byte(record: SegmentRecord, point: str, prices: PriceList) -> float:
    commands, moved = 0.0, 0
    for (block, action, _), amount in record.amounts.items():
        if (block, action) in FREE_ACTIONS:
            moved += amount
        elif block == DRAM:
            commands += amount * _price(prices, block, action, point)
    return commands / moved if moved else 0.0


def slices(bookings: Sequence[Booking], column: Tick, detail: Detail) -> dict[str, list[Slice]]:
    """Return the slices of each port, in order of time.

    With the detail ``task`` a slice is a booking. With ``operator``, consecutive bookings of one
    operator are one slice; operators that alternate faster share a slice of at most one
    ``column`` (in ticks), so that the number of slices is bounded by what can be seen.
    """
    by_port: defaultdict[str, list[Booking]] = defaultdict(list)
    for booking in bookings:
        by_port[booking.port].append(booking)
    if detail == "task":
        return {port: [_join([b]) for b in booked] for port, booked in by_port.items()}
    return {port: [_join(g) for g in _fold(booked, column)] for port, booked in by_port.items()}


def _fold(bookings: Sequence[Booking], column: Tick) -> list[list[Booking]]:
    folded: list[list[Booking]] = []
    for _, same in groupby(bookings, key=lambda booking: booking.operator):
        run = list(same)
        if folded and run[-1].end - folded[-1][0].start <= column:
            folded[-1] += run
        else:
            folded.append(run)
    return folded


def _join(bookings: Sequence[Booking]) -> Slice:
    busy: Counter[str] = Counter()
    amounts: Counter[tuple[str, str]] = Counter()
    for booking in bookings:
        busy[booking.operator] += booking.end - booking.start
        amounts[booking.block, booking.action] += booking.amount
    return Slice(
        operators=tuple(operator for operator, _ in busy.most_common()),
        start=bookings[0].start,
        end=bookings[-1].end,
        tasks=len(bookings),
        busy=sum(busy.values()),
        amounts=dict(amounts),
        joules=sum(booking.joules for booking in bookings),
    )


class Load(NamedTuple):
    """A transfer from DRAM into an on-chip memory: the starts at both ends and the memory."""

    sent: Tick
    memory: str
    received: Tick


def loads(bookings: Sequence[Booking], memories: Sequence[str]) -> list[Load]:
    """Return the transfers of a segment whose tasks read DRAM and write one of the memories."""
    reads = {b.task: b.start for b in bookings if (b.block, b.action) == (DRAM, "read")}
    return [
        Load(reads[booking.task], booking.block, booking.start)
        for booking in bookings
        if booking.action == "write" and booking.block in memories and booking.task in reads
    ]
