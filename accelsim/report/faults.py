"""The study of faults as tables and sentences for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from accelsim.study.faults.damage import DamageSummary
from accelsim.study.faults.findings import Exchange, double_share, exchanges, savings
from accelsim.study.faults.statistics import INTERVALS, Estimate
from accelsim.study.faults.study import FaultStudy, SchemeResult
from accelsim.study.faults.sweep import LEVEL, Curve, Sweep


def faults_report(study: FaultStudy) -> RenderableType:
    """Return the tables and the findings, 80 columns wide."""
    parts: list[RenderableType] = [_heading(study), Text(), *_cost_table(study)]
    parts += [Text(), *_fault_table(study), Text(INTERVALS, style="dim")]
    if study.sweep:
        parts += [Text(), *_sweep_table(study.sweep)]
    parts.append(Text())
    parts += [Text(line, style="bold") for line in faults_findings(study)]
    parts += [Text(line, style="dim") for line in faults_notes(study)]
    return Group(*parts)


def _heading(study: FaultStudy) -> Text:
    subject = study.subject
    return Text.assemble(
        (subject.workload.config.name, "bold"),
        f"\ncase {subject.case.name}, task {subject.task}, {subject.technology.name}, ",
        f"{subject.numbers.kind} values\nweights: {subject.compressed.origin}",
        f"\nsentences: {subject.sentences.origin}; {len(study.seeds)} seeds of faults",
    )


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for place, name in enumerate(columns):
        table.add_column(
            Text(name, justify="right" if place else "left"),
            justify="right" if place else "left",
            no_wrap=True,
        )
    return table


COST_COLUMNS = (
    "scheme",
    "cells\nM",
    "capacity\nMiB",
    "area\nmm2",
    "energy\nmJ",
    "latency\nms",
    "write\nms",
    "write\nuJ",
)


def _cost_table(study: FaultStudy) -> list[RenderableType]:
    title = "Costs: memories as large as needed; energy and latency of a round; writing once"
    table = _table(COST_COLUMNS)
    for result in study.schemes:
        table.add_row(*cost_cells(result))
    return [Text(title, style="bold"), table]


def cost_cells(result: SchemeResult) -> list[str]:
    """Return the costs of a scheme as texts, by COST_COLUMNS."""
    costs, run = result.costs, result.costs.run
    writes = costs.programming.values() if costs.programming else None
    figures = (
        sum(costs.cells.values()) / 1e6,
        sum(costs.capacities.values()) / 2**20,
        None if costs.area is None else 1e6 * costs.area,
        1e3 * run.system_energy if run else None,
        1e3 * run.system_latency if run else None,
        None if writes is None else 1e3 * math.fsum(cost.seconds for cost in writes),
        None if writes is None else 1e6 * math.fsum(cost.joules for cost in writes),
    )
    return [result.scheme.name, *map(number, figures)]


FAULT_COLUMNS = ("scheme", "value\nfaults", "mask\nfaults", "weights", "logits", "agreement")


def _fault_table(study: FaultStudy) -> list[RenderableType]:
    title = "Expected faults of a reading; relative errors of weights and logits; agreement"
    table = _table(FAULT_COLUMNS)
    for result in study.schemes:
        table.add_row(*fault_cells(result))
    return [Text(title, style="bold"), table]


def fault_cells(result: SchemeResult) -> list[str]:
    """Return faults and damage of a scheme as texts, by FAULT_COLUMNS."""
    faults = [number(result.expected.values), number(result.expected.masks)]
    damage = result.damage
    if damage is None:
        return [result.scheme.name, *faults, "0", "not injected", "1"]
    if not damage.harmed:
        return [result.scheme.name, *faults, "0", f"0 in {damage.logits.seeds} seeds", "1"]
    return [
        result.scheme.name,
        *faults,
        number(damage.weights.mean),
        with_error(damage.logits),
        with_interval(damage.agreement),
    ]


def number(value: float | None) -> str:
    """Return a number in at most seven characters."""
    if value is None:
        return "-"
    plain = value == 0 or 1e-2 <= abs(value) < 1e4
    text = f"{value:.3g}" if plain else f"{value:.1e}"
    if plain and "e" in text:
        text = f"{value:.0f}"
    return text.replace(".0e", "e").replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def with_error(estimate: Estimate) -> str:
    """Return a mean and half the width of its interval, where there is one."""
    if estimate.high is None:
        return number(estimate.mean)
    return f"{number(estimate.mean)} ±{number(estimate.high - estimate.mean)}"


def with_interval(estimate: Estimate) -> str:
    """Return a mean and its interval, where there is one."""
    if estimate.low is None or estimate.high is None:
        return number(estimate.mean)
    return f"{estimate.mean:.3g} ({estimate.low:.2f}..{estimate.high:.2f})"


def _sweep_table(sweep: Sweep) -> list[RenderableType]:
    names = {"values": "values", "masks": "masks", "row": "row start"}
    heads = [names[c.resync if c.resync == "row" else c.part] for c in sweep.curves]
    columns = [text for head in heads for text in (f"{head}\nfaults", "logits", "agree")]
    title = f"The same fault probability of each cell in values or in masks ({sweep.scheme.name})"
    table = _table(["rate", *columns])
    for points in zip(*(curve.points for curve in sweep.curves), strict=True):
        cells = [text for p in points for text in (number(p.expected), *_effects(p.damage))]
        table.add_row(number(points[0].rate), *cells)
    table.add_section()
    ones = [text for curve in sweep.curves for text in ("1", *_effects(curve.one))]
    table.add_row("one", *ones)
    return [Text(title, style="bold"), table]


def _effects(damage: DamageSummary | None) -> list[str]:
    if damage is None:
        return ["0", "1"]
    return [number(damage.logits.mean), f"{damage.agreement.mean:.2f}"]


def faults_findings(study: FaultStudy) -> Iterator[str]:
    """Yield the results in words."""
    if study.accuracy is not None:
        yield f"accuracy without faults: {study.accuracy:.4g}"
        for result in study.schemes:
            if result.damage and result.damage.accuracy:
                yield f"accuracy of {result.scheme.name}: {with_interval(result.damage.accuracy)}"
    if study.sweep:
        for curve in study.sweep.curves[1:]:
            yield _curve_line(study.sweep, curve)
    for exchange in exchanges(study):
        yield _exchange_line(exchange)
    for saving in savings(study):
        yield (
            f"{saving.mixed} saves {100 * saving.share:.0f} % of the area that {saving.dense} "
            f"saves against {saving.single}"
        )


def _curve_line(sweep: Sweep, curve: Curve) -> str:
    where = ", rows starting afresh" if curve.resync == "row" else ""
    one, ratio = sweep.harm_of_one(curve), sweep.harm_per_fault(curve)
    errors = [with_error(each.one.logits) for each in (curve, sweep.values)]
    times = f", at least {number(one)} times as much" if one else ""
    line = (
        f"one wrong mask bit{where}: logit error {errors[0]}, one wrong value: {errors[1]}{times}"
    )
    if ratio is None:
        return f"{line}; the errors do not both cross {LEVEL:g} between two rates of the sweep"
    return (
        f"{line}; an error of {LEVEL:g} takes a fault rate of {number(curve.rate)} in masks, "
        f"{number(sweep.values.rate)} in values: per fault, masks do roughly {number(ratio)} times "
        "the harm"
    )


def _exchange_line(exchange: Exchange) -> str:
    costs = [
        f"{name} {100 * (ratio - 1):+.1f} %"
        for name, ratio in (
            ("area", exchange.area),
            ("energy", exchange.energy),
            ("latency", exchange.latency),
        )
        if ratio is not None
    ]
    change = " -> ".join
    return (
        f"{exchange.scheme} against {exchange.against}: {', '.join(costs) or 'costs not known'}; "
        f"mask faults {change(map(number, reversed(exchange.mask_faults)))}, "
        f"value faults {change(map(number, reversed(exchange.value_faults)))}, "
        f"logit error {change(map(number, reversed(exchange.logits)))}"
        f"{_spared(exchange)}"
    )


def _spared(exchange: Exchange) -> str:
    """Say how many readings meet a wrong mask cell where the scheme has none."""
    own, other = exchange.mask_faults
    if own or not other:
        return ""
    return f"; without it {-100 * math.expm1(-other):.3g} % of readings have a wrong mask cell"


def faults_notes(study: FaultStudy) -> Iterator[str]:
    """Yield what a reader must know of the figures."""
    tables = {bits: table for one in study.schemes for bits, table in one.transitions.items()}
    rates = {bits: tables[bits].fault_probability() for bits in sorted(tables)}
    known = ", ".join(f"{bits} b {number(rate)}" for bits, rate in rates.items())
    yield f"a cell is misread with probability (levels equally frequent): {known}"
    if rates.get(1) == 0:
        yield "one-bit cells are never misread by this model: masks in them are safe by assumption"
    for bits in sorted(tables):
        share = double_share(tables[bits])
        if share:
            yield (
                f"{100 * share:.3g} % of misread {bits}-bit cells in binary code flip more than "
                "one bit, which SECDED does not correct; in Gray code none does"
            )
    for result in study.schemes:
        if result.scheme.protected:
            yield (
                f"{result.scheme.name}: {number(result.expected.detected)} words beyond correction "
                f"expected, {100 * result.costs.check_bits / result.costs.bits:.1f} % check bits"
            )
        if result.costs.missing:
            yield f"{result.scheme.name}: {result.costs.missing}"
    if study.sweep:
        yield (
            f"starts of rows would add {study.sweep.resync_bits / 8 / 1024:.1f} KiB of counts, "
            "not stored here and taken to be free of faults"
        )
    for estimate in dict.fromkeys(text for one in study.schemes for text in one.costs.estimates):
        yield f"warning: {estimate}"
    count = len({text for result in study.schemes for text in result.costs.warnings})
    if count:
        yield f"{count} warnings of interpolated arrays stand in faults.json"
