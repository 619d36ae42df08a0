"""Memory arrays by leaving points out, and DRAM against the part's specification."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles

from accelsim.blocks.dram import DramChannel
from accelsim.memory.arrays import Axis, find_array, neighbour_errors, rows_of_capacity
from accelsim.memory.dram import DramTechnology, load_dram
from accelsim.memory.technology import Columns, Row, list_technologies, load_technology
from accelsim.study.validation.check import Check, read_rows
from accelsim.units import to_ticks

# Largest median and 95th percentile of the interpolation's error that pass, by figure, where the
# array is optimised for read energy x delay; measured on the table, rounded up.
_MEDIANS = {"area": 0.05, "read_latency": 0.12, "read_energy": 0.15, "leakage": 0.25}
_TAILS = {"area": 0.20, "read_latency": 0.35, "read_energy": 0.45, "leakage": 1.00}
_NVSIM = "NVSim, nvsim-merged 282038a: points left out"


def array_checks(folder: Path) -> Iterator[Check]:
    """Leave each inner point out and interpolate it; then interpolate between capacities.

    An array of two banks has the summed area of two rows of the table, so that the second part
    compares the table with itself: what is between two rows with what two rows make.
    """
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


def _word_checks() -> Iterator[Check]:
    for figure in ("area", "read_energy"):
        errors = leave_one_out("ReadEDP", figure, "word")
        quantity = f"error of {figure} between words, median of {len(errors)}"
        yield Check("arrays", quantity, "1", 0.0, median(errors), _MEDIANS[figure], _NVSIM)


def _composed_check(row: dict[str, str]) -> Check:
    array = find_array(
        load_technology(row["technology"]),
        capacity=int(row["capacity_B"]),
        word=int(row["word_b"]),
        target=row["target"],
        bits_per_cell=int(row["bits_per_cell"]),
        grade="optimistic",
    )
    cells = f"{row['technology']} {row['bits_per_cell']} b/cell"
    size = f"{int(row['capacity_B']) / 2**20:g} MiB x {row['word_b']} b"
    area = 1e6 * array.area
    quantity = f"area of {cells}, {size}, {row['target']}, as two banks"
    return Check("arrays", quantity, "mm2", float(row["area_mm2"]), area, 0.08, _NVSIM)


def leave_one_out(target: str, figure: str, axis: Axis) -> list[float]:
    """Return the relative error of each inner table point, interpolated from its neighbours.

    Neighbours lie along one axis, capacity or word. Points whose figure is not NVSim's own are
    passed over.
    """
    return [
        error
        for name in list_technologies()
        for targets in load_technology(name).tables.values()
        for line in _lines(targets[target], axis)
        for error in neighbour_errors(line, figure, axis).values()
    ]


def _lines(columns: Columns, axis: Axis) -> list[Sequence[Row]]:
    if axis == "capacity":
        return list(columns.values())
    capacities = sorted({row.capacity for rows in columns.values() for row in rows})
    return [rows_of_capacity(columns, capacity) for capacity in capacities]


# -- DRAM ----------------------------------------------------------------------------------------

_ENERGIES = {
    "activate_pJ": ("activate_energy", 1e12),
    "refresh_nJ": ("refresh_energy", 1e9),
    "read_stream_pJ_per_byte": ("read_stream_energy", 1e12),
    "write_stream_pJ_per_byte": ("write_stream_energy", 1e12),
    "peak_bandwidth_GBps": ("peak_bandwidth", 1e-9),
}


def dram_checks(folder: Path) -> Iterator[Check]:
    """Compare energies with an independent calculation, and latencies with sums of timings."""
    for row in read_rows(folder, "dram_energies.csv"):
        technology = load_dram(row["part"])
        for column, (name, scale) in _ENERGIES.items():
            value = scale * getattr(technology, name)
            source = technology.power.source
            quantity = f"{row['part']} {name.replace('_', ' ')}"
            unit = column.rpartition("_")[2]
            yield Check("DRAM", quantity, unit, float(row[column]), value, 0.005, source)
        yield from _latency_checks(row["part"], technology)
        yield _stream_check(row["part"], technology)


def _latency_checks(part: str, technology: DramTechnology) -> Iterator[Check]:
    """A burst from a closed row, an open row, and a bank with another row open."""
    timing, shape = technology.timing, technology.organisation
    size, page = shape.burst_size, shape.page_size
    burst = to_ticks(technology.burst_time)
    column, precharge = to_ticks(timing.read_latency), to_ticks(timing.precharge)
    activate = to_ticks(timing.activate_to_column)
    channel = DramChannel(technology, idle_state="standby")
    far = to_ticks(timing.activate_to_precharge) + burst
    closed = channel.access(0, 0, size, False)
    start = closed + far
    hit = channel.access(start, size, size, False) - start
    start += hit + far
    conflict = channel.access(start, page * shape.banks, size, False) - start
    source = f"{technology.timing.source}: tRP, tRCD, tRL, BL/2 tCK"
    for name, value, expected in (
        ("closed row", closed, activate + column + burst),
        ("row hit", hit, column + burst),
        ("row conflict", conflict, precharge + activate + column + burst),
    ):
        quantity = f"{part} latency of a {name}"
        yield Check("DRAM", quantity, "ns", expected / 1e6, value / 1e6, 0.0, source)


def _stream_check(part: str, technology: DramTechnology) -> Check:
    """Bandwidth of a long read: the peak, less the share of time that refreshes take."""
    timing = technology.timing
    size = 8 * 2**20
    ticks = DramChannel(technology).access(0, 0, size, False)
    lost = timing.refresh_cycle + timing.precharge_all_time + timing.activate_to_column
    expected = technology.peak_bandwidth * (1 - lost / timing.refresh_interval)
    quantity = f"{part} bandwidth of an 8 MiB read"
    value = size / (ticks / 1e15)
    source = "peak bandwidth less (tRFCab + tRPab + tRCD) / tREFI"
    return Check("DRAM", quantity, "GB/s", expected / 1e9, value / 1e9, 0.02, source)
