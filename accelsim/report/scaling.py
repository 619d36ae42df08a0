"""The report of scaling: a table for each figure, cases as columns, and what grows in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from accelsim.report.origin import changes, origin
from accelsim.report.table import (
    RULE,
    Chart,
    Column,
    Field,
    Prose,
    Report,
    Row,
    Table,
    listed,
    recorded,
)
from accelsim.report.text import Value, in_unit
from accelsim.study.scaling import Scaling, ScalingPoint, growth
from accelsim.units import format_si
from accelsim.workload.schema import Workload

SCHEMA_VERSION = 1

_TASKS = Column("tasks", "tasks", "1")
_STORED = Column("stored", "stored parameters of all tasks", "B")
_RESIDENT = Column("resident", "on-chip capacity that keeps all tasks resident", "B")
_AREA = Column("resident", "area of that capacity", "mm2")
# What every task adds to; the rest depends on whether the tasks stay resident.
_GROWING: dict[Column, Callable[[ScalingPoint], float]] = {
    _STORED: lambda point: point.stored_bytes,
    _RESIDENT: lambda point: point.resident_bytes,
    _AREA: lambda point: point.resident_area,
}


def _served(name: str) -> Callable[[ScalingPoint], Value]:
    return lambda point: getattr(point.served, name) if point.served else None


_FIGURES: tuple[Field[ScalingPoint], ...] = (
    *_GROWING.items(),
    (Column("energy_per_request", "energy of a request, machine as it is", "J"), _served("energy")),
    (Column("dram_per_request", "DRAM traffic of a request", "B"), _served("dram_bytes")),
    (Column("switches_per_request", "task switches of a request", "1"), _served("switches")),
    (Column("switch_energy", "energy of a switch", "J"), _served("switch_energy")),
    (Column("switch_latency", "time of a switch", "s"), _served("switch_latency")),
)
_POINT: tuple[Field[ScalingPoint], ...] = (
    (_TASKS, lambda point: point.tasks),
    (Column("fits", "fits"), lambda point: point.served is not None),
    *_FIGURES,
)


def scaling_report(workload: Workload, found: Scaling, command: Sequence[str]) -> Report:
    """Return a table for each figure and what a further task adds."""
    shown = ", ".join(found.tasks[: found.counts[-1]])
    about = f"Tasks in turn, rounds after the first; added in the order {shown}"
    if found.beside:
        about += f", of model {found.model}, beside {', '.join(found.beside)}"
    return Report(
        name="scaling",
        title=workload.config.name,
        about=(about, *changes(workload)),
        sections=(*(_by_case(found, *field) for field in _FIGURES),),
        verdict=tuple(Prose(line, "strong") for line in scaling_verdict(found)),
        notes=tuple(f"does not fit and is left out: {why}" for why in found.refused.values()),
        data=_data(found),
        pictures=(_over_tasks(found),),
        document={
            **origin(SCHEMA_VERSION, command, workload),
            "study": "scaling",
            "tasks": list(found.tasks),
            **({"model": found.model, "beside": list(found.beside)} if found.beside else {}),
            **({"refused": dict(found.refused)} if found.refused else {}),
            "cases": {
                name: [recorded(_POINT, point) for point in points]
                for name, points in found.cases.items()
            },
            "growth_per_task": {
                name: {
                    column.name: growth(points, _in_unit(column, of))
                    for column, of in _GROWING.items()
                }
                for name, points in found.cases.items()
            },
        },
    )


def _over_tasks(found: Scaling) -> Chart:
    figures = [column.key for column, _ in _FIGURES if column is not _AREA]
    return Chart(
        title="What grows with the number of tasks",
        kind="points",
        table=_data(found, without=_AREA),
        x=("tasks",),
        y=tuple(figures),
        series="case",
        joined=True,
    )


def _in_unit(
    column: Column, figure: Callable[[ScalingPoint], float]
) -> Callable[[ScalingPoint], float]:
    return lambda point: in_unit(figure(point), column.unit)


def _data(found: Scaling, without: Column | None = None) -> Table:
    fields = [field for field in _POINT if field[0] is not without]
    tables = {name: listed("", fields, points) for name, points in found.cases.items()}
    columns = next(iter(tables.values())).columns
    rows = ((name, *row) for name, table in tables.items() for row in table.rows)
    return Table("", (Column("case", "case"), *columns), tuple(rows))


def _by_case(found: Scaling, column: Column, figure: Callable[[ScalingPoint], Value]) -> Table:
    columns = (_TASKS, *(Column("", name, column.unit) for name in found.cases))
    rows: list[Row] = [
        (count, *(figure(points[row]) for points in found.cases.values()))
        for row, count in enumerate(found.counts)
    ]
    if column in _GROWING and len(found.counts) > 1:
        slopes = (growth(points, _GROWING[column]) for points in found.cases.values())
        rows += [RULE, ("a further task", *slopes)]
    return Table(column.title, columns, tuple(rows))


def scaling_verdict(found: Scaling) -> Iterator[str]:
    """Yield in words what grows with every task, a line for each case."""
    for name, points in found.cases.items():
        stored, resident, area = (growth(points, of) for of in _GROWING.values())
        if stored is not None and resident is not None and area is not None:
            yield (
                f"{name}: a further task stores {format_si(stored, 'B')} more; to stay resident it "
                f"takes {format_si(resident, 'B')} and {format_si(area, 'm2')} of chip"
                f"{_traffic(points)}"
            )


def _traffic(points: Sequence[ScalingPoint]) -> str:
    tasks, last = points[-1].tasks, points[-1].served
    if last is None:
        return f"; {tasks} tasks do not fit the machine, and nothing can load them"
    if not last.switches:
        return f"; {tasks} tasks stay resident on the machine as it is"
    return f"; with {tasks} tasks a request moves {format_si(last.dram_bytes, 'B')} from DRAM"
