"""Where energy and time of a run went, by one grouping at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from math import fsum

from accelsim.account.breakdown import CHIP, MODEL, NOBODY, BreakdownRow
from accelsim.account.traffic import Traffic, traffic_of
from accelsim.errors import ConfigError
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.result import Result
from accelsim.inputs.paths import suggest
from accelsim.report.table import RULE, Column, Field, Report, Row, Table, listed
from accelsim.units import to_seconds

# By each of them a row of a breakdown has a name.
_KEYS: dict[str, Callable[[BreakdownRow], str]] = {
    "layer": lambda row: "-" if row.layer is None else str(row.layer),
    "operator": lambda row: row.operator,
    "block": lambda row: row.block,
    "task": lambda row: row.task,
}
GROUPINGS = (*_KEYS, MODEL, "memory")

_TRAFFIC: tuple[Field[Traffic], ...] = (
    (Column("memory", "memory"), lambda one: one.memory),
    (Column("reads_per_s", "reads/s", "#"), lambda one: one.rate("read")),
    (Column("writes_per_s", "writes/s", "#"), lambda one: one.rate("write")),
    (Column("read_bandwidth", "read", "MB/s"), lambda one: one.bandwidth("read") or None),
    (Column("write_bandwidth", "written", "MB/s"), lambda one: one.bandwidth("write") or None),
    (Column("read_power", "read\npower", "mW"), lambda one: one.power("read")),
    (Column("write_power", "write\npower", "mW"), lambda one: one.power("write")),
    (Column("standing_power", "leakage,\nstandby", "mW"), lambda one: one.standing / one.seconds),
    (Column("total_power", "total\npower", "mW"), lambda one: one.total_power),
    (Column("read_bandwidth_use", "read\nload", "%"), lambda one: one.use("read")),
    (Column("write_bandwidth_use", "write\nload", "%"), lambda one: one.use("write")),
)


def chosen_groupings(text: str | None) -> list[str]:
    """Return the groupings of ``layer,block``. Raises ConfigError for an unknown one."""
    words = [word.strip() for word in text.split(",")] if text else []
    for word in words:
        if word not in GROUPINGS:
            raise ConfigError(f"--by: unknown '{word}'; {suggest(word, GROUPINGS, 'known')}")
    return words


def with_groupings(report: Report, result: Result, groupings: Sequence[str]) -> Report:
    """Return a report with tables of each case by each grouping, in its document too."""
    if not groupings:
        return report
    found = [
        table for name, case in result.cases.items() for table in _tables(name, case, groupings)
    ]
    document = {**report.document, "by": {table.title: table.records for table in found}}
    return replace(report, sections=(*report.sections, *found), document=document)


def _tables(name: str, case: CaseResult, groupings: Sequence[str]) -> Iterator[Table]:
    """Yield a table of a case for each grouping; energies and times are those of the whole run."""
    rows, models = list(case.breakdown), case.design.models
    keys = {**_KEYS, MODEL: lambda row: models.get(row.task, NOBODY)}
    for by in groupings:
        if by == "memory":
            seconds = to_seconds(case.run.makespan)
            found = traffic_of(rows, case.case.hardware.regions, seconds)
            told = "of buffers and DRAM a read or write is a byte, of other memories a word"
            yield replace(listed(f"{name} by memory", _TRAFFIC, found), notes=(told,))
        else:
            yield _grouped(name, by, keys[by], rows)


def _grouped(
    name: str, by: str, key_of: Callable[[BreakdownRow], str], rows: Iterable[BreakdownRow]
) -> Table:
    found: defaultdict[str, list[BreakdownRow]] = defaultdict(list)
    for row in rows:
        found[key_of(row)].append(row)
    if by == "block":
        found.pop(CHIP, None)
    total = fsum(row.energy for each in found.values() for row in each)
    time = "busy" if by == "block" else "elapsed"
    columns = (
        Column(by, by),
        Column("energy", "energy", "J"),
        Column("share", "share", "%"),
        Column("dynamic", "dynamic", "J"),
        Column("standing", "leakage, clock, standby", "J"),
        Column(time, "busy" if by == "block" else "time", "s"),
    )
    lines: list[Row] = []
    for key, each in found.items():
        energy, dynamic = (fsum(getattr(row, n) for row in each) for n in ("energy", "dynamic"))
        seconds = fsum(getattr(row, time) for row in each)
        if energy or seconds:
            lines.append((key, energy, energy / total, dynamic, energy - dynamic, seconds))
    if by in ("operator", "block"):
        lines.sort(key=lambda line: -float(line[1] or 0))
    sums = [fsum(float(line[n] or 0) for line in lines) for n in range(1, 6)]
    # Ports are busy side by side: their times do not add up.
    last: Row = ("all", *sums[:4], None if by == "block" else sums[4])
    return Table(
        f"{name} by {by}", columns, (*lines, RULE, last), ("of the whole run",), total=True
    )
