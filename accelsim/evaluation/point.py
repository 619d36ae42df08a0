"""A point of the design space, and the row of figures that it is evaluated to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from accelsim.errors import CapacityError, ConfigError
from accelsim.inputs.paths import suggest
from accelsim.machine.schema import HardwareConfig

Figure = float | int | str | None


@dataclass(frozen=True)
class Point:
    """A workload file with ``--set`` style assignments, and which of its cases (None: all).

    ``workload`` is a path, relative to the current folder or that of a shipped file. ``machines``
    put machines made in Python in the place of those of cases, by name; assignments do not reach
    them. Equal points are equal values whatever the files hold. Raises ConfigError for texts where
    a sequence of texts is meant, and for no case.
    """

    workload: str | Path
    assignments: Sequence[str] = ()
    cases: Sequence[str] | None = None
    machines: Mapping[str, HardwareConfig] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in ("assignments", "cases"):
            given = getattr(self, name)
            if isinstance(given, str):
                raise ConfigError(f"{name}: expected a sequence such as ({given!r},), got a text")
            object.__setattr__(self, name, None if given is None else tuple(given))
        if self.cases == ():
            raise ConfigError("cases: expected at least one name, or None for all")

    def with_assignments(self, *assignments: str) -> Point:
        """Return the point with further assignments, which take effect after those it has."""
        return replace(self, assignments=(*self.assignments, *assignments))


@dataclass(frozen=True)
class Row(Mapping[str, Figure]):
    """The figures of a point by name: ``adapter_mixed.energy.system``, all in SI units.

    A gain over the baseline of its case stands under ``adapter_mixed.gain.energy.system``.
    ``reason`` says why a point is not ``ok``; cases that are ``refused`` do not fit. A figure that
    a case does not have, such as that of a switch where nothing ever switches, is ``absent``: it
    is None, and no key.
    """

    point: Point
    figures: Mapping[str, Figure]
    status: Literal["ok"] = "ok"
    reason: str = ""
    absent: frozenset[str] = frozenset()
    refused: Mapping[str, CapacityError] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Figure:
        """Return a figure. Raises ConfigError for a name that no row has."""
        if name in self.absent:
            return None
        if name not in self.figures:
            hint = suggest(str(name), self.figures, "figures")
            raise ConfigError(f"there is no figure '{name}'; {hint}")
        return self.figures[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.figures)

    def __len__(self) -> int:
        return len(self.figures)

    def __contains__(self, name: object) -> bool:
        return name in self.figures
