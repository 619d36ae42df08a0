"""The report of uncertainty: bands of gains and figures, what matters most, what was drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from accelsim.evaluation.metrics import all_metrics
from accelsim.report.origin import changes, origin
from accelsim.report.study_charts import spans
from accelsim.report.table import RULE, Chart, Column, Prose, Report, Row, Table
from accelsim.report.text import number, value_text
from accelsim.study.sweep.config import figure_unit
from accelsim.study.uncertainty.bands import Band, Uncertainty
from accelsim.study.uncertainty.quantities import Quantity

SCHEMA_VERSION = 1
# What is said to matter: a share of the variance, and at most so many.
_MATTERS, _MOST = 0.03, 3
# Chance gives a correlation of more than this over the root of the points once in a hundred times.
_SURE = 2.6
# The gains of which the verdict tells, the first that there is in each.
_HEADLINES = (
    ("energy", ("switch", "request")),
    ("energy", ("system",)),
    ("latency", ("system", "request")),
)
_AS_IT_IS = (
    "As it is: the files without any change, which take NVSim's arrays; it may lie at the edge of "
    "a band, or beyond, where what was built differs from them."
)
_POINTS = ("as it is", "5 %", "50 %", "95 %")


def uncertainty_report(found: Uncertainty, command: Sequence[str]) -> Report:
    """Return the report of all bands."""
    workload, data = found.space.workload, _data(found)
    shown = {case: _shown(found, case) for case in workload.cases}
    return Report(
        name="uncertainty",
        title=workload.config.name,
        about=(*changes(workload), _about(found)),
        sections=tuple(_table(found, case, names) for case, names in shown.items()),
        verdict=tuple(Prose(text, "strong") for text in bands_verdict(found)),
        notes=tuple(_notes(found)),
        data=data,
        document={
            **origin(SCHEMA_VERSION, command, workload),
            "study": "uncertainty",
            "points": len(found.places),
            "left_out": found.left_out,
            "method": found.method,
            "seed": found.seed,
            "quantities": {each.name: _described(each) for each in found.space.quantities},
            "bands": bands_document(found),
            "influences": {
                name: [one._asdict() for one in found.influences(name)]
                for names in shown.values()
                for name in names
            },
        },
        pictures=tuple(_charts(found, shown)),
        details=(_quantities(found),),
    )


def bands_document(found: Uncertainty) -> dict[str, dict[str, float]]:
    """Return every band for programs, in SI units."""
    keys = ("as_is", "p5", "p50", "p95")
    return {name: dict(zip(keys, band[1:], strict=True)) for name, band in found.bands.items()}


def bands_verdict(found: Uncertainty) -> Iterator[str]:
    """Yield the gains of each design with their bands, and what they follow."""
    config = found.space.workload.config
    for case, each in config.cases.items():
        told = []
        for kind, scopes in _HEADLINES:
            names = (f"{case}.gain.{kind}.{scope}" for scope in scopes)
            name = next((name for name in names if name in found.bands), None)
            if name is not None:
                scope = name.rpartition(".")[2].replace("_", " ")
                most = [f", most by {quantity}" for quantity, _ in _matters(found, name)[:1]]
                told.append("".join([f"{banded(found.bands[name])} {kind} ({scope})", *most]))
        if told:
            yield f"{case} over {each.baseline} (5 to 95 %): {'; '.join(told)}."


def banded(band: Band) -> str:
    """Return a gain with its band: ``28.2x (24.8 to 28.8)``."""
    low, high = (number(each, 3, padded=True) for each in (band.low, band.high))
    return f"{number(band.as_is, 3, padded=True)}x ({low} to {high})"


def bands_note(found: Uncertainty) -> str:
    """Return what bands are of, and why a figure may lie beyond its own."""
    return f"Bands: {_about(found)}. {_AS_IT_IS}"


def _about(found: Uncertainty) -> str:
    words = {"latin_hypercube": "a Latin hypercube", "sobol": "Sobol's sequence"}
    return (
        f"{len(found.places)} points of {words[found.method]} over {len(found.space.quantities)} "
        f"quantities, seed {found.seed}; 5, 50 and 95 % of them"
    )


def _notes(found: Uncertainty) -> Iterator[str]:
    if found.left_out:
        total = found.left_out + len(found.places)
        yield f"{found.left_out} of {total} points have no figures and are left out: {found.reason}"
    if sure := found.space.taken_as_sure:
        yield f"No quantity is of {', '.join(sure)}: their arrays are taken as sure"
    yield (
        "Behind a quantity its rank correlation with the figure; shown are those with 3 % of its "
        f"variance or more, and more than chance gives. {_AS_IT_IS}"
    )


def _shown(found: Uncertainty, case: str) -> list[str]:
    """Return the gains of a case, and the figures of a brief report that vary."""
    closed = found.space.workload.config.requests.closed_loop
    usual = {
        f"{case}.{metric.key}" for metric in all_metrics() if metric.is_brief(closed_loop=closed)
    }
    names = [name for name in found.bands if name.startswith(f"{case}.gain.")]
    varying = (name for name, band in found.bands.items() if band.low < band.high)
    return [*names, *(name for name in varying if name in usual)]


def _charts(found: Uncertainty, shown: Mapping[str, Sequence[str]]) -> Iterator[Chart]:
    """Yield the bands of gains and of figures, those of a unit together, and what gains follow."""
    units: dict[str, list[Row]] = {}
    follows: list[Row] = []
    for case, name in ((case, name) for case, names in shown.items() for name in names):
        band, short = found.bands[name], name.removeprefix(f"{case}.")
        rows = units.setdefault(figure_unit(name, (case,)), [])
        rows.append((case, short, band.middle, band.low, band.high))
        rows.append((f"{case} as it is", short, band.as_is, None, None))
        if ".gain." in name:
            each = (one for one in found.influences(name) if one.share >= _MATTERS)
            follows += ((case, short, one.quantity, one.share) for one in each)
    words = {"x": "gain", "J": "energy", "s": "time", "m2": "area", "W": "power"}
    for unit, rows in units.items():
        of = words.get(unit, "figure")
        drawn = spans(f"Bands of {of}: 5, 50 and 95 %", Column("value", of, unit), rows)
        yield replace(drawn, logarithmic=("value",))
    if follows:
        heads = (("case", ""), ("gain", ""), ("quantity", ""), ("share of variance", "%"))
        yield Chart(
            "What gains follow",
            "bars",
            Table("", tuple(Column(key, key, unit) for key, unit in heads), tuple(follows)),
            ("gain", "case"),
            ("share of variance",),
            series="quantity",
        )


def _table(found: Uncertainty, case: str, names: Sequence[str]) -> Table:
    """Return a row for each figure of a case, gains before the others."""
    baseline = found.space.workload.cases[case].config.baseline
    title = f"{case}, gain over {baseline}" if any(".gain." in name for name in names) else case
    columns = (Column("", "figure"), *(Column("", each) for each in _POINTS))
    gains = [_row(found, case, name) for name in names if ".gain." in name]
    others = [_row(found, case, name) for name in names if ".gain." not in name]
    rows = (*gains, *((RULE,) if gains and others else ()), *others)
    return Table(title, (*columns, Column("", "follows")), rows)


def _row(found: Uncertainty, case: str, name: str) -> Row:
    unit = figure_unit(name, (case,))
    values = (value_text(each, unit, 3) for each in found.bands[name][1:])
    follows = ", ".join(f"{quantity} {by:+.2f}" for quantity, by in _matters(found, name))
    return (name.removeprefix(f"{case}."), *values, follows)


def _matters(found: Uncertainty, name: str) -> list[tuple[str, float]]:
    chance = _SURE / math.sqrt(len(found.places))
    each = (one for one in found.influences(name) if one.share >= _MATTERS)
    ordered = sorted(each, key=lambda one: one.share, reverse=True)
    sure = [(one.quantity, one.correlation) for one in ordered if abs(one.correlation) > chance]
    return sure[:_MOST]


def _data(found: Uncertainty) -> Table:
    keys = ("as_is", "p5", "p50", "p95")
    columns = (Column("figure", "figure"), *map(Column, keys, _POINTS), Column("unit", "unit"))
    rows: list[Row] = [
        (*band, figure_unit(name, tuple(found.space.workload.cases)))
        for name, band in found.bands.items()
    ]
    return Table("Bands", columns, tuple(rows))


def _quantities(found: Uncertainty) -> Table:
    columns = (
        Column("", "quantity"), Column("", "of"), Column("", "low"), Column("", "typical"),
        Column("", "high"), Column("", "source"),
    )  # fmt: skip
    rows: list[Row] = [
        (one.name, one.where, *_range(one), one.source) for one in found.space.quantities
    ]
    return Table("Quantities", columns, tuple(rows))


def _range(one: Quantity) -> tuple[str, str, str]:
    if one.points is None:
        return ", ".join(map(str, one.values)), "", ""
    low, typical, high = (f"{number(each)} {one.unit}".strip() for each in one.points)
    return low, typical, high


def _described(one: Quantity) -> Mapping[str, Any]:
    ends: dict[str, Any] = {"values": list(one.values)}
    if one.points:
        ends = dict(zip(("low", "typical", "high"), one.points, strict=True)) | {"unit": one.unit}
    return {"of": one.where, "cases": list(one.cases), **ends, "source": one.source}
