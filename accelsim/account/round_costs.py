"""What a round costs, by what it was spent on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from accelsim.account.metrics import DesignFigures


@dataclass(frozen=True)
class RoundCost:
    """Energy of something in a round [J], its share of all, and its time [s] where it has one."""

    what: str
    energy: float
    share: float
    time: float | None = None


def part_costs(figures: DesignFigures) -> Iterator[RoundCost]:
    """Yield the cost of each part that took any energy."""
    total = _total(figures)
    for part, joules in figures.parts.items():
        if joules:
            yield RoundCost(part, joules, joules / total)


def switch_cost(figures: DesignFigures) -> RoundCost | None:
    """Return the cost of all task switches of a round, a part of the others; None without any."""
    switch = figures.scopes.get("switch")
    if switch is None:
        return None
    switches = figures.switches / figures.rounds
    noun = "task switch" if switches == 1 else "task switches"
    joules, seconds = switches * switch.energy, switches * switch.latency
    return RoundCost(f"{switches:.3g} {noun}", joules, joules / _total(figures), seconds)


def whole_cost(figures: DesignFigures) -> RoundCost:
    """Return the cost of all."""
    return RoundCost("all", _total(figures), 1.0, figures.scopes["system"].latency)


def _total(figures: DesignFigures) -> float:
    return sum(figures.parts.values())
