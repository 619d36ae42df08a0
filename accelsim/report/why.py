"""The report of a figure walked back to its sources."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.report.origin import changes, origin
from accelsim.report.table import RULE, Column, Field, Prose, Report, Row, Table, listed, recorded
from accelsim.report.text import value_text
from accelsim.study.why import Entry, Origin, Trail
from accelsim.workload.schema import Workload

SCHEMA_VERSION = 1

_ORIGIN: tuple[Field[Origin], ...] = (
    (Column("block", "block"), lambda one: one.block),
    (
        Column("places", "component, rows of tables, sources"),
        lambda o: ", ".join(o.places),
    ),
)
_SOURCE: tuple[Field[Origin], ...] = (
    (Column("block", "block"), lambda one: one.block),
    (Column("source", "source"), lambda one: one.source),
)


def why_report(workload: Workload, trail: Trail, command: Sequence[str]) -> Report:
    """Return entries with their prices, then where each price comes from."""
    value = value_text(trail.value, trail.metric.unit, 4)
    entries = _entries(trail)
    return Report(
        name="why",
        title=trail.name,
        about=tuple(changes(workload)),
        sections=(
            Prose(
                f"{trail.metric.title}: {value}. The metric '{trail.metric.key}' is defined in "
                f"{trail.defined}; entries of the ledger are divided by {trail.per}."
            ),
            entries,
            listed("Where the prices come from", _ORIGIN, trail.origins),
        ),
        details=(listed("Sources", _SOURCE, trail.origins),),
        verdict=(Prose(_verdict(trail), "strong"),),
        data=entries,
        document={
            **origin(SCHEMA_VERSION, command, workload),
            "figure": trail.name,
            "value": trail.value,
            "unit": trail.metric.unit,
            "defined": trail.defined,
            "divided_by": trail.per,
            "entries": [recorded(_fields(trail), entry) for entry in trail.entries],
            "rest": trail.rest,
            "origins": [recorded((*_ORIGIN, _SOURCE[1]), each) for each in trail.origins],
        },
    )


def _fields(trail: Trail) -> tuple[Field[Entry], ...]:
    unit = trail.metric.unit
    return (
        (Column("block", "block"), lambda entry: entry.block),
        (Column("what", "what"), lambda entry: entry.what),
        (Column("amount", "amount", "1", digits=4), lambda entry: entry.amount),
        (Column("of", "of"), lambda entry: entry.unit or None),
        (Column("price", "price of one", unit, digits=4), lambda entry: entry.price),
        (Column("value", trail.metric.title, unit, digits=4), lambda entry: entry.value),
        (Column("share", "share", "%"), lambda entry: entry.value / trail.value),
    )


def _entries(trail: Trail) -> Table:
    table = listed("What it counts", _fields(trail), trail.entries)
    none = (None, None, None, None)
    rows: list[Row] = [*table.rows, RULE]
    if trail.rest:
        told = "first loads, which no later round repeats" if trail.rest < 0 else "rest"
        rows.append((told, *none, trail.rest, trail.rest / trail.value))
    rows.append(("all", *none, trail.value, 1.0))
    return Table(table.title, table.columns, tuple(rows))


def _verdict(trail: Trail) -> str:
    first = trail.entries[0]
    share = value_text(first.value / trail.value, "%", 3)
    return f"the largest entry is {first.what} of {first.block}, {share}"
