"""On-chip arrays: area, latency, energy and leakage of a memory of some capacity and word."""

from __future__ import annotations

import difflib
import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from accelsim.errors import ConfigError
from accelsim.memory.technology import (
    Columns,
    Conditions,
    Device,
    Grade,
    MemoryTechnology,
    Row,
    SimulatedCell,
)
from accelsim.units import format_bytes

Axis = Literal["capacity", "word"]
"""What an array is interpolated along."""

# A miss above this is called bad. Source: judgement; over the tables fewer than one inner point in
# ten is missed by more in area, read latency or read energy.
_BAD = 0.30

# Figures whose interpolation is judged; the write figures are mostly the cell's own pulse.
_JUDGED = ("area", "read_latency", "read_energy", "leakage")

_FIGURES = ("area", "read_latency", "write_latency", "read_energy", "write_energy", "leakage")


@dataclass(frozen=True)
class Array:
    """One on-chip array in SI units.

    ``area`` [m2], ``read_latency`` and ``write_latency`` [s], ``read_energy`` and ``write_energy``
    [J for one access of a whole word], ``leakage`` [W], ``capacity`` [B of data], ``word`` [b],
    ``node`` [m], ``temperature`` [K], ``endurance`` [writes of a cell; None: no limit or none
    known], ``retention`` [s; None: volatile or not known], both by grade in ``device``. ``exact``
    says that the array is a row of the table and none of its figures interpolated; ``warnings``
    are for the reader of a result.
    """

    technology: str
    bits_per_cell: int
    capacity: int
    word: int
    target: str
    node: float
    roadmap: str
    temperature: float
    grade: Grade
    volatile: bool
    area: float
    read_latency: float
    write_latency: float
    read_energy: float
    write_energy: float
    leakage: float
    endurance: float | None
    retention: float | None
    source: str
    exact: bool
    warnings: tuple[str, ...]
    device: Device

    @property
    def density(self) -> float:
        """Data bits per area, periphery included [b/m2]."""
        return self.capacity * 8 / self.area

    @property
    def read_bandwidth(self) -> float:
        """Bytes per second when each read waits for the one before [B/s]; no pipelining."""
        return self.word / 8 / self.read_latency


@lru_cache(maxsize=1024)
def find_array(
    technology: MemoryTechnology,
    *,
    capacity: int,
    word: int,
    target: str = "ReadEDP",
    bits_per_cell: int = 1,
    node: float = 22e-9,
    roadmap: str | None = None,
    temperature: float = 350.0,
    grade: Grade = "reference",
    extrapolate: bool = False,
) -> Array:
    """Return the array of a capacity [B of data] and word [b] for an optimisation target.

    A point of the table is returned as it is. Between points the logarithm of each figure is
    linear in the logarithm of capacity and of word. Outside the table ConfigError is raised, or
    with ``extrapolate`` the nearest two points are continued. ``node`` is in metres,
    ``temperature`` in kelvin; without ``roadmap`` the technology's default holds. ConfigError
    also for conditions or a target that the table does not have; the message lists what it has.

    The device rows of the technology change the table's figures at each point, by one rule:

    - read latency and read energy: times the multiplier of the grade;
    - write latency: the table's (the slower of SET and RESET), less the pulse that it contains,
      plus the grade's pulse times its verify steps;
    - write energy: the table's, plus for each cell of the word (word / bits per cell) the grade's
      cell energy times its verify steps, less the cell energy that it contains;
    - where the device states no pulse or energy (SRAM), the table's write figure stands.
    """
    if grade not in get_args(Grade):
        raise ConfigError(
            f"{technology.name}: unknown grade '{grade}'; known: {', '.join(get_args(Grade))}"
        )
    if capacity < 1 or word < 1:
        raise ConfigError(
            f"{technology.name}: expected a capacity and a word of at least 1, "
            f"got {capacity} B and {word} b"
        )
    wanted = Conditions(bits_per_cell, node, roadmap or technology.default_roadmap, temperature)
    conditions = technology.find_conditions(wanted)
    if conditions is None:
        raise ConfigError(
            f"{technology.name}: no arrays of {wanted}; {technology.path.name} has: "
            f"{'; '.join(map(str, technology.tables))}"
        )
    columns = _find_columns(technology, conditions, target)
    device = technology.devices[bits_per_cell]
    what = f"{technology.name}, {target}, {conditions}"
    corners = _find_corners(columns, capacity, word, what, extrapolate)
    cell = technology.simulated_cell
    figures = _interpolate([(share, _correct(row, device, cell, grade)) for row, share in corners])
    return Array(
        technology=technology.name,
        bits_per_cell=bits_per_cell,
        capacity=capacity,
        word=word,
        target=target,
        node=conditions.node,
        roadmap=conditions.roadmap,
        temperature=conditions.temperature,
        grade=grade,
        volatile=technology.volatile,
        **dict(zip(_FIGURES, figures, strict=True)),
        endurance=device.endurance.at(grade) if device.endurance else None,
        retention=device.retention.at(grade) if device.retention else None,
        source=_source(technology, corners, grade),
        exact=len(corners) == 1 and not corners[0][0].interpolated,
        warnings=_warnings(columns, corners, capacity, word, device),
        device=device,
    )


def _find_columns(technology: MemoryTechnology, conditions: Conditions, target: str) -> Columns:
    targets = technology.tables[conditions]
    if target in targets:
        return targets[target]
    close = difflib.get_close_matches(target, targets, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise ConfigError(
        f"{technology.name}: no arrays optimised for '{target}' with {conditions}: "
        f"{hint}known: {', '.join(targets)}"
    )


Corners = list[tuple[Row, float]]
"""Rows with their weights. The weights sum to one; a negative one extrapolates."""


def _find_corners(
    columns: Columns, capacity: int, word: int, what: str, extrapolate: bool
) -> Corners:
    """Return the rows around a point: one, two, or the four of a rectangle.

    Each column of one word has its own capacities, so the rectangle may be a trapezium.
    """
    corners = []
    for at_word, of_word in _weigh(list(columns), word, f"{what}: word", _format_bits, extrapolate):
        column = {row.capacity: row for row in columns[at_word]}
        name = f"{what}, {at_word} b: capacity"
        for at_capacity, weight in _weigh(list(column), capacity, name, format_bytes, extrapolate):
            corners.append((column[at_capacity], of_word * weight))
    return corners


def _weigh(
    grid: Sequence[int], at: int, what: str, text: Callable[[int], str], extrapolate: bool
) -> list[tuple[int, float]]:
    """Return the one or two grid points that stand for a place on a logarithmic axis."""
    if at in grid:
        return [(at, 1.0)]
    if not grid[0] <= at <= grid[-1] and not (extrapolate and len(grid) > 1):
        raise ConfigError(_outside(grid, at, what, text))
    low, high = _around(grid, at)
    share = math.log(at / low) / math.log(high / low)
    return [(low, 1 - share), (high, share)]


def _outside(grid: Sequence[int], at: int, what: str, text: Callable[[int], str]) -> str:
    wanted = text(at)
    if len(grid) == 1:
        return f"{what} {wanted} is not in the table, which has {text(grid[0])} only"
    return (
        f"{what} {wanted} is outside the table, {text(grid[0])} to {text(grid[-1])}; "
        "choose one inside, or allow extrapolation (extrapolate)"
    )


def _correct(
    row: Row, device: Device, cell: SimulatedCell | None, grade: Grade
) -> tuple[float, ...]:
    """Return the figures of a row, in the order of _FIGURES, with the device's own cost."""
    steps = device.verify_steps.at(grade) if device.verify_steps else 1
    write_latency, write_energy = row.write_latency, row.write_energy
    # Add the difference, not the terms: a difference of zero leaves the table's value untouched.
    if cell and device.write_pulse:
        write_latency += device.write_pulse.at(grade) * steps - cell.write_pulse
    if cell and device.write_energy:
        per_cell = device.write_energy.at(grade) * steps - cell.write_energy
        write_energy += per_cell * row.word / device.bits_per_cell
    return (
        row.area,
        row.read_latency * device.read_latency_multiplier.at(grade),
        write_latency,
        row.read_energy * device.read_energy_multiplier.at(grade),
        write_energy,
        row.leakage,
    )


def _interpolate(points: Sequence[tuple[float, tuple[float, ...]]]) -> tuple[float, ...]:
    if len(points) == 1:
        return points[0][1]
    weights = [weight for weight, _ in points]
    return tuple(
        math.exp(sum(w * math.log(value) for w, value in zip(weights, values, strict=True)))
        for values in zip(*(figures for _, figures in points), strict=True)
    )


def _source(technology: MemoryTechnology, corners: Corners, grade: Grade) -> str:
    rows = "; ".join(dict.fromkeys(row.source for row, _ in corners))
    return f"{rows}; device rows: {technology.path.name}, {grade}"


# -- How well the surroundings of an array are interpolated ---------------------------------------


def neighbour_errors(line: Sequence[Row], figure: str, axis: Axis) -> dict[int, float]:
    """Return by how much the neighbours miss the inner rows of a line, by the place on the axis.

    Each row is left out and its figure interpolated from the two rows beside it, over a gap of
    twice the table's own; the error is relative. ``line`` is in rising order along the axis.
    """
    own = _measured(line, figure)
    errors = {}
    for around in zip(own, own[1:], own[2:], strict=False):
        start, place, end = (math.log(getattr(row, axis)) for row in around)
        left, truth, right = (math.log(getattr(row, figure)) for row in around)
        share = (place - start) / (end - start)
        guess = (1 - share) * left + share * right
        errors[getattr(around[1], axis)] = abs(math.expm1(guess - truth))
    return errors


def rows_of_capacity(columns: Columns, capacity: int) -> list[Row]:
    """Return the rows of one capacity [B] in rising order of word: a line along the words."""
    return [row for rows in columns.values() for row in rows if row.capacity == capacity]


def _measured(line: Sequence[Row], figure: str) -> list[Row]:
    return [row for row in line if figure not in row.interpolated]


def _local_error(columns: Columns, capacity: int, word: int, figure: str) -> float | None:
    """Return the largest miss at the points around a place, None where none has two neighbours.

    A point of the table counts on an axis only where the place lies between points of that axis.
    """
    found = []
    for at_word in _around(list(columns), word) or [word]:
        line = _measured(columns[at_word], figure)
        places = [row.capacity for row in line]
        across = neighbour_errors(line, figure, "capacity")
        near = _around(places, capacity)
        found += [across[place] for place in near if place in across]
        for place in (near or [capacity]) if at_word != word else []:
            along = neighbour_errors(rows_of_capacity(columns, place), figure, "word")
            found += [along[at_word]] if at_word in along else []
    return max(found, default=None)


def _around(places: Sequence[int], at: int) -> list[int]:
    """Return the two places on the sides of another, or the last two; none where it is one."""
    if at in places or len(places) < 2:
        return []
    above = min(max(bisect_left(places, at), 1), len(places) - 1)
    return [places[above - 1], places[above]]


def _warnings(
    columns: Columns, corners: Corners, capacity: int, word: int, device: Device
) -> tuple[str, ...]:
    found = [device.warning] if device.warning else []
    if len(corners) > 1:
        found.append(_interpolation_warning(columns, corners, capacity, word))
    found += map(_latency_warning, (row for row, _ in corners if row.interpolated))
    most = max(map(len, columns.values()))
    for at_word in dict.fromkeys(row.word for row, _ in corners) if len(corners) > 1 else ():
        if len(columns[at_word]) < most:
            have = ", ".join(format_bytes(row.capacity) for row in columns[at_word])
            found.append(f"words of {at_word} b are in the table for {have} only")
    return tuple(found)


def _interpolation_warning(columns: Columns, corners: Corners, capacity: int, word: int) -> str:
    outside = any(weight < 0 for _, weight in corners)
    verb = "extrapolated from" if outside else "interpolated between"
    misses = {figure: _local_error(columns, capacity, word, figure) for figure in _JUDGED}
    known = {figure: miss for figure, miss in misses.items() if miss is not None}
    text = f"{verb} {_describe([row for row, _ in corners])}; "
    if not known:
        return text + "these points are at the edge of the table: the error is not known"
    badly = "badly " if max(known.values()) > _BAD else ""
    listed = ", ".join(f"{name.replace('_', ' ')} {100 * e:.0f} %" for name, e in known.items())
    return (
        f"{badly}{text}leaving out these points the neighbours miss them by up to: {listed}"
        f"{'; outside the table the errors grow' if outside else ''}"
    )


def _latency_warning(row: Row) -> str:
    names = " and ".join(name.replace("_", " ") for name in row.interpolated)
    point = f"{format_bytes(row.capacity)} x {row.word} b"
    return f"interpolated in the table itself, between neighbours in capacity: {names} of {point}"


def _describe(rows: Sequence[Row]) -> str:
    """Name the points with what they have in common said once."""
    capacities = list(dict.fromkeys(format_bytes(row.capacity) for row in rows))
    words = list(dict.fromkeys(_format_bits(row.word) for row in rows))
    if len(words) == 1:
        return f"{' and '.join(capacities)} at {words[0]}"
    if len(capacities) == 1:
        return f"{' and '.join(words)} at {capacities[0]}"
    return ", ".join(f"{format_bytes(row.capacity)} x {row.word} b" for row in rows)


def _format_bits(bits: int) -> str:
    return f"{bits} b"
