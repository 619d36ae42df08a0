"""What bounds each operator: the rate that it can reach beside the best rates of the run.

All is read off the run. An operator takes as long as the port that it keeps busiest, whatever runs
beside it, and the roof is what the best operator got out of a block: so no operator lies above it,
on any accelerator.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from accelsim.account.breakdown import CHIP, BreakdownRow
from accelsim.evaluation.cases import CaseResult
from accelsim.machine.components.base import Part
from accelsim.program import ProgramKind
from accelsim.values import dataclass

MACS, ELEMENTS = "macs", "elements"
# What may bound an operator, the first of those that are equally busy: buffers follow what they
# feed.
RESOURCES = (
    "compute",
    "special functions",
    "weight bandwidth",
    "DRAM",
    "activation memory",
    "bus",
    "host",
    "buffers",
)
_OF_UNITS = {MACS: "compute", ELEMENTS: "special functions"}
_OF_PARTS = {
    # Of arithmetic: decoders of stored weights.
    Part.COMPUTE.value: "weight bandwidth",
    Part.PARAMETERS.value: "weight bandwidth",
    Part.DRAM.value: "DRAM",
    Part.ACTIVATIONS.value: "activation memory",
    Part.BUS.value: "bus",
    Part.HOST.value: "host",
    Part.BUFFERS.value: "buffers",
}
_CROSSED = (Part.PARAMETERS.value, Part.ACTIVATIONS.value, Part.DRAM.value)
# [ours] Ports within this share of the busiest are as busy.
_AS_BUSY = 0.999


class Bound(NamedTuple):
    """An operator of a design, all its inferences of a run together.

    ``operations`` are MACs, or elements of special functions, by ``unit``; ``bytes`` pass the
    memories of parameters and activations and DRAM; ``seconds`` is how long it keeps its busiest
    port, which belongs to ``bound``, and ``memory_seconds`` its busiest memory.
    """

    operator: str
    unit: str
    operations: int
    bytes: float
    seconds: float
    memory_seconds: float
    bound: str

    @property
    def intensity(self) -> float:
        """Operations for each byte from memories."""
        return self.operations / self.bytes

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds


@dataclass(frozen=True)
class Roofline:
    """All operators that compute and use memories, and the best that any of them reached."""

    operators: tuple[Bound, ...]

    @property
    def peaks(self) -> dict[str, float]:
        """The best rate of any operator by unit [1/s]."""
        found: defaultdict[str, float] = defaultdict(float)
        for one in self.operators:
            found[one.unit] = max(found[one.unit], one.rate)
        return dict(found)

    @property
    def bandwidth(self) -> float:
        """The best rate at which any operator moved bytes from and to memories [B/s]."""
        return max(one.bytes / one.memory_seconds for one in self.operators)


def roofline(case: CaseResult) -> Roofline:
    """Return what bounds the operators of the inferences of a run; none of another program."""
    rows: defaultdict[str, list[BreakdownRow]] = defaultdict(list)
    for row in case.breakdown:
        if row.program == ProgramKind.INFER and row.amount and row.busy and row.block != CHIP:
            rows[row.operator].append(row)
    words = {name: float(one.region.word_bytes) for name, one in case.footprints.items()}
    return Roofline(tuple(one for name in rows for one in _bounds(name, rows[name], words)))


def _bounds(name: str, rows: list[BreakdownRow], words: dict[str, float]) -> Iterator[Bound]:
    counted = {unit: sum(r.amount for r in rows if r.unit == unit) for unit in _OF_UNITS}
    unit = MACS if counted[MACS] else ELEMENTS
    crossed = [row for row in rows if row.part in _CROSSED]
    moved = sum(row.amount * (words[row.block] if row.unit == "words" else 1.0) for row in crossed)
    if not counted[unit] or not moved:
        return
    busy = _busy(rows)
    most = max(busy.values())
    bound = min(
        (resource for (resource, *_), seconds in busy.items() if seconds >= _AS_BUSY * most),
        key=RESOURCES.index,
    )
    memory = max(_busy(crossed).values())
    yield Bound(name, unit, counted[unit], moved, most, memory, bound)


def _busy(rows: Iterable[BreakdownRow]) -> dict[tuple[str, str, str], float]:
    """Return busy seconds by resource, block and, of buffers, direction."""
    found: defaultdict[tuple[str, str, str], float] = defaultdict(float)
    for row in rows:
        resource = _OF_UNITS.get(row.unit) or _OF_PARTS[row.part]
        port = row.action if row.part == Part.BUFFERS.value else ""
        found[resource, row.block, port] += row.busy
    return dict(found)
