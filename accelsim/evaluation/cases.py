"""What examining a point returns: of each case what was decided, what happened, what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from accelsim.accelerators.design import Design
from accelsim.account.breakdown import BreakdownRow, Sheet, breakdown
from accelsim.account.lifetime import RegionLifetime, lifetimes
from accelsim.account.memories import Footprint, backbone_programming, footprints
from accelsim.account.metrics import DesignFigures
from accelsim.account.purposes import purposes
from accelsim.account.service import TaskService, service_statistics
from accelsim.account.window import View, view_of
from accelsim.engine.run import Run
from accelsim.inputs.files import kept
from accelsim.machine.programming import ProgrammingCost
from accelsim.policies.service import ServiceConfig
from accelsim.workload.schema import Case

if TYPE_CHECKING:
    from accelsim.account.power import PowerSeries


@dataclass(frozen=True)
class CaseResult:
    """A case, how its requests were served, what was compiled, what happened, what it cost.

    ``oracle`` is the energy of a request [J] if the next arrival were known: a lower bound of all
    idle policies (see ``policies/idle/oracle.py``); None where the chip is never idle.
    """

    case: Case
    service: ServiceConfig
    design: Design
    run: Run
    figures: DesignFigures
    oracle: float | None = None

    @property
    def unpriced(self) -> dict[Any, Any]:
        """What was worked out of the run and the memories alone, of this case or another."""
        key = (self.design.hardware.regions, self.design.hardware.memories)
        return kept(_of_runs.setdefault(self.run, {}), "unpriced", key, dict)

    @cached_property
    def statistics(self) -> dict[str, TaskService]:
        """How requests were served, by task and of ``all``."""
        return service_statistics(self.run)

    @cached_property
    def footprints(self) -> dict[str, Footprint]:
        """What each memory holds, by name."""
        return footprints(self.design, self.run)

    @property
    def array_warnings(self) -> dict[str, list[str]]:
        """What the technology table has to say about the machine's arrays, by memory."""
        arrays = {name: one.region.array for name, one in self.footprints.items()}
        return {name: list(array.warnings) for name, array in arrays.items() if array.warnings}

    @cached_property
    def lifetimes(self) -> dict[str, RegionLifetime]:
        """The lifetime of each memory at the request stream of the run, by name."""
        return lifetimes(self.design, self.run, self.service.residency)

    @cached_property
    def purposes(self) -> dict[str, float]:
        """Joules of the run by purpose."""
        return purposes(self.figures.prices, self.figures.account)

    @cached_property
    def breakdown(self) -> tuple[BreakdownRow, ...]:
        """All that was spent, by task, layer, operator, block and action: rows of a tidy table."""
        return tuple(row for sheet in self.sheets for row in sheet.rows())

    @cached_property
    def sheets(self) -> tuple[Sheet, ...]:
        """The rows of the breakdown, those of a layer and a task together."""
        return tuple(breakdown(self.design, self.run, self.figures.account, self.figures.prices))

    @cached_property
    def view(self) -> View:
        """What the window of the run shows, if it was traced and something happens there."""
        return view_of(self.run, self.figures.prices)

    @cached_property
    def power(self) -> PowerSeries:
        """The power of the view over time."""
        # numpy is needed only here.
        from accelsim.account.power import power_series

        return power_series(self.view)

    @cached_property
    def programming(self) -> dict[str, ProgrammingCost]:
        """What writing the shared parameters once costs, by non-volatile memory."""
        return backbone_programming(self.design)


# Many points of a study differ in prices alone.
_of_runs: WeakKeyDictionary[Run, dict[str, Any]] = WeakKeyDictionary()
