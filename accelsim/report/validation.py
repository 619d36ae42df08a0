"""The report of a validation: a summary by group, every comparison, what failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from accelsim.report.table import (
    Alert,
    Chart,
    Column,
    Field,
    Prose,
    Report,
    Table,
    listed,
    recorded,
)
from accelsim.study.validation.check import Check
from accelsim.study.validation.silicon import Gap, Measurement, Witness
from accelsim.study.validation.suite import GroupSummary, Outcome
from accelsim.units import format_si
from accelsim.version import __version__

SCHEMA_VERSION = 1
_VERDICTS = {True: "pass", False: Alert("FAIL"), None: "reported"}
# More sources than these stand in a column of their own.
_FEW = 2

_DEVIATION = Column("deviation", "deviation", "%", 3)
_ALLOWED = Column("allowed_deviation", "allowed", "%", 3)
_SOURCE: Field[Check] = (Column("source", "source"), lambda check: check.source)
_CHECK: tuple[Field[Check], ...] = (
    (Column("quantity", "quantity"), lambda check: check.quantity),
    (Column("reference", "reference", "1", 7), lambda check: check.reference),
    (Column("accelsim", "accelsim", "1", 7), lambda check: check.value),
    (Column("unit", "unit"), lambda check: check.unit),
    (_DEVIATION, lambda check: check.deviation),
    (_ALLOWED, lambda check: check.allowed),
    (Column("verdict", "verdict"), lambda check: _VERDICTS[check.passed]),
)
_GROUPED: tuple[Field[Check], ...] = (
    (Column("group", "against"), lambda check: check.group),
    *_CHECK,
    _SOURCE,
)
_OF_LIMIT: Field[Check] = (
    Column("of_limit", "deviation, of what is allowed", "%"),
    lambda check: check.of_limit,
)
_GAP: tuple[Field[Gap], ...] = (
    (Column("array", "array"), lambda gap: gap.array),
    (Column("area_ratio", "area", "x"), lambda gap: gap.area),
    (Column("read_energy_ratio", "read\nenergy", "x"), lambda gap: gap.read_energy),
    (Column("leakage_ratio", "leakage", "x"), lambda gap: gap.leakage),
    (Column("macros", "closest built (confidence)"), lambda gap: gap.macros),
)
_GAP_NOTES = (
    "built over ours: area a MiB, shrunk to our node with the square of the length; read energy a "
    "bit, as built; leakage a MiB, heated to our temperature (silicon.yaml). Confidence: P read in "
    "a public file or page, M computed from it, R recollection",
)
_SIDES = {True: "inside", False: Alert("outside")}
_WITNESS: tuple[Field[Witness], ...] = (
    (Column("accelerator", "accelerator"), lambda one: one.name),
    (Column("unit", "unit"), lambda one: one.unit),
    (Column("linear", "L x V2", "1"), lambda one: one.linear),
    (Column("stillmaker", "Stillmaker", "1"), lambda one: one.stillmaker),
    (Column("uncertainty", "+-", "%", 2), lambda one: one.uncertainty),
    (Column("low", "low", "1"), lambda one: one.low),
    (Column("typical", "typical", "1"), lambda one: one.typical),
    (Column("high", "high", "1"), lambda one: one.high),
    (Column("inside", "typical"), lambda one: _SIDES[one.inside]),
    (Column("meets", "low to\nhigh"), lambda one: _SIDES[one.meets]),
)
_WITNESS_NOTES = (
    "published figures at 22 nm and 0.8 V by two rules of scaling, its uncertainty, and ours at "
    "each grade of process.logic; nothing is fitted. Inside: typical, or anything from low to "
    "high, lies between the lesser figure less and the greater plus the uncertainty. GAP9 is a "
    "whole chip with another engine; only low to high of the others is a comparison that can fail",
)


def _others(one: Measurement) -> str:
    taken = one.others.items()
    return ", ".join(
        f"{chip} {format_si(energy, 'J')}, {format_si(time, 's')}" for chip, (energy, time) in taken
    )


_MEASURED: tuple[Field[Measurement], ...] = (
    (Column("chip", "chip"), lambda one: one.chip),
    (Column("network", "network"), lambda one: one.network),
    (Column("time", "time\nmeasured", "s"), lambda one: one.time),
    (Column("simulated_time", "simulated", "s"), lambda one: one.simulated_time),
    (Column("time_ratio", "ratio", "x"), lambda one: one.time_ratio),
    (Column("energy", "energy\nmeasured", "J"), lambda one: one.energy),
    (Column("simulated_energy", "simulated", "J"), lambda one: one.simulated_energy),
    (Column("energy_ratio", "ratio", "x"), lambda one: one.energy_ratio),
    (Column("low", "low\nlogic", "J"), lambda one: one.low),
    (Column("high", "high\nlogic", "J"), lambda one: one.high),
    (Column("others", "instead, measured"), _others),
)
_MEASURED_NOTES = (
    "an inference of MLPerf Tiny with its weights on the chip, at the operating points that were "
    "measured; hwconfigs/gap9.yaml is described after public data, nothing is fitted. What public "
    "data does not tell has no price: the processor that waits beside the cluster, clock "
    "generators, pads. A microcontroller, measured, is what a user has today",
)
_SUMMARY: tuple[Field[GroupSummary], ...] = (
    (Column("group", "against"), lambda one: one.group),
    (Column("checks", "checks", "1"), lambda one: one.count),
    (Column("nearest", "nearest to its limit"), lambda one: one.nearest),
    (_DEVIATION, lambda one: one.worst.deviation),
    (_ALLOWED, lambda one: one.worst.allowed),
    (
        Column("verdict", "verdict"),
        lambda one: Alert(f"{one.failed} FAIL") if one.failed else "pass",
    ),
)


def validation_report(outcome: Outcome, command: Sequence[str] = ()) -> Report:
    """Return the summary and what failed; every comparison as details."""
    failed = [check for check in outcome.checks if check.passed is False]
    arrays = listed("How far is each array from what was built?", _GAP, outcome.gaps)
    macs = listed("What does a MAC of built accelerators cost?", _WITNESS, outcome.witnesses)
    title = "What does an inference take on a chip that was measured?"
    chips = replace(listed(title, _MEASURED, outcome.measured), notes=_MEASURED_NOTES, names=2)
    beside = (
        replace(arrays, notes=_GAP_NOTES),
        replace(macs, notes=_WITNESS_NOTES),
        chips,
        listed("Failed", _GROUPED, failed),
    )
    judged = [check for check in outcome.checks if check.allowed]
    verdict = (
        f"{outcome.compared} comparisons, {outcome.failed} failed; {outcome.reported} more "
        "figures (the paper's headline, arrays one by one, built accelerators, measured chips) "
        "have no verdict"
    )
    return Report(
        name="validation",
        title=f"accelsim {__version__}: validation",
        sections=(
            listed("", _SUMMARY, outcome.groups),
            *(table for table in beside if table.rows),
        ),
        verdict=(Prose(verdict, "strong"), *_built(outcome.witnesses)),
        data=listed("", _GROUPED, outcome.checks),
        document={
            "schema_version": SCHEMA_VERSION,
            "command": list(command),
            "failed": outcome.failed,
            "built": [recorded(_GAP, gap) for gap in outcome.gaps],
            "accelerators": [recorded(_WITNESS, one) for one in outcome.witnesses],
            "measured": [recorded(_MEASURED, one) for one in outcome.measured],
            "checks": [recorded(_GROUPED, check) for check in outcome.checks],
        },
        pictures=(_deviations(judged),) if judged else (),
        details=tuple(_group(name, checks) for name, checks in outcome.by_group.items()),
    )


def _built(witnesses: Sequence[Witness]) -> Iterator[Prose]:
    """Yield how many accelerators the account of the logic meets."""
    if witnesses:
        near, met = (sum(getattr(w, name) for w in witnesses) for name in ("inside", "meets"))
        told = [one.name for one in witnesses if not one.judged]
        apart = (
            f"; {len(told)} are reported only and cannot fail: {'; '.join(told)}" if told else ""
        )
        yield Prose(
            f"accelerators: {near} of {len(witnesses)} inside their uncertainty at typical, {met} "
            f"within low to high{apart}",
            "strong" if met == len(witnesses) == near else "warning",
        )


def _deviations(checks: Sequence[Check]) -> Chart:
    """Return how far each comparison is from its reference, a line a group."""
    return Chart(
        title="How much of its limit each comparison takes",
        kind="points",
        table=listed("", (*_GROUPED, _OF_LIMIT), checks),
        x=("of_limit",),
        y=("group",),
        series="verdict",
    )


def _group(name: str, checks: Sequence[Check]) -> Table:
    sources = list(dict.fromkeys(check.source for check in checks))
    if len(sources) > _FEW:
        return listed(name, (*_CHECK, _SOURCE), checks)
    return replace(listed(name, _CHECK, checks), notes=tuple(f"source: {s}" for s in sources))
