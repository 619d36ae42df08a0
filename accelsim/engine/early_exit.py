"""Early exit and voltage scaling of one sentence: what the host decides after the first layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.machine.chip_state import NOMINAL
from accelsim.machine.operating_points import OperatingPoint
from accelsim.requests.exits import EarlyExitConfig
from accelsim.requests.request import Request
from accelsim.units import Tick, ceil_div, period_of


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """Layers that the sentence takes in all, and those that the operating point is chosen for.

    Layers beyond the planned ones run at the nominal point.
    """

    layers: int
    planned: int


def exit_plan(request: Request, layers: int, config: EarlyExitConfig) -> ExitPlan:
    """Return the plan of a request of a model with ``layers`` encoder layers.

    Without a prediction all layers are planned for. A sentence leaves when its entropy allows it
    and, if ``at_prediction`` is ``exit``, after its predicted layer at the latest, as EdgeBERT's.
    """
    leaves = request.exit_layer or layers
    predicted = request.predicted_layer
    if predicted is None:
        return ExitPlan(leaves, layers)
    if config.at_prediction == "exit":
        leaves = min(leaves, predicted)
    return ExitPlan(leaves, predicted)


def choose_point(
    points: Sequence[OperatingPoint], nominal: Tick, work: Tick, available: Tick
) -> OperatingPoint | None:
    """Return the lowest point (of points in ascending order) that is fast enough, or None.

    ``work`` are the ticks that the remaining layers take at the nominal period ``nominal``. They
    are scaled in whole: what runs on clocks of its own (DRAM, arrays) makes the estimate an upper
    bound. ``available`` are the ticks left, settling taken off. None is the nominal point.
    """
    for point in points:
        if ceil_div(work * period_of(point.frequency), nominal) <= available:
            return point
    return None


@dataclass(frozen=True, slots=True)
class Departure:
    """When a sentence was done, after how many layers, at which point; late for its target."""

    end: Tick
    layers: int | None = None
    point: str = NOMINAL
    late: bool = False
