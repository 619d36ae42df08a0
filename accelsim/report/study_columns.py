"""The rows of a study as reports show them: axes, formulas and figures, with their units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from accelsim.report.table import Column
from accelsim.report.text import Value
from accelsim.study.front import Costs, costs_of
from accelsim.study.outcome import Reason, cases_in
from accelsim.study.sweep.axes import flow
from accelsim.study.sweep.config import StudyConfig, figure_unit
from accelsim.study.sweep.expressions import Expression
from accelsim.study.sweep.table import StudyRow, StudyTable

# What is shown of every case where the study does not say.
USUAL = ("energy.request", "latency.request", "area.system")
# A quantity that was drawn.
_LONG = re.compile(r"([0-9.e+-]{6,}) (\S+)")


@dataclass(frozen=True)
class Shown:
    """Formulas of the report with their columns."""

    formulas: tuple[Expression, ...]
    columns: tuple[Column, ...]

    def values(self, row: StudyRow) -> tuple[Value, ...]:
        """Return the cells of a row."""
        return tuple(cell(row.value(each)) for each in self.formulas)


class ShortRow(NamedTuple):
    """What a report needs of a row; all figures of all rows would fill the memory.

    ``costs`` are those of a row that is feasible and has all objectives, ``mark`` the names that
    the study gives it.
    """

    number: int
    axes: tuple[Value, ...]
    state: str
    reason: Reason
    shown: tuple[Value, ...]
    quantiled: tuple[Value, ...]
    costs: Costs | None
    objectives: tuple[Value, ...]
    mark: str


def short_rows(table: StudyTable, shown: Shown, quantiled: Shown, best: Shown) -> list[ShortRow]:
    """Return all rows of a table with the values of formulas, ``best`` those of the objectives."""
    config = table.study.config
    marks = {name: Expression(formula) for name, formula in config.marks.items()}
    return [
        ShortRow(
            row.number,
            tuple(shortly(row.point.values[name]) for name in config.axis_columns),
            row.state,
            row.reason,
            shown.values(row),
            quantiled.values(row),
            costs_of(row, config.objectives),
            best.values(row),
            ", ".join(name for name, formula in marks.items() if row.value(formula)),
        )
        for row in table
    ]


def cases_of(table: StudyTable) -> tuple[str, ...]:
    """Return the cases that have figures, in a row that has those of all, or in any."""
    found: dict[str, None] = {}
    for row in table:
        found |= dict.fromkeys(cases_in(row.figures))
        if row.state == "ok" and not row.reason.kind:
            break
    return tuple(found)


def shown_columns(texts: Sequence[str], cases: Sequence[str], config: StudyConfig) -> Shown:
    """Return formulas over rows with their columns."""
    formulas = tuple(map(Expression, texts))
    return Shown(formulas, tuple(_column(each.text, cases, config) for each in formulas))


def _column(text: str, cases: Sequence[str], config: StudyConfig) -> Column:
    unit = figure_unit(Expression(_meant(text, config)).alone or "", cases)
    name = Expression(text).alone or text
    case = next((each for each in cases if name.startswith(f"{each}.")), "")
    title = f"{case}\n{name[len(case) + 1 :]}" if case else name
    return Column(name, title, unit, brief=not case or name.endswith(USUAL[0]))


def _meant(text: str, config: StudyConfig) -> str:
    """Return what a formula comes to that is only the name of a column or objective."""
    objectives = {name: each.formula.text for name, each in config.objectives.items()}
    if objectives.get(text, text) != text:
        return _meant(objectives[text], config)
    return _meant(config.columns[text], config) if text in config.columns else text


def axis_column(name: str, values: Sequence[Value]) -> Column:
    """Return the column of an axis: of numbers where all its values are."""
    numeric = all(isinstance(each, (int, float)) or each is None for each in values)
    return Column(name, name, "1" if numeric and values else "", 4)


def point_columns(config: StudyConfig, rows: Sequence[ShortRow]) -> list[Column]:
    """Return the columns of a point's number and of its place on all axes."""
    axes = enumerate(config.axis_columns)
    found = (axis_column(name, [row.axes[at] for row in rows]) for at, name in axes)
    return [Column("number", "point", "1"), *found]


def cell(value: Any) -> Value:
    """Return a value of an axis or a formula as a cell shows it."""
    return flow(value) if isinstance(value, (list, dict)) else value


def shortly(value: Any) -> Value:
    """Return the value of an axis with as many digits as one reads."""
    match = _LONG.fullmatch(value) if isinstance(value, str) else None
    return f"{float(match[1]):.4g} {match[2]}" if match else cell(value)
