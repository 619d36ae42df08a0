"""What a timeline shows: one round of a run, its spans with their costs, and slices of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, NamedTuple

from accelsim.account.prices import FREE_ACTIONS, PriceList
from accelsim.engine.run import Execution, RequestOutcome, Run
from accelsim.engine.segment_run import SegmentRecord
from accelsim.errors import OutputError
from accelsim.mapping.design import Design
from accelsim.memory.placement import DRAM
from accelsim.units import Tick

# Alternating operators are drawn apart down to this part of the round, a few pixels of a screen.
COLUMNS = 500

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
class Round:
    """The first round of a run, from tick 0 to ``end``, the end of its last request.

    ``bookings`` and ``joules`` (dynamic energy) are those of one execution of each segment
    record, by the record's identity.
    """

    requests: tuple[RequestOutcome, ...]
    executions: tuple[Execution, ...]
    end: Tick
    bookings: dict[int, list[Booking]]
    joules: dict[int, float]

    @property
    def column(self) -> Tick:
        """The shortest time in which alternating operators are drawn apart."""
        return self.end // COLUMNS

    def bookings_of(self, record: SegmentRecord) -> list[Booking]:
        """Return the bookings of a record of this round."""
        return self.bookings[id(record)]

    def joules_of(self, record: SegmentRecord) -> float:
        """Return the dynamic energy of one execution of a record of this round [J]."""
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


def first_round(name: str, case: CaseTrace) -> Round:
    """Return the first round of a case. Raises OutputError when the run has no spans."""
    run = case.run
    if not run.traced:
        raise OutputError(
            f"cannot draw the timeline of '{name}': its run recorded no spans; "
            "simulate it with trace=True"
        )
    requests = tuple(request for request in run.requests if request.round == 0)
    numbers = {request.number for request in requests}
    executions = tuple(execution for execution in run.executions if execution.request in numbers)
    records = {id(record): record for e in executions for _, record in e.segments}
    bookings = {key: price_spans(record, case.prices) for key, record in records.items()}
    joules = {key: sum(booking.joules for booking in booked) for key, booked in bookings.items()}
    return Round(requests, executions, max(r.end for r in requests), bookings, joules)


def price_spans(record: SegmentRecord, prices: PriceList) -> list[Booking]:
    """Return the bookings of a segment, in the order in which they were made.

    The DRAM's commands (activates, bursts, refreshes) have no spans of their own: their energy is
    shared out over the segment's DRAM spans by bytes. ``prices`` must know every action.
    """
    tasks = record.segment.tasks
    per_byte = _dram_joules_per_byte(record, prices)
    joules = prices.joules
    bookings = []
    for span in record.spans:
        task = tasks[span.task]
        use = task.uses[span.use]
        block, action, amount = use.block, use.action, use.amount
        unit = per_byte if (block, action) in FREE_ACTIONS else joules[block, action]
        bookings.append(
            Booking(
                span.port, block, action, task.operator, span.task, amount,
                span.start, span.end, amount * unit,
            )
        )  # fmt: skip
    return bookings


def _dram_joules_per_byte(record: SegmentRecord, prices: PriceList) -> float:
    commands, moved = 0.0, 0
    for (block, action, _), amount in record.amounts.items():
        if (block, action) in FREE_ACTIONS:
            moved += amount
        elif block == DRAM:
            commands += amount * prices.joules[block, action]
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
