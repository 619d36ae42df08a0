"""The report of a study: how it went, its first rows, why points have none, quantiles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accelsim.report.origin import head
from accelsim.report.study_charts import spans, study_charts
from accelsim.report.study_columns import (
    USUAL,
    ShortRow,
    Shown,
    cases_of,
    point_columns,
    short_rows,
    shown_columns,
)
from accelsim.report.table import Chart, Column, Prose, Report, Row, Section, Table
from accelsim.report.text import duration
from accelsim.study.evaluator import Tally
from accelsim.study.front import Front, front_of
from accelsim.study.outcome import STATES
from accelsim.study.store import Store
from accelsim.study.sweep.config import StudyConfig
from accelsim.study.sweep.expressions import formula_of
from accelsim.study.sweep.run import Changed
from accelsim.study.sweep.table import StudyTable

SCHEMA_VERSION = 1
# Rows on a terminal; all are in the data.
_SHOWN = 30
# Of what is shown, so many figures are traded off where the study has no objectives.
_TRADED = 3
_QUANTILES = (0.05, 0.5, 0.95)


def sweep_report(
    table: StudyTable,
    command: Sequence[str],
    changed: Changed | None = None,
    *,
    near: float = 0.0,
    searched: str = "",
) -> Report:
    """Return the report of a study's rows, the best first where it has objectives.

    Rows within ``near`` of the best, a share, are told too; ``searched`` says how far it went.
    """
    config, cases = table.study.config, cases_of(table)
    usual = [formula_of(f"{case}.{key}") for case in cases for key in USUAL]
    wanted = config.show or [*config.columns, *config.objectives] or usual
    asked = (wanted, config.quantiles, list(config.objectives))
    shown, quantiled, objectives = (shown_columns(each, cases, config) for each in asked)
    rows = short_rows(table, shown, quantiled, objectives)
    data = _data(config, rows, shown)
    goals = _goals(config, data, shown, cases, asked=wanted is not usual)
    counts = {str(state): sum(row.state == state for row in rows) for state in STATES}
    in_part = sum(row.state == "ok" and bool(row.reason.kind) for row in rows)
    reasons, quantiles = _reasons(rows), _quantiles(rows, quantiled)
    best = tuple(front_sections(rows, config, objectives, near))
    verdict = _verdict(table, counts, in_part, changed)
    return Report(
        name="sweep",
        title=f"{config.name}: {len(table.study):,} points",
        about=tuple(_about(table)),
        sections=(*best, *(() if best else (_first(data),)), *reasons, *_quantile_table(quantiles)),
        verdict=(
            *([Prose(searched, "strong")] if searched else ()),
            *(() if best else _extremes(config, data, goals)),
            *verdict,
            *_without_value(config, rows),
        ),
        details=(_first(data),) if best else (),
        data=data,
        pictures=(
            *study_charts(data, config.axis_columns, goals),
            *_quantile_charts(quantiles),
        ),
        document={
            **head(SCHEMA_VERSION, command),
            "study": config.name,
            "points": len(table.study),
            "states": counts,
            "ok_in_part": in_part,
            "best": [row.number for row in front_of(rows).best],
            "rows": data.records,
            "quantiles": list(_quantile_records(quantiles)),
        },
    )


def _goals(
    config: StudyConfig, data: Table, shown: Shown, cases: Sequence[str], *, asked: bool
) -> dict[str, float]:
    """Return the columns that should be small (1) or large (-1).

    Without objectives these are what is shown of the case that the axes change most; what was
    ``asked`` for has no direction (0).
    """
    known = [column.key for column in data.columns]
    goals = {
        name: 1.0 if each.minimize is not None else -1.0
        for name, each in config.objectives.items()
        if name in known
    }
    if goals:
        return goals
    figures = [column.key for column in shown.columns]
    values = {key: {row[known.index(key)] for row in data.rows} for key in figures}
    own = {case: [key for key in figures if key.startswith(f"{case}.")] for case in cases}
    varied = max(own.values(), key=lambda keys: sum(len(values[key]) for key in keys), default=[])
    return dict.fromkeys((varied or figures)[:_TRADED], 0.0 if asked else 1.0)


def _extremes(config: StudyConfig, data: Table, goals: Mapping[str, float]) -> Iterator[Prose]:
    """Yield where each figure that should be small is least, of the points that are feasible."""
    state = [column.key for column in data.columns].index("state")
    feasible = [row for row in data.rows if row and row[state] == "ok"]
    for at, column in enumerate(data.columns):
        found = [row for row in feasible if isinstance(row[at], (int, float))]
        if goals.get(column.key) != 1 or len({row[at] for row in found}) < 2:
            continue
        ordered = sorted(found, key=lambda row: float(row[at] or 0))
        least, most = ordered[0], ordered[-1]
        axes = zip(config.axis_columns, least[1:], strict=False)
        point = ", ".join(f"{name} {value}" for name, value in axes)
        yield Prose(
            f"{column.key} is least at point {least[0]}, {point}: {column.text(least[at])}, "
            f"where the most is {column.text(most[at])}",
            "strong",
        )


def studies_report(store: Store, command: Sequence[str]) -> Report:
    """Return the report of all studies in a store."""
    columns = (Column("study", "study"), Column("points", "points", "1"), Column("file", "file"))
    rows = tuple((name, points, source) for source, (name, points) in store.studies().items())
    data = Table("Studies", columns, rows)
    return Report(
        name="studies",
        title=f"{store.path}: {store.count():,} rows",
        about=tuple(f"{number:,} of {name}" for name, number in store.models().items()),
        sections=(data,),
        data=data,
        document={
            **head(SCHEMA_VERSION, command),
            "rows": store.count(),
            "versions": store.models(),
            "studies": data.records,
        },
    )


def _without_value(config: StudyConfig, rows: Sequence[ShortRow]) -> Iterator[Prose]:
    """Yield the objectives that no feasible point has: labels are known only behind a run."""
    feasible = [row for row in rows if row.state == "ok"]
    for at, (name, objective) in enumerate(config.objectives.items()):
        if feasible and all(row.objectives[at] is None for row in feasible):
            told = f"Objective {name}, {objective.formula.text}, has no value at any point"
            more = "a figure by label needs the label, as in memory.capacity.sram"
            yield Prose(f"{told}; {more}", "warning")


def _about(table: StudyTable) -> Iterator[str]:
    config = table.study.config
    if config.description:
        yield config.description
    yield f"Axes: {', '.join(config.axis_columns)}"


def _data(config: StudyConfig, rows: Sequence[ShortRow], shown: Shown) -> Table:
    columns = (*point_columns(config, rows), Column("state", "state"), *shown.columns)
    return Table("", columns, tuple((row.number, *row.axes, row.state, *row.shown) for row in rows))


def _first(data: Table) -> Table:
    left = len(data.rows) - _SHOWN
    notes = (f"and {left:,} more rows: accelsim study export has all figures of all",)
    return Table("Points", data.columns, data.rows[:_SHOWN], notes if left > 0 else ())


def _reasons(rows: Sequence[ShortRow]) -> Iterator[Table]:
    """Yield why points, or cases of them, have no figures, alike together, the first of each."""
    groups: dict[tuple[str, str, str], list[ShortRow]] = {}
    for row in rows:
        if row.reason.kind:
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
        yield Table("Without figures, or without those of a case", columns, tuple(found))


def _quantiles(rows: Sequence[ShortRow], shown: Shown) -> dict[Column, list[float]]:
    """Return the values of each formula over all rows that have it, in order."""
    found = {}
    for at, column in enumerate(shown.columns):
        cells = (row.quantiled[at] for row in rows)
        if values := sorted(each for each in cells if isinstance(each, (int, float))):
            found[column] = values
    return found


def _ends(values: Sequence[float]) -> list[float]:
    return [quantile(values, share) for share in _QUANTILES]


def _quantile_table(found: Mapping[Column, Sequence[float]]) -> Iterator[Table]:
    heads = (Column(f"p{100 * share:.0f}", f"{100 * share:.0f} %") for share in _QUANTILES)
    columns = (Column("figure", "figure"), Column("rows", "rows", "1"), *heads)
    rows: list[Row] = [
        (column.key, len(values), *(column.text(each) for each in _ends(values)))
        for column, values in found.items()
    ]
    if rows:
        yield Table("Quantiles over rows", columns, tuple(rows))


def _quantile_charts(found: Mapping[Column, Sequence[float]]) -> Iterator[Chart]:
    """Yield the 5, 50 and 95 % points of formulas, those of a unit together."""
    for unit in dict.fromkeys(column.unit for column in found):
        own = {column: _ends(each) for column, each in found.items() if column.unit == unit}
        rows: list[Row] = [("", column.key, m, low, high) for column, (low, m, high) in own.items()]
        yield spans("5, 50 and 95 % of all rows", Column("value", "value", unit), rows)


def _quantile_records(found: Mapping[Column, Sequence[float]]) -> Iterator[dict[str, Any]]:
    keys = [f"p{100 * share:.0f}" for share in _QUANTILES]
    for column, values in found.items():
        ends = zip(keys, map(column.plain, _ends(values)), strict=True)
        yield {"figure": column.name, "rows": len(values), **dict(ends)}


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which a share of ordered values lies, between neighbours by a line."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _verdict(
    table: StudyTable, counts: dict[str, int], in_part: int, changed: Changed | None
) -> Iterator[Section]:
    total, there = len(table.study), sum(counts.values())
    told = ", ".join(f"{number:,} {state}" for state, number in counts.items() if number)
    lacking = f" ({in_part:,} of the ok without a case that does not fit)" if in_part else ""
    yield Prose(f"{there:,} of {total:,} points: {told or 'none yet'}{lacking}", "strong")
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


# Best rows on a terminal; all are in the data.
_SHOWN = 30
# Values of an axis in one cell.
_LISTED = 8


def front_sections(
    rows: Sequence[ShortRow], config: StudyConfig, objectives: Shown, slack: float = 0.0
) -> Iterator[Section]:
    """Yield the best rows with those that are marked, and what the axes are near them."""
    front = front_of(rows, slack)
    if not front.best:
        return
    yield _best_table(front, config, objectives)
    if slack:
        yield _near_table(front, config, slack)


def _best_table(front: Front[ShortRow], config: StudyConfig, objectives: Shown) -> Table:
    """Return the best rows, and behind them those that are marked."""
    marked = [(row, f"{row.mark}, beaten") for row in front.others if row.mark]
    best = sorted(front.best, key=lambda row: row.costs or ())
    rows = [*((row, row.mark) for row in best[:_SHOWN]), *marked]
    marks = (Column("mark", "mark"),) if config.marks else ()
    columns = (
        *point_columns(config, [row for row, _ in rows]),
        *objectives.columns,
        *marks,
    )
    cells = ((row.number, *row.axes, *row.objectives, *([mark] * len(marks))) for row, mark in rows)
    left, count = len(best) - _SHOWN, len(front.best) + len(front.others)
    title = f"Best in {' and '.join(config.objectives)}: {len(best):,} of {count:,} feasible points"
    return Table(title, columns, tuple(cells), (f"and {left:,} more",) if left > 0 else ())


def _near_table(front: Front[ShortRow], config: StudyConfig, slack: float) -> Table:
    """Return what the axes are among all rows near the best."""
    columns = (Column("axis", "axis"), Column("values", "values among them"))
    rows = (
        (name, _listed(list(dict.fromkeys(str(row.axes[at]) for row in front.near))))
        for at, name in enumerate(config.axis_columns)
    )
    title = f"Within {100 * slack:.3g} % of the best in every objective: {len(front.near):,} points"
    return Table(title, columns, tuple(rows))


def _listed(texts: Sequence[str]) -> str:
    left = len(texts) - _LISTED
    return ", ".join(texts[:_LISTED]) + (f" and {left} more" if left > 0 else "")
