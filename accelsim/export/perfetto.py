"""The timeline of a run as a Chrome JSON trace, which ui.perfetto.dev and chrome://tracing open.

Every case is a process; its lanes are the requests (request, program, segment) and one for
each port in use. The first round is shown. Times are microseconds with three decimals: ticks
rounded to whole nanoseconds, begin and end separately, so that neighbours touch.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from accelsim.config.hardware import HardwareConfig
from accelsim.engine.run import Execution
from accelsim.engine.segment_run import SegmentRecord
from accelsim.export.power import power_series, round_to_nanoseconds
from accelsim.export.timeline import (
    CaseTrace,
    Detail,
    Round,
    Slice,
    first_round,
    loads,
    slices,
)
from accelsim.mapping import accesses
from accelsim.memory.placement import DRAM
from accelsim.program import ProgramKind
from accelsim.units import TICKS_PER_SECOND, Tick

__all__ = ["CaseTrace", "Detail", "trace_events"]

CONTROL_LANE = "requests"
# Viewers take thread 0, and a thread with the number of its process, for the process itself.
_FIRST_THREAD = 101
_TICKS_PER_MICROSECOND = TICKS_PER_SECOND // 10**6


def trace_events(
    cases: Mapping[str, CaseTrace],
    *,
    detail: Detail = "operator",
    other_data: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Yield the text of a trace of the first round of each case, piece by piece.

    ``detail`` is ``operator`` (consecutive spans of an operator are one slice, and so are operators
    that alternate within 1/500 of the round) or ``task`` (every span is a slice: some 12 MB for an
    inference of ALBERT-base). ``other_data`` stands at the head of the file: version, workload,
    digests. Power is a counter in mW by part of the machine; arrows lead from a switch's DRAM
    slice to the memory that receives the parameters. Raises OutputError when a run has no spans.
    """
    head = json.dumps(dict(other_data or {}))
    yield f'{{"displayTimeUnit":"ns","otherData":{head},\n"traceEvents":['
    separator = "\n"
    for event in _events(cases, detail):
        yield separator + event
        separator = ",\n"
    yield "\n]}\n"


def _events(cases: Mapping[str, CaseTrace], detail: Detail) -> Iterator[str]:
    threads = count(max(_FIRST_THREAD, len(cases) + 1))
    arrows = count(1)
    for process, (name, case) in enumerate(cases.items(), 1):
        shown = first_round(name, case)
        lanes = {lane: next(threads) for lane in _lanes(case.design.hardware, shown)}
        picture = _Picture(process, lanes, case, shown, detail, arrows)
        yield from picture.names(name)
        yield from picture.control()
        for execution in shown.executions:
            yield from picture.ports(execution)
        yield from picture.power()


def _lanes(hardware: HardwareConfig, shown: Round) -> list[str]:
    """Return the lanes from top to bottom: control, compute, memories, buffers, outside."""
    used = shown.ports
    activations = hardware.placement.activations
    first = [accesses.PE_ARRAY, accesses.SFU, accesses.CODEC, accesses.BUS]
    first += [memory for memory in hardware.memories if memory != activations]
    last = [accesses.HOST, DRAM, accesses.POWER]
    buffers = sorted(used - {*first, activations, *last})
    return [CONTROL_LANE, *(p for p in [*first, activations, *buffers, *last] if p in used)]


@dataclass
class _Picture:
    """The events of one process. ``tails`` keeps what all replays of a record have in common."""

    process: int
    lanes: dict[str, int]
    case: CaseTrace
    shown: Round
    detail: Detail
    arrows: Iterator[int]
    tails: dict[int, list[tuple[int, Tick, Tick, str]]] = field(default_factory=dict)

    def names(self, name: str) -> Iterator[str]:
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
        sentences: Counter[str] = Counter()
        thread = self.lanes[CONTROL_LANE]
        for request in self.shown.requests:
            sentences[request.task] += 1
            name = f"{request.task} sentence {sentences[request.task]}"
            tail = _tail("request", name, {"request": str(request.number)})
            yield self._slice(thread, request.start, request.end, tail)
        for execution in self.shown.executions:
            yield from self._program(execution, thread)

    def _program(self, execution: Execution, thread: int) -> Iterator[str]:
        joules = sum(self.shown.joules_of(record) for _, record in execution.segments)
        category = execution.kind.value
        infers = execution.kind is ProgramKind.INFER
        name = f"infer {execution.task}" if infers else execution.name
        tail = _tail(category, name, {"dynamic_energy_nJ": _nanojoules(joules)})
        yield self._slice(thread, execution.start, execution.end, tail)
        if len(execution.segments) == 1:
            return
        for (began, record), name in zip(execution.segments, _numbered(execution), strict=True):
            energy = {"dynamic_energy_nJ": _nanojoules(self.shown.joules_of(record))}
            tail = _tail(category, name, energy)
            yield self._slice(thread, began, began + record.duration, tail)

    def ports(self, execution: Execution) -> Iterator[str]:
        """Yield the slices of the port lanes, and the arrows of a switch after them."""
        for began, record in execution.segments:
            for thread, start, end, tail in self._tails(record, execution.kind):
                yield self._slice(thread, began + start, began + end, tail)
            if execution.kind is ProgramKind.SWITCH:
                yield from self._arrows(began, record)

    def _tails(self, record: SegmentRecord, kind: ProgramKind) -> list[tuple[int, Tick, Tick, str]]:
        known = self.tails.get(id(record))
        if known is None:
            by_port = slices(self.shown.bookings_of(record), self.shown.column, self.detail)
            known = self.tails[id(record)] = [
                (self.lanes[port], piece.start, piece.end, _port_tail(port, piece, kind))
                for port, pieces in by_port.items()
                for piece in pieces
            ]
        return known

    def _slice(self, thread: int, start: Tick, end: Tick, tail: str) -> str:
        begin = round_to_nanoseconds(start)
        length = round_to_nanoseconds(end) - begin
        return (
            f'{{"ph":"X","pid":{self.process},"tid":{thread},"ts":{_microseconds(begin)},'
            f'"dur":{_microseconds(length)},{tail}'
        )

    # -- arrows and counters -------------------------------------------------------------------

    def _arrows(self, began: Tick, record: SegmentRecord) -> Iterator[str]:
        memories = list(self.case.design.hardware.memories)
        for load in loads(self.shown.bookings_of(record), memories):
            number = next(self.arrows)
            yield self._arrow('"ph":"s"', number, DRAM, began + load.sent)
            yield self._arrow('"ph":"f","bp":"e"', number, load.memory, began + load.received)

    def _arrow(self, phase: str, number: int, port: str, at: Tick) -> str:
        time = _microseconds(round_to_nanoseconds(at))
        return (
            f'{{{phase},"id":{number},"pid":{self.process},"tid":{self.lanes[port]},"ts":{time},'
            f'"cat":"switch","name":"load parameters"}}'
        )

    def power(self) -> Iterator[str]:
        """Yield the power counter where it changes, and zeros at the end of the round."""
        series = power_series(self.shown, self.case)
        columns = zip(*(watts.tolist() for watts in series.watts.values()), strict=True)
        names = [f'"{part} mW":' for part in series.watts]
        before = ""
        for edge, watts in zip(series.edges, columns, strict=False):
            # Twelve digits keep the energy under the curve exact to 1e-12.
            pairs = zip(names, watts, strict=True)
            args = ",".join(f"{name}{1e3 * value:.12g}" for name, value in pairs)
            if args != before:
                yield self._counter(edge, args)
            before = args
        yield self._counter(series.edges[-1], ",".join(f"{name}0" for name in names))

    def _counter(self, edge: int, args: str) -> str:
        return (
            f'{{"ph":"C","pid":{self.process},"ts":{_microseconds(edge)},"name":"power",'
            f'"args":{{{args}}}}}'
        )


def _numbered(execution: Execution) -> Iterable[str]:
    """Return the names of the segments, those that occur several times with their number."""
    names = [record.segment.name for _, record in execution.segments]
    several, seen = Counter(names), Counter[str]()
    for name in names:
        seen[name] += 1
        yield f"{name} {seen[name]}" if several[name] > 1 else name


def _port_tail(port: str, piece: Slice, kind: ProgramKind) -> str:
    main, *others = piece.operators
    name = f"{main} and {len(others)} more" if others else main
    amounts: Counter[str] = Counter()
    for (block, action), amount in piece.amounts.items():
        amounts[_unit(port, block, action)] += amount
    args = {"tasks": str(piece.tasks), "busy_us": _exact_microseconds(piece.busy)}
    args |= {unit: str(amount) for unit, amount in amounts.items()}
    args["energy_nJ"] = _nanojoules(piece.joules)
    if others:
        args["others"] = json.dumps(", ".join(others))
    return _tail(kind.value, name, args)


_UNITS = {
    accesses.PE_ARRAY: "macs",
    accesses.SFU: "elements",
    accesses.CODEC: "vectors",
    accesses.BUS: "bytes",
    accesses.HOST: "register_writes",
    accesses.POWER: "wake_ups",
}


def _unit(port: str, block: str, action: str) -> str:
    """Return the key of an amount: what is counted, and for memories in which direction."""
    if block in _UNITS:
        return _UNITS[block]
    # A buffer has a port for each direction, and counts bytes.
    in_bytes = block == DRAM or port != block
    return f"{action}_bytes" if in_bytes else f"{action}_words"


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
