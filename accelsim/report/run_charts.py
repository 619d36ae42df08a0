"""The pictures of a run: what each table of figures looks like, for media that draw."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from accelsim.account.breakdown import CHIP, STANDING, Sheet
from accelsim.account.memories import contents
from accelsim.account.service import ALL
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.comparison import Gain, find_gains
from accelsim.evaluation.result import Result
from accelsim.evaluation.roofline import MACS, Roofline, roofline
from accelsim.program import ProgramKind
from accelsim.report.memories import array_text
from accelsim.report.table import Chart, Column, Guide, Heading, Prose, Row, Section, Table
from accelsim.units import to_seconds

if TYPE_CHECKING:
    from accelsim.account.activity import Floats
    from accelsim.study.uncertainty.bands import Band, Uncertainty

_DESIGN = Column("design", "design")
_ENERGY = Column("energy", "energy", "J", 6)
# What is spent by the tick, as rows of the breakdown end.
_STANDING = ("leakage", "clock", "standby")
# [ours] Points of a distribution.
_QUANTILES = 100
# [ours] Of a longest latency to the shortest: beyond, the axis is logarithmic.
_FAR = 10


def band_of(design: str, gain: Gain, sure: Uncertainty | None) -> Band | None:
    """Return how sure a gain is, where that was asked for."""
    return sure.bands.get(f"{design}.gain.{gain.metric}.{gain.scope}") if sure else None


def gains_chart(
    result: Result, scopes: dict[str, str], sure: Uncertainty | None = None
) -> Iterator[Chart]:
    """Yield the gains by scope with their bands, beside the published; none without a baseline."""
    columns = (
        Column("of", "of"),
        Column("what", "what"),
        Column("gain", "gain", "x"),
        Column("low", "5 %", "x"),
        Column("high", "95 %", "x"),
        _DESIGN,
    )
    rows: list[Row] = []
    for one in find_gains(result):
        for gain in (each for each in one.gains if each.scope in scopes):
            band = band_of(one.design, gain, sure)
            ends = (band.low, band.high) if band else (None, None)
            what = f"{gain.metric}, {scopes[gain.scope]}"
            rows.append((f"{one.design} over {one.baseline}", what, gain.value, *ends, one.design))
    if not rows:
        return
    published = result.workload.config.published if result.closed_loop else None
    if published:
        whats = dict.fromkeys(str(row[1]) for row in rows)
        papers = {what: getattr(published, what.partition(",")[0]) for what in whats}
        rows += [("paper", what, value, None, None, "") for what, value in papers.items() if value]
    yield Chart(
        title="Gain over the baseline: right of 1 the design is better",
        kind="points",
        table=Table("", columns, tuple(rows)),
        x=("gain",),
        y=("what",),
        series="of",
        low="low",
        high="high",
        logarithmic=("gain",),
        notes=("The paper does not say which scope its figures have.",) if published else (),
    )


# -- where energy and time go ----------------------------------------------------------------------


def spending(result: Result) -> Iterator[Section]:
    """Yield energy and time by block, operator, layer and task, each a stack for each design."""
    yield Heading(
        "Where energy and time go",
        "of the whole run\nA bar that is chosen filters the other charts by what it stands for.",
    )
    found = {design: _spent(case.sheets) for design, case in result.cases.items()}
    time, busy = Column("time", "time", "s", 6), Column("busy", "port time", "s", 6)
    blocks = _sums(("block", "part", "kind"), busy, {d: spent.blocks for d, spent in found.items()})
    layers = _sums(
        ("layer", "operator", "part"), time, {d: spent.layers for d, spent in found.items()}
    )
    tasks = _sums(("task", "program", "part"), time, {d: spent.tasks for d, spent in found.items()})
    yield _stacked("By block", blocks, "block", "kind", ("energy", "busy"))
    yield _stacked("Layer by layer", layers, "layer", "part")
    yield _stacked("By operator", layers, "operator", "part")
    yield _stacked("By task", tasks, "task", "part")


def _stacked(
    title: str, table: Table, x: str, series: str, y: tuple[str, ...] = ("energy", "time")
) -> Chart:
    return Chart(title, "bars", table, (x, "design"), y, series)


# Joules and seconds by what they are summed by.
_Sums = defaultdict[tuple[str, ...], list[float]]


class _Spent(NamedTuple):
    """By (layer, operator, part), by (task, program, part), and by (block, part, kind)."""

    layers: _Sums
    tasks: _Sums
    blocks: _Sums


def _spent(sheets: Iterable[Sheet]) -> _Spent:
    """Sum all up; there are hundreds of rows a sheet, and most sheets share theirs."""
    found, known = _nothing(), dict[int, _Spent]()
    times = Counter[tuple[int, tuple[str, ...], int]]()
    for (_, program, task, layer), rest in sheets:
        if id(rest) not in known:
            known[id(rest)] = _spent_in(rest)
        for sums, place in enumerate(((_place(program, layer),), (task, program), ())):
            times[sums, place, id(rest)] += 1
    for (sums, place, shared), count in times.items():
        for key, (joules, seconds) in known[shared][sums].items():
            _add(found[sums][*place, *key], count * joules, count * seconds)
    return found


def _spent_in(rest: Iterable[tuple[Any, ...]]) -> _Spent:
    """Return what the rows of a sheet spend, by the same keys without layer, task and program."""
    found = _nothing()
    for operator, block, part, action, _, _, busy, elapsed, dynamic, *standing in rest:
        what = part if block != CHIP else "elapsed time"
        joules = dynamic + sum(standing)
        _add(found.layers[operator, what], joules, elapsed)
        _add(found.tasks[what,], joules, elapsed)
        _add(found.blocks[block, part, "dynamic"], dynamic, busy)
        for kind, spent in zip(_STANDING, standing, strict=True) if action == STANDING else ():
            _add(found.blocks[block, part, kind], spent, 0.0)
    return found


def _nothing() -> _Spent:
    return _Spent(*(defaultdict(lambda: [0.0, 0.0]) for _ in _Spent._fields))


def _add(sums: list[float], energy: float, time: float) -> None:
    sums[0] += energy
    sums[1] += time


def _sums(keys: tuple[str, ...], last: Column, found: dict[str, _Sums]) -> Table:
    """Return energy, and what else was summed, by design and keys."""
    columns = (_DESIGN, *(Column(key, key) for key in keys), _ENERGY, last)
    rows: Iterable[Row] = (
        (design, *key, *map(_short, both))
        for design, sums in found.items()
        for key, both in sums.items()
        if any(both)
    )
    return Table("", columns, tuple(rows))


def _place(program: str, layer: int | None) -> str:
    if layer is not None:
        return f"layer {layer}"
    if program == ProgramKind.INFER:
        return "outside the encoder"
    return program.replace("_", " ")


@lru_cache(maxsize=1024)
def _short(value: float, digits: int = 6) -> float:
    """Return a number of some significant digits: a page needs no more."""
    return float(f"{value:.{digits}g}")


# -- the machine -----------------------------------------------------------------------------------


def machines(result: Result) -> Iterator[Section]:
    """Yield what lies in which memory, and how large each block is."""
    yield Heading("What lies where, and how large it is")
    columns = (
        _DESIGN,
        Column("memory", "memory"),
        Column("bits_per_cell", "bits\nper cell", "1"),
        Column("what", "what"),
        Column("bytes", "size", "MiB"),
    )
    rows: list[Row] = []
    for design, case in result.cases.items():
        for one in contents(case.design, case.run):
            home = case.footprints[one.memory]
            what = f"{one.what}, {one.bits} b {one.format}" if one.bits else one.what
            name = f"{one.memory}: {array_text(home)}"
            rows.append((design, name, home.region.array.bits_per_cell, what, one.bytes))
    table = Table("At the fullest of the run", columns, tuple(rows))
    yield Chart("What the memories hold", "bars", table, ("memory", "design"), ("bytes",), "what")
    areas: Iterable[Row] = (
        (design, block, case.figures.prices.part(block).value, area)
        for design, case in result.cases.items()
        for block, area in case.figures.prices.areas.items()
        if area
    )
    heads = (_DESIGN, Column("block", "block"), Column("part", "part"))
    area = Column("area", "area", "mm2")
    yield Chart(
        "Area", "bars", Table("", (*heads, area), tuple(areas)), ("design",), ("area",), "block"
    )


def rooflines(result: Result) -> Iterator[Section]:
    """Yield the operators of each design below their roof, and what bounds each."""
    yield Heading("What bounds each operator")
    columns = (
        _DESIGN,
        Column("operator", "operator"),
        Column("bound", "bound by"),
        Column("unit", "of"),
        Column("intensity", "operations for each byte of memories", "1"),
        Column("rate", "operations a second", "#"),
        Column("bytes", "bytes", "B"),
        Column("time", "time of\nits busiest port", "s"),
    )
    found = {design: roofline(case).operators for design, case in result.cases.items()}
    rows: list[Row] = [
        (design, o.operator, o.bound, o.unit, o.intensity, o.rate, o.bytes, o.seconds)
        for design, operators in found.items()
        for o in operators
    ]
    if not rows:
        return
    table = Table("Every operator and its bound", columns, tuple(rows))
    yield Chart(
        title="Roofline",
        kind="points",
        table=table,
        x=("intensity",),
        y=("rate",),
        series="bound",
        label="operator",
        choice="design",
        logarithmic=("intensity", "rate"),
        guides=tuple(_roof(Roofline(tuple(chain.from_iterable(found.values()))))),
        notes=(
            "A rate is what the busiest port of an operator allows, whatever runs beside it; the "
            "roof is the best that any operator of any design got out of a block.",
        ),
    )
    yield table


def _roof(found: Roofline) -> Iterator[Guide]:
    peaks, bandwidth = found.peaks, found.bandwidth
    top, low = max(peaks.values()), min(peaks.values())
    yield Guide("memories", (low / bandwidth / 10, low / 10), (top / bandwidth, top))
    for unit, peak in peaks.items():
        name = "MACs" if unit == MACS else unit
        yield Guide(name, (peak / bandwidth, peak), (top / bandwidth * 50, peak))


# -- over time -------------------------------------------------------------------------------------


def courses(result: Result) -> Iterator[Section]:
    """Yield power and utilisation over the window that was traced; nothing without one."""
    drawn = {
        name: case
        for name, case in result.cases.items()
        if case.run.traced and (case.run.executions or case.run.states)
    }
    if not drawn:
        return
    from accelsim.account.power import course

    traced = {name: course(case.view, case.power) for name, case in drawn.items()}
    yield Heading("Over time", "the part of the run that the timeline shows")
    power, busy = Column("power", "power", "W"), Column("busy", "busy", "%")
    title = "Utilisation: share of each step for which a port is booked"
    watts = {name: one.watts for name, one in traced.items()}
    ports = {name: one.busy for name, one in traced.items()}
    starts = {name: one.starts for name, one in traced.items()}
    yield _over_time("Power", "areas", power, "spent on", starts, watts)
    yield _over_time(title, "heat", busy, "port", starts, ports)


def _over_time(
    title: str,
    kind: Literal["areas", "heat"],
    column: Column,
    series: str,
    starts: dict[str, Floats],
    found: dict[str, dict[str, Floats]],
) -> Chart:
    rows: list[Row] = [
        (name, label, _short(float(start), 4), _short(float(value), 4))
        for name, by_label in found.items()
        for label, values in by_label.items()
        for start, value in zip(starts[name], values, strict=True)
    ]
    columns = (_DESIGN, Column(series, series), Column("start", "time", "s"), column)
    return Chart(
        title=title,
        kind=kind,
        table=Table("", columns, tuple(rows)),
        x=("start",),
        y=(column.key,),
        series=series,
        choice="design",
        joined=True,
    )


def latencies(result: Result) -> Iterator[Section]:
    """Yield the distribution of latencies by task."""
    rows: list[Row] = []
    for name, case in result.cases.items():
        for task, times in _latencies(case).items():
            last = len(times) - 1
            picked = dict.fromkeys(math.ceil(n * last / _QUANTILES) for n in range(_QUANTILES + 1))
            rows += [(name, task, times[n], (n + 1) / len(times)) for n in picked]
    columns = (
        _DESIGN,
        Column("task", "task"),
        Column("latency", "latency", "s"),
        Column("share", "share of requests that take no longer", "%"),
    )
    yield Heading("Latency of requests", "from arrival to end, waiting and switching included")
    yield Chart(
        title="Distribution by task",
        kind="points",
        table=Table("", columns, tuple(rows)),
        x=("latency",),
        y=("share",),
        series="design",
        choice="task",
        joined=True,
        logarithmic=("latency",) if _far_apart(rows) else (),
    )


def _far_apart(rows: Iterable[Row]) -> bool:
    """Say whether the smaller latencies would not be seen on a linear axis."""
    found = [float(row[2]) for row in rows if isinstance(row[2], float)]
    return bool(found) and max(found) > _FAR * min(found) > 0


def _latencies(case: CaseResult) -> dict[str, list[float]]:
    found: defaultdict[str, list[float]] = defaultdict(list)
    for one in case.run.requests:
        seconds = to_seconds(one.end - one.arrival)
        found[ALL].append(seconds)
        found[one.task].append(seconds)
    return {task: sorted(times) for task, times in found.items()}


# -- where figures come from -----------------------------------------------------------------------


def sources(result: Result) -> Iterator[Section]:
    """Yield the assumptions and sources that this run used, and no others."""
    yield Heading("Assumptions and sources of this run")
    found: dict[str, list[str]] = {}
    for name, case in result.cases.items():
        for block, text in case.figures.prices.sources.items():
            found.setdefault(text, []).append(f"{name} {block}")
    every = len(result.cases)
    rows = ((_named(places, every), text) for text, places in found.items())
    columns = (Column("where", "block"), Column("source", "source"))
    yield Table("Prices, areas and leakage", columns, tuple(rows))
    told = {
        f"{memory}: {text}"
        for case in result.cases.values()
        for memory, texts in case.array_warnings.items()
        for text in texts
    }
    yield from (Prose(text, "note") for text in sorted(told))


def _named(places: list[str], every: int) -> str:
    """Return blocks, with the designs where not all have them."""
    blocks: dict[str, list[str]] = {}
    for place in places:
        design, _, block = place.rpartition(" ")
        blocks.setdefault(block, []).append(design)
    return ", ".join(
        block if len(designs) == every else f"{block} ({', '.join(designs)})"
        for block, designs in blocks.items()
    )
