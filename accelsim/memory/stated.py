"""Tables for what is asked: figures used as they are stated, and those of a user's own NVSim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from math import isclose

from accelsim.memory.nvsim_search import found_rows, searches
from accelsim.memory.tables import ANY, Columns, Conditions, Stated
from accelsim.memory.technology import MemoryTechnology


def with_tables(
    technology: MemoryTechnology, wanted: Conditions, target: str, word: int, capacity: int
) -> MemoryTechnology:
    """Return a technology with a table for an array where it has none of its own.

    Raises ConfigError when the program that computes it fails.
    """
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
    columns = {word: rows}
    return technology.model_copy(
        update={"tables": {wanted: {target: columns}}, "devices": {bits: device}}
    )


@lru_cache(maxsize=256)
def as_stated(technology: MemoryTechnology, wanted: Conditions, target: str) -> MemoryTechnology:
    """Return a technology with a table for what is wanted: that of its own nearest to it.

    What the figures are not stated for goes with each of its arrays as a warning.
    """
    known = technology.stated.items()
    stated, targets = min(known, key=lambda each: _distance(each[0], each[1], wanted, target))
    own = next((name for name in (target, ANY) if name in targets), min(targets))
    columns = {
        word: tuple(replace(row, target=target) for row in rows)
        for word, rows in targets[own].items()
    }
    said = [*_differences(stated, wanted), *_other_target(own, target)]
    device = technology.devices[stated.bits_per_cell]
    told = f"{technology.path.name} is taken as it is: {', '.join(said)}" if said else None
    warnings = "; ".join(filter(None, (device.warning, told))) or None
    device = device.model_copy(update={"warning": warnings, "bits_per_cell": wanted.bits_per_cell})
    return technology.model_copy(
        update={
            "tables": {wanted: {target: columns}},
            "devices": {wanted.bits_per_cell: device},
        }
    )


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


def _other_target(own: str, target: str) -> Iterator[str]:
    if own not in (target, ANY):
        yield f"optimised for {own}, not {target}"
