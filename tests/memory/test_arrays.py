from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.memory.arrays import (
    Array,
    Axis,
    find_array,
    neighbour_errors,
    rows_of_capacity,
)
from accelsim.memory.technology import (
    Columns,
    Conditions,
    MemoryTechnology,
    Row,
    list_technologies,
    load_technology,
)

KIB, MIB = 2**10, 2**20
FIGURES = ("area", "read_latency", "write_latency", "read_energy", "write_energy", "leakage")
REFERENCE = Conditions(1, 22e-9, "LOP", 350.0)
RRAM = load_technology("RRAM")
SRAM = load_technology("SRAM")

# Technologies whose table has four words at the reference point, with bits per cell.
WIDE = [("SRAM", 1), ("RRAM", 1), ("RRAM", 2)]
wide = st.sampled_from(WIDE)
capacities = st.integers(64 * KIB, 16 * MIB)
words = st.integers(64, 512)


def columns_of(technology: MemoryTechnology) -> Iterator[tuple[Conditions, str, Columns]]:
    for conditions, targets in technology.tables.items():
        for target, columns in targets.items():
            yield conditions, target, columns


def figures(array: Array | Row) -> list[float]:
    return [getattr(array, name) for name in FIGURES]


@pytest.mark.parametrize("name", list_technologies())
def test_a_point_of_the_table_is_returned_to_the_last_bit(name: str) -> None:
    """At the grade that corrects nothing: a row comes back unchanged, reads and area always."""
    technology = load_technology(name)
    for conditions, target, columns in columns_of(technology):
        for row in (row for rows in columns.values() for row in rows):
            array = find_array(
                technology,
                capacity=row.capacity,
                word=row.word,
                target=target,
                grade="optimistic",
                **conditions._asdict(),
            )
            assert array.exact != bool(row.interpolated)
            assert (array.area, array.leakage) == (row.area, row.leakage)
            assert (array.read_latency, array.read_energy) == (row.read_latency, row.read_energy)
            if name in ("SRAM", "SRAM_htree") or (name == "RRAM" and array.bits_per_cell == 1):
                assert figures(array) == figures(row)


def test_a_point_is_recognised_in_spite_of_rounded_conditions() -> None:
    computed = find_array(
        RRAM, capacity=MIB, word=64, node=22 * 1e-9, temperature=350 * (1 + 1e-12)
    )
    assert computed == find_array(RRAM, capacity=MIB, word=64)


@given(wide, capacities, words)
def test_an_interpolated_figure_lies_between_its_corners(
    kind: tuple[str, int], capacity: int, word: int
) -> None:
    name, bits_per_cell = kind
    technology = load_technology(name)
    columns = technology.tables[REFERENCE._replace(bits_per_cell=bits_per_cell)]["ReadEDP"]
    near_words = neighbours(list(columns), word)
    sizes = neighbours([row.capacity for row in columns[64]], capacity)
    query: Any = {"bits_per_cell": bits_per_cell}
    corners = [
        find_array(technology, capacity=c, word=w, **query) for c in sizes for w in near_words
    ]
    array = find_array(technology, capacity=capacity, word=word, **query)
    for name in FIGURES:
        values = [getattr(corner, name) for corner in corners]
        assert min(values) * (1 - 1e-12) <= getattr(array, name) <= max(values) * (1 + 1e-12)


def neighbours(grid: list[int], at: int) -> list[int]:
    """Return the grid points that enclose a place, one when it is a point itself."""
    return sorted({max(p for p in grid if p <= at), min(p for p in grid if p >= at)})


@given(st.lists(st.floats(1e-9, 1e-3), min_size=4, max_size=4))
def test_the_middle_of_a_rectangle_is_the_geometric_mean_of_its_corners(areas: list[float]) -> None:
    """On logarithmic axes 2 MiB x 128 b is the middle of 1 and 4 MiB, 64 and 256 b."""
    row = RRAM.tables[REFERENCE]["ReadEDP"][64][0]
    corners = [
        replace(row, capacity=capacity * MIB, word=word, area=area)
        for (word, capacity), area in zip(product((64, 256), (1, 4)), areas, strict=True)
    ]
    columns = {64: tuple(corners[:2]), 256: tuple(corners[2:])}
    technology = RRAM.model_copy(update={"tables": {REFERENCE: {"ReadEDP": columns}}})
    array = find_array(technology, capacity=2 * MIB, word=128)
    assert array.area == pytest.approx(math.prod(area**0.25 for area in areas), rel=1e-12)


@given(wide, words, capacities, capacities)
def test_a_larger_array_is_not_smaller(
    kind: tuple[str, int], word: int, one: int, other: int
) -> None:
    """Holds for ReadEDP; other targets trade area for speed differently from size to size."""
    name, bits_per_cell = kind
    small, large = (
        find_array(load_technology(name), capacity=c, word=word, bits_per_cell=bits_per_cell).area
        for c in sorted((one, other))
    )
    assert small <= large * (1 + 1e-12)


@given(wide, capacities, words)
def test_density_and_bandwidth_follow_from_the_figures(
    kind: tuple[str, int], capacity: int, word: int
) -> None:
    name, bits_per_cell = kind
    array = find_array(
        load_technology(name), capacity=capacity, word=word, bits_per_cell=bits_per_cell
    )
    assert array.density * array.area == pytest.approx(8 * capacity, rel=1e-12)
    assert array.read_bandwidth * array.read_latency == pytest.approx(word / 8, rel=1e-12)


@given(st.integers(17, 200), st.integers(513, 4096))
@settings(max_examples=30)
def test_extrapolation_continues_the_last_two_points(mebibytes: int, word: int) -> None:
    array = find_array(RRAM, capacity=mebibytes * MIB, word=word, extrapolate=True)

    def along_capacity(at_word: int) -> float:
        low, high = (find_array(RRAM, capacity=c * MIB, word=at_word).area for c in (8, 16))
        return low * math.pow(high / low, math.log2(mebibytes / 8))

    low, high = along_capacity(256), along_capacity(512)
    assert array.area == pytest.approx(low * (high / low) ** math.log2(word / 256), rel=1e-9)
    assert array.warnings[0].startswith("extrapolated from 8 MiB x 256 b, 16 MiB x 256 b, ")


def test_two_bits_per_cell_hold_data_capacity_not_cells() -> None:
    """RRAM, 1 MiB of data at 2 bits per cell: 0.133 mm2; counting cells it would be twice that."""
    array = find_array(RRAM, capacity=MIB, word=64, bits_per_cell=2)
    assert array.area == pytest.approx(0.133e-6, abs=0.0005e-6)


@pytest.mark.parametrize(
    ("grade", "bits_per_cell", "read_latency", "read_energy", "pulses", "joules"),
    [
        ("optimistic", 1, 1, 1, 10e-9, 0.6e-12),
        ("reference", 1, 1, 1, 100e-9, 0.6e-12),
        ("pessimistic", 1, 2.6, 3.6, 10e-6, 4e-12),
        ("optimistic", 2, 1, 1, 40e-9, 2.4e-12),
        ("reference", 2, 1.27, 1.5, 600e-9, 3.6e-12),
        ("pessimistic", 2, 3.3, 3.6, 80e-6, 32e-12),
    ],
)
def test_grades_correct_the_table_by_the_stated_rule(
    grade: Any,
    bits_per_cell: int,
    read_latency: float,
    read_energy: float,
    pulses: float,
    joules: float,
) -> None:
    """RRAM: multipliers on reads; 10 ns and 0.6 pJ a cell replaced by pulses x verify steps."""
    array = find_array(RRAM, capacity=MIB, word=128, bits_per_cell=bits_per_cell, grade=grade)
    conditions = REFERENCE._replace(bits_per_cell=bits_per_cell)
    (row,) = (r for r in RRAM.tables[conditions]["ReadEDP"][128] if r.capacity == MIB)
    assert array.read_latency == pytest.approx(row.read_latency * read_latency, rel=1e-12)
    assert array.read_energy == pytest.approx(row.read_energy * read_energy, rel=1e-12)
    assert array.write_latency == pytest.approx(row.write_latency - 10e-9 + pulses, rel=1e-12)
    cells = 128 / bits_per_cell
    assert array.write_energy == pytest.approx(
        row.write_energy + cells * (joules - 0.6e-12), rel=1e-12
    )
    assert (array.area, array.leakage) == (row.area, row.leakage)


def test_limits_of_the_cell() -> None:
    assert find_array(SRAM, capacity=MIB, word=64).endurance is None
    assert find_array(SRAM, capacity=MIB, word=64).volatile
    array = find_array(RRAM, capacity=MIB, word=64, grade="pessimistic")
    assert (array.endurance, array.retention, array.volatile) == (1e3, 2.4e3, False)


def test_default_roadmap_is_that_of_the_technology() -> None:
    assert find_array(load_technology("FeFET"), capacity=MIB, word=64).roadmap == "LSTP"
    leakages = [
        find_array(SRAM, capacity=MIB, word=64, roadmap=roadmap).leakage
        for roadmap in ("LSTP", "LOP", "HP")
    ]
    assert leakages == sorted(leakages)
    assert leakages[2] > 100 * leakages[0]


def test_interpolation_is_said_with_its_points_and_errors() -> None:
    array = find_array(RRAM, capacity=9 * MIB // 2, word=128)
    assert not array.exact
    assert array.warnings == (
        "badly interpolated between 4 MiB and 8 MiB at 128 b; leaving out these points the "
        "neighbours miss them by up to: area 3 %, read latency 14 %, read energy 4 %, leakage 32 %",
    )
    assert array.source == (
        "NVSim run: lpentecost/nvsim-merged 282038a, NVMExplorer cell/cfg defaults; "
        "device rows: rram.yaml, reference"
    )
    assert find_array(RRAM, capacity=4 * MIB, word=128).warnings == ()


def table(**change: Any) -> MemoryTechnology:
    """RRAM, one word, figures in proportion to four capacities; a change bends the second point."""
    row = RRAM.tables[REFERENCE]["ReadEDP"][64][0]
    rows = [
        replace(row, capacity=n * MIB, **{name: n * getattr(row, name) for name in FIGURES})
        for n in (1, 2, 4, 8)
    ]
    bent = {name: factor * getattr(rows[1], name) for name, factor in change.items()}
    rows[1] = replace(rows[1], **bent)
    return RRAM.model_copy(update={"tables": {REFERENCE: {"ReadEDP": {64: tuple(rows)}}}})


def warning_of(technology: MemoryTechnology, mebibytes: float) -> str:
    return find_array(technology, capacity=int(mebibytes * MIB), word=64).warnings[0]


@pytest.mark.parametrize(("factor", "badly"), [(1.29, ""), (1 / 1.31, "badly ")])
def test_a_bend_in_the_table_is_said_where_it_is(factor: float, badly: str) -> None:
    """The second point is missed by the bend, the third by its root."""
    technology = table(area=factor)
    miss = round(100 * abs(1 / factor - 1))
    root = round(100 * abs(math.sqrt(factor) - 1))
    rest = "read latency 0 %, read energy 0 %, leakage 0 %"
    missed = "leaving out these points the neighbours miss them by up to: area"
    for near, points in ((1.5, "1 MiB and 2 MiB"), (3, "2 MiB and 4 MiB")):
        assert warning_of(technology, near) == (
            f"{badly}interpolated between {points} at 64 b; {missed} {miss} %, {rest}"
        )
    assert warning_of(technology, 6) == (
        f"interpolated between 4 MiB and 8 MiB at 64 b; {missed} {root} %, {rest}"
    )


def test_points_that_cannot_be_left_out_are_said() -> None:
    columns = {64: table().tables[REFERENCE]["ReadEDP"][64][:2]}
    technology = RRAM.model_copy(update={"tables": {REFERENCE: {"ReadEDP": columns}}})
    assert warning_of(technology, 1.5) == (
        "interpolated between 1 MiB and 2 MiB at 64 b; these points are at the edge of the table: "
        "the error is not known"
    )


def test_the_axis_of_the_words_is_judged_by_the_words() -> None:
    assert find_array(RRAM, capacity=2 * MIB, word=100).warnings == (
        "interpolated between 64 b and 128 b at 2 MiB; leaving out these points the neighbours "
        "miss them by up to: area 0 %, read latency 0 %, read energy 4 %, leakage 0 %",
    )


@pytest.mark.parametrize("axis", ["capacity", "word"])
def test_a_point_is_missed_as_by_a_table_without_it(axis: Axis) -> None:
    columns = RRAM.tables[REFERENCE]["ReadEDP"]
    line = columns[128] if axis == "capacity" else rows_of_capacity(columns, MIB)
    errors = neighbour_errors(line, "read_energy", axis)
    assert list(errors) == [getattr(row, axis) for row in line[1:-1]]
    for left, row, right in zip(line, line[1:], line[2:], strict=False):
        without: dict[int, tuple[Row, ...]] = {}
        for other in (left, right):
            without[other.word] = (*without.get(other.word, ()), other)
        technology = RRAM.model_copy(update={"tables": {REFERENCE: {"ReadEDP": without}}})
        guess = find_array(technology, capacity=row.capacity, word=row.word).read_energy
        found = abs(guess / row.read_energy - 1)
        assert errors[getattr(row, axis)] == pytest.approx(found, rel=1e-9)


def test_latencies_that_the_table_interpolates_are_said() -> None:
    array = find_array(SRAM, capacity=MIB // 2, word=128)
    assert not array.exact
    assert array.warnings == (
        "interpolated in the table itself, between neighbours in capacity: "
        "read latency and write latency of 512 KiB x 128 b",
    )
    line = SRAM.tables[REFERENCE]["ReadEDP"][128]
    assert MIB // 2 not in neighbour_errors(line, "read_latency", "capacity")
    assert MIB // 2 in neighbour_errors(line, "area", "capacity")


def test_rows_of_both_sources_are_named() -> None:
    assert "; NVSim run: lpentecost/nvsim-merged 282038a, invalid organisations skipped " in (
        find_array(SRAM, capacity=MIB, word=200).source
    )


def test_sparse_wide_words_are_said() -> None:
    """SRAM_htree has words of 512 b for five capacities; 256 KiB lies in their gap."""
    array = find_array(load_technology("SRAM_htree"), capacity=256 * KIB, word=512)
    low, high = (
        find_array(load_technology("SRAM_htree"), capacity=c, word=512).area
        for c in (128 * KIB, 512 * KIB)
    )
    assert array.area == pytest.approx(math.sqrt(low * high), rel=1e-12)
    assert array.warnings[-1] == (
        "words of 512 b are in the table for 128 KiB, 512 KiB, 1 MiB, 2 MiB, 4 MiB only"
    )


def test_a_warning_of_the_device_goes_with_every_array() -> None:
    array = find_array(load_technology("PCM"), capacity=MIB, word=64)
    assert array.exact
    assert array.warnings == (
        "the write energy of the default PCM cell, 1 pJ, is far below that of measured cells; "
        "the pessimistic grade, 30 nJ, is the other end",
    )


ADVICE = "; choose one inside, or allow extrapolation (extrapolate)"
RRAM_HAS = (
    "rram.yaml has: 1 b/cell at 22 nm, LOP, 350 K; 1 b/cell at 22 nm, HP, 350 K; "
    "1 b/cell at 22 nm, LSTP, 350 K; 1 b/cell at 22 nm, LOP, 300 K; 1 b/cell at 45 nm, LOP, 350 K; "
    "2 b/cell at 22 nm, LOP, 350 K; 2 b/cell at 22 nm, HP, 350 K; 2 b/cell at 22 nm, LSTP, 350 K; "
    "2 b/cell at 22 nm, LOP, 300 K; 2 b/cell at 45 nm, LOP, 350 K"
)
TARGETS = (
    "known: Area, Leakage, ReadEDP, ReadEnergy, ReadLatency, WriteEDP, WriteEnergy, WriteLatency"
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"capacity": 32 * KIB},
            "RRAM, ReadEDP, 1 b/cell at 22 nm, LOP, 350 K, 64 b: capacity 32 KiB is outside the "
            f"table, 64 KiB to 16 MiB{ADVICE}",
        ),
        (
            {"capacity": 32 * MIB},
            "RRAM, ReadEDP, 1 b/cell at 22 nm, LOP, 350 K, 64 b: capacity 32 MiB is outside the "
            f"table, 64 KiB to 16 MiB{ADVICE}",
        ),
        (
            {"word": 32},
            "RRAM, ReadEDP, 1 b/cell at 22 nm, LOP, 350 K: word 32 b is outside the table, "
            f"64 b to 512 b{ADVICE}",
        ),
        (
            {"word": 128, "roadmap": "HP", "extrapolate": True},
            "RRAM, ReadEDP, 1 b/cell at 22 nm, HP, 350 K: word 128 b is not in the table, "
            "which has 64 b only",
        ),
        ({"bits_per_cell": 3}, f"RRAM: no arrays of 3 b/cell at 22 nm, LOP, 350 K; {RRAM_HAS}"),
        ({"node": 12e-9}, f"RRAM: no arrays of 1 b/cell at 12 nm, LOP, 350 K; {RRAM_HAS}"),
        ({"roadmap": "lop"}, f"RRAM: no arrays of 1 b/cell at 22 nm, lop, 350 K; {RRAM_HAS}"),
        ({"temperature": 320}, f"RRAM: no arrays of 1 b/cell at 22 nm, LOP, 320 K; {RRAM_HAS}"),
        (
            {"target": "ReadEPD"},
            "RRAM: no arrays optimised for 'ReadEPD' with 1 b/cell at 22 nm, LOP, 350 K: "
            f"did you mean ReadEDP? {TARGETS}",
        ),
        (
            {"target": "x"},
            f"RRAM: no arrays optimised for 'x' with 1 b/cell at 22 nm, LOP, 350 K: {TARGETS}",
        ),
        (
            {"capacity": 0, "extrapolate": True},
            "RRAM: expected a capacity and a word of at least 1, got 0 B and 64 b",
        ),
        (
            {"grade": "typical"},
            "RRAM: unknown grade 'typical'; known: optimistic, reference, pessimistic",
        ),
    ],
)
def test_errors_say_what_the_table_has(change: dict[str, Any], message: str) -> None:
    query: dict[str, Any] = {"capacity": MIB, "word": 64, **change}
    with pytest.raises(ConfigError) as error:
        find_array(RRAM, **query)
    assert str(error.value) == message
