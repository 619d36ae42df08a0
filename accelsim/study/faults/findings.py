"""What the figures of a study say when held against each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from accelsim.memory.faults.levels import Transitions
from accelsim.study.faults.study import FaultStudy, SchemeResult

# (scheme, what it is held against): what single-level masks, protection and levels buy.
_PAIRS = (
    ("mixed2", "slc"),
    ("mixed2", "mlc2"),
    ("mixed3", "mlc3"),
    ("mlc2-secded", "mlc2"),
    ("mlc3-secded", "mlc3"),
    ("high-mixed3", "mixed3"),
    ("slc-bch", "slc"),
    ("mixed2-bch", "mixed2"),
    ("mixed2-bch", "mlc2-bch"),
    ("mixed2-bch", "slc-bch"),
)


@dataclass(frozen=True)
class Exchange:
    """A scheme against another: ratios of area and of the energy and latency of a round.

    Ratios above one are a loss; None where one of the two has no such figure. The expected
    faults and the mean logit errors are those of (scheme, other).
    """

    scheme: str
    against: str
    area: float | None
    energy: float | None
    latency: float | None
    value_faults: tuple[float, float]
    mask_faults: tuple[float, float]
    logits: tuple[float, float]

    @property
    def spared(self) -> float | None:
        """The share of readings that meet a wrong mask cell, where the scheme alone has none."""
        own, other = self.mask_faults
        return None if own or not other else -math.expm1(-other)


def exchanges(study: FaultStudy) -> list[Exchange]:
    """Return the exchanges between schemes of the study that are worth a comparison."""
    results = {result.scheme.name: result for result in study.schemes}
    return [
        _exchange(results[name], results[other])
        for name, other in _PAIRS
        if name in results and other in results
    ]


@dataclass(frozen=True)
class Saving:
    """The ``share`` of the area that ``dense`` saves against ``single`` and ``mixed`` saves too."""

    mixed: str
    dense: str
    single: str
    share: float


def savings(study: FaultStudy) -> list[Saving]:
    """Return what schemes of single-level masks keep of the area saved by dense cells, if any."""
    areas = {result.scheme.name: result.costs.area for result in study.schemes}
    found = []
    for names in (("mixed2", "mlc2", "slc"), ("mixed3", "mlc3", "slc")):
        mixed, dense, single = (areas.get(name) for name in names)
        if mixed and dense and single and single > max(mixed, dense):
            found.append(Saving(*names, (single - mixed) / (single - dense)))
    return found


def _exchange(result: SchemeResult, other: SchemeResult) -> Exchange:
    mine, theirs = result.costs, other.costs
    systems = [run.scopes["system"] if run else None for run in (mine.run, theirs.run)]
    return Exchange(
        result.scheme.name,
        other.scheme.name,
        _ratio(mine.area, theirs.area),
        _ratio(*(one.energy if one else None for one in systems)),
        _ratio(*(one.latency if one else None for one in systems)),
        (result.expected.values, other.expected.values),
        (result.expected.masks, other.expected.masks),
        (_logits(result), _logits(other)),
    )


def _ratio(value: float | None, other: float | None) -> float | None:
    return None if value is None or not other else value / other


def _logits(result: SchemeResult) -> float:
    return result.damage.logits.mean if result.damage else 0.0


def double_share(table: Transitions) -> float | None:
    """Return the share of misread binary cells with more than one wrong bit; None without any.

    SECDED detects such a cell but cannot correct it.
    """
    flips = table.flips("binary")
    wrong = flips.one + flips.more
    return flips.more / wrong if wrong else None
