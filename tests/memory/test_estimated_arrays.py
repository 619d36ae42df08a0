"""Arrays of three bits per cell: estimated by a rule, marked, and never met unawares."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from accelsim.machine.schema import load_hardware
from accelsim.memory.arrays import find_array
from accelsim.memory.tables import Conditions, Row
from accelsim.memory.technology import list_technologies, load_technology

RRAM, ESTIMATE = load_technology("RRAM"), load_technology("RRAM_3bit")
# A sense amplifier for four levels more, with the layout around it.
GROWTH = 4 * 2.4e-6 * 1.4e-6 * 1.5


def pairs() -> Iterator[tuple[Row, Row]]:
    """Yield each estimated row with the row of two bits per cell and the same cells."""
    two = RRAM.tables[Conditions(2, 22e-9, "LOP", 350.0)]
    (targets,) = ESTIMATE.tables.values()
    for target, columns in targets.items():
        for word, rows in columns.items():
            known = {row.capacity: row for row in two[target][word * 2 // 3]}
            for row in rows:
                yield row, known[row.capacity * 2 // 3]


def test_each_row_is_that_of_two_bits_with_larger_sense_amplifiers() -> None:
    found = list(pairs())
    assert len(found) == 64
    for row, two in found:
        for figure in ("read_latency", "write_latency", "read_energy", "write_energy", "leakage"):
            assert getattr(row, figure) == getattr(two, figure)
        # A whole number of them, at least one for each cell of a word; the table has 1 um2.
        amplifiers = (row.area - two.area) / GROWTH
        assert abs(amplifiers - round(amplifiers)) < 1e-12 / GROWTH
        assert round(amplifiers) >= row.word // 3
        assert math.log2(round(amplifiers)).is_integer()


def test_large_arrays_gain_from_the_third_bit_but_less_than_the_cells_do() -> None:
    for row, two in pairs():
        gain = (row.capacity / row.area) / (two.capacity / two.area)
        assert gain < 1.5
        assert (gain > 1) == (row.capacity >= 384 * 1024)


@pytest.mark.parametrize("capacity", [96 * 1024, 3 * 2**20, 4_500_000])
@pytest.mark.parametrize("word", [96, 128])
def test_every_use_warns(capacity: int, word: int) -> None:
    array = find_array(ESTIMATE, capacity=capacity, word=word, bits_per_cell=3)
    assert array.warnings[0].startswith("estimated: no array of three bits per cell is published")
    assert array.exact == (capacity <= 2**22 and word == 96)
    assert "[ours]" in array.source


def test_a_machine_uses_it_by_name_alone() -> None:
    assert "RRAM_3bit" not in list_technologies()
    assert list_technologies("estimate") == ["RRAM_3bit"]
    assert 3 not in RRAM.devices
    changes = ("memories.rram.technology=rram_3bit", "memories.rram.bits_per_cell=3")
    region = load_hardware("hwconfigs/edgebert_overlapped.yaml", changes).regions["rram"]
    assert region.array.bits_per_cell == 3
    assert region.array.warnings[0].startswith("estimated: ")


def test_what_the_two_files_share_is_equal() -> None:
    assert ESTIMATE.cell_levels == RRAM.cell_levels
    assert ESTIMATE.simulated_cell.write_pulse == RRAM.simulated_cell.write_pulse  # type: ignore[union-attr]
    three, two = ESTIMATE.devices[3], RRAM.devices[2]
    assert three.write_pulse.typical == two.write_pulse.typical  # type: ignore[union-attr]
    for grade in ("low", "typical", "high"):
        for figure in ("read_latency_multiplier", "read_energy_multiplier", "verify_steps"):
            assert getattr(three, figure).at(grade) >= getattr(two, figure).at(grade)
        assert three.endurance.at(grade) == two.endurance.at(grade)  # type: ignore[union-attr]
