"""The outcome of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.engine.ledger import Ledger
from accelsim.engine.segment_run import SegmentRecord
from accelsim.program import ProgramKind
from accelsim.units import Tick


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
    segments: tuple[tuple[Tick, SegmentRecord], ...]
    dram_residency: Mapping[str, Tick]

    @property
    def duration(self) -> Tick:
        """Ticks from start to end."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """When a request began (a switch included) and ended."""

    number: int
    round: int
    task: str
    start: Tick
    end: Tick


@dataclass(frozen=True)
class Run:
    """What a simulation returns.

    ``event_count`` counts SimPy events, ``simulated`` and ``replayed`` segments.
    """

    makespan: Tick
    ledger: Ledger
    executions: tuple[Execution, ...]
    requests: tuple[RequestOutcome, ...]
    event_count: int
    simulated: int
    replayed: int
    traced: bool

    def executions_of(self, kind: ProgramKind) -> list[Execution]:
        """Return the executions of one kind of program."""
        return [execution for execution in self.executions if execution.kind is kind]

    def dram_residency(self, kind: ProgramKind) -> Counter[str]:
        """Return the ticks in each DRAM state while programs of a kind ran."""
        total: Counter[str] = Counter()
        for execution in self.executions_of(kind):
            total.update(execution.dram_residency)
        return total
