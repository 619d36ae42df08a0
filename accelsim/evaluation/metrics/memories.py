"""What each memory holds, costs and lasts."""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import attrgetter

from accelsim.account.lifetime import RegionLifetime
from accelsim.account.memories import Footprint
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.metrics.base import Figure, Metric, MetricFamily
from accelsim.machine.programming import ProgrammingCost
from accelsim.units import ceil_div


def _memory(of: Callable[[Footprint], Figure]) -> Callable[[CaseResult], dict[str, Figure]]:
    return lambda case: {name: of(found) for name, found in case.footprints.items()}


def _wear(of: Callable[[RegionLifetime], Figure]) -> Callable[[CaseResult], dict[str, Figure]]:
    return lambda case: {name: of(found) for name, found in case.lifetimes.items()}


def _writing(of: Callable[[ProgrammingCost], Figure]) -> Callable[[CaseResult], dict[str, Figure]]:
    return lambda case: {name: of(found) for name, found in case.programming.items()}


def _own(case: CaseResult) -> dict[str, Figure]:
    """Return the bytes of each task's own parameters, as they travel."""
    placements = case.design.placements.items()
    bits = {name: each.data_bits(task_specific=True) for name, each in placements}
    return {name: sum(ceil_div(n, 8) for n in each.values()) for name, each in bits.items()}


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _levelled(found: RegionLifetime) -> float | None:
    return _finite(found.years(levelled=True))


class Memories(MetricFamily):
    """Figures by memory."""

    name = "memories"
    unpriced = True
    metrics = (
        Metric("memory.capacity", "capacity", "B", _memory(attrgetter("region.capacity"))),
        Metric("memory.held", "bytes held at most", "B", _memory(attrgetter("held_bytes"))),
        Metric("task.bytes", "bytes of a task's own", "B", _own),
        Metric("memory.area", "area", "m2", _memory(attrgetter("region.area"))),
        Metric("memory.leakage", "leakage", "W", _memory(attrgetter("region.leakage"))),
        Metric("wear.words", "words written", "1", _wear(attrgetter("words_written"))),
        Metric("wear.worst", "writes of the worst cell", "1", _wear(attrgetter("worst_writes"))),
        Metric(
            "wear.levelled", "writes of a cell, levelled", "1", _wear(attrgetter("even_writes"))
        ),
        Metric("years.worst", "years to wear-out", "year", _wear(lambda one: _finite(one.years()))),
        Metric("years.levelled", "years to wear-out, levelled", "year", _wear(_levelled)),
        Metric("programming.time", "time to write once", "s", _writing(attrgetter("seconds"))),
        Metric("programming.energy", "energy to write once", "J", _writing(attrgetter("joules"))),
    )
