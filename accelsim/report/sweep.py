"""The report of a study: how it went, its first rows, why points have none, quantiles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from accelsim.report.study_charts import study_charts
from accelsim.report.table import Column, Prose, Report, Section, Table
from accelsim.report.text import Value, duration
from accelsim.study.evaluator import Tally
from accelsim.study.outcome import STATES, Reason
from accelsim.study.store import Store
from accelsim.study.sweep.axes import flow
from accelsim.study.sweep.config import StudyConfig, figure_unit
from accelsim.study.sweep.expressions import Expression
from accelsim.study.sweep.run import Changed
from accelsim.study.sweep.table import StudyRow, StudyTable
from accelsim.version import __version__

SCHEMA_VERSION = 1
# Rows on a terminal; all are in the data.
_SHOWN = 30
# What is shown of every case where the study does not say.
_USUAL = ("energy.request", "latency.request", "area.system")
# Of all figures of a case: tells the cases of a row.
_EVERY_CASE = ".time.run"
# A quantity that was drawn.
_LONG = re.compile(r"([0-9.e+-]{6,}) (\S+)")
# Of what is shown, so many figures are traded off where the study has no objectives.
_TRADED = 3
_QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class _Shown:
    """Formulas of the report with their columns."""

    formulas: tuple[Expression, ...]
    columns: tuple[Column, ...]

    def values(self, row: StudyRow) -> tuple[Value, ...]:
        return tuple(_cell(row.value(each)) for each in self.formulas)


class _Short(NamedTuple):
    """What a report needs of a row; all figures of all rows would fill the memory."""

    number: int
    axes: tuple[Value, ...]
    state: str
    reason: Reason
    shown: tuple[Value, ...]
    quantiled: tuple[Value, ...]


def sweep_report(
    table: StudyTable, command: Sequence[str], changed: Changed | None = None
) -> Report:
    """Return the report of a study's rows."""
    config, cases = table.study.config, _cases(table)
    usual = [f"{case}.{key}" for case in cases for key in _USUAL]
    wanted = config.show or [*config.columns, *config.objectives] or usual
    shown, quantiled = (_columns(each, cases, config) for each in (wanted, config.quantiles))
    rows = [
        _Short(
            row.number,
            tuple(_shortly(row.point.values[name]) for name in config.axis_columns),
            row.state,
            row.reason,
            shown.values(row),
            quantiled.values(row),
        )
        for row in table
    ]
    data = _data(config, rows, shown)
    counts = {str(state): sum(row.state == state for row in rows) for state in STATES}
    reasons, quantiles = _reasons(rows), _quantiles(rows, quantiled)
    return Report(
        name="sweep",
        title=f"{config.name}: {len(table.study):,} points",
        about=tuple(_about(table)),
        sections=(_first(data), *reasons, *quantiles),
        verdict=tuple(_verdict(table, counts, changed)),
        data=data,
        pictures=tuple(study_charts(data, config.axis_columns, _goals(config, data, shown))),
        document={
            "schema_version": SCHEMA_VERSION,
            "tool": {"name": "accelsim", "version": __version__},
            "command": list(command),
            "study": config.name,
            "points": len(table.study),
            "states": counts,
            "rows": data.records,
            "quantiles": [each for part in quantiles for each in part.records],
        },
    )


def _goals(config: StudyConfig, data: Table, shown: _Shown) -> dict[str, float]:
    """Return the columns that should be small (1) or large (-1): what is shown, without any."""
    known = {column.key for column in data.columns}
    goals = {
        name: 1.0 if each.minimize is not None else -1.0
        for name, each in config.objectives.items()
        if name in known
    }
    return goals or dict.fromkeys([column.key for column in shown.columns][:_TRADED], 1.0)


def studies_report(store: Store, command: Sequence[str]) -> Report:
    """Return the report of all studies in a store."""
    columns = (Column("study", "study"), Column("points", "points", "1"), Column("file", "file"))
    rows = tuple((name, points, source) for source, (name, points) in store.studies().items())
    data = Table("Studies", columns, rows)
    return Report(
        name="studies",
        title=f"{store.path}: {store.count():,} rows",
        sections=(data,),
        data=data,
        document={
            "schema_version": SCHEMA_VERSION,
            "tool": {"name": "accelsim", "version": __version__},
            "command": list(command),
            "rows": store.count(),
            "studies": data.records,
        },
    )


def _about(table: StudyTable) -> Iterator[str]:
    config = table.study.config
    if config.description:
        yield config.description
    yield f"Axes: {', '.join(config.axis_columns)}"


def _cases(table: StudyTable) -> tuple[str, ...]:
    """Return the cases that have figures."""
    first = next((row for row in table if row.state == "ok"), None)
    names = first.figures if first else ()
    return tuple(name.removesuffix(_EVERY_CASE) for name in names if name.endswith(_EVERY_CASE))


def _columns(texts: Sequence[str], cases: Sequence[str], config: StudyConfig) -> _Shown:
    formulas = tuple(map(Expression, texts))
    return _Shown(formulas, tuple(_column(each.text, cases, config) for each in formulas))


def _column(text: str, cases: Sequence[str], config: StudyConfig) -> Column:
    unit = figure_unit(_meant(text, config), cases)
    case = next((each for each in cases if text.startswith(f"{each}.")), "")
    title = f"{case}\n{text[len(case) + 1 :]}" if case else text
    return Column(text, title, unit, brief=not case or text.endswith(_USUAL[0]))


def _meant(text: str, config: StudyConfig) -> str:
    """Return what a formula comes to that is only the name of a column or objective."""
    objectives = {name: each.formula.text for name, each in config.objectives.items()}
    if text in objectives:
        return _meant(objectives[text], config)
    return _meant(config.columns[text], config) if text in config.columns else text


def _data(config: StudyConfig, rows: Sequence[_Short], shown: _Shown) -> Table:
    columns = (
        Column("number", "point", "1"),
        *(
            _axis(name, [row.axes[at] for row in rows])
            for at, name in enumerate(config.axis_columns)
        ),
        Column("state", "state"),
        *shown.columns,
    )
    return Table("", columns, tuple((row.number, *row.axes, row.state, *row.shown) for row in rows))


def _axis(name: str, values: Sequence[Value]) -> Column:
    numeric = all(isinstance(each, (int, float)) or each is None for each in values)
    return Column(name, name, "1" if numeric and values else "", 4)


def _cell(value: Any) -> Value:
    return flow(value) if isinstance(value, (list, dict)) else value


def _shortly(value: Any) -> Value:
    """Return the value of an axis with as many digits as one reads."""
    match = _LONG.fullmatch(value) if isinstance(value, str) else None
    return f"{float(match[1]):.4g} {match[2]}" if match else _cell(value)


def _first(data: Table) -> Table:
    left = len(data.rows) - _SHOWN
    notes = (f"and {left:,} more rows: accelsim study export has all figures of all",)
    return Table("Points", data.columns, data.rows[:_SHOWN], notes if left > 0 else ())


def _reasons(rows: Sequence[_Short]) -> Iterator[Table]:
    """Yield why points have no figures, alike reasons together, the first of each."""
    groups: dict[tuple[str, str, str], list[_Short]] = {}
    for row in rows:
        if row.state != "ok":
            alike = re.sub(r"[0-9][0-9.,e+-]*", "#", row.reason.message)
            groups.setdefault((row.state, row.reason.kind, alike), []).append(row)
    if groups:
        columns = (
            Column("count", "points", "1"),
            Column("state", "state"),
            Column("kind", "kind"),
            Column("first", "first", "1"),
            Column("reason", "its reason"),
        )
        found = (
            (len(each), state, kind, each[0].number, each[0].reason.message)
            for (state, kind, _), each in groups.items()
        )
        yield Table("Without figures", columns, tuple(found))


def _quantiles(rows: Sequence[_Short], shown: _Shown) -> list[Table]:
    """Return a row for each formula: its quantiles over all rows that have it."""
    found = []
    for at, column in enumerate(shown.columns):
        cells = (row.quantiled[at] for row in rows)
        values = sorted(each for each in cells if isinstance(each, (int, float)))
        if row := [quantile(values, share) for share in _QUANTILES] if values else []:
            heads = (Column(f"p{100 * share:.0f}", f"{100 * share:.0f} %") for share in _QUANTILES)
            texts = (column.text(each) for each in row)
            found.append((column.key, len(values), tuple(heads), tuple(texts), tuple(row)))
    if not found:
        return []
    columns = (Column("figure", "figure"), Column("rows", "rows", "1"), *found[0][2])
    return [Table("Quantiles over rows", columns, tuple((f, n, *t) for f, n, _, t, _ in found))]


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which a share of ordered values lies, between neighbours by a line."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _verdict(
    table: StudyTable, counts: dict[str, int], changed: Changed | None
) -> Iterator[Section]:
    total, there = len(table.study), sum(counts.values())
    told = ", ".join(f"{number:,} {state}" for state, number in counts.items() if number)
    yield Prose(f"{there:,} of {total:,} points: {told or 'none yet'}", "strong")
    if changed is not None and (changed.dropped or (changed.new and changed.stay)):
        yield Prose(
            f"The study has changed: {changed.stay:,} points stay, {changed.new:,} are new, "
            f"{changed.dropped:,} dropped"
        )
    tally = table.tally
    if tally is not None:
        yield Prose(_saved(tally))
        if tally.stopped:
            yield Prose(f"Stopped: {tally.failures} failed; the rest is left", "warning")


def _saved(tally: Tally) -> str:
    """Return what was computed and what was not."""
    new = tally.done - tally.known
    if not new:
        return f"All {tally.known:,} were in the store"
    parts = [f"{new:,} evaluated in {duration(tally.seconds)}, {tally.known:,} were in the store"]
    for stage, noun in (("run", "simulations"), ("design", "compilations")):
        made, asked = tally.made[stage], tally.asked[stage]
        parts.append(f"{made:,} {noun} made, {asked - made:,} saved")
    return "; ".join(parts)
