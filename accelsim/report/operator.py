"""The report of one operator alone: what it counted and what that cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from accelsim.evaluation.single import OperatorResult
from accelsim.machine.schema import HardwareConfig
from accelsim.report.table import RULE, Column, Report, Row, Table
from accelsim.units import format_si

_COLUMNS = (
    Column("block", "block"),
    Column("action", "action"),
    Column("amount", "amount", "1"),
    Column("unit", "of"),
    Column("energy", "energy", "J"),
)


def operator_report(hardware: HardwareConfig, result: OperatorResult) -> Report:
    """Return cycles and time, and a row for each action of each block."""
    name, seconds = result.segment.name, format_si(result.seconds, "s")
    units = {key: hardware.datasheets[key[0]].prices[key[1]].unit for key in result.amounts}
    rows = tuple(_rows(result, units))
    energy = math.fsum(float(row[-1] or 0) for row in rows)
    table = Table("", _COLUMNS, (*rows, RULE, ("all", None, None, None, energy)), total=True)
    return Report(
        name="operator",
        title=f"{name} on {hardware.name}: {result.cycles} cycles, {seconds}",
        sections=(table,),
        notes=tuple(_notes(result)),
        data=Table("", _COLUMNS, rows),
        document={
            "operator": name,
            "machine": hardware.name,
            "cycles": result.cycles,
            "time_s": result.seconds,
            **({} if result.written is None else {"written_cycles": result.written_cycles}),
            **({"notes": list(result.notes)} if result.notes else {}),
            "counts": {f"{b}.{a}": amount for (b, a), amount in result.amounts.items()},
            "units": {f"{b}.{a}": unit for (b, a), unit in units.items()},
            "energy_J": {
                **{f"{b}.{a}": joules for (b, a), joules in result.dynamic.items()},
                "leakage": result.leakage,
                "clock": result.clock,
                "dram.standby": result.standby,
            },
        },
    )


def _rows(result: OperatorResult, units: Mapping[tuple[str, str], str]) -> Iterator[Row]:
    for (block, action), amount in result.amounts.items():
        joules = result.dynamic.get((block, action))
        yield block, action, amount, units[block, action], joules
    yield "chip", "leakage", None, None, result.leakage
    yield "chip", "clock", None, None, result.clock
    if result.standby:
        yield "dram", "standby", None, None, result.standby


def _notes(result: OperatorResult) -> Iterator[str]:
    if result.written is not None:
        yield f"results are in DRAM after {result.written_cycles} cycles"
    yield from result.notes
