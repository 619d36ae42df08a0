"""Tables for conditions that a technology has none of.

Of another temperature, of figures used as they are stated, and of a user's own NVSim.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import isclose
from statistics import median

from accelsim.memory.nvsim_search import found_rows, searches
from accelsim.memory.tables import ANY, Columns, Conditions, Row, Stated
from accelsim.memory.technology import MemoryTechnology


def with_tables(
    technology: MemoryTechnology, wanted: Conditions, target: str, word: int, capacity: int
) -> MemoryTechnology:
    """Return a technology with a table for an array. Raises ConfigError when its program fails."""
    if technology.nvsim is not None:
        return _searched(technology, wanted, target, word, capacity)
    return as_stated(technology, wanted, target) if technology.stated else technology


@lru_cache(maxsize=256)
def _searched(
    technology: MemoryTechnology, wanted: Conditions, target: str, word: int, capacity: int
) -> MemoryTechnology:
    assert technology.nvsim is not None
    rows = found_rows(searches(technology.nvsim, wanted, target, word, capacity))
    bits = wanted.bits_per_cell
    plain = f"NVSim knows cells of one bit: what reading and writing {bits} b takes is left out"
    device = technology.devices[1].model_copy(
        update={"bits_per_cell": bits, "warning": plain if bits > 1 else None}
    )
    return technology.model_copy(
        update={"tables": {wanted: {target: {word: rows}}}, "devices": {bits: device}}
    )


@lru_cache(maxsize=256)
def as_stated(technology: MemoryTechnology, wanted: Conditions, target: str) -> MemoryTechnology:
    """Return a technology with a table for what is wanted: that of its own nearest to it.

    What the figures are not stated for goes with each of its arrays as a warning.
    """
    known = technology.stated.items()
    stated, targets = min(known, key=lambda each: _distance(each[0], each[1], wanted, target))
    own = next((name for name in (target, ANY) if name in targets), min(targets))
    words = targets[own].items()
    columns = {w: tuple(row._replace(target=target) for row in rows) for w, rows in words}
    said = list(_differences(stated, wanted))
    said += [f"optimised for {own}, not {target}"] if own not in (target, ANY) else []
    device = technology.devices[stated.bits_per_cell]
    told = f"{technology.path.name} is taken as it is: {', '.join(said)}" if said else None
    warnings = "; ".join(filter(None, (device.warning, told))) or None
    device = device.model_copy(update={"warning": warnings, "bits_per_cell": wanted.bits_per_cell})
    devices = {wanted.bits_per_cell: device}
    return technology.model_copy(update={"tables": {wanted: {target: columns}}, "devices": devices})


def _distance(
    stated: Stated, targets: Mapping[str, Columns], wanted: Conditions, target: str
) -> tuple[int, bool, bool, bool, float]:
    cells = abs(stated.bits_per_cell - wanted.bits_per_cell)
    missed = not {target, ANY} & targets.keys()
    apart = abs((stated.temperature or wanted.temperature) - wanted.temperature)
    other_node = not isclose(stated.node or wanted.node, wanted.node)
    return cells, missed, other_node, (stated.roadmap or wanted.roadmap) != wanted.roadmap, apart


def _differences(stated: Stated, wanted: Conditions) -> Iterator[str]:
    if stated.bits_per_cell != wanted.bits_per_cell:
        yield f"{stated.bits_per_cell} b/cell for {wanted.bits_per_cell} b/cell"
    silent = [name for name in ("node", "temperature") if getattr(stated, name) is None]
    if silent:
        yield f"it states no {' and no '.join(silent)}"
    if stated.node and not isclose(stated.node, wanted.node):
        yield f"{stated.node * 1e9:g} nm for {wanted.node * 1e9:g} nm"
    if stated.roadmap and stated.roadmap != wanted.roadmap:
        yield f"{stated.roadmap} for {wanted.roadmap}"
    if stated.temperature and not isclose(stated.temperature, wanted.temperature):
        yield f"{stated.temperature:g} K for {wanted.temperature:g} K"


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
    known, found = {row.capacity for row in rows}, list(rows)
    for other, columns in technology.tables.items():
        slope = leakage_slope(technology, other, conditions)
        more = columns.get(target, {}).get(rows[0].word, ()) if slope else ()
        found += (_carried(row, other, slope) for row in more if row.capacity not in known)
    return tuple(sorted(found, key=lambda row: row.capacity))


def floorplan(technology: MemoryTechnology, conditions: Conditions) -> Conditions:
    """Return the hottest conditions of the tables, for which a memory is laid out."""
    kelvin, tables = conditions.temperature, technology.tables
    alike = (each for each in tables if each._replace(temperature=kelvin) == conditions)
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
            return own._replace(area=row.area)
    return _carried(row, plan, leakage_slope(technology, plan, conditions))


def _carried(row: Row, origin: Conditions, slope: float) -> Row:
    said = f"{row.source}; leakage carried from {origin.temperature:g} K"
    own = (*row.interpolated, CARRIED)
    return row._replace(leakage=row.leakage * slope, source=said, interpolated=own)


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
