"""The report of sensitivity: what each figure follows, the largest effect first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from accelsim.report.origin import changes, origin
from accelsim.report.table import Column, Prose, Report, Row, Table
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


def _table(workload: Workload, one: Sensitivity) -> Table:
    unit = figure_unit(Expression(one.figure).alone or "", tuple(workload.cases))
    shown = [effect for effect in one.effects if effect.size][:_SHOWN]
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
