"""Runs beside each other: what was changed, and what that did, by scope, block, operator, layer."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import Any

from accelsim.account.scopes import SCOPES
from accelsim.errors import ConfigError
from accelsim.inputs.paths import suggest
from accelsim.study.saved_run import SavedRun, load_run
from accelsim.study.work import different_work

# Columns of a breakdown by which runs are told apart.
GROUPINGS = ("scope", "block", "operator", "layer", "task", "program")
_ENERGIES = ("dynamic_J", "leakage_J", "clock_J", "standby_J")
# Of a scope, by its name in results.json.
_FIGURES = {"energy": "energy_J", "latency": "latency_s", "area": "area_mm2"}
# What runs are not told apart by: names, and what says where things stand.
_TELLING = {"name", "description", "hardware", "baseline", "plugins", "published", "cases"}


@dataclass(frozen=True)
class Side:
    """A case of a run; ``name`` is what it is called in a comparison."""

    name: str
    run: SavedRun
    case: str

    @property
    def results(self) -> Mapping[str, Any]:
        """The case's part of results.json."""
        found: Mapping[str, Any] = self.run.results["cases"][self.case]
        return found

    @property
    def inputs(self) -> dict[str, Any]:
        """All that the case was made from, read and resolved."""
        configuration = self.run.results["workload"]["configuration"]
        own = configuration["cases"][self.case]
        service = {name: value for name, value in configuration.items() if name not in _TELLING}
        changes = {n: v for n, v in own.items() if n not in _TELLING and v is not None}
        machine = self.results["machine_configuration"]
        plain = {name: value for name, value in machine.items() if name not in _TELLING}
        return {**service, **changes, "hardware": plain}


@dataclass(frozen=True)
class Line:
    """A figure of all sides; None where a side has none."""

    key: str
    values: tuple[float | None, ...]

    def difference(self, side: int) -> float | None:
        """Return a side's figure less the first's."""
        first, other = self.values[0], self.values[side]
        return None if first is None or other is None else other - first

    def ratio(self, side: int) -> float | None:
        """Return a side's figure over the first's; None where that is zero."""
        first, other = self.values[0], self.values[side]
        return other / first if first and other is not None else None


@dataclass(frozen=True)
class View:
    """Figures of a ``quantity`` in a ``unit`` by one grouping; what differs most comes first."""

    by: str
    quantity: str
    unit: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Compared:
    """Sides that did the same work: what was changed of the first's inputs, and the views."""

    sides: tuple[Side, ...]
    changed: tuple[tuple[str, ...], ...]
    views: tuple[View, ...]

    def worse(self, limits: Mapping[str, float]) -> Iterator[tuple[str, str, float, float]]:
        """Yield (figure, side, share more than the first, limit) where a limit is passed.

        ``limits`` are by quantity (``energy``: in any scope) or by figure (``energy.system``).
        """
        scopes = (view for view in self.views if view.by == "scope")
        for line in (line for view in scopes for line in view.lines):
            own = [limits[n] for n in (line.key, line.key.partition(".")[0]) if n in limits]
            for number, side in enumerate(self.sides[1:], start=1):
                ratio = line.ratio(number)
                if own and ratio is not None and ratio - 1 > own[0]:
                    yield line.key, side.name, ratio - 1, own[0]


def compare(*runs: SavedRun | Path | str) -> tuple[Compared, ...]:
    """Return the comparison of runs: of each case that all have, or of their only cases.

    A run is what ``load_run`` returns, its folder, or ``FOLDER:CASE``. Raises ConfigError for runs
    that have no case in common and for runs that did different work, with what differs.
    """
    if len(runs) < 2:
        raise ConfigError("there is nothing to compare: name two runs or more")
    chosen = [_chosen(run) for run in runs]
    return tuple(_compared(sides) for sides in _paired(chosen))


def split_case(text: str) -> tuple[str, str | None]:
    """Return the path and the case of ``PATH:CASE``."""
    path, separator, case = text.rpartition(":")
    return (path, case) if separator and path and not Path(text).exists() else (text, None)


def _chosen(run: SavedRun | Path | str) -> tuple[SavedRun, tuple[str, ...]]:
    if isinstance(run, SavedRun):
        return run, tuple(run.results["cases"])
    path, case = split_case(str(run))
    found = load_run(path)
    return found, with_case(found, case)


def with_case(run: SavedRun, case: str | None) -> tuple[str, ...]:
    """Return the names of a run's cases, or the one that is asked for."""
    known = tuple(run.results["cases"])
    if case is not None and case not in known:
        raise ConfigError(
            f"{run.folder}: there is no case '{case}'; {suggest(case, known, 'cases')}"
        )
    return known if case is None else (case,)


def _paired(chosen: Sequence[tuple[SavedRun, tuple[str, ...]]]) -> Iterator[tuple[Side, ...]]:
    """Yield the sides of each comparison, with names that differ."""
    first, *others = (cases for _, cases in chosen)
    if all(len(cases) == 1 for _, cases in chosen):
        pairs = [tuple(cases[0] for _, cases in chosen)]
    else:
        common = [name for name in first if all(name in cases for cases in others)]
        pairs = [(name,) * len(chosen) for name in common]
    if not pairs:
        told = "; ".join(f"{run.folder}: {', '.join(cases)}" for run, cases in chosen)
        raise ConfigError(f"the runs have no case in common, name them as PATH:CASE ({told})")
    for cases in pairs:
        same = len(set(cases)) < len(cases)
        yield tuple(
            Side(f"{run.folder}:{case}" if same else case, run, case)
            for (run, _), case in zip(chosen, cases, strict=True)
        )


def _compared(sides: tuple[Side, ...]) -> Compared:
    for side in sides[1:]:
        _check_work(sides[0], side)
    return Compared(sides, tuple(_changed(sides)), tuple(_views(sides)))


def _check_work(one: Side, other: Side) -> None:
    first, second = one.run.results, other.run.results
    found = different_work(*(each["workload"]["configuration"] for each in (first, second)))
    for name in ("count", "digest"):
        values = [each["requests"].get(name) for each in (first, second)]
        if values[0] != values[1]:
            found.append(f"requests served, {name}: {values[0]} and {values[1]}")
    if found:
        raise ConfigError(f"{one.name} and {other.name} did different work: {'; '.join(found)}")


# -- what was changed ----------------------------------------------------------------------------


def _changed(sides: Sequence[Side]) -> Iterator[tuple[str, ...]]:
    """Yield the path and the values of all sides of each input that differs: files by digest."""
    flat = [
        dict(_leaves("", side.inputs))
        | {f"file {name}": digest[:12] for name, digest in side.run.results["files"].items()}
        | {"accelsim": side.run.results["tool"]["version"]}
        for side in sides
    ]
    for path in dict.fromkeys(path for each in flat for path in each):
        values = [each.get(path, "-") for each in flat]
        # A file that only one of them reads shows in the values that come from it.
        if len({*values} - ({"-"} if path.startswith("file ") else set())) > 1:
            yield (path, *values)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), each)
    elif value is not None:
        yield path, value if isinstance(value, str) else json.dumps(value)


# -- what that did -------------------------------------------------------------------------------


def _views(sides: Sequence[Side]) -> Iterator[View]:
    for quantity, name in _FIGURES.items():
        unit = name.rpartition("_")[2]
        found = [_scopes(side, quantity, name) for side in sides]
        yield View("scope", quantity, unit, tuple(_lines(found)))
    breakdowns = [_rows(side) for side in sides]
    for by in GROUPINGS[1:]:
        energies = [_sums(rows, by, _ENERGIES) for rows in breakdowns]
        yield View(by, "energy", "J", _by_difference(_lines(energies, 0.0)))
        column = "busy_s" if by == "block" else "elapsed_s"
        times = [_sums(rows, by, (column,)) for rows in breakdowns]
        what = "busy time" if by == "block" else "time"
        yield View(by, what, "s", _by_difference(_lines(times, 0.0)))


def _scopes(side: Side, quantity: str, name: str) -> dict[str, float | None]:
    """Return a figure of every scope, from the narrowest; None where a run has none."""
    scopes = side.results["scopes"]
    return {f"{quantity}.{each}": (scopes.get(each) or {}).get(name) for each in SCOPES}


def _rows(side: Side) -> dict[str, list[Any]]:
    columns = side.run.breakdown
    mine = [number for number, design in enumerate(columns["design"]) if design == side.case]
    return {name: [cells[number] for number in mine] for name, cells in columns.items()}


def _sums(rows: Mapping[str, list[Any]], by: str, columns: Sequence[str]) -> dict[str, float]:
    parts: defaultdict[str, list[float]] = defaultdict(list)
    for number, key in enumerate(rows[by]):
        parts["-" if key is None else str(key)] += (rows[name][number] for name in columns)
    sums = {key: fsum(values) for key, values in parts.items()}
    return {key: value for key, value in sums.items() if value}


def _lines(
    found: Sequence[Mapping[str, float | None]], without: float | None = None
) -> Iterator[Line]:
    for key in dict.fromkeys(key for each in found for key in each):
        values = tuple(each.get(key, without) for each in found)
        if any(value is not None for value in values):
            yield Line(key, values)


def _by_difference(lines: Iterator[Line]) -> tuple[Line, ...]:
    def most(line: Line) -> float:
        first = line.values[0] or 0.0
        return max(abs((value or 0.0) - first) for value in line.values[1:])

    return tuple(sorted(lines, key=most, reverse=True))
