"""What was done on whose behalf, layer by layer: the ledger's amounts told apart further."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from accelsim.engine.segment_run import SegmentRecord
from accelsim.units import Tick


class Behalf(NamedTuple):
    """Operating point, kind of program, NLP task, and encoder layer (None: of no layer)."""

    point: str
    program: str
    task: str
    layer: int | None


@dataclass(eq=False)
class Work:
    """All segments that ran on one behalf, or on each of several alike.

    ``ticks`` are their durations; ``amounts`` and ``busy`` ticks are by (block, action, operator).
    ``dram_ticks`` are the durations of those that used the DRAM, ``dram_residency`` its states
    meanwhile.
    """

    ticks: Tick = 0
    amounts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    busy: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    dram_ticks: Tick = 0
    dram_residency: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, segments: Iterable[tuple[SegmentRecord, int]]) -> Work:
        """Return the work of segments, each of which ran so many times."""
        work = cls()
        for record, times in segments:
            work.add(record, times)
        return work

    def add(self, record: SegmentRecord, times: int) -> None:
        """Count a segment that ran so many times."""
        self.ticks += record.duration * times
        for key, amount in record.amounts.items():
            self.amounts[key] += amount * times
        for key, ticks in record.busy.items():
            self.busy[key] += ticks * times
        if record.dram is not None:
            self.dram_ticks += record.duration * times
            for state, ticks in record.dram_residency.items():
                self.dram_residency[state] += ticks * times
