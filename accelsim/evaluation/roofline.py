"""What bounds each operator: the rate that it can reach beside the best rates of the run.

All is read off the run. An operator takes as long as the port that it keeps busiest, whatever runs
beside it, and the roof is what the best operator got out of a block: so no operator lies above it,
on any accelerator.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from accelsim.account.breakdown import CHIP
from accelsim.evaluation.cases import CaseResult
from accelsim.machine.components.base import Part
from accelsim.program import ProgramKind

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
    words = {name: float(one.region.word_bytes) for name, one in case.footprints.items()}
    known: dict[int, Mapping[str, _Share]] = {}
    found: defaultdict[str, list[_Share]] = defaultdict(list)
    for (_, program, *_), rest in case.sheets:
        if program == ProgramKind.INFER:
            if id(rest) not in known:
                known[id(rest)] = _shares(rest, words)
            for operator, share in known[id(rest)].items():
                found[operator].append(share)
    return Roofline(tuple(one for name in found for one in _bounds(name, found[name])))


class _Share(NamedTuple):
    """What an operator does in one layer: operations by unit, and bytes from and to memories.

    ``busy`` are seconds by resource, block, of buffers the direction, and whether it is a memory.
    """

    counted: Counter[str]
    moved: list[float]
    busy: list[tuple[tuple[str, str, str, bool], float]]


def _shares(rest: Iterable[tuple[Any, ...]], words: Mapping[str, float]) -> Mapping[str, _Share]:
    """Return the share of each operator in the rows of a sheet."""
    found: defaultdict[str, _Share] = defaultdict(lambda: _Share(Counter(), [], []))
    for operator, block, part, action, unit, amount, busy, *_ in rest:
        if not amount or not busy or block == CHIP:
            continue
        share, crossed = found[operator], part in _CROSSED
        share.counted[unit] += amount
        if crossed:
            share.moved.append(amount * (words[block] if unit == "words" else 1.0))
        port = action if part == Part.BUFFERS.value else ""
        resource = _OF_UNITS.get(unit) or _OF_PARTS[part]
        share.busy.append(((resource, block, port, crossed), busy))
    return found


def _bounds(name: str, shares: list[_Share]) -> Iterator[Bound]:
    counted = {unit: sum(each.counted[unit] for each in shares) for unit in _OF_UNITS}
    unit = MACS if counted[MACS] else ELEMENTS
    moved = sum(chain.from_iterable(each.moved for each in shares))
    if not counted[unit] or not moved:
        return
    busy: defaultdict[tuple[str, str, str, bool], float] = defaultdict(float)
    for port, seconds in chain.from_iterable(each.busy for each in shares):
        busy[port] += seconds
    most = max(busy.values())
    bound = min(
        (resource for (resource, *_), seconds in busy.items() if seconds >= _AS_BUSY * most),
        key=RESOURCES.index,
    )
    memory = max(seconds for (*_, crossed), seconds in busy.items() if crossed)
    yield Bound(name, unit, counted[unit], moved, most, memory, bound)
