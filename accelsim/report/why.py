"""The report of a figure walked back to its sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from accelsim.report.origin import changes, origin
from accelsim.report.table import (
    RULE,
    Column,
    Field,
    Heading,
    Prose,
    Report,
    Row,
    Section,
    Table,
    listed,
    recorded,
)
from accelsim.report.text import number, value_text
from accelsim.study.why import Entry, Origin, Trail
from accelsim.workload.schema import Workload

SCHEMA_VERSION = 2
# [ours] What a sentence holds.
_TOLD = 3

_BLOCK: Field[Origin] = (Column("block", "block"), lambda one: one.block)
_PLACES: Field[Origin] = (
    Column("places", "component, rows of tables, sources"),
    lambda one: "\n".join(one.places),
)
_SOURCE: Field[Origin] = (Column("source", "source"), lambda one: one.source)
_RAISED: Field[Origin] = (Column("raised", "raised"), lambda one: one.raised)
_TIMING: Field[Origin] = (Column("timing", "timing"), lambda one: one.timing)


def why_report(
    workload: Workload, figure: str, trails: Sequence[Trail], command: Sequence[str]
) -> Report:
    """Return entries with their prices, then where each price comes from, of each trail."""
    return Report(
        name="why",
        title=figure,
        about=tuple(changes(workload)),
        sections=tuple(section for trail in trails for section in _sections(trail, len(trails))),
        details=tuple(listed("Sources", (_BLOCK, _SOURCE), trail.origins) for trail in trails),
        verdict=tuple(Prose(text, "strong") for text in _verdict(trails)),
        data=_entries(trails[0]),
        document={
            **origin(SCHEMA_VERSION, command, workload),
            "figure": figure,
            "trails": [_document(trail) for trail in trails],
        },
    )


def _sections(trail: Trail, of: int) -> Iterator[Section]:
    if of > 1:
        yield Heading(trail.name)
    timed = any(one.timing for one in trail.origins)
    yield Prose(_introduction(trail))
    if trail.entries:
        yield _entries(trail)
    fields = (_BLOCK, _TIMING, _PLACES) if timed else (_BLOCK, _PLACES)
    table = listed(f"Where the {'times' if timed else 'prices'} come from", fields, trail.origins)
    yield replace(table, notes=tuple(f"{o.block}: {o.raised}" for o in trail.origins if o.raised))
    yield Prose(f"Also read, for this case or another: {', '.join(trail.read)}")


def _introduction(trail: Trail) -> str:
    text = f"{trail.metric.title}: {_value(trail)}. The metric '{trail.metric.key}' is defined in "
    if not trail.entries:
        return f"{text}{trail.defined}; it is no sum of entries."
    along = "ticks along the critical path" if trail.metric.unit == "s" else "entries of the ledger"
    return f"{text}{trail.defined}; {along} are divided by {trail.per}."


def _value(trail: Trail) -> str:
    return value_text(trail.value, trail.metric.unit, 4)


def _document(trail: Trail) -> dict[str, Any]:
    return {
        "figure": trail.name,
        "value": trail.value,
        "unit": trail.metric.unit,
        "defined": trail.defined,
        "divided_by": trail.per,
        "entries": [recorded(_fields(trail), entry) for entry in trail.entries],
        "rest": trail.rest,
        "read": [*trail.read],
        "origins": [
            recorded((_BLOCK, _TIMING, _RAISED, _PLACES, _SOURCE), o) for o in trail.origins
        ],
    }


def _share(trail: Trail, value: float) -> float | None:
    return value / trail.value if isinstance(trail.value, int | float) and trail.value else None


def _fields(trail: Trail) -> tuple[Field[Entry], ...]:
    unit = trail.metric.unit
    return (
        (Column("block", "block"), lambda entry: entry.block),
        (Column("what", "what"), lambda entry: entry.what),
        (Column("amount", "amount", "1", digits=4), lambda entry: entry.amount or None),
        (Column("of", "of"), lambda entry: entry.unit or None),
        (Column("price", "price of one", unit, digits=4), lambda entry: entry.price),
        (Column("value", "value", unit, digits=4), lambda entry: entry.value),
        (Column("share", "share", "%"), lambda entry: _share(trail, entry.value)),
    )


def _entries(trail: Trail) -> Table:
    table = listed("What it counts", _fields(trail), trail.entries)
    none = (None, None, None, None)
    rows: list[Row] = [*table.rows, RULE]
    if trail.rest:
        rows.append(("rest", *none, trail.rest, _share(trail, trail.rest)))
    rows.append(("all", *none, trail.value, 1.0))
    return Table(table.title, table.columns, tuple(rows))


def _verdict(trails: Sequence[Trail]) -> Iterator[str]:
    if len(trails) == 2:
        one, two = trails
        ratio = number(float(one.value) / float(two.value))
        yield f"{_value(one)} of {one.name} over {_value(two)} of {two.name}: {ratio}x"
    for trail in (each for each in trails if each.entries):
        shares = ((e, value_text(_share(trail, e.value), "%", 3)) for e in trail.entries[:_TOLD])
        told = ", ".join(f"{share} {entry.what} of {entry.block}" for entry, share in shares)
        yield f"{trail.name} is mostly {told}"
