"""How well the tables and the interpolation agree with arrays that are not in the tables."""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest

from accelsim.memory.arrays import INTERPOLATION_ERRORS, find_array
from accelsim.memory.technology import load_technology
from accelsim.study.validation.memory import leave_one_out

MIB = 2**20

# NVSim at 22 nm, LOP, 350 K, 64 b, ReadEDP, rounded as in the reference summary of these runs:
# MiB, mm2, read ns, read pJ, write pJ, leakage mW.
ROUNDED = {
    ("SRAM", 1): [
        (0.0625, "0.049", "1.35", "0.28", "4.4", "2.7"),
        (1, "0.654", "4.33", "1.03", "16.9", "28.2"),
        (4, "2.695", "7.81", "2.16", "33.6", "130"),
    ],
    ("SRAM_htree", 1): [
        (0.125, "0.099", "0.53", "2.25", "2.23", "5.5"),
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
        array = find_array(technology, capacity=int(mebibytes * MIB), word=64, grade="optimistic")
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


@pytest.mark.parametrize(
    ("target", "figure", "bound"),
    [
        ("Area", "area", 0.01),
        ("ReadEDP", "area", 0.05),
        ("ReadEDP", "read_energy", 0.12),
        ("ReadEDP", "read_latency", 0.12),
        ("ReadEDP", "leakage", 0.25),
        ("ReadEnergy", "read_energy", 0.10),
        ("ReadLatency", "read_latency", 0.07),
    ],
)
def test_points_left_out_are_found_again_in_the_median(
    target: str, figure: str, bound: float
) -> None:
    errors = leave_one_out(target, figure, "capacity")
    assert len(errors) == 131
    assert bound / 4 < median(errors) < bound


@pytest.mark.parametrize(
    ("figure", "kind"),
    [
        ("area", "area"),
        ("read_latency", "latency"),
        ("write_latency", "latency"),
        ("read_energy", "energy"),
        ("write_energy", "energy"),
        ("leakage", "leakage"),
    ],
)
def test_stated_interpolation_errors_cover_nine_in_ten_points(figure: str, kind: str) -> None:
    ninth_decile = quantiles(leave_one_out("ReadEDP", figure, "capacity"), n=10)[-1]
    assert INTERPOLATION_ERRORS[kind] / 2 < ninth_decile < INTERPOLATION_ERRORS[kind]


def composed() -> list[dict[str, str]]:
    path = Path(__file__).parents[1] / "reference" / "composed_arrays.csv"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


@pytest.mark.parametrize(("target", "low", "high"), [("ReadEDP", -0.07, 0.02), ("Area", -0.02, 0)])
def test_area_between_points_agrees_with_arrays_of_two_banks(
    target: str, low: float, high: float
) -> None:
    rows = [row for row in composed() if row["target"] == target]
    assert len(rows) == 24
    for row in rows:
        array = find_array(
            load_technology(row["technology"]),
            capacity=int(row["capacity_B"]),
            word=int(row["word_b"]),
            target=target,
            bits_per_cell=int(row["bits_per_cell"]),
        )
        assert not array.exact
        assert low < array.area * 1e6 / float(row["area_mm2"]) - 1 < high


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
    assert ratio == pytest.approx(banks, rel=0.02)
