"""The picture of a segment, made once and drawn again for each replay."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import fsum
from typing import NamedTuple

from accelsim.account.activity import TICKS_PER_NANOSECOND
from accelsim.account.prices import PriceList
from accelsim.account.waits import LEAD, Step, Wait, arrows, port_waits, steps
from accelsim.account.window import Booking
from accelsim.engine.run import Part
from accelsim.engine.segment_run import SegmentRecord
from accelsim.machine.components.base import Part as Role
from accelsim.report.timeline.levels import Level
from accelsim.report.timeline.marks import Begin, End, Facts
from accelsim.units import Tick

_HALF = TICKS_PER_NANOSECOND // 2
STALL = "stall"


class _Edge(NamedTuple):
    """A begin, or with an empty name the end, of a slice, in ticks from the start of the segment.

    Arrows are numbers of the segment.
    """

    track: int
    at: Tick
    name: str = ""
    level: str = ""
    facts: Facts = ()
    sends: tuple[int, ...] = ()
    receives: tuple[int, ...] = ()


@dataclass(frozen=True)
class Picture:
    """The slices of queues and blocks; ``named`` are the names that want the layer's behind them.

    ``arrows`` is how many there are.
    """

    edges: list[_Edge]
    named: frozenset[str]
    arrows: int

    def at(self, began: Tick, layer: str, arrow: int) -> Iterator[Begin | End]:
        """Yield the slices of one execution of the segment; its arrows are numbered from one on."""
        names = {name: f"{name}, {layer}" for name in self.named}
        began += _HALF
        for track, at, name, level, facts, sends, receives in self.edges:
            now = (began + at) // TICKS_PER_NANOSECOND
            if not name:
                yield End(track, now)
            elif sends or receives:
                out, into = (tuple(arrow + n for n in each) for each in (sends, receives))
                yield Begin(track, now, names.get(name, name), level, facts, out, into)
            else:
                yield Begin(track, now, names.get(name, name), level, facts)


def counted(prices: PriceList, block: str, action: str) -> str:
    """Return what an amount counts, and for memories in which direction."""
    sheet = prices.sheets[block]
    unit = sheet.prices[action].unit
    return f"{action}_{unit}" if sheet.part.is_memory or sheet.part is Role.DRAM else unit


def bytes_of(prices: PriceList, words: Mapping[str, float], block: str, action: str) -> float:
    """Return the bytes of a counted unit; 0 where it is none of data."""
    unit = prices.sheets[block].prices[action].unit
    return {"bytes": 1.0, "words": words.get(block, 0.0)}.get(unit, 0.0)


@dataclass(frozen=True)
class Painter:
    """Makes pictures; ``queue`` and ``port`` return the track of each, ``words`` bytes of a word.

    Equal facts are one tuple.
    """

    prices: PriceList
    words: Mapping[str, float]
    queue: Callable[[str], int]
    port: Callable[[str], int]
    pool: dict[Facts, Facts] = field(default_factory=dict)

    def picture(self, part: Part, bookings: Sequence[Booking], level: Level) -> Picture:
        """Return the picture of a part's segment at a level."""
        record, edges, named = part.record, list[_Edge](), set[str]()
        period = self.prices.supplies.periods[part.point]
        held = _held(bookings)
        waits = list(port_waits(record)) if level >= Level.PANEL else []
        links = _links(record) if level >= Level.PANEL else _Links({}, {}, 0)
        for queue, row in steps(record).items() if level >= Level.OPERATOR else ():
            panels = _Panels(self, self.queue(queue), period, bookings, held, waits, links)
            for operator, same in groupby(row, key=lambda step: step.task.operator):
                named.add(operator)
                edges += panels.operator(operator, list(same), fine=level >= Level.PANEL)
        if level >= Level.USE:
            edges += self._uses(record, bookings, waits, period)
        return Picture(edges, frozenset(named), links.number)

    def share(self, facts: Sequence[tuple[str, int | float | str]]) -> Facts:
        """Return facts, those that are equal as one."""
        made = tuple(facts)
        return self.pool.setdefault(made, made)

    def amounts(self, bookings: Sequence[Booking]) -> list[tuple[str, int | float | str]]:
        """Return what bookings of one task moved, by block."""
        total: Counter[str] = Counter()
        for b in bookings:
            total[f"{b.block}.{counted(self.prices, b.block, b.action)}"] += b.amount
        return list(total.items())

    def _uses(
        self,
        record: SegmentRecord,
        bookings: Sequence[Booking],
        waits: Sequence[Wait],
        period: Tick,
    ) -> Iterator[_Edge]:
        """Yield the slices of blocks: each is as long as the block is busy with one use."""
        for b, wait in zip(bookings, waits, strict=True):
            track = self.port(b.port)
            facts = self._facts(b, wait, period)
            yield _Edge(track, b.start, b.operator, Level.USE.label, facts)
            yield _Edge(track, b.end)

    def _facts(self, b: Booking, wait: Wait, period: Tick) -> Facts:
        ticks = b.end - b.start
        facts: list[tuple[str, int | float | str]] = [
            ("ticks", ticks),
            ("cycles", cycles(ticks, period)),
            (counted(self.prices, b.block, b.action), b.amount),
        ]
        size = bytes_of(self.prices, self.words, b.block, b.action)
        if size not in (0.0, 1.0):
            facts.append(("bytes", int(b.amount * size)))
        facts.append(("energy_nJ", b.joules * 1e9))
        facts += waited(wait.ticks, wait.reason)
        return self.share(facts)


class _Links(NamedTuple):
    """Numbers of the arrows that each task sends and receives, and how many there are."""

    sends: Mapping[int, Sequence[int]]
    receives: Mapping[int, Sequence[int]]
    number: int


def _links(record: SegmentRecord) -> _Links:
    sends, receives = defaultdict[int, list[int]](list), defaultdict[int, list[int]](list)
    pairs = arrows(record)
    for number, (earlier, later) in enumerate(pairs):
        sends[earlier].append(number)
        receives[later].append(number)
    return _Links(sends, receives, len(pairs))


@dataclass(frozen=True)
class _Panels:
    """The slices of one queue; bookings, waits and links are those of the segment."""

    painter: Painter
    track: int
    period: Tick
    bookings: Sequence[Booking]
    held: Mapping[int, Sequence[int]]
    waits: Sequence[Wait]
    links: _Links

    def operator(self, name: str, row: Sequence[Step], *, fine: bool) -> Iterator[_Edge]:
        """Yield an operator's envelope in a queue, after the stall before it, with its panels."""
        if fine:
            yield from self._stall(row[0])
        facts = self._told(row)
        yield _Edge(self.track, row[0].start, name, Level.OPERATOR.label, facts)
        for number, step in enumerate(row if fine else ()):
            if number:
                yield from self._stall(step)
            yield from self._panel(name, step)
        yield _Edge(self.track, row[-1].end)

    def _told(self, row: Sequence[Step]) -> Facts:
        mine = [b for step in row for b in self._booked(step)]
        busy, stalled = sum(s.end - s.start for s in row), sum(s.waited for s in row[1:])
        return self.painter.share(
            [
                ("panels", len(row)),
                ("panel_cycles", cycles(busy, self.period)),
                ("stalled_cycles", cycles(stalled, self.period)),
                *self.painter.amounts(mine),
                ("energy_nJ", fsum(b.joules for b in mine) * 1e9),
            ]
        )

    def _stall(self, step: Step) -> Iterator[_Edge]:
        if step.waited and step.cause:
            reason = f"{step.cause.operator} in {step.cause.queue}"
            facts = waited(step.waited, f"{reason}, panel {step.cause.id}")
            name, shared = f"waits for {reason}", self.painter.share(facts)
            yield from self._slice(step.since, step.start, name, STALL, shared)

    def _panel(self, name: str, step: Step) -> Iterator[_Edge]:
        task, mine = step.task, self._booked(step)
        reason = f"{step.cause.operator} in {step.cause.queue}" if step.cause else ""
        slowest = max(mine, key=lambda b: b.end).port if mine else "nothing"
        facts = self.painter.share(
            [
                ("panel", task.id),
                ("panel_cycles", cycles(step.end - step.start, self.period)),
                ("slowest", slowest),
                *self.painter.amounts(mine),
                ("energy_nJ", fsum(b.joules for b in mine) * 1e9),
                *waited(step.waited if step.cause else 0, reason),
            ]
        )
        links = self.links
        yield _Edge(
            self.track, step.start, name, Level.PANEL.label, facts,
            tuple(links.sends.get(task.id, ())), tuple(links.receives.get(task.id, ())),
        )  # fmt: skip
        yield from self._ports(step)
        yield _Edge(self.track, step.end)

    def _ports(self, step: Step) -> Iterator[_Edge]:
        """Yield the stall of a panel of which no use finds its port free."""
        mine = self.held.get(step.task.id)
        if not mine:
            return
        first = min(mine, key=lambda number: self.bookings[number].start)
        wait = self.waits[first]
        if wait.ticks and wait.reason != LEAD:
            name = f"waits for {self.bookings[first].port}"
            facts = self.painter.share(waited(wait.ticks, wait.reason))
            yield from self._slice(step.start, step.start + wait.ticks, name, STALL, facts)

    def _slice(
        self, start: Tick, end: Tick, name: str, level: str, facts: Facts
    ) -> Iterator[_Edge]:
        yield _Edge(self.track, start, name, level, facts)
        yield _Edge(self.track, end)

    def _booked(self, step: Step) -> list[Booking]:
        return [self.bookings[number] for number in self.held.get(step.task.id, ())]


def _held(bookings: Sequence[Booking]) -> dict[int, list[int]]:
    """Return by task the numbers of its bookings."""
    found: dict[int, list[int]] = {}
    for number, booking in enumerate(bookings):
        found.setdefault(booking.task, []).append(number)
    return found


def cycles(ticks: Tick, period: Tick) -> int | float:
    """Return cycles of the chip's clock, a fraction for what follows no or another one."""
    whole, rest = divmod(ticks, period)
    return ticks / period if rest else whole


def waited(ticks: Tick, reason: str) -> list[tuple[str, int | float | str]]:
    """Return the facts of a wait; none if there was none."""
    return [("waited_ticks", ticks), ("waited_for", reason)] if ticks else []
