"""What examining a point returns: of each case what was decided, what happened, what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

from accelsim.accelerators.design import Design
from accelsim.account.breakdown import BreakdownRow, breakdown
from accelsim.account.lifetime import RegionLifetime, lifetimes
from accelsim.account.memories import Footprint, backbone_programming, footprints
from accelsim.account.metrics import DesignFigures
from accelsim.account.purposes import purposes
from accelsim.account.service import TaskService, service_statistics
from accelsim.account.window import View, view_of
from accelsim.engine.run import Run
from accelsim.errors import CapacityError
from accelsim.machine.programming import ProgrammingCost
from accelsim.policies.service import ServiceConfig
from accelsim.units import format_si
from accelsim.workload.schema import Case, Workload

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


@dataclass(frozen=True)
class Result:
    """A workload, the outcome of its cases, by name, and how the requests' file was read.

    ``files`` are all that were read, by path, with their digests. ``refused`` are the cases that do
    not fit their machine, by name, and why.
    """

    workload: Workload
    cases: Mapping[str, CaseResult]
    request_notes: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, CapacityError] = field(default_factory=dict)

    def __getitem__(self, case: str) -> CaseResult:
        return self.cases[case]

    def _repr_html_(self) -> str:
        """Show itself in a notebook: a table of the figures that are shown where room is short."""
        from accelsim.evaluation.metrics import case_figures

        found: dict[str, dict[str, str]] = {}
        for name, case in self.cases.items():
            for metric, key, value in case_figures(case):
                if metric.brief and key == metric.key and value is not None:
                    unit = "" if metric.unit == "1" else metric.unit
                    told = format_si(value, unit) if isinstance(value, float) else str(value)
                    found.setdefault(f"{metric.title} ({key})", {})[name] = told
        rows = [(title, *(own.get(n, "") for n in self.cases)) for title, own in found.items()]
        lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
        head = "".join(f"<th>{escape(name)}</th>" for name in ("", *self.cases))
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    @property
    def closed_loop(self) -> bool:
        """Whether a round of requests waits for the answers of the one before."""
        return self.workload.config.requests.closed_loop
