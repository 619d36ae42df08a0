"""The pictures of many points: a scatter with its best trade-offs, parallel axes, intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from accelsim.report.table import Chart, Column, Row, Table
from accelsim.study.front import front

FRONT = "trade_off"
_BEST, _OTHER = "best trade-off", "others"


def study_charts(
    data: Table, axes: Sequence[str], objectives: Mapping[str, float]
) -> Iterator[Chart]:
    """Yield a scatter of the figures of points and parallel axes of everything.

    ``axes`` and ``objectives`` are columns of the data; an objective's sign says whether less of it
    is better (1) or more (-1), or that nobody said (0). Trade-offs are between all objectives, and
    none is told where nobody said what is better. With fewer than two figures there is no scatter.
    """
    places = {column.key: number for number, column in enumerate(data.columns)}
    figures = [key for key in objectives if data.columns[places[key]].numeric]
    rows = [row for row in data.rows if row]
    signed = [[_signed(row[places[key]], objectives[key]) for key in figures] for row in rows]
    known = all(objectives[key] for key in figures)
    best = front(signed) if figures and known else [False] * len(rows)
    marked = (
        data
        if not known
        else replace(
            data,
            columns=(*data.columns, Column(FRONT, "trade-off")),
            rows=tuple((*r, _BEST if b else _OTHER) for r, b in zip(rows, best, strict=True)),
        )
    )
    if len(figures) > 1:
        yield Chart(
            title=f"{sum(best)} of {len(rows):,} points are best trade-offs"
            if known
            else f"{len(rows):,} points",
            kind="points",
            table=marked,
            x=(figures[0],),
            y=tuple(figures[1:]),
            series=FRONT if known else "",
            brief=True,
            notes=("Points drawn around with a box are those that the parallel axes show.",),
        )
    # An axis on which all points are one tells nothing.
    keys = dict.fromkeys((*axes, *figures))
    shown = tuple(key for key in keys if len({row[places[key]] for row in rows}) > 1)
    if len(shown) > 1:
        yield Chart(
            title="All axes and figures: drag along an axis to choose",
            kind="parallel",
            table=marked,
            x=shown,
            y=tuple(figures[:1]),
        )


def spans(title: str, value: Column, rows: Sequence[Row]) -> Chart:
    """Return a chart of (series, name, value, from, to): a mark with an interval for each name."""
    ends = (Column(key, key, value.unit) for key in ("from", "to"))
    columns = (Column("series", ""), Column("name", ""), value, *ends)
    series = "series" if any(row[0] for row in rows) else ""
    table = Table("", columns, tuple(rows))
    return Chart(
        title, "points", table, (value.key,), ("name",), series=series, low="from", high="to"
    )


def _signed(value: object, sign: float) -> float | None:
    return sign * value if isinstance(value, (int, float)) else None
