"""Tables and JSON of the studies: crossover of two cases, scaling with the number of tasks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from accelsim.study.crossover import Crossing, Crossover, RateCost, RatePoint
from accelsim.study.scaling import Scaling, ScalingPoint
from accelsim.units import format_si
from accelsim.version import __version__
from accelsim.workload.schema import Workload

# Of crossover.json and scaling.json.
SCHEMA_VERSION = 1


def study_text(document: Mapping[str, Any]) -> str:
    """Return the text of a study's JSON file."""
    return json.dumps(document, indent=1) + "\n"


def _about(workload: Workload, study: str, command: Sequence[str]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "accelsim", "version": __version__},
        "study": study,
        "command": list(command),
        "workload": {
            "name": workload.config.name,
            "digest": workload.digest,
            "overrides": list(workload.overrides),
        },
    }


def _heading(workload: Workload, text: str) -> Text:
    return Text.assemble((workload.config.name, "bold"), f"\n{text}")


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))


# -- crossover ---------------------------------------------------------------------------------


def crossover_document(
    workload: Workload, found: Crossover, command: Sequence[str]
) -> dict[str, Any]:
    """Return the JSON of a crossover study."""
    return {
        **_about(workload, "crossover", command),
        "design": found.design,
        "baseline": found.baseline,
        "requests": found.requests,
        "crossings": [
            {
                "rate_Hz": crossing.rate,
                "energy_per_request_J": crossing.energy,
                "cheaper_below": crossing.below,
                "cheaper_above": crossing.above,
            }
            for crossing in found.crossings
        ],
        "rates": [
            {
                "rate_Hz": point.rate,
                "cheaper": None if point.saturated else found.cheaper(point),
                "design": _cost(point.design),
                "baseline": _cost(point.baseline),
            }
            for point in found.points
        ],
    }


def _cost(cost: RateCost) -> dict[str, Any]:
    return {
        "energy_per_request_J": cost.energy,
        "power_W": cost.power,
        "load": cost.load,
        "saturated": cost.saturated,
    }


def crossover_report(workload: Workload, found: Crossover) -> RenderableType:
    """Return the table of rates and the verdict, for the terminal."""
    heading = _heading(
        workload,
        f"Energy of the whole device, idleness included; {found.requests} requests at each rate",
    )
    table = _table()
    table.add_column("rate", justify="right", no_wrap=True)
    for name in (found.design, found.baseline):
        table.add_column(Text(f"{name}\na request", justify="right"), justify="right")
        table.add_column("\npower", justify="right", no_wrap=True)
    table.add_column("\ncosts less")
    for point in found.points:
        costs = [cell for cost in (point.design, point.baseline) for cell in _cost_cells(cost)]
        table.add_row(format_si(point.rate, "Hz"), *costs, _cheaper(found, point))
    lines = [Text(line, style="bold") for line in crossover_verdict(found)]
    return Group(heading, Text(), table, Text(), *lines, *_saturation_note(found))


def _cost_cells(cost: RateCost) -> list[str]:
    return [format_si(cost.energy, "J"), "saturated" if cost.saturated else _watts(cost.power)]


def _watts(power: float) -> str:
    return format_si(power, "W")


def _cheaper(found: Crossover, point: RatePoint) -> str:
    return "" if point.saturated else found.cheaper(point) or "neither"


def crossover_verdict(found: Crossover) -> Iterator[str]:
    """Yield the result in words, a line for each crossing."""
    if found.crossings:
        yield from (_crossing_line(crossing) for crossing in found.crossings)
        return
    low, high = (format_si(found.served[at].rate, "Hz") for at in (0, -1))
    better = next((who for point in found.served if (who := found.cheaper(point))), None)
    if better is None:
        yield f"no crossover: both cost the same at every rate from {low} to {high}"
    else:
        yield f"no crossover: {better} costs less at every rate from {low} to {high}"


def _crossing_line(crossing: Crossing) -> str:
    return (
        f"crossover at {format_si(crossing.rate, 'Hz')} (a request every "
        f"{format_si(1 / crossing.rate, 's')}, {format_si(crossing.energy, 'J')}): below, "
        f"{crossing.below} costs less, above, {crossing.above}"
    )


def _saturation_note(found: Crossover) -> list[RenderableType]:
    if len(found.served) == len(found.points):
        return []
    text = "saturated: requests come faster than they are served; not compared"
    return [Text(text, style="dim")]


# -- scaling -----------------------------------------------------------------------------------


def scaling_document(workload: Workload, found: Scaling, command: Sequence[str]) -> dict[str, Any]:
    """Return the JSON of a scaling study."""
    return {
        **_about(workload, "scaling", command),
        "tasks": list(found.tasks),
        "cases": {
            name: [_point(point) for point in points] for name, points in found.cases.items()
        },
        "growth_per_task": {
            name: {key: growth(points, figure) for key, figure in _GROWING.items()}
            for name, points in found.cases.items()
        },
    }


def _point(point: ScalingPoint) -> dict[str, Any]:
    served = asdict(point.served) if point.served else {}
    return {
        "tasks": point.tasks,
        "fits": point.served is not None,
        "stored_B": point.stored_bytes,
        "resident_B": point.resident_bytes,
        "resident_mm2": 1e6 * point.resident_area,
        "energy_per_request_J": served.get("energy"),
        "dram_per_request_B": served.get("dram_bytes"),
        "switches_per_request": served.get("switches"),
        "switch_energy_J": served.get("switch_energy"),
        "switch_latency_s": served.get("switch_latency"),
    }


Figure = Callable[[ScalingPoint], float | None]

# What every task adds to; the rest depends on whether the tasks stay resident.
_GROWING: dict[str, Figure] = {
    "stored_B": lambda point: point.stored_bytes,
    "resident_B": lambda point: point.resident_bytes,
    "resident_mm2": lambda point: 1e6 * point.resident_area,
}


def growth(points: Sequence[ScalingPoint], figure: Figure) -> float | None:
    """Return what a further task adds to a figure, in the mean; None where it is not known."""
    first, last = figure(points[0]), figure(points[-1])
    if first is None or last is None or len(points) < 2:
        return None
    return (last - first) / (points[-1].tasks - points[0].tasks)


def _served(name: str) -> Figure:
    return lambda point: getattr(point.served, name) if point.served else None


def _bytes(value: float) -> str:
    return format_si(value, "B")


def _area(value: float) -> str:
    return format_si(value / 1e6, "m2")


def _joules(value: float) -> str:
    return format_si(value, "J")


_TABLES: tuple[tuple[str, Figure, Callable[[float], str], bool], ...] = (
    ("stored parameters of all tasks", _GROWING["stored_B"], _bytes, True),
    ("on-chip capacity that keeps all tasks resident", _GROWING["resident_B"], _bytes, True),
    ("area of that capacity", _GROWING["resident_mm2"], _area, True),
    ("energy of a request, machine as it is", _served("energy"), _joules, False),
    ("DRAM traffic of a request", _served("dram_bytes"), _bytes, False),
    ("task switches of a request", _served("switches"), lambda value: f"{value:.3g}", False),
    ("energy of a switch", _served("switch_energy"), _joules, False),
    ("time of a switch", _served("switch_latency"), lambda value: format_si(value, "s"), False),
)


def scaling_report(workload: Workload, found: Scaling) -> RenderableType:
    """Return a table for each figure, cases as columns, and what grows in words."""
    parts: list[RenderableType] = [
        _heading(
            workload,
            "Tasks in turn, rounds after the first; added in the order "
            f"{', '.join(found.tasks[: found.counts[-1]])}",
        )
    ]
    for title, figure, text, grows in _TABLES:
        parts += [Text(), _scaling_table(found, title, figure, text, grows=grows)]
    lines = [Text(line, style="bold") for line in scaling_verdict(found)]
    return Group(*parts, Text(), *lines)


def _scaling_table(
    found: Scaling, title: str, figure: Figure, text: Callable[[float], str], *, grows: bool
) -> Table:
    table = _table()
    table.title, table.title_justify, table.title_style = title, "left", "bold"
    table.add_column("tasks")
    for name in found.cases:
        table.add_column(name, justify="right")
    for row, count in enumerate(found.counts):
        values = (figure(points[row]) for points in found.cases.values())
        table.add_row(str(count), *(_cell(value, text) for value in values))
    if grows and len(found.counts) > 1:
        table.add_section()
        slopes = (growth(points, figure) for points in found.cases.values())
        table.add_row("a further task", *(_cell(value, text) for value in slopes))
    return table


def _cell(value: float | None, text: Callable[[float], str]) -> str:
    return "-" if value is None else text(value)


def scaling_verdict(found: Scaling) -> Iterator[str]:
    """Yield in words what grows with every task, a line for each case."""
    for name, points in found.cases.items():
        stored, resident, area = (
            growth(points, _GROWING[key]) for key in ("stored_B", "resident_B", "resident_mm2")
        )
        if stored is None or resident is None or area is None:
            continue
        line = (
            f"{name}: a further task stores {_bytes(stored)} more; to stay resident it takes "
            f"{_bytes(resident)} and {_area(area)} of chip"
        )
        yield line + _traffic(points)


def _traffic(points: Sequence[ScalingPoint]) -> str:
    last = points[-1].served
    if last is None:
        return f"; {points[-1].tasks} tasks do not fit the machine, and nothing can load them"
    if not last.switches:
        return f"; {points[-1].tasks} tasks stay resident on the machine as it is"
    return f"; with {points[-1].tasks} tasks a request moves {_bytes(last.dram_bytes)} from DRAM"
