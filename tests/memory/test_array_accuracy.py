"""How well the tables and compositions agree with arrays that are not in the tables."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accelsim.memory.arrays import find_array
from accelsim.memory.tables import Conditions, Row
from accelsim.memory.technology import list_technologies, load_technology

MIB = 2**20

# NVSim at 22 nm, LOP, 350 K, 64 b, ReadEDP, rounded as in the reference summary of these runs:
# MiB, mm2, read ns, read pJ, write pJ, leakage mW.
ROUNDED = {
    ("SRAM", 1): [
        (0.0625, "0.049", "1.35", "0.28", "4.4", "2.7"),
        (0.5, "0.345", "2.45", "0.58", "8.9", "16.7"),
        (1, "0.654", "4.33", "1.03", "16.9", "28.2"),
        (4, "2.695", "7.81", "2.16", "33.6", "130"),
    ],
    ("SRAM_htree", 1): [
        (0.125, "0.099", "0.53", "2.25", "2.23", "5.5"),
        (0.5, "0.395", "0.66", "4.85", "4.83", "22"),
        (2, "1.422", "1.27", "9.59", "9.57", "67"),
    ],
    ("RRAM", 1): [
        (0.25, "0.062", "0.68", "1.93", "51.1", "0.86"),
        (4, "0.987", "1.14", "8.33", "57.5", "13.7"),
        (16, "3.947", "2.61", "17.1", "66.3", "55"),
    ],
}


@pytest.mark.parametrize(("kind", "rows"), ROUNDED.items())
def test_reference_points_agree_within_rounding(kind: tuple[str, int], rows: list[Any]) -> None:
    technology = load_technology(kind[0])
    for mebibytes, *published in rows:
        array = find_array(technology, capacity=int(mebibytes * MIB), word=64, grade="low")
        in_units = (
            array.area * 1e6,
            array.read_latency * 1e9,
            array.read_energy * 1e12,
            array.write_energy * 1e12,
            array.leakage * 1e3,
        )
        for value, text in zip(in_units, published, strict=True):
            decimals = len(text.partition(".")[2])
            assert abs(value - float(text)) <= 0.5001 * 10**-decimals


# -- The rows of 512 KiB, recovered from arrays of two banks --------------------------------------


def rows() -> Iterator[tuple[Any, Row]]:
    for name in list_technologies():
        for conditions, targets in load_technology(name).tables.items():
            for columns in targets.values():
                for column in columns.values():
                    yield from (((name, conditions), row) for row in column)


def test_what_is_recovered_is_half_a_mebibyte_and_says_where_from() -> None:
    recovered = [row for _, row in rows() if row.source.startswith("recovered from arrays")]
    assert len(recovered) == 184
    assert {row.capacity for row in recovered} == {MIB // 2}
    assert {row.source for _, row in rows() if "interpolated" in row.source} == {
        row.source for _, row in rows() if row.interpolated
    }
    assert len([row for row in recovered if row.interpolated]) == 164


def test_banks_of_equal_area_and_leakage_are_equally_fast() -> None:
    """At one capacity, whatever the word and the target; only computed latencies are compared.

    From 64 KiB on, the banks that composed arrays are recovered from.
    """
    for figure in ("read_latency", "write_latency"):
        latencies: dict[Any, list[float]] = {}
        for kind, row in rows():
            if figure not in row.interpolated and row.capacity >= MIB // 16:
                same = (*kind, row.capacity, row.area, row.leakage)
                latencies.setdefault(same, []).append(getattr(row, figure))
        assert sum(len(found) > 1 for found in latencies.values()) > 200
        for found in latencies.values():
            # The summary of the runs prints 0.01 ns.
            assert max(found) - min(found) <= 0.0051e-9


def test_interpolated_latencies_are_those_of_the_neighbours_or_less() -> None:
    """Less where composed arrays or other targets are faster than the interpolation."""
    count = less = 0
    for (name, conditions), row in rows():
        column = load_technology(name).tables[conditions][row.target][row.word]
        at = column.index(row)
        for figure in row.interpolated:
            low, high = column[at - 1], column[at + 1]
            share = math.log(row.capacity / low.capacity) / math.log(high.capacity / low.capacity)
            left, right = getattr(low, figure), getattr(high, figure)
            ratio = getattr(row, figure) / (left * (right / left) ** share)
            assert ratio < 1 + 5e-4
            count += 1
            less += ratio < 1 - 5e-4
    assert (count, less) == (310, 21)


def composed() -> list[dict[str, str]]:
    path = Path(__file__).parents[1] / "reference" / "composed_arrays.csv"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


@pytest.mark.parametrize(
    "composition", composed(), ids=lambda row: "-".join(list(row.values())[:5])
)
def test_two_rows_of_the_table_make_the_composed_array(composition: dict[str, str]) -> None:
    """Sums to the last digit, means to the last but one, the latency of the slower bank."""
    technology = load_technology(composition["technology"])
    conditions = Conditions(int(composition["bits_per_cell"]), 22e-9, "LOP", 350.0)
    column = technology.tables[conditions][composition["target"]][int(composition["word_b"])]
    capacity = int(composition["capacity_B"])
    banks = [row for row in column if row.capacity in (MIB // 2, capacity - MIB // 2)]
    area, leakage = (sum(getattr(bank, name) for bank in banks) for name in ("area", "leakage"))
    assert area * 1e6 == pytest.approx(float(composition["area_mm2"]), abs=1e-9)
    assert leakage * 1e3 == pytest.approx(float(composition["leakage_mW"]), abs=1e-9)
    energy = sum(bank.capacity * bank.read_energy for bank in banks) / capacity
    assert energy * 1e12 == pytest.approx(float(composition["read_energy_pJ"]), abs=0.000101)
    latency = max(bank.read_latency for bank in banks)
    assert latency * 1e9 == pytest.approx(float(composition["read_latency_ns"]), abs=1e-9)


@pytest.mark.parametrize(
    ("target", "banks"),
    [("ReadLatency", 1.73), ("ReadEDP", 1.68), ("ReadEnergy", 1.84), ("Area", 1.73)],
)
def test_area_ratio_of_the_two_memory_systems(target: str, banks: float) -> None:
    """1.5 RRAM + 2.5 SRAM over 4.5 RRAM + 0.125 SRAM, in MiB, one bit per cell.

    ``banks`` is the ratio of arrays composed of NVSim banks of power-of-two size.
    """

    def area(name: str, mebibytes: float) -> float:
        capacity = int(mebibytes * MIB)
        return find_array(load_technology(name), capacity=capacity, word=64, target=target).area

    ratio = (area("RRAM", 1.5) + area("SRAM", 2.5)) / (area("RRAM", 4.5) + area("SRAM", 0.125))
    assert ratio == pytest.approx(banks, abs=0.006)
