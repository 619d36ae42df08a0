"""Points that the table has at another temperature alone, and how leakage follows temperature."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import isclose
from statistics import median

from accelsim.memory.tables import Conditions, Row
from accelsim.memory.technology import MemoryTechnology

CARRIED = "leakage"
# Tables print areas to so many digits: arrays within this share of each other are built alike.
_ALIKE = 1e-3


def with_carried(
    technology: MemoryTechnology, conditions: Conditions, target: str, rows: tuple[Row, ...]
) -> tuple[Row, ...]:
    """Return points of one word, with those that the table has at another temperature alone.

    Their leakage is carried over and named in ``interpolated``. Latencies and energies
    stay: of arrays that NVSim builds alike they move by 10 % and not at all.
    """
    known = {row.capacity for row in rows}
    found = list(rows)
    for other in technology.tables:
        slope = leakage_slope(technology, other, conditions)
        for row in technology.tables[other].get(target, {}).get(rows[0].word, ()) if slope else ():
            if row.capacity not in known:
                found.append(_carried(row, other, slope))
    return tuple(sorted(found, key=lambda row: row.capacity))


def floorplan(technology: MemoryTechnology, conditions: Conditions) -> Conditions:
    """Return the hottest conditions of the tables, for which a memory is laid out."""
    alike = (
        each
        for each in technology.tables
        if each._replace(temperature=conditions.temperature) == conditions
    )
    return max(alike, key=lambda each: each.temperature)


def at_temperature(
    technology: MemoryTechnology, plan: Conditions, conditions: Conditions, row: Row
) -> Row:
    """Return a point of the floorplan at the temperature of other conditions.

    That is the table's own where NVSim lays it out alike, with the area of the floorplan; elsewhere
    the point with its leakage carried over. A temperature thus never changes an area.
    """
    if plan == conditions:
        return row
    columns = technology.tables[conditions].get(row.target, {})
    for own in columns.get(row.word, ()):
        if own.capacity == row.capacity and isclose(own.area, row.area, rel_tol=_ALIKE):
            return replace(own, area=row.area)
    return _carried(row, plan, leakage_slope(technology, plan, conditions))


def _carried(row: Row, origin: Conditions, slope: float) -> Row:
    said = f"{row.source}; leakage carried from {origin.temperature:g} K"
    own = (*row.interpolated, CARRIED)
    return replace(row, leakage=row.leakage * slope, source=said, interpolated=own)


@lru_cache(maxsize=256)
def leakage_slope(technology: MemoryTechnology, old: Conditions, new: Conditions) -> float:
    """Return the factor on leakage from one temperature of the tables to another.

    It is the median over all arrays that NVSim builds alike, of equal area, at both: SRAM at LOP
    loses a third from 350 to 300 K (0.49 to 0.97 times), RRAM 4 %. 0 where there are none, or other
    things than the temperature differ.
    """
    if old == new or old._replace(temperature=new.temperature) != new:
        return 0.0
    before, after = (
        {
            (row.target, row.word, row.capacity, row.area): row.leakage
            for columns in technology.tables[each].values()
            for rows in columns.values()
            for row in rows
        }
        for each in (old, new)
    )
    ratios = [after[same] / before[same] for same in before.keys() & after.keys()]
    return median(ratios) if ratios else 0.0
