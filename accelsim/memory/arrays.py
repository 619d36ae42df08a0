"""On-chip arrays: area, latency, energy and leakage of a memory of some capacity and word."""

from __future__ import annotations

import difflib
import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

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

# Nine in ten points of the ReadEDP tables, left out and interpolated from their neighbours, are
# missed by less than this. Source: measured on hwconfigs/technologies, tests/memory/test_arrays.py.
INTERPOLATION_ERRORS = {"area": 0.15, "latency": 0.30, "energy": 0.45, "leakage": 0.55}

_FIGURES = ("area", "read_latency", "write_latency", "read_energy", "write_energy", "leakage")


@dataclass(frozen=True)
class Array:
    """One on-chip array in SI units.

    ``area`` [m2], ``read_latency`` and ``write_latency`` [s], ``read_energy`` and ``write_energy``
    [J for one access of a whole word], ``leakage`` [W], ``capacity`` [B of data], ``word`` [b],
    ``node`` [m], ``temperature`` [K], ``endurance`` [writes of a cell; None: no limit or none
    known], ``retention`` [s; None: volatile or not known]. ``exact`` says that the array is a row
    of the table and not interpolated; ``warnings`` are for the reader of a result.
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

    @property
    def density(self) -> float:
        """Data bits per area, periphery included [b/m2]."""
        return self.capacity * 8 / self.area

    @property
    def read_bandwidth(self) -> float:
        """Bytes per second when each read waits for the one before [B/s]; no pipelining."""
        return self.word / 8 / self.read_latency


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
    conditions = _find_conditions(
        technology,
        Conditions(bits_per_cell, node, roadmap or technology.default_roadmap, temperature),
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
        exact=len(corners) == 1,
        warnings=_warnings(columns, corners, device),
    )


def _find_conditions(technology: MemoryTechnology, wanted: Conditions) -> Conditions:
    for found in technology.tables:
        if (found.bits_per_cell, found.roadmap) == (wanted.bits_per_cell, wanted.roadmap) and (
            math.isclose(found.node, wanted.node)
            and math.isclose(found.temperature, wanted.temperature)
        ):
            return found
    raise ConfigError(
        f"{technology.name}: no arrays of {wanted}; {technology.path.name} has: "
        f"{'; '.join(map(str, technology.tables))}"
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
    above = min(max(bisect_left(grid, at), 1), len(grid) - 1)
    low, high = grid[above - 1], grid[above]
    share = math.log(at / low) / math.log(high / low)
    return [(low, 1 - share), (high, share)]


def _outside(grid: Sequence[int], at: int, what: str, text: Callable[[int], str]) -> str:
    wanted = text(at)
    if len(grid) == 1:
        return f"{what} {wanted} is not in the table, which has {text(grid[0])} only"
    return (
        f"{what} {wanted} is outside the table, {text(grid[0])} to {text(grid[-1])}; "
        "choose one inside, or allow extrapolation (extrapolate=True, --extrapolate)"
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


def _warnings(columns: Columns, corners: Corners, device: Device) -> tuple[str, ...]:
    found = [device.warning] if device.warning else []
    if len(corners) == 1:
        return tuple(found)
    verb = "extrapolated" if any(weight < 0 for _, weight in corners) else "interpolated"
    points = ", ".join(f"{format_bytes(row.capacity)} x {row.word} b" for row, _ in corners)
    errors = ", ".join(f"{figure} {error:.0%}" for figure, error in INTERPOLATION_ERRORS.items())
    found.append(
        f"{verb} from {points}; organisations change from point to point, so the error may reach: "
        f"{errors}"
    )
    most = max(map(len, columns.values()))
    for word in dict.fromkeys(row.word for row, _ in corners):
        if len(columns[word]) < most:
            have = ", ".join(format_bytes(row.capacity) for row in columns[word])
            found.append(f"words of {word} b are in the table for {have} only")
    return tuple(found)


def _format_bits(bits: int) -> str:
    return f"{bits} b"
