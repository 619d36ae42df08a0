"""Memory arrays against NVSim's own points, and composition by leaving points out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from statistics import median, quantiles

from accelsim.memory.arrays import Array, find_array
from accelsim.memory.tables import Row
from accelsim.memory.technology import list_technologies, load_technology
from accelsim.study.validation.check import Check, read_rows
from accelsim.units import format_bytes

# Largest median and 95th percentile of the composition's error that pass, by figure, for the points
# that ``_usual`` picks; measured on the table, rounded up. NVSim's optimum jumps from one
# organisation to another, and its SRAM with bus routing reads for less than the wires between
# two such banks take: hence the tail in energy.
_MEDIANS = {"area": 0.05, "read_latency": 0.10, "read_energy": 0.15, "leakage": 0.20}
_TAILS = {"area": 0.35, "read_latency": 0.35, "read_energy": 2.50, "leakage": 2.00}
_CAPACITY, _WORD = 128 * 1024, 128
_NVSIM = "NVSim, nvsim-merged 282038a"
_NVMEXPLORER = "lpentecost/NVMExplorer f091759, AE_dnn_output"
_LEFT_OUT = f"{_NVSIM}: points left out, composed of the others"


# By figure its column of the reference, and the scale to the column's unit.
_FIGURES = {
    "area": ("area_mm2", 1e6),
    "read_latency": ("read_latency_ns", 1e9),
    "read_energy": ("read_energy_pJ", 1e12),
    "leakage": ("leakage_mW", 1e3),
}


def array_checks(folder: Path) -> Iterator[Check]:
    """Compare with NVSim's points; leave each point out and compose it of the others.

    Two sets of other points: banks that NVSim's study added up, without wires; and arrays of odd
    capacities that NVSim can build alone at odd words, which compositions at the next word should
    resemble.
    """
    for row in read_rows(folder, "nvsim_arrays.csv"):
        yield from _point_checks(row)
    yield from _technology_reports()
    found = [p for name in list_technologies() for p in left_out(name, "ReadEDP") if _usual(*p)]
    for figure in _MEDIANS:
        errors = composition_errors(found, figure)
        for name, value, allowed in (
            ("median", median(errors), _MEDIANS[figure]),
            ("95th percentile", quantiles(errors, n=20)[-1], _TAILS[figure]),
        ):
            quantity = f"error of {figure} when composed, {name} of {len(errors)}"
            yield Check("arrays", quantity, "1", 0.0, value, allowed, _LEFT_OUT)
    for row in read_rows(folder, "composed_arrays.csv"):
        if row["target"] in ("ReadEDP", "Area"):
            yield _compared("arrays", row, "area", ", as two banks", 0.01)
    for row in read_rows(folder, "nvmexplorer_albert.csv"):
        yield from _account_checks(row)
    for row in read_rows(folder, "native_arrays.csv"):
        for figure in ("area", "read_latency", "leakage"):
            how = ", composed against built as one"
            yield _compared("arrays, each", row, figure, how, None)


def _point_checks(row: dict[str, str]) -> Iterator[Check]:
    """Compare one array without sensing corrections with NVSim's figures."""
    for figure in _FIGURES:
        # Ours has the cost of multi-level sensing, which NVSim leaves out.
        if row["bits_per_cell"] == "1" or not figure.startswith("read"):
            yield _compared("NVSim points", row, figure, "", 1e-6)


def _compared(
    group: str, row: dict[str, str], figure: str, how: str, allowed: float | None
) -> Check:
    """Compare a figure of a row's array with ours."""
    column, scale = _FIGURES[figure]
    value, unit = scale * getattr(_array_of(row), figure), column.rpartition("_")[2]
    told = f"{figure} of {_name_of(row)}{how}"
    return Check(group, told, unit, float(row[column]), value, allowed, _NVSIM)


def _technology_reports() -> Iterator[Check]:
    """Report the median error of points left out for each technology and target, no verdict."""
    for name in list_technologies():
        targets = {t for tables in load_technology(name).tables.values() for t in tables}
        for target in sorted(targets):
            found = left_out(name, target)
            for figure in _MEDIANS:
                errors = composition_errors(found, figure)
                quantity = f"{name}, {target}: median error of {figure} over {len(errors)}"
                value = median(errors)
                yield Check("arrays, each", quantity, "1", 0.0, value, None, _LEFT_OUT)


def _array_of(row: dict[str, str]) -> Array:
    return find_array(
        load_technology(row["technology"]),
        capacity=int(row["capacity_B"]),
        word=int(row["word_b"]),
        target=row["target"],
        bits_per_cell=int(row["bits_per_cell"]),
        grade="low",
    )


def _name_of(row: dict[str, str]) -> str:
    cells = f"{row['technology']} {row['bits_per_cell']} b/cell"
    return f"{cells}, {format_bytes(int(row['capacity_B']))} x {row['word_b']} b, {row['target']}"


def _account_checks(row: dict[str, str]) -> Iterator[Check]:
    """Compare NVMExplorer's account of a second of reads: power, and latency one by one.

    Of SRAM with our own array; its tentpole cells are in no table of ours and bring theirs along.
    """
    cell, reads = row["cell"], float(row["reads_per_second"])
    latency, energy, leakage = (
        float(row[name]) for name in ("read_latency_ns", "read_energy_pJ", "leakage_mW")
    )
    if cell == "SRAM":
        array = find_array(load_technology(cell), capacity=2**21, word=64, target=row["target"])
        latency, energy = 1e9 * array.read_latency, 1e12 * array.read_energy
        leakage = 1e3 * array.leakage
    dynamic = 1e-9 * reads * energy
    what = f"{cell}, {row['target']}, {row['benchmark']}"
    stated = float(row["dynamic_mW"]), float(row["total_power_mW"]), float(row["latency_ms"])
    for name, unit, known, value in (
        ("dynamic power as published, 1000 times too large", "mW", stated[0], 1e3 * dynamic),
        ("total power, that error put right", "mW", stated[1] - 0.999 * stated[0],
         dynamic + leakage),
        ("latency of all reads", "ms", stated[2], 1e-6 * reads * latency),
    ):  # fmt: skip
        yield Check("NVMExplorer", f"{name}: {what}", unit, known, value, 5e-4, _NVMEXPLORER)


Pairs = tuple[tuple[Row, Array], ...]


@lru_cache(maxsize=64)
def left_out(name: str, target: str) -> Pairs:
    """Return each point that is not the smallest of its word, and what the others compose."""
    technology = load_technology(name)
    found = []
    for conditions, targets in technology.tables.items():
        for word, rows in targets.get(target, {}).items():
            for row in rows[1:]:
                rest = tuple(other for other in rows if other is not row)
                without = {"tables": {conditions: {target: {word: rest}}}}
                array = find_array(
                    technology.model_copy(update=without), capacity=row.capacity, word=word,
                    target=target, grade="low", extrapolate=True, **conditions._asdict(),
                )  # fmt: skip
                found.append((row, array))
    return tuple(found)


def _usual(row: Row, array: Array) -> bool:
    """Say whether an array is what a machine is made of: 22 nm, LOP, 350 K, 128 KiB or more."""
    known = (array.node, array.roadmap, array.temperature) == (22e-9, "LOP", 350.0)
    return known and row.word <= _WORD and row.capacity >= _CAPACITY


def composition_errors(pairs: Iterable[tuple[Row, Array]], figure: str) -> list[float]:
    """Return the relative errors of a figure; those that are not NVSim's own are passed over."""
    return [
        abs(getattr(array, figure) / getattr(row, figure) - 1)
        for row, array in pairs
        if figure not in row.interpolated
    ]
