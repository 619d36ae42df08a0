"""The best rows of a study: which they are, what comes near them, what they look like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from accelsim.report.study_columns import ShortRow, Shown, point_columns
from accelsim.report.table import Column, Section, Table
from accelsim.study.front import Front, front_of
from accelsim.study.sweep.config import StudyConfig

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
    yield _best(front, config, objectives)
    if slack:
        yield _near(front, config, slack)


def _best(front: Front[ShortRow], config: StudyConfig, objectives: Shown) -> Table:
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


def _near(front: Front[ShortRow], config: StudyConfig, slack: float) -> Table:
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
