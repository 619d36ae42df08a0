"""What became of a workload: all its cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from accelsim.errors import CapacityError
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.metrics import case_figures
from accelsim.units import format_si
from accelsim.workload.schema import Workload


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
