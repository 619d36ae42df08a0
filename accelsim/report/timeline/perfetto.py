"""The timeline of a run as a Chrome JSON trace, which ui.perfetto.dev and chrome://tracing open.

Every case is a process; its lanes are the requests (request, program, segment), the state of the
chip where it changes, and one for each port in use. The window of the run is shown, from time 0
on. Times are microseconds with three decimals: ticks rounded to whole nanoseconds, begin and end
separately, so that neighbours touch.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from math import fsum

from accelsim.account.energy import chip_watts
from accelsim.account.power import power_series, round_to_nanoseconds
from accelsim.account.prices import PriceList
from accelsim.account.slices import Detail, Slice, column_of, counted, lanes, loads, slices
from accelsim.account.window import View, queue_lengths, view_of
from accelsim.engine.run import Execution, Part, RequestOutcome, Run
from accelsim.engine.segment_run import SegmentRecord
from accelsim.errors import OutputError
from accelsim.evaluation.cases import CaseResult
from accelsim.placement.placement import DRAM
from accelsim.program import ProgramKind
from accelsim.units import TICKS_PER_SECOND, Tick, to_seconds

CONTROL_LANE = "requests"
STATE_LANE = "power state"
QUEUE = "waiting requests"
# [ours] Some hundred MB of text; viewers take no more.
MOST_PROGRAMS = 2_000
# Viewers take thread 0, and a thread with the number of its process, for the process itself.
_FIRST_THREAD = 101
_TICKS_PER_MICROSECOND = TICKS_PER_SECOND // 10**6


def trace_events(
    cases: Mapping[str, CaseResult],
    *,
    detail: Detail = "operator",
    other_data: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Yield the text of a trace of the window of each case, piece by piece.

    ``detail`` is ``operator`` (consecutive spans of an operator are one slice, and so are operators
    that alternate within 1/500 of the active time) or ``task`` (every span is a slice: some 12 MB
    for an inference of ALBERT-base). ``other_data`` stands at the head of the file: version,
    workload, digests. Power is a counter in mW by part of the machine, and so is the number of
    requests that wait, if any do; arrows lead from a switch's DRAM slice to the memory that
    receives the parameters. Raises OutputError when a run has no spans or its window cannot be
    drawn.
    """
    head = json.dumps(dict(other_data or {}))
    yield f'{{"displayTimeUnit":"ns","otherData":{head},\n"traceEvents":['
    separator = "\n"
    for event in _events(cases, detail):
        yield separator + event
        separator = ",\n"
    yield "\n]}\n"


def _events(cases: Mapping[str, CaseResult], detail: Detail) -> Iterator[str]:
    threads = count(max(_FIRST_THREAD, len(cases) + 1))
    arrows = count(1)
    for process, (name, case) in enumerate(cases.items(), 1):
        shown = drawable_view(name, case)
        threads_of = {lane: next(threads) for lane in _lanes(shown)}
        picture = _Picture(process, threads_of, shown, detail, arrows)
        yield from picture.names(name)
        yield from picture.control()
        yield from picture.states()
        for execution in shown.executions:
            yield from picture.ports(execution)
        yield from picture.power()
        yield from picture.waiting()


def _lanes(shown: View) -> list[str]:
    """Return the lanes from top to bottom: control, states, ports.

    A chip that is always active at one operating point has no lane of states.
    """
    control = [CONTROL_LANE]
    if len(shown.stays) > 1 or not shown.executions:
        control.append(STATE_LANE)
    return [*control, *lanes(shown)]


def drawable_view(name: str, case: CaseResult) -> View:
    """Return what the window of a case shows.

    Raises OutputError when the run has no spans, and when its window shows nothing or more than
    MOST_PROGRAMS programs.
    """
    run, refused = case.run, f"cannot draw the timeline of '{name}': "
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
    return view_of(run, case.figures.prices)


@dataclass
class _Picture:
    """The events of one process. ``tails`` keeps what all replays of a record have in common."""

    process: int
    lanes: dict[str, int]
    shown: View
    detail: Detail
    arrows: Iterator[int]
    tails: dict[int, list[tuple[int, Tick, Tick, str]]] = field(default_factory=dict)

    def names(self, name: str) -> Iterator[str]:
        if self.shown.start:
            name += f" from {to_seconds(self.shown.start):.12g} s"
        yield self._name("process_name", 0, f'"name":{json.dumps(name)}')
        yield self._name("process_sort_index", 0, f'"sort_index":{self.process}')
        for place, (lane, thread) in enumerate(self.lanes.items()):
            yield self._name("thread_name", thread, f'"name":{json.dumps(lane)}')
            yield self._name("thread_sort_index", thread, f'"sort_index":{place}')

    def _name(self, what: str, thread: int, args: str) -> str:
        of_thread = f'"tid":{thread},' if thread else ""
        return f'{{"ph":"M","pid":{self.process},{of_thread}"name":"{what}","args":{{{args}}}}}'

    # -- slices --------------------------------------------------------------------------------

    def control(self) -> Iterator[str]:
        """Yield the nested slices of the control lane, the outer ones first."""
        thread, sentences = self.lanes[CONTROL_LANE], _sentences(self.shown.run)
        for request in self.shown.requests:
            name = f"{request.task} sentence {sentences[request.number]}"
            tail = _tail("request", name, _request_facts(request))
            yield self._slice(thread, request.start, request.end, tail)
        for execution in self.shown.executions:
            yield from self._program(execution, thread)

    def _program(self, execution: Execution, thread: int) -> Iterator[str]:
        parts = execution.parts
        joules = fsum(self.shown.joules_of(part.record) for part in parts)
        category = execution.kind.value
        infers = execution.kind is ProgramKind.INFER
        name = f"infer {execution.task}" if infers else execution.name
        tail = _tail(category, name, {"dynamic_energy_nJ": _nanojoules(joules)})
        yield self._slice(thread, execution.start, execution.end, tail)
        if len(parts) == 1:
            return
        for part, name in zip(parts, _numbered(execution), strict=True):
            energy = {"dynamic_energy_nJ": _nanojoules(self.shown.joules_of(part.record))}
            tail = _tail(category, name, energy)
            yield self._slice(thread, part.began, part.began + part.record.duration, tail)

    def states(self) -> Iterator[str]:
        """Yield the slices of the lane of power states."""
        for stay in self.shown.stays if STATE_LANE in self.lanes else ():
            watts = chip_watts(self.shown.prices, stay.state)
            tail = _tail("state", str(stay.state), {"leakage_and_clock_mW": f"{1e3 * watts:.6g}"})
            yield self._slice(self.lanes[STATE_LANE], stay.start, stay.end, tail)

    def ports(self, execution: Execution) -> Iterator[str]:
        """Yield the slices of the port lanes, and the arrows of a switch after them."""
        for part in execution.parts:
            for thread, start, end, tail in self._tails(part.record, execution.kind):
                yield self._slice(thread, part.began + start, part.began + end, tail)
            if execution.kind is ProgramKind.SWITCH:
                yield from self._arrows(part)

    def _tails(self, record: SegmentRecord, kind: ProgramKind) -> list[tuple[int, Tick, Tick, str]]:
        known = self.tails.get(id(record))
        if known is None:
            prices = self.shown.prices
            by_port = slices(self.shown.bookings_of(record), column_of(self.shown), self.detail)
            known = self.tails[id(record)] = [
                (
                    self.lanes[port],
                    piece.start,
                    piece.end,
                    _port_tail(prices, piece, kind),
                )
                for port, pieces in by_port.items()
                for piece in pieces
            ]
        return known

    def _slice(self, thread: int, start: Tick, end: Tick, tail: str) -> str:
        """Return a slice of ticks of the run, cut to the view."""
        begin = self._nanoseconds(max(start, self.shown.start))
        length = self._nanoseconds(min(end, self.shown.end)) - begin
        return (
            f'{{"ph":"X","pid":{self.process},"tid":{thread},"ts":{_microseconds(begin)},'
            f'"dur":{_microseconds(length)},{tail}'
        )

    def _nanoseconds(self, tick: Tick) -> int:
        return round_to_nanoseconds(tick - self.shown.start)

    # -- arrows and counters -------------------------------------------------------------------

    def _arrows(self, part: Part) -> Iterator[str]:
        for load in loads(self.shown, part.record):
            number, received = next(self.arrows), part.began + load.received
            yield self._arrow('"ph":"s"', number, DRAM, part.began + load.sent)
            yield self._arrow('"ph":"f","bp":"e"', number, load.memory, received)

    def _arrow(self, phase: str, number: int, port: str, at: Tick) -> str:
        time = _microseconds(self._nanoseconds(at))
        return (
            f'{{{phase},"id":{number},"pid":{self.process},"tid":{self.lanes[port]},"ts":{time},'
            f'"cat":"switch","name":"load parameters"}}'
        )

    def power(self) -> Iterator[str]:
        """Yield the power counter where it changes, and zeros at the end of the view."""
        series = power_series(self.shown)
        columns = zip(*(watts.tolist() for watts in series.watts.values()), strict=True)
        names = [f'"{part} mW":' for part in series.watts]
        before = ""
        for edge, watts in zip(series.edges, columns, strict=False):
            # Twelve digits keep the energy under the curve exact to 1e-12.
            pairs = zip(names, watts, strict=True)
            args = ",".join(f"{name}{1e3 * value:.12g}" for name, value in pairs)
            if args != before:
                yield self._counter("power", edge, args)
            before = args
        yield self._counter("power", series.edges[-1], ",".join(f"{name}0" for name in names))

    def waiting(self) -> Iterator[str]:
        """Yield the number of requests that wait, where it changes; nothing if none ever waits."""
        steps = queue_lengths(self.shown)
        for tick, length in steps if len(steps) > 1 else ():
            yield self._counter(QUEUE, self._nanoseconds(tick), f'"requests":{length}')

    def _counter(self, name: str, edge: int, args: str) -> str:
        return (
            f'{{"ph":"C","pid":{self.process},"ts":{_microseconds(edge)},"name":"{name}",'
            f'"args":{{{args}}}}}'
        )


def _numbered(execution: Execution) -> Iterable[str]:
    """Return the names of the segments, those that occur several times with their number."""
    names = [part.record.segment.name for part in execution.parts]
    several, seen = Counter(names), Counter[str]()
    for name in names:
        seen[name] += 1
        yield f"{name} {seen[name]}" if several[name] > 1 else name


def _sentences(run: Run) -> dict[int, int]:
    """Return by number of the request which one of its task's it was, counted from 1 as served."""
    seen: Counter[str] = Counter()
    found = {}
    for request in run.requests:
        seen[request.task] += 1
        found[request.number] = seen[request.task]
    return found


def _request_facts(request: RequestOutcome) -> dict[str, str]:
    """Return what a viewer shows of a request; early exit and deadlines where there are any."""
    facts = {"request": str(request.number), "tokens": str(request.tokens)}
    facts["waited_us"] = _exact_microseconds(request.start - request.arrival)
    if request.layers is not None:
        facts |= {"layers": str(request.layers), "point": json.dumps(request.point)}
    if request.planned is not None:
        facts["planned_layers"] = str(request.planned)
    if request.deadline is not None:
        facts["deadline_missed"] = json.dumps(request.end > request.deadline)
    return facts


def _port_tail(prices: PriceList, piece: Slice, kind: ProgramKind) -> str:
    main, *others = piece.operators
    name = f"{main} and {len(others)} more" if others else main
    amounts: Counter[str] = Counter()
    for (block, action), amount in piece.amounts.items():
        amounts[counted(prices, block, action)] += amount
    args = {"tasks": str(piece.tasks), "busy_us": _exact_microseconds(piece.busy)}
    args |= {unit: str(amount) for unit, amount in amounts.items()}
    args["energy_nJ"] = _nanojoules(piece.joules)
    if others:
        args["others"] = json.dumps(", ".join(others))
    return _tail(kind.value, name, args)


def _tail(category: str, name: str, args: Mapping[str, str]) -> str:
    """Return the end of a slice's event; ``args`` are JSON texts by key."""
    inner = ",".join(f'"{key}":{value}' for key, value in args.items())
    return f'"cat":"{category}","name":{json.dumps(name)},"args":{{{inner}}}}}'


def _microseconds(nanoseconds: int) -> str:
    return f"{nanoseconds // 1000}.{nanoseconds % 1000:03d}"


def _exact_microseconds(ticks: Tick) -> str:
    whole, rest = divmod(ticks, _TICKS_PER_MICROSECOND)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")


def _nanojoules(joules: float) -> str:
    return f"{joules * 1e9:.6g}"
