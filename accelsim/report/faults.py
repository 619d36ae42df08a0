"""The report of the study of faults: costs, faults and damage by storage scheme, and findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import fsum

from accelsim.machine.programming import ProgrammingCost
from accelsim.report.faults_document import faults_document
from accelsim.report.faults_sweep import ERROR, sweep_sections
from accelsim.report.origin import changes
from accelsim.report.table import (
    Chart,
    Column,
    Field,
    Heading,
    Prose,
    Report,
    Row,
    Section,
    Table,
    listed,
)
from accelsim.report.text import change, number
from accelsim.study.faults.compression import Compression, CompressionCosts
from accelsim.study.faults.damage import DamageSummary
from accelsim.study.faults.findings import Exchange, double_share, exchanges, savings
from accelsim.study.faults.statistics import INTERVALS, Estimate
from accelsim.study.faults.study import FaultStudy, SchemeResult
from accelsim.study.faults.sweep import LEVEL, Curve, Sweep
from accelsim.units import format_bytes


def _write(key: str, unit: str) -> Column:
    what = "energy" if unit == "J" else "time"
    return Column(key, f"built\n{what}" if key.startswith("built") else f"write\n{what}", unit)


def _total(costs: Mapping[str, ProgrammingCost] | None, figure: str) -> float | None:
    """Return the sum over all memories, written one after the other; None where not known."""
    return fsum(getattr(cost, figure) for cost in costs.values()) if costs else None


def _round(one: SchemeResult, figure: str) -> float | None:
    """Return a figure of a round of everything; None where it was not simulated."""
    return getattr(one.costs.run.scopes["system"], figure) if one.costs.run else None


_SCHEME: Field[SchemeResult] = (Column("scheme", "scheme"), lambda one: one.scheme.name)
_COSTS: tuple[Field[SchemeResult], ...] = (
    _SCHEME,
    (Column("cells", "cells", "#"), lambda one: sum(one.costs.cells.values())),
    (Column("capacity", "capacity", "MiB"), lambda one: sum(one.costs.capacities.values())),
    (Column("area", "area", "mm2"), lambda one: one.costs.area),
    (Column("round_energy", "energy", "J"), lambda one: _round(one, "energy")),
    (Column("round_latency", "latency", "s"), lambda one: _round(one, "latency")),
    (_write("writing_time", "s"), lambda one: _total(one.costs.programming, "seconds")),
    (_write("writing_energy", "J"), lambda one: _total(one.costs.programming, "joules")),
    (_write("built_writing_time", "s"), lambda one: _total(one.costs.written_as_built, "seconds")),
    (_write("built_writing_energy", "J"), lambda one: _total(one.costs.written_as_built, "joules")),
)
_FAULTS: tuple[Field[SchemeResult], ...] = (
    (Column("value_faults", "value\nfaults", "1"), lambda one: one.expected.values),
    (Column("mask_faults", "mask\nfaults", "1"), lambda one: one.expected.masks),
)
_DAMAGE: tuple[Field[SchemeResult], ...] = (
    _SCHEME,
    *_FAULTS,
    (Column("", "weights", "1"), lambda one: _weights(one.damage)),
    (Column("", "logits", "1"), lambda one: _logits(one.damage)),
    (Column("", "agreement", "1"), lambda one: _agreement(one.damage)),
)


def _mean(of: Callable[[DamageSummary], Estimate]) -> Callable[[SchemeResult], float | None]:
    return lambda one: of(one.damage).mean if one.damage else None


_MEANS: tuple[Field[SchemeResult], ...] = (
    (Column("weight_error", "weights", "1"), _mean(lambda damage: damage.weights)),
    (Column("logit_error", "logits", "1"), _mean(lambda damage: damage.logits)),
    (Column("agreement", "agreement", "1"), _mean(lambda damage: damage.agreement)),
)


def faults_report(study: FaultStudy, command: Sequence[str]) -> Report:
    """Return the tables, the plots, and what they come to."""
    sections: list[Section] = [
        _compression(study.compression),
        listed(
            "Costs: memories as large as needed; a round; writing once, also to memories as built",
            _COSTS,
            study.schemes,
        ),
        _areas(study.schemes),
        _damage_table(study),
        *(sweep_sections(study.sweep) if study.sweep else ()),
        Heading("Schemes against each other"),
        *(Prose(line) for line in _findings(study)),
    ]
    meanings = (f"{one.scheme.name}: {one.scheme.description}" for one in study.schemes)
    return Report(
        name="faults",
        title=f"{study.subject.workload.config.name}: storage schemes and faults",
        about=tuple(_about(study)),
        sections=tuple(sections),
        verdict=(*(Prose(line, "strong") for line in _verdict(study)), *_doubts(study)),
        data=listed("", (*_COSTS, *_FAULTS, *_MEANS), study.schemes),
        document=faults_document(study, command),
        notes=tuple(faults_notes(study)),
        details=(_layers(study), Heading("Schemes"), *(Prose(text, "note") for text in meanings)),
    )


_COMPRESSION: tuple[Field[Compression], ...] = (
    (Column("density", "density", "1", 2), lambda one: one.density),
    (Column("stored", "stored", "MiB"), lambda one: one.stored),
    (Column("cosine", "cosine,\nlast layer", "1", 2), lambda one: one.layers[-1]),
    (Column("logit_error", "logits", "1"), lambda one: one.logits),
    (Column("agreement", "agreement", "1", 2), lambda one: one.agreement),
)


def _compression(found: CompressionCosts) -> Table:
    title = "Compression alone, against the weights as given: as stated, and at other densities"
    room = f"The case's own non-volatile memories have {format_bytes(found.room)}"
    if found.fitting is not None:
        room += f": room for a density of {found.fitting:.2f}"
    table = listed(title, _COMPRESSION, (found.stated, *found.others))
    return replace(table, notes=(f"{room}.",))


def _about(study: FaultStudy) -> Iterator[str]:
    subject = study.subject
    yield from changes(subject.workload)
    yield (
        f"case {subject.case.name}, task {subject.task}"
        f"{f' of {subject.model}, alone on the chip' * bool(subject.model)}, "
        f"{subject.technology.name}, "
        f"{subject.numbers.kind} values"
    )
    yield f"weights: {subject.compressed.origin}"
    yield f"sentences: {subject.sentences.origin}; {len(study.seeds)} seeds of faults"


def _damage_table(study: FaultStudy) -> Table:
    title = "Expected faults of a reading; relative errors of weights and logits; agreement"
    return replace(listed(title, _DAMAGE, study.schemes), notes=(INTERVALS,))


def _weights(damage: DamageSummary | None) -> float:
    return damage.weights.mean if damage and damage.harmed else 0.0


def _logits(damage: DamageSummary | None) -> str:
    if damage is None:
        return "not injected"
    return with_error(damage.logits) if damage.harmed else f"0 in {damage.logits.seeds} seeds"


def _agreement(damage: DamageSummary | None) -> str:
    return with_interval(damage.agreement) if damage and damage.harmed else "1"


def with_error(estimate: Estimate) -> str:
    """Return a mean and half the width of its interval, where there is one."""
    half = "" if estimate.high is None else f" ±{number(estimate.high - estimate.mean)}"
    return number(estimate.mean) + half


def with_interval(estimate: Estimate) -> str:
    """Return a mean and its interval, where there is one."""
    if estimate.low is None or estimate.high is None:
        return number(estimate.mean)
    return f"{number(estimate.mean)} ({estimate.low:.2f}..{estimate.high:.2f})"


def _layers(study: FaultStudy) -> Table:
    harmed = [(one.scheme.name, one.damage) for one in study.schemes if one.damage]
    count = max((len(damage.layers) for _, damage in harmed), default=0)
    columns = (Column("", str(layer + 1), "1") for layer in range(count))
    rows: list[Row] = [(name, *(layer.mean for layer in damage.layers)) for name, damage in harmed]
    return Table("Error of each layer's output", (_SCHEME[0], *columns), tuple(rows))


_AREAS: tuple[Field[SchemeResult], ...] = (
    _SCHEME,
    (Column("area", "area of parameter memories", "mm2"), lambda one: one.costs.area),
    (ERROR, lambda one: one.damage.logits.mean if one.damage else 0.0),
    (Column("low", "from", "1"), lambda one: one.damage.logits.low if one.damage else None),
    (Column("high", "to", "1"), lambda one: one.damage.logits.high if one.damage else None),
)


def _areas(schemes: Sequence[SchemeResult]) -> Chart:
    """Return the logit error of each scheme over its area; none was measured where it is zero."""
    return Chart(
        title="Area against damage",
        kind="points",
        table=listed("", _AREAS, (one for one in schemes if one.costs.area)),
        x=("area",),
        y=("logit_error",),
        label="scheme",
        low="low",
        high="high",
        logarithmic=("logit_error",),
    )


# -- in words --------------------------------------------------------------------------------------


def _verdict(study: FaultStudy) -> Iterator[str]:
    """Yield what compression and a wrong mask cost, and what keeping masks apart exchanges."""
    if study.accuracy is not None:
        yield f"accuracy without faults: {study.accuracy:.4g}"
    yield _compression_line(study.compression)
    if study.sweep and (masks := study.sweep.curves[1:2]):
        yield from (_curve_line(study.sweep, curve) for curve in masks)
    elif study.sweep:
        yield _values_line(study.sweep)
    found = exchanges(study)
    first = next((one for one in found if one.spared is not None), next(iter(found), None))
    if first:
        yield _exchange_line(first)


def _doubts(study: FaultStudy) -> Iterator[Prose]:
    """Yield that agreement tells nothing, where it does not."""
    if study.one_class:
        yield Prose(
            f"all {len(study.subject.sentences)} inputs have the same class without faults: "
            "agreement says nothing until faults outweigh that class; look at the logit error, or "
            "give real inputs (--labelled) or weights (--weights)",
            "warning",
        )


def _findings(study: FaultStudy) -> Iterator[str]:
    """Yield all else in words."""
    for result in study.schemes:
        if result.damage and result.damage.accuracy:
            yield f"accuracy of {result.scheme.name}: {with_interval(result.damage.accuracy)}"
    if study.sweep:
        yield from (_curve_line(study.sweep, curve) for curve in study.sweep.curves[2:])
    told = tuple(_verdict(study))
    yield from (line for one in exchanges(study) if (line := _exchange_line(one)) not in told)
    for saving in savings(study):
        yield (
            f"{saving.mixed} saves {100 * saving.share:.0f} % of the area that {saving.dense} "
            f"saves against {saving.single}"
        )


def _compression_line(found: CompressionCosts) -> str:
    stated = found.stated
    denser = (
        f"{one.layers[-1]:.2f} at {one.density:.2f}, which takes {format_bytes(one.stored)}"
        for one in found.others
    )
    return (
        f"compression alone, to a density of {stated.density:.2f} ({format_bytes(stated.stored)}), "
        f"leaves a cosine of {stated.layers[-1]:.2f} to the last layer of the weights as given"
        f"{': ' * bool(found.others)}{'; '.join(denser)}. Errors of faults are against the "
        "compressed model"
    )


def _curve_line(sweep: Sweep, curve: Curve) -> str:
    where = ", rows starting afresh" if curve.resync == "row" else ""
    one, ratio = sweep.harm_of_one(curve), sweep.harm_per_fault(curve)
    errors = [with_error(each.one.logits) for each in (curve, sweep.values)]
    times = f", at least {number(one)} times as much" if one else ""
    line = (
        f"one wrong mask bit{where}: logit error {errors[0]}, one wrong value: {errors[1]}{times}"
    )
    if ratio is None or curve.rate is None or sweep.values.rate is None:
        return f"{line}; the errors do not both cross {LEVEL:g} between two rates of the sweep"
    return (
        f"{line}; an error of {LEVEL:g} takes a fault rate of {number(curve.rate)} in masks, "
        f"{number(sweep.values.rate)} in values: per fault, masks do roughly {number(ratio)} times "
        "the harm"
    )


def _values_line(sweep: Sweep) -> str:
    values = sweep.values
    at = "beyond the sweep" if values.rate is None else number(values.rate)
    error = with_error(values.one.logits)
    return f"one wrong value: logit error {error}; an error of {LEVEL:g} takes a fault rate of {at}"


def _exchange_line(exchange: Exchange) -> str:
    ratios = {"area": exchange.area, "energy": exchange.energy, "latency": exchange.latency}
    costs = [f"{name} {change(ratio)}" for name, ratio in ratios.items() if ratio is not None]
    arrow = " -> ".join
    spared = ""
    if exchange.spared is not None:
        spared = f"; without it {100 * exchange.spared:.3g} % of readings have a wrong mask cell"
    return (
        f"{exchange.scheme} against {exchange.against}: {', '.join(costs) or 'costs not known'}; "
        f"mask faults {arrow(map(number, reversed(exchange.mask_faults)))}, "
        f"value faults {arrow(map(number, reversed(exchange.value_faults)))}, "
        f"logit error {arrow(map(number, reversed(exchange.logits)))}{spared}"
    )


def faults_notes(study: FaultStudy) -> Iterator[str]:
    """Yield what a reader must know of the figures."""
    tables = {bits: table for one in study.schemes for bits, table in one.transitions.items()}
    rates = {bits: tables[bits].fault_probability() for bits in sorted(tables)}
    known = ", ".join(f"{bits} b {number(rate)}" for bits, rate in rates.items())
    yield f"a cell is misread with probability (levels equally frequent): {known}"
    measured = study.subject.technology.measured_cells
    if study.options.faults.levels == "nvmfi" and measured:
        chips = (f"{bits} b {number(measured[bits].fresh)}" for bits in rates if bits in measured)
        yield f"chips misread {', '.join(chips)} right after programming: --levels measured"
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
    if any(one.groups for one in study.subject.compressed.tensors.values()):
        yield "scales of groups are stored beside their values and taken to be free of faults"
    if study.sweep:
        yield (
            f"the sweep runs the first {study.sweep.sentences} sentences and {study.sweep.seeds} "
            "seeds, and ends a curve where the logits' error reaches their own size"
        )
    if study.sweep and study.sweep.resync_bits:
        yield (
            f"starts of rows would add {format_bytes(study.sweep.resync_bits / 8)} of counts, "
            "not stored here and taken to be free of faults"
        )
    for estimate in dict.fromkeys(text for one in study.schemes for text in one.costs.estimates):
        yield f"warning: {estimate}"
    count = len({text for result in study.schemes for text in result.costs.warnings})
    if count:
        yield f"{count} warnings of arrays stand in faults.json"
