"""The sweep over fault rates in the report of the study of faults."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from accelsim.report.table import RULE, Chart, Column, Row, Section, Table
from accelsim.report.text import Value
from accelsim.study.faults.damage import DamageSummary
from accelsim.study.faults.statistics import Estimate
from accelsim.study.faults.sweep import Sweep, SweepPoint

ERROR = Column("logit_error", "relative error of the logits", "1")
_HEADS = {"values": "values", "masks": "masks", "row": "row start"}


def sweep_sections(sweep: Sweep) -> Iterator[Section]:
    """Yield the plots of the sweep and its table."""
    agreement = Column("agreement", "agreement with the model without faults", "1")
    yield _curves(sweep, ERROR, lambda damage: damage.logits)
    yield _curves(sweep, agreement, lambda damage: damage.agreement)
    columns = [Column("", "rate", "1")]
    for curve in sweep.curves:
        head = _HEADS[curve.resync if curve.resync == "row" else curve.part]
        columns += [
            Column("", f"{head}\nfaults", "1"),
            Column("", "weights", "1", brief=False),
            Column("", "logits", "1"),
            Column("", "agree", "1", 2),
        ]
    rows: list[Row] = []
    for points in itertools.zip_longest(*(curve.points for curve in sweep.curves)):
        cells = (cell for point in points for cell in _point(point))
        rows.append((next(point.rate for point in points if point), *cells))
    ones = (cell for curve in sweep.curves for cell in (1, *_effects(curve.one)))
    parts = "values or in masks" if len(sweep.curves) > 1 else "values"
    title = f"The same fault probability of each cell in {parts} ({sweep.scheme.name})"
    yield Table(title, tuple(columns), (*rows, RULE, ("one", *ones)))


def _curves(sweep: Sweep, up: Column, figure: Callable[[DamageSummary], Estimate]) -> Chart:
    columns = (
        Column("curve", "faults in"),
        Column("rate", "probability that a cell is misread", "1"),
        up,
        Column("low", "from", "1"),
        Column("high", "to", "1"),
    )
    rows = tuple(
        (curve.name, point.rate, found.mean, found.low, found.high)
        for curve in sweep.curves
        for point in curve.points
        if point.damage and (found := figure(point.damage))
    )
    return Chart(
        title="The same fault probability in values and in masks",
        kind="points",
        table=Table("", columns, rows),
        x=("rate",),
        y=(up.key,),
        series="curve",
        low="low",
        high="high",
        joined=True,
        logarithmic=("rate", *((up.key,) if up is ERROR else ())),
    )


def _point(point: SweepPoint | None) -> tuple[Value, ...]:
    """Return the cells of a point; nothing beyond the end of a curve."""
    return (None,) * 4 if point is None else (point.expected, *_effects(point.damage))


def _effects(damage: DamageSummary | None) -> tuple[Value, ...]:
    if damage is None:
        return 0.0, 0.0, 1.0
    return damage.weights.mean, damage.logits.mean, damage.agreement.mean
