"""How a run is asked for, and its outcome."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from accelsim.engine.ledger import Ledger
from accelsim.engine.segment_run import SegmentRecord
from accelsim.engine.work import Behalf, Work
from accelsim.machine.chip_state import NOMINAL, ChipState
from accelsim.program import ProgramKind
from accelsim.units import Tick

if TYPE_CHECKING:
    from accelsim.policies.idle import IdlePlan
    from accelsim.requests.request import Request


@dataclass(frozen=True, slots=True)
class Part:
    """One segment of an execution: when it began, at which operating point, what happened."""

    began: Tick
    point: str
    record: SegmentRecord


@dataclass(frozen=True, slots=True)
class Execution:
    """One program that ran: for which task and request, from when to when.

    ``dram_residency`` are the ticks that the DRAM spent in each state meanwhile.
    """

    kind: ProgramKind
    name: str
    task: str
    request: int
    start: Tick
    end: Tick
    parts: tuple[Part, ...]
    dram_residency: Mapping[str, Tick]

    @property
    def duration(self) -> Tick:
        """Ticks from start to end."""
        return self.end - self.start


class RequestOutcome(NamedTuple):
    """When a request came, began (a switch included) and ended; what became of it.

    ``tokens`` are those computed, padding included; ``layers`` the encoder layers that ran, and
    ``planned`` those that were predicted (None: no prediction). ``exit_layer`` is where the
    entropy would have let it leave. ``switched`` says that parameters were loaded for it.
    ``point`` is the operating point after the first layer; ``late`` says that the inference took
    longer than its latency target. Of ``new_tokens`` that were generated ``first_token`` is when
    the first was there; ``seat`` is the request's place in the cache, which those that share a pass
    have each of their own.
    """

    number: int
    round: int
    task: str
    arrival: Tick
    start: Tick
    end: Tick
    tokens: int
    deadline: Tick | None = None
    switched: bool = False
    layers: int | None = None
    planned: int | None = None
    exit_layer: int | None = None
    point: str = NOMINAL
    late: bool = False
    new_tokens: int | None = None
    first_token: Tick | None = None
    seat: int = 0

    def again(self, request: Request, start: Tick) -> RequestOutcome:
        """Return what becomes of an equal request, answered at once, that begins at a tick."""
        end = start + self.end - self.start
        return RequestOutcome(
            request.number, request.round, request.task, request.arrival, start, end,
            self.tokens, request.deadline, self.switched,
            self.layers, request.predicted_layer, request.exit_layer, self.point,
            self.late, request.new_tokens, end if request.new_tokens else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class StateSpan:
    """A stay of the chip in one state."""

    start: Tick
    end: Tick
    state: ChipState


@dataclass
class ProgramTotal:
    """All executions of one kind of program for one task.

    ``ticks`` is their duration, ``busy`` booked ticks by port, ``dram_residency`` the ticks that
    the DRAM spent in each state during pieces that used it.
    """

    count: int = 0
    ticks: Tick = 0
    busy: Counter[str] = field(default_factory=Counter)
    dram_residency: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: ProgramTotal) -> ProgramTotal:
        self.count += other.count
        self.ticks += other.ticks
        self.busy += other.busy
        self.dram_residency += other.dram_residency
        return self


@dataclass(frozen=True)
class Window:
    """The part of a run whose executions are kept, to be drawn: from ``start`` to ``end`` [ticks].

    ``requests`` keeps what is done for the first requests served; None: for all.
    """

    start: Tick = 0
    end: Tick | None = None
    requests: int | None = None

    def may_show(self, start: Tick, served: int) -> bool:
        """Say whether something that begins when so many requests were served may be kept."""
        in_time = self.end is None or start < self.end
        return in_time and (self.requests is None or served < self.requests)

    def shows(self, start: Tick, end: Tick, served: int) -> bool:
        """Say whether something that lasted from start to end is to be kept."""
        return end > self.start and self.may_show(start, served)


@dataclass(frozen=True)
class Options:
    """How to simulate; none changes a result.

    ``replay`` reuses the outcome of a piece that starts from an equal state; ``trace`` records
    spans; ``window`` says which executions to keep (None: all); ``progress`` is called after every
    request.
    """

    replay: bool = True
    trace: bool = False
    window: Window | None = None
    progress: Callable[[], None] | None = None


@dataclass(frozen=True, eq=False)
class Run:
    """What a simulation returns.

    ``executions`` and ``states`` are those of the window, ``requests``, ``totals`` (by kind and
    task) and what ``ran`` (by layer, too, and how often) of the whole run. ``event_count`` counts
    events, ``simulated`` and ``replayed`` segments. ``idle_plans`` counts the idle times by what
    was planned for them. ``task_bits`` are the most bits of all tasks' own parameters that lay in
    each memory at a time, models that are swapped included; ``swaps`` counts the loads of these, by
    task and memory. ``steps`` counts those that generated tokens, by task and rows of the cache of
    each request that shared one, and ``step_ticks`` is how long all took.
    """

    makespan: Tick
    ledger: Ledger
    window: Window
    executions: tuple[Execution, ...]
    states: tuple[StateSpan, ...]
    requests: tuple[RequestOutcome, ...]
    totals: Mapping[tuple[ProgramKind, str], ProgramTotal]
    ran: tuple[tuple[SegmentRecord, Behalf, int], ...]
    event_count: int
    simulated: int
    replayed: int
    traced: bool
    idle_plans: dict[IdlePlan, int]
    task_bits: Mapping[str, int]
    steps: Mapping[tuple[str, tuple[int, ...]], int] = field(default_factory=Counter)
    step_ticks: Tick = 0
    swaps: Mapping[tuple[str, str], int] = field(default_factory=Counter)

    @property
    def usual_plan(self) -> IdlePlan | None:
        """What was planned most often for idle times, of equals the last; None without any."""
        plans = self.idle_plans
        return max(reversed(plans), key=plans.__getitem__, default=None)

    @cached_property
    def work(self) -> Mapping[Behalf, Work]:
        """What was done on each behalf; those for which the same segments ran share it."""
        segments = defaultdict[Behalf, list[tuple[SegmentRecord, int]]](list)
        for record, behalf, times in self.ran:
            segments[behalf].append((record, times))
        known: dict[tuple[tuple[int, int], ...], Work] = {}
        found = {}
        for behalf, own in segments.items():
            key = tuple((id(record), times) for record, times in own)
            found[behalf] = known[key] = known.get(key) or Work.of(own)
        return found

    def total(self, kind: ProgramKind) -> ProgramTotal:
        """Return the total over all tasks of one kind of program."""
        return self._by_kind[kind]

    @cached_property
    def _by_kind(self) -> dict[ProgramKind, ProgramTotal]:
        totals = {kind: ProgramTotal() for kind in ProgramKind}
        for (kind, _), part in self.totals.items():
            totals[kind] += part
        return totals
