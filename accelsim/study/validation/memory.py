"""Memory arrays against NVSim's own points, and their interpolation by leaving points out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles

from accelsim.memory.arrays import Array, Axis, find_array, neighbour_errors, rows_of_capacity
from accelsim.memory.technology import Columns, Row, list_technologies, load_technology
from accelsim.study.validation.check import Check, read_rows
from accelsim.units import format_bytes

# Largest median and 95th percentile of the interpolation's error that pass, by figure, where the
# array is optimised for read energy x delay; measured on the table, rounded up.
_MEDIANS = {"area": 0.05, "read_latency": 0.12, "read_energy": 0.15, "leakage": 0.25}
_TAILS = {"area": 0.20, "read_latency": 0.35, "read_energy": 0.45, "leakage": 1.00}
_NVSIM = "NVSim, nvsim-merged 282038a: points left out"


_FIGURES = {"area": 1e6, "read_latency": 1e9, "read_energy": 1e12, "leakage": 1e3}
_COLUMNS = {
    "area": "area_mm2",
    "read_latency": "read_latency_ns",
    "read_energy": "read_energy_pJ",
    "leakage": "leakage_mW",
}


def array_checks(folder: Path) -> Iterator[Check]:
    """Compare with NVSim's points; leave each inner point out; interpolate between capacities.

    An array of two banks has the summed area of two rows of the table, so that the last part
    compares the table with itself: what is between two rows with what two rows make.
    """
    for row in read_rows(folder, "nvsim_arrays.csv"):
        yield from _point_checks(row)
    yield from _technology_reports()
    for figure in _MEDIANS:
        errors = leave_one_out("ReadEDP", figure, "capacity")
        for name, found, allowed in (
            ("median", median(errors), _MEDIANS[figure]),
            ("95th percentile", quantiles(errors, n=20)[-1], _TAILS[figure]),
        ):
            quantity = f"error of {figure} between capacities, {name} of {len(errors)}"
            yield Check("arrays", quantity, "1", 0.0, found, allowed, _NVSIM)
    yield from _word_checks()
    for row in read_rows(folder, "composed_arrays.csv"):
        if row["target"] not in ("ReadEDP", "Area"):
            continue
        yield _composed_check(row)


def _point_checks(row: dict[str, str]) -> Iterator[Check]:
    """Compare one array without sensing corrections with NVSim's figures."""
    array = _array_of(row)
    for figure, scale in _FIGURES.items():
        if row["bits_per_cell"] != "1" and figure.startswith("read"):
            # Our figure has the cost of multi-level sensing, which NVSim leaves out.
            continue
        value, column = scale * getattr(array, figure), _COLUMNS[figure]
        quantity = f"{figure} of {_name_of(row)}"
        known = float(row[column])
        unit = column.rpartition("_")[2]
        yield Check(
            "NVSim points", quantity, unit, known, value, 1e-6, "NVSim, nvsim-merged 282038a"
        )


def _technology_reports() -> Iterator[Check]:
    """Report the median error of points left out for each technology and target, no verdict."""
    for name in list_technologies():
        targets = {t for tables in load_technology(name).tables.values() for t in tables}
        for target in sorted(targets):
            for figure in _MEDIANS:
                errors = leave_one_out(target, figure, "capacity", [name])
                if errors:
                    quantity = f"{name}, {target}: median error of {figure} over {len(errors)}"
                    found = median(errors)
                    yield Check("arrays, each", quantity, "1", 0.0, found, None, _NVSIM)


def _array_of(row: dict[str, str]) -> Array:
    return find_array(
        load_technology(row["technology"]),
        capacity=int(row["capacity_B"]),
        word=int(row["word_b"]),
        target=row["target"],
        bits_per_cell=int(row["bits_per_cell"]),
        grade="optimistic",
    )


def _name_of(row: dict[str, str]) -> str:
    cells = f"{row['technology']} {row['bits_per_cell']} b/cell"
    return f"{cells}, {format_bytes(int(row['capacity_B']))} x {row['word_b']} b, {row['target']}"


def _word_checks() -> Iterator[Check]:
    for figure in ("area", "read_energy"):
        errors = leave_one_out("ReadEDP", figure, "word")
        quantity = f"error of {figure} between words, median of {len(errors)}"
        yield Check("arrays", quantity, "1", 0.0, median(errors), _MEDIANS[figure], _NVSIM)


def _composed_check(row: dict[str, str]) -> Check:
    area = 1e6 * _array_of(row).area
    quantity = f"area of {_name_of(row)}, as two banks"
    return Check("arrays", quantity, "mm2", float(row["area_mm2"]), area, 0.08, _NVSIM)


def leave_one_out(
    target: str, figure: str, axis: Axis, names: Sequence[str] | None = None
) -> list[float]:
    """Return the relative error of each inner table point, interpolated from its neighbours.

    Neighbours lie along one axis, capacity or word. Points whose figure is not NVSim's own are
    passed over.
    """
    return [
        error
        for name in names or list_technologies()
        for targets in load_technology(name).tables.values()
        for line in _lines(targets.get(target, {}), axis)
        for error in neighbour_errors(line, figure, axis).values()
    ]


def _lines(columns: Columns, axis: Axis) -> list[Sequence[Row]]:
    if axis == "capacity":
        return list(columns.values())
    capacities = sorted({row.capacity for rows in columns.values() for row in rows})
    return [rows_of_capacity(columns, capacity) for capacity in capacities]
