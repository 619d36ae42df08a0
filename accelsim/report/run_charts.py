"""The pictures of a run: what each table of figures looks like, for media that draw."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import attrgetter
from typing import Literal

from accelsim.account.activity import Floats
from accelsim.account.breakdown import CHIP, STANDING, BreakdownRow
from accelsim.account.memories import contents
from accelsim.account.power import course
from accelsim.account.service import ALL
from accelsim.account.window import view_of
from accelsim.evaluation.cases import CaseResult, Result
from accelsim.evaluation.comparison import Gain, find_gains
from accelsim.evaluation.roofline import MACS, Roofline, roofline
from accelsim.program import ProgramKind
from accelsim.report.memories import array_text
from accelsim.report.table import Chart, Column, Guide, Heading, Prose, Row, Section, Table
from accelsim.study.uncertainty.bands import Band, Uncertainty
from accelsim.units import to_seconds

_DESIGN = Column("design", "design")
_ENERGY, _TIME = Column("energy", "energy", "J", 6), Column("time", "time", "s", 6)
# [ours] Points of a distribution.
_QUANTILES = 100


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
    )
    rows: list[Row] = []
    for one in find_gains(result):
        for gain in (each for each in one.gains if each.scope in scopes):
            band = band_of(one.design, gain, sure)
            ends = (band.low, band.high) if band else (None, None)
            what = f"{gain.metric}, {scopes[gain.scope]}"
            rows.append((f"{one.design} over {one.baseline}", what, gain.value, *ends))
    if not rows:
        return
    published = result.workload.config.published if result.closed_loop else None
    if published:
        whats = dict.fromkeys(str(row[1]) for row in rows)
        papers = {what: getattr(published, what.partition(",")[0]) for what in whats}
        rows += [("paper", what, value, None, None) for what, value in papers.items() if value]
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
    layers = _summed(result, ("layer", "operator", "part"))
    tasks = _summed(result, ("task", "program", "part"))
    yield _stacked("By block", _blocks(result), "block", "kind", ("energy", "busy"))
    yield _stacked("Layer by layer", layers, "layer", "part")
    yield _stacked("By operator", layers, "operator", "part")
    yield _stacked("By task", tasks, "task", "part")


def _stacked(
    title: str, table: Table, x: str, series: str, y: tuple[str, ...] = ("energy", "time")
) -> Chart:
    return Chart(title, "bars", table, (x, "design"), y, series)


def _summed(result: Result, keys: tuple[str, ...]) -> Table:
    """Return energy and time of the run by design and some fields of its breakdown."""
    rows: list[Row] = []
    for design, case in result.cases.items():
        found: defaultdict[tuple[str, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        getters = [_FIELDS.get(key) or attrgetter(key) for key in keys]
        for row in case.breakdown:
            both = found[tuple(get(row) for get in getters)]
            both[0] += row.energy
            both[1] += row.elapsed
        rows += [(design, *key, *map(_short, both)) for key, both in found.items() if any(both)]
    texts = (Column(key, key) for key in keys)
    return Table("", (_DESIGN, *texts, _ENERGY, _TIME), tuple(rows))


def _place(row: BreakdownRow) -> str:
    if row.layer is not None:
        return f"layer {row.layer + 1}"
    if row.program == ProgramKind.INFER:
        return "outside the encoder"
    return row.program.replace("_", " ")


def _part(row: BreakdownRow) -> str:
    return "elapsed time" if row.block == CHIP else row.part


_FIELDS: dict[str, Callable[[BreakdownRow], str]] = {"layer": _place, "part": _part}


def _short(value: float, digits: int = 6) -> float:
    """Return a number of some significant digits: a page needs no more."""
    return float(f"{value:.{digits}g}")


# What is spent by the tick.
_STANDING = ("leakage", "clock", "standby")


def _blocks(result: Result) -> Table:
    rows: list[Row] = []
    for design, case in result.cases.items():
        found: defaultdict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for row in case.breakdown:
            own = found[row.block, row.part, "dynamic"]
            own[0] += row.dynamic
            own[1] += row.busy
            if row.action == STANDING:
                for kind in _STANDING:
                    found[row.block, row.part, kind][0] += getattr(row, kind)
        rows += [(design, *key, *map(_short, both)) for key, both in found.items() if any(both)]
    texts = (Column("block", "block"), Column("part", "part"), Column("kind", "kind"))
    return Table("", (_DESIGN, *texts, _ENERGY, Column("busy", "port time", "s", 6)), tuple(rows))


# -- the machine -----------------------------------------------------------------------------------


def machines(result: Result) -> Iterator[Section]:
    """Yield what lies in which memory, and how large each block is."""
    yield Heading("What lies where, and how large it is")
    columns = (
        _DESIGN,
        Column("memory", "memory"),
        Column("bits_per_cell", "bits\nper cell", "1"),
        Column("what", "what"),
        Column("bytes", "bytes", "B"),
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
        Column("rate", "operations a second", "Hz"),
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
    traced = {
        name: course(view_of(case.run, case.figures.prices))
        for name, case in result.cases.items()
        if case.run.traced and (case.run.executions or case.run.states)
    }
    if not traced:
        return
    yield Heading("Over time", "the part of the run that the timeline shows")
    power, busy = Column("power", "power", "W"), Column("busy", "busy", "%")
    title = "Utilisation: share of each step for which a port is booked"
    watts = {name: one.watts for name, one in traced.items()}
    ports = {name: one.busy for name, one in traced.items()}
    starts = {name: one.starts for name, one in traced.items()}
    yield _over_time("Power", "areas", power, "spent on", starts, watts)
    yield _over_time(title, "points", busy, "port", starts, ports)


def _over_time(
    title: str,
    kind: Literal["areas", "points"],
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
    )


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
