"""A point of the design space, and the row of figures that it is evaluated to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from accelsim.errors import ConfigError
from accelsim.inputs.paths import suggest

Figure = float | int | str | None


@dataclass(frozen=True)
class Point:
    """A workload file with ``--set`` style assignments, and which of its cases (None: all).

    ``workload`` is a path, relative to the current folder or that of a shipped file. Equal points
    are equal values whatever the files hold.
    """

    workload: str | Path
    assignments: tuple[str, ...] = ()
    cases: tuple[str, ...] | None = None

    def with_assignments(self, *assignments: str) -> Point:
        """Return the point with further assignments, which take effect after those it has."""
        return Point(self.workload, (*self.assignments, *assignments), self.cases)


@dataclass(frozen=True)
class Row:
    """The figures of a point by name: ``adapter_mixed.energy.system``, all in SI units.

    A gain over the baseline of its case stands under ``adapter_mixed.gain.energy.system``.
    ``reason`` says why a point is not ``ok``.
    """

    point: Point
    figures: Mapping[str, Figure]
    status: Literal["ok"] = "ok"
    reason: str = ""

    def __getitem__(self, name: str) -> Figure:
        """Return a figure. Raises ConfigError for a name that the row does not have."""
        if name not in self.figures:
            hint = suggest(name, self.figures, "figures")
            raise ConfigError(f"there is no figure '{name}'; {hint}")
        return self.figures[name]
