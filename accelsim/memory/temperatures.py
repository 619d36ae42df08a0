"""Points that the table has at another temperature alone, and how leakage follows temperature."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from statistics import median

from accelsim.memory.technology import Conditions, MemoryTechnology, Row

CARRIED = "leakage"


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
                said = f"{row.source}; leakage carried from {other.temperature:g} K"
                leakage, own = row.leakage * slope, (*row.interpolated, CARRIED)
                found.append(replace(row, leakage=leakage, source=said, interpolated=own))
    return tuple(sorted(found, key=lambda row: row.capacity))


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
