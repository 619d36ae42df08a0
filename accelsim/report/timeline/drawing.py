"""Draws cases: every design a process, its tracks by what they show, by queue and by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from itertools import count, groupby
from math import fsum

from accelsim.account.activity import round_to_nanoseconds
from accelsim.account.energy import chip_watts
from accelsim.account.window import View
from accelsim.engine.run import Execution, Part, RequestOutcome, Run
from accelsim.program import ProgramKind
from accelsim.report.text import duration, printable
from accelsim.report.timeline.counters import Counters, lanes
from accelsim.report.timeline.levels import Level, Plan
from accelsim.report.timeline.marks import Begin, End, Facts, Mark, Rows
from accelsim.report.timeline.segments import Painter, Picture
from accelsim.units import Tick, to_seconds

DETAIL, REQUESTS, SWITCHES = "level of detail", "requests", "task switches"
STATES, CHANGES, QUEUES, BLOCKS = "power states", "power switches", "queues", "blocks"
STATE = "state"
_PICTURES = 200
_TOLD = {
    DETAIL: "What is drawn when; --timeline-detail use draws all uses.",
    REQUESTS: "Requests in service, their programs, their layers: envelopes.",
    SWITCHES: "Loads of a task's own parameters.",
    STATES: "The states of the chip, which draw other power.",
    CHANGES: "Wake-ups, and changes of the operating point.",
    QUEUES: "In-order queues: operators (envelopes), their panels, and why they stand still.",
    BLOCKS: "Uses: a slice is as long as the block is busy with it.",
}
# The order of rows.
_PLACES = (DETAIL, REQUESTS, SWITCHES, STATES, CHANGES, QUEUES, BLOCKS)


def drawn(plans: Mapping[str, Plan], about: Mapping[str, str] | None = None) -> Iterator[Mark]:
    """Yield the marks of the window of each case, each design a process.

    ``about`` stands with the first slice of each: version, workload, digests.
    """
    # Processes are numbered from 1, in their order.
    rows, arrows = Rows(len(plans) + 1), count(1)
    for process, (name, plan) in enumerate(plans.items(), 1):
        facts: Facts = tuple((about or {}).items())
        drawing = _Drawing(process, name, plan, facts, rows, arrows)
        yield from drawing.marks()


@dataclass
class _Drawing:
    """One process. ``pictures`` are those of segments, by record, point and level."""

    process: int
    name: str
    plan: Plan
    about: Facts
    rows: Rows
    arrows: Iterator[int]
    pictures: dict[tuple[int, str, Level], Picture] = field(default_factory=dict)
    facts: dict[tuple[int, str], Facts] = field(default_factory=dict)

    @cached_property
    def shown(self) -> View:
        return self.plan.shown

    @cached_property
    def painter(self) -> Painter:
        queues, blocks = self._row(QUEUES), self._row(BLOCKS)
        ports, names = lanes(self.shown), _queues(self.plan.parts)
        return Painter(
            self.shown.prices,
            self.plan.word_bytes,
            lambda queue: self.rows.row(queues, queue, names.index(queue)),
            lambda port: self.rows.row(blocks, port, ports.index(port)),
        )

    def _row(self, name: str) -> int:
        return self.rows.row(self.process, name, _PLACES.index(name), about=_TOLD[name])

    def marks(self) -> Iterator[Mark]:
        """Yield all marks of the process, tracks before what lies on them."""
        self.rows.add_process(self.process, printable(self.name))
        for mark in self._drawn():
            yield from self.rows.new()
            yield mark

    def _drawn(self) -> Iterator[Mark]:
        yield from self._detail()
        yield from self._states()
        yield from self._requests()
        yield from Counters(self.process, self.plan, self.rows, len(_PLACES)).marks()

    def _slice(
        self, track: int, start: Tick, end: Tick, name: str, level: str, facts: Facts
    ) -> Iterator[Mark]:
        yield Begin(track, self._at(start), name, level, facts)
        yield End(track, self._at(end))

    def _at(self, tick: Tick) -> int:
        """Return the time of a tick [ns], cut to the view."""
        return round_to_nanoseconds(min(max(tick, self.shown.start), self.shown.end))

    def _detail(self) -> Iterator[Mark]:
        row, about = self._row(DETAIL), self.about
        for level, start, end in self.plan.stretches():
            yield from self._slice(row, start, end, level.label, "detail", about)
            about = ()

    def _states(self) -> Iterator[Mark]:
        row, known = self._row(STATES), cache(partial(chip_watts, self.shown.prices))
        for stay in self.shown.stays:
            watts = known(stay.state)
            facts = (("ticks", stay.end - stay.start), ("leakage_and_clock_mW", 1e3 * watts))
            yield from self._slice(row, stay.start, stay.end, str(stay.state), STATE, facts)

    # -- requests and what is done for them ----------------------------------------------------

    def _requests(self) -> Iterator[Mark]:
        row, numbers = self._row(REQUESTS), _numbers(self.shown.run)
        waiting = sorted(self.shown.requests, key=lambda request: request.start, reverse=True)
        labels, levels = _Labels(self.shown), iter(self.plan.levels)
        inside: list[RequestOutcome] = []
        loaded: dict[int, tuple[int, ...]] = {}
        for execution in self.shown.executions:
            while waiting and waiting[-1].start <= execution.start:
                yield from self._leave(row, inside)
                inside.append(request := waiting.pop())
                name = f"{request.task} sentence {numbers[request.number]}"
                facts = request_facts(request)
                level = Level.REQUEST.label
                yield Begin(row, self._at(request.start), name, level, facts)
            if inside and inside[0].end <= execution.start:
                yield from self._leave(row, inside)
            drawn = [next(levels) for _ in execution.parts]
            yield from self._program(row, execution, labels.of(execution), drawn, loaded)
        yield from self._leave(row, inside)

    def _leave(self, row: int, inside: list[RequestOutcome]) -> Iterator[Mark]:
        if inside:
            yield End(row, self._at(inside.pop().end))

    def _program(
        self,
        row: int,
        execution: Execution,
        labels: list[str],
        levels: list[Level],
        loaded: dict[int, tuple[int, ...]],
    ) -> Iterator[Mark]:
        """Yield a program's envelope with its layers, then what queues and blocks do meanwhile."""
        shown, level = max(levels) >= Level.SWITCH, Level.SWITCH.label
        infers = execution.kind is ProgramKind.INFER
        if shown:
            name = f"{execution.name} {execution.task}" if infers else execution.name
            joules = fsum(self.shown.joules_of(part.record) for part in execution.parts)
            facts: Facts = (("dynamic_energy_nJ", 1e9 * joules),)
            receives = loaded.pop(execution.request, ()) if infers else ()
            yield Begin(row, self._at(execution.start), name, level, facts, (), receives)
        for part, label, drawn in zip(execution.parts, labels, levels, strict=True):
            yield from self._part(row, part, label, drawn, alone=len(labels) == 1)
        if shown:
            yield End(row, self._at(execution.end))
            yield from self._switch(execution, facts, loaded)

    def _switch(
        self, execution: Execution, facts: Facts, loaded: dict[int, tuple[int, ...]]
    ) -> Iterator[Mark]:
        """Yield the slice of a switch on its own track; an inference waits for a task's."""
        if execution.kind is ProgramKind.INFER:
            return
        loads = execution.kind is ProgramKind.SWITCH
        track = self._row(SWITCHES if loads else CHANGES)
        arrow = (next(self.arrows),) if loads else ()
        if loads:
            loaded[execution.request] = arrow
        name, level = execution.name, Level.SWITCH.label
        yield Begin(track, self._at(execution.start), name, level, facts, arrow)
        yield End(track, self._at(execution.end))

    def _part(
        self, row: int, part: Part, label: str, level: Level, *, alone: bool
    ) -> Iterator[Mark]:
        if level >= Level.LAYER and not alone:
            facts = self._layer_facts(part)
            end = part.began + part.record.duration
            yield from self._slice(row, part.began, end, label, Level.LAYER.label, facts)
        if level >= Level.OPERATOR:
            picture = self._picture(part, level)
            first = next(self.arrows) if picture.arrows else 0
            for _ in range(picture.arrows - 1):
                next(self.arrows)
            yield from picture.at(part.began, label, first)

    def _layer_facts(self, part: Part) -> Facts:
        """Return one tuple for equal layers: writers remember what they have written of it."""
        key = (id(part.record), part.point)
        if key not in self.facts:
            joules = self.shown.joules_of(part.record)
            self.facts[key] = (("dynamic_energy_nJ", 1e9 * joules), ("point", part.point))
        return self.facts[key]

    def _picture(self, part: Part, level: Level) -> Picture:
        key = (id(part.record), part.point, level)
        found = self.pictures.get(key)
        if found is None:
            if len(self.pictures) >= _PICTURES:
                # Segments that never come again must not fill the memory.
                self.pictures.clear()
            bookings = self.shown.bookings_of(part.record)
            found = self.pictures[key] = self.painter.picture(part, bookings, level)
        return found


def _queues(parts: Sequence[Part]) -> list[str]:
    """Return the queues in use: ``load2`` before ``load10``."""
    records = {id(part.record): part.record for part in parts}.values()
    names = {task.queue for record in records for task in record.segment.tasks}
    return sorted(names, key=lambda name: (name.rstrip("0123456789"), len(name), name))


class _Labels:
    """The names of segments: those that a request passes several times are numbered.

    A request of which the view does not have the begin keeps its numbers to itself.
    """

    def __init__(self, shown: View) -> None:
        self._cut = {one.number for one in shown.requests if one.start < shown.start}
        self._present, self._seen = -1, Counter[str]()
        infers = (one for one in shown.executions if one.kind is ProgramKind.INFER)
        self._several = {
            name
            for _, same in groupby(infers, key=lambda execution: execution.request)
            for name, times in Counter(name for each in same for name in _segments(each)).items()
            if times > 1
        }

    def of(self, execution: Execution) -> list[str]:
        """Return the names of an execution's segments; executions are asked for in order."""
        names = list(_segments(execution))
        if execution.kind is not ProgramKind.INFER or execution.request in self._cut:
            return names
        if execution.request != self._present:
            self._present = execution.request
            self._seen.clear()
        return [self._label(name) for name in names]

    def _label(self, name: str) -> str:
        self._seen[name] += 1
        return f"{name} {self._seen[name]}" if name in self._several else name


def _segments(execution: Execution) -> Iterator[str]:
    return (part.record.segment.name for part in execution.parts)


def _numbers(run: Run) -> dict[int, int]:
    """Return by number of the request which one of its task's it was, counted from 1 as served."""
    seen: Counter[str] = Counter()
    found = {}
    for request in run.requests:
        seen[request.task] += 1
        found[request.number] = seen[request.task]
    return found


def request_facts(request: RequestOutcome) -> Facts:
    """Return what a viewer shows of a request; early exit and deadlines where there are any."""
    facts: list[tuple[str, int | float | str]] = [
        ("request", request.number),
        ("tokens", request.tokens),
        ("waited_ticks", request.start - request.arrival),
    ]
    if request.layers is not None:
        facts += [("layers", request.layers), ("point", request.point)]
    if request.planned is not None:
        facts.append(("planned_layers", request.planned))
    if request.deadline is not None:
        facts.append(("deadline_missed", "yes" if request.end > request.deadline else "no"))
    return tuple(facts)


def told(plans: Mapping[str, Plan]) -> str:
    """Return in one sentence what is not drawn as uses of blocks; empty if all is."""
    coarse = {level for plan in plans.values() for level in plan.levels} - {Level.USE}
    if not coarse:
        return ""
    ends = [
        (end for level, _, end in plan.stretches() if level is Level.USE) for plan in plans.values()
    ]
    until = min(max(end, default=0) for end in ends)
    return (
        f"Uses of blocks are drawn until {duration(to_seconds(until))}, then levels up to "
        f"{max(coarse).label}; --timeline-detail use draws all, --window a part"
    )
