"""The report of a crossover: what two cases cost at each rate, and where they cost the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from accelsim.report.origin import changes, origin
from accelsim.report.table import Chart, Column, Field, Prose, Report, Table, listed, recorded
from accelsim.report.text import percent, rate
from accelsim.study.crossover import Crossing, Crossover, RateCost, RatePoint
from accelsim.units import format_si
from accelsim.workload.schema import Workload

SCHEMA_VERSION = 1
_NOTE = "saturated: requests come faster than they are served; not compared"

_RATE = Column("rate", "rate", "Hz")
_ENERGY = Column("energy_per_request", "a request", "J")
_ORACLE = Column("energy_per_request_oracle", "oracle", "J")
_POWER = Column("power", "power", "W")
_LOAD = Column("load", "load", "%")
_CHEAPER = Column("cheaper", "costs less")
_COST: tuple[Field[RateCost], ...] = (
    (_ENERGY, lambda cost: cost.energy),
    (_ORACLE, lambda cost: cost.oracle),
    (_POWER, lambda cost: cost.power),
    (_LOAD, lambda cost: cost.load),
    (Column("saturated", "saturated"), lambda cost: cost.saturated),
)
_CROSSING: tuple[Field[Crossing], ...] = (
    (_RATE, lambda crossing: crossing.rate),
    (_ENERGY, lambda crossing: crossing.energy),
    (Column("cheaper_below", "below"), lambda crossing: crossing.below),
    (Column("cheaper_above", "above"), lambda crossing: crossing.above),
)


def crossover_report(workload: Workload, found: Crossover, command: Sequence[str]) -> Report:
    """Return the table of rates and the verdict."""
    about = (
        f"Energy of the whole device, idleness included; {found.requests} requests at each rate. "
        "Oracle: the least that sleep could do, if the next arrival were known"
    )
    return Report(
        name="crossover",
        title=workload.config.name,
        about=(about, *changes(workload)),
        sections=(_rates(found),),
        verdict=tuple(Prose(line, "strong") for line in crossover_verdict(found)),
        data=_data(found),
        pictures=(_over_rates(found),),
        document={
            **origin(SCHEMA_VERSION, command, workload),
            "study": "crossover",
            "design": found.design,
            "baseline": found.baseline,
            "requests": found.requests,
            "crossings": [recorded(_CROSSING, crossing) for crossing in found.crossings],
            "rates": [_rate(found, point) for point in found.points],
        },
    )


def _over_rates(found: Crossover) -> Chart:
    measured = (_ENERGY, _ORACLE, _POWER, _LOAD)
    return Chart(
        title="What each case takes over the rate of requests",
        kind="points",
        table=_data(found),
        x=("rate",),
        y=tuple(column.key for column in measured),
        series="case",
        joined=True,
        logarithmic=("rate", "energy_per_request", "energy_per_request_oracle", "power"),
    )


def _rate(found: Crossover, point: RatePoint) -> dict[str, Any]:
    return {
        _RATE.name: point.rate,
        _CHEAPER.name: None if point.saturated else found.cheaper(point),
        "design": recorded(_COST, point.design),
        "baseline": recorded(_COST, point.baseline),
    }


def _data(found: Crossover) -> Table:
    """Return a row for each rate and case."""
    pairs = [
        (point.rate, name, cost)
        for point in found.points
        for name, cost in ((found.design, point.design), (found.baseline, point.baseline))
    ]
    cost = listed("", _COST, [cost for *_, cost in pairs])
    rows = ((rate, name, *row) for (rate, name, _), row in zip(pairs, cost.rows, strict=True))
    return Table("", (_RATE, Column("case", "case"), *cost.columns), tuple(rows))


def _rates(found: Crossover) -> Table:
    columns = [_RATE]
    for name in (found.design, found.baseline):
        columns += [Column("", f"{name}\n{_ENERGY.title}", _ENERGY.unit), _ORACLE]
    rows = tuple(
        (point.rate, *_cells(point.design), *_cells(point.baseline), _cheaper(found, point))
        for point in found.points
    )
    notes = () if len(found.served) == len(found.points) else (_NOTE,)
    return Table("", (*columns, _CHEAPER), rows, notes)


def _cells(cost: RateCost) -> tuple[float, float | str | None]:
    return cost.energy, "saturated" if cost.saturated else cost.oracle


def _cheaper(found: Crossover, point: RatePoint) -> str:
    """Return who costs less, and by what share where the two read alike."""
    who = None if point.saturated else found.cheaper(point)
    if who is None:
        return "" if point.saturated else "neither"
    energies = point.design.energy, point.baseline.energy
    if len({format_si(energy, _ENERGY.unit) for energy in energies}) > 1:
        return who
    return f"{who}, by {percent(abs(point.difference) / max(energies), 2)}"


def crossover_verdict(found: Crossover) -> Iterator[str]:
    """Yield the result in words, a line for each crossing."""
    if found.crossings:
        yield from (_crossing_line(crossing) for crossing in found.crossings)
        return
    low, high = (rate(found.served[at].rate) for at in (0, -1))
    better = next((who for point in found.served if (who := found.cheaper(point))), None)
    if better is None:
        yield f"no crossover: both cost the same at every rate from {low} to {high}"
    else:
        yield f"no crossover: {better} costs less at every rate from {low} to {high}"


def _crossing_line(crossing: Crossing) -> str:
    return (
        f"crossover at {rate(crossing.rate)} (a request every "
        f"{format_si(1 / crossing.rate, 's')}, {format_si(crossing.energy, 'J')}): below, "
        f"{crossing.below} costs less, above, {crossing.above}"
    )
