"""The report of sensitivity: what each figure follows, the largest effect first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from accelsim.report.origin import changes, origin
from accelsim.report.study_charts import spans
from accelsim.report.table import Chart, Column, Prose, Report, Row, Table
from accelsim.report.text import value_text
from accelsim.study.sweep.config import figure_unit
from accelsim.study.sweep.expressions import Expression
from accelsim.study.uncertainty.sensitivity import Effect, Sensitivity
from accelsim.workload.schema import Workload

SCHEMA_VERSION = 1
_SHOWN = 15
# Half of the longest bar of a tornado, in characters.
_BAR = 12
_TITLES = {
    "low": "least", "high": "greatest", "mean": "mean effect", "absolute": "mean of\nabsolute",
    "spread": "spread", "confidence": "+-", "first": "alone", "total": "in all",
    "total_confidence": "+-",
}  # fmt: skip
_WORDS = {
    "tornado": "One quantity at a time, from low to high, all others as the files have them",
    "morris": "Morris: elementary effects of each quantity's 5 to 95 % range",
    "sobol": "Sobol: shares of the variance, of a quantity alone and with others",
}


def sensitivity_report(
    workload: Workload, found: Sequence[Sensitivity], command: Sequence[str]
) -> Report:
    """Return a table for each figure."""
    return Report(
        name="sensitivity",
        title=workload.config.name,
        about=(*changes(workload), _WORDS[found[0].method]),
        sections=tuple(_table(workload, one) for one in found),
        verdict=tuple(Prose(text, "strong") for text in _verdict(found)),
        notes=tuple(_notes(found)),
        data=_data(found),
        pictures=tuple(chart for one in found for chart in _charts(workload, one)),
        document={
            **origin(SCHEMA_VERSION, command, workload),
            "study": "sensitivity",
            "method": found[0].method,
            "figures": {
                one.figure: {
                    "as_is": one.as_is,
                    "blocks": one.blocks,
                    "remaining": one.remaining,
                    "effects": {effect.quantity: effect.figures for effect in one.effects},
                }
                for one in found
            },
        },
    )


def _verdict(found: Sequence[Sensitivity]) -> Iterator[str]:
    for one in found:
        largest = [effect.quantity for effect in one.effects[:3] if effect.size]
        yield f"{one.figure} follows {', then '.join(largest) or 'nothing'}."


def _notes(found: Sequence[Sensitivity]) -> Iterator[str]:
    unit = {"tornado": "quantities", "morris": "trajectories", "sobol": "blocks"}[found[0].method]
    for one in found:
        if one.remaining < one.blocks:
            yield (
                f"{one.figure}: {one.remaining} of {one.blocks} {unit} remain; the others have "
                "points without a figure and are left out whole"
            )


def _shown(one: Sensitivity) -> list[Effect]:
    return [effect for effect in one.effects if effect.size][:_SHOWN]


def _unit(workload: Workload, one: Sensitivity) -> str:
    return figure_unit(Expression(one.figure).alone or "", tuple(workload.cases))


def _charts(workload: Workload, one: Sensitivity) -> Iterator[Chart]:
    """Yield a tornado, Morris' effects and their plane, or Sobol's shares; none of nothing."""
    unit = _unit(workload, one)
    effects = [(effect.quantity, effect.figures) for effect in _shown(one)]
    if not effects:
        return
    if one.method == "tornado":
        ends = [("", name, one.as_is, own["low"], own["high"]) for name, own in effects]
        yield spans(
            f"{one.figure} over each quantity alone", Column("value", one.figure, unit), ends
        )
        return
    kinds: tuple[tuple[str, str], ...] = (("absolute", "confidence"),)
    if one.method == "sobol":
        kinds, unit = (("first", "confidence"), ("total", "total_confidence")), "1"
    rows = [
        (_TITLES[kind], name, own[kind], own[kind] - own[sure], own[kind] + own[sure])
        for kind, sure in kinds
        for name, own in effects
    ]
    words = "mean of absolute effects" if one.method == "morris" else "share of its variance"
    title = f"{one.figure}: {words}, with its 95 % interval"
    yield spans(title, Column("value", words, unit), rows)
    if one.method == "morris":
        yield _plane(one.figure, unit, effects)


def _plane(figure: str, unit: str, effects: Sequence[tuple[str, dict[str, float]]]) -> Chart:
    keys = ("absolute", "spread", "mean", "confidence")
    columns = (Column(key, _TITLES[key], unit) for key in keys)
    rows: list[Row] = [(name, *(own[key] for key in keys)) for name, own in effects]
    return Chart(
        f"{figure}: effects that change with the others lie high",
        "points",
        Table("", (Column("quantity", "quantity"), *columns), tuple(rows)),
        ("absolute",),
        ("spread",),
        label="quantity",
    )


def _table(workload: Workload, one: Sensitivity) -> Table:
    unit = _unit(workload, one)
    shown = _shown(one)
    keys = list(one.effects[0].figures) if one.effects else []
    scaled = () if one.method == "sobol" else ("low", "high", "mean", "absolute", "spread")
    columns = [Column("", "quantity"), *(Column("", _TITLES[key]) for key in keys)]
    rows: list[Row] = []
    for effect in shown:
        cells = (
            value_text(value, unit if key in scaled else "1", 3)
            for key, value in effect.figures.items()
        )
        bar = (_bar(one, effect),) if one.method == "tornado" else ()
        rows.append((effect.quantity, *cells, *bar))
    columns += [Column("", "")] if one.method == "tornado" else []
    title = f"{one.figure}, {value_text(one.as_is, unit, 3)} as it is"
    return Table(title, tuple(columns), tuple(rows))


def _bar(one: Sensitivity, effect: Effect) -> str:
    """Return how far a quantity moves a figure to both sides, the widest side in full."""
    sides = [
        (one.as_is - each.figures["low"], each.figures["high"] - one.as_is)
        for each in (effect, *one.effects)
    ]
    widest = max(max(each) for each in sides) or 1.0
    below, above = (round(_BAR * side / widest) for side in sides[0])
    return f"{'#' * below:>{_BAR}}|{'#' * above:<{_BAR}}"


def _data(found: Sequence[Sensitivity]) -> Table:
    keys = list(dict.fromkeys(k for one in found for e in one.effects for k in e.figures))
    columns = (Column("figure", "figure"), Column("quantity", "quantity"), *map(Column, keys, keys))
    rows: list[Row] = [
        (one.figure, effect.quantity, *(effect.figures.get(key) for key in keys))
        for one in found
        for effect in one.effects
    ]
    return Table("Effects", columns, tuple(rows))
