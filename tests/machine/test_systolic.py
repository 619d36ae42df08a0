"""Systolic arrays: equal to SCALE-Sim and to a cycle-stepped grid; overlapped, close to ONNXim."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.machine.timing.systolic import (
    Dataflow,
    OverlappedArray,
    OverlappedCycles,
    ProductShape,
    SimpleDram,
    SystolicShape,
    overlapped_cycles,
    reported_cycles,
    systolic_cycles,
    tile_extents,
)
from accelsim.units import ceil_div

REFERENCE = Path(__file__).parents[1] / "reference"
DATAFLOWS: tuple[Dataflow, ...] = ("weight_stationary", "output_stationary", "input_stationary")
NANOSECOND = 10**6

Matrix = list[list[int]]


def records(name: str) -> list[dict[str, str]]:
    lines = (REFERENCE / name).read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


# Stall-free folds against SCALE-Sim.

SCALESIM = records("scalesim_cycles.csv")
SIZES = ("array_rows", "array_columns", "rows", "columns", "depth")


def test_the_reference_covers_what_is_claimed() -> None:
    arrays = {(row["array_rows"], row["array_columns"]) for row in SCALESIM}
    assert {("8", "32"), ("32", "8"), ("4", "4"), ("128", "128"), ("16", "16")} <= arrays
    for dataflow in DATAFLOWS:
        rows = [row for row in SCALESIM if row["dataflow"] == dataflow]
        assert len(rows) >= 55
        assert any(row["rows"] == "1" for row in rows)
        assert any(int(row["depth"]) % int(row["array_rows"]) for row in rows)
        assert any(int(row["columns"]) < int(row["array_columns"]) for row in rows)


def test_every_cycle_count_of_scalesim_is_equal() -> None:
    for row in SCALESIM:
        sizes = [int(row[size]) for size in SIZES]
        assert reported_cycles(row["dataflow"], *sizes) == int(row["total_cycles"]), row  # type: ignore[arg-type]


# The array, cycle by cycle. An operand that is None is a bubble.


def output_stationary_fold(a: Matrix, w: Matrix) -> tuple[int, Matrix]:
    """Stream A from the left and W from the top; a column has one bus for its results."""
    rows, columns, depth = len(a), len(w), len(a[0])
    east: list[list[int | None]] = [[None] * columns for _ in range(rows)]
    south: list[list[int | None]] = [[None] * columns for _ in range(rows)]
    sums = [[0] * columns for _ in range(rows)]
    done = [[0] * columns for _ in range(rows)]
    cycle = 0
    while any(count < depth for line in done for count in line):
        left = [a[r][cycle - r] if 0 <= cycle - r < depth else None for r in range(rows)]
        top = [w[c][cycle - c] if 0 <= cycle - c < depth else None for c in range(columns)]
        east = [[left[r], *east[r][:-1]] for r in range(rows)]
        south = [top, *south[:-1]]
        leaving = []
        for r, c in product(range(rows), range(columns)):
            x, y = east[r][c], south[r][c]
            assert (x is None) == (y is None), "the skew brings both operands together"
            if x is not None and y is not None:
                sums[r][c] += x * y
                done[r][c] += 1
                leaving += [c] if done[r][c] == depth else []
        assert len(leaving) == len(set(leaving)), "two results on the bus of a column"
        cycle += 1
    return cycle, sums


def weight_stationary_fold(a: Matrix, w: Matrix) -> tuple[int, Matrix]:
    """Shift W[column][depth] in from the top, stream A[row][depth], sums move down a column."""
    streamed, columns, depth = len(a), len(w), len(w[0])
    held = [[0] * columns for _ in range(depth)]
    for step in range(depth):
        held = [[w[c][depth - 1 - step] for c in range(columns)], *held[:-1]]
    assert held == [[w[c][r] for c in range(columns)] for r in range(depth)]
    cycle = depth
    east: list[list[int | None]] = [[None] * columns for _ in range(depth)]
    south = [[0] * columns for _ in range(depth)]
    results: list[list[int]] = [[] for _ in range(columns)]
    while any(len(result) < streamed for result in results):
        step = cycle - depth
        left = [a[step - r][r] if 0 <= step - r < streamed else None for r in range(depth)]
        east = [[left[r], *east[r][:-1]] for r in range(depth)]
        above = [[0] * columns, *south[:-1]]
        south = [
            [above[r][c] + held[r][c] * (east[r][c] or 0) for c in range(columns)]
            for r in range(depth)
        ]
        for c in range(columns):
            if east[-1][c] is not None:
                results[c].append(south[-1][c])
        cycle += 1
    return cycle, [[results[c][t] for c in range(columns)] for t in range(streamed)]


def padded(matrix: Matrix, rows: int, columns: int) -> Matrix:
    """Return the matrix with zeros up to multiples of rows and columns."""
    width = ceil_div(len(matrix[0]), columns) * columns
    lines = [[*line, *[0] * (width - len(line))] for line in matrix]
    return lines + [[0] * width] * (-len(matrix) % rows)


def blocks(total: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, total, size)]


def gold(dataflow: Dataflow, array: SystolicShape, a: Matrix, w: Matrix) -> tuple[int, Matrix]:
    """Return the cycles and the product of the folds, one after another, idle cells fed zeros."""
    if dataflow == "input_stationary":
        cycles, transposed = gold("weight_stationary", array, w, a)
        return cycles, [list(line) for line in zip(*transposed, strict=True)]
    stationary = dataflow == "weight_stationary"
    row_block, depth_block = (1, array.rows) if stationary else (array.rows, 1)
    a_full, w_full = padded(a, row_block, depth_block), padded(w, array.columns, depth_block)
    rows, depth = len(a_full), len(a_full[0])
    row_parts = [slice(0, rows)] if stationary else blocks(rows, array.rows)
    depth_parts = blocks(depth, array.rows) if stationary else [slice(0, depth)]
    total, result = 0, [[0] * len(w_full) for _ in a_full]
    for r, c, d in product(row_parts, blocks(len(w_full), array.columns), depth_parts):
        fold = weight_stationary_fold if stationary else output_stationary_fold
        cycles, part = fold([x[d] for x in a_full[r]], [x[d] for x in w_full[c]])
        total += cycles
        for line, sums in zip(result[r], part, strict=True):
            line[c] = [old + new for old, new in zip(line[c], sums, strict=True)]
    return total, [line[: len(w)] for line in result[: len(a)]]


sizes = st.integers(1, 6)
dataflows = st.sampled_from(DATAFLOWS)


def matrices(rows: int, columns: int) -> st.SearchStrategy[Matrix]:
    line = st.lists(st.integers(-9, 9), min_size=columns, max_size=columns)
    return st.lists(line, min_size=rows, max_size=rows)


@given(st.data(), dataflows, st.integers(1, 4), st.integers(1, 4), sizes, sizes, sizes)
def test_the_stepped_array_computes_the_product_in_as_many_cycles(
    data: st.DataObject, dataflow: Dataflow, high: int, wide: int, m: int, n: int, k: int
) -> None:
    a, w = data.draw(matrices(m, k)), data.draw(matrices(n, k))
    cycles, result = gold(dataflow, SystolicShape(high, wide), a, w)
    assert result == [[sum(x * y for x, y in zip(i, j, strict=True)) for j in w] for i in a]
    assert cycles == systolic_cycles(dataflow, high, wide, m, n, k)


any_size = st.integers(1, 5000)
any_array = st.integers(1, 300)


@given(any_array, any_array, any_size, any_size, any_size)
def test_transposing_product_and_array_changes_nothing(
    high: int, wide: int, m: int, n: int, k: int
) -> None:
    straight = systolic_cycles("output_stationary", high, wide, m, n, k)
    assert straight == systolic_cycles("output_stationary", wide, high, n, m, k)


@given(any_array, any_array, any_size, any_size, any_size)
def test_input_stationary_is_weight_stationary_with_the_operands_swapped(
    high: int, wide: int, m: int, n: int, k: int
) -> None:
    swapped = systolic_cycles("weight_stationary", high, wide, n, m, k)
    assert systolic_cycles("input_stationary", high, wide, m, n, k) == swapped


@given(dataflows, any_array, any_array, any_size, any_size, any_size)
def test_no_array_does_more_than_a_product_in_each_cell_and_cycle(
    dataflow: Dataflow, high: int, wide: int, m: int, n: int, k: int
) -> None:
    cycles = systolic_cycles(dataflow, high, wide, m, n, k)
    assert cycles * high * wide >= m * n * k
    assert systolic_cycles(dataflow, 1, 1, m, n, k) >= m * n * k


def test_one_cell_without_load_is_busy_in_every_cycle() -> None:
    assert systolic_cycles("output_stationary", 1, 1, 7, 5, 3) == 7 * 5 * 3


# Overlapped tiles against ONNXim.

ONNXIM = records("onnxim_cycles.csv")
ARRAY = OverlappedArray(
    size=16, scratchpad_bytes=256 * 1024, accumulator_bytes=128 * 1024, period=NANOSECOND
)


def dram_of(gigabytes_per_second: float) -> SimpleDram:
    period = round(32 * NANOSECOND / gigabytes_per_second)
    return SimpleDram(access_bytes=32, period=period, latency=100 * period)


def shape_of(row: dict[str, str]) -> ProductShape:
    return ProductShape(int(row["rows"]), int(row["columns"]), int(row["depth"]))


def run(row: dict[str, str]) -> OverlappedCycles:
    return overlapped_cycles(shape_of(row), ARRAY, dram_of(float(row["bandwidth_gb_per_s"])))


def test_results_of_every_product_are_ready_within_ten_cycles_of_onnxim() -> None:
    rows = [row for row in ONNXIM if row["moment"] == "computed"]
    assert len(rows) == 5
    for row in rows:
        # Its network and its issue of instructions cost a few cycles more.
        assert 0 <= int(row["cycles"]) - run(row).computed <= 10, row


def test_the_bandwidth_sweep_ends_within_a_quarter_per_cent_of_onnxim() -> None:
    rows = [row for row in ONNXIM if row["moment"] == "written"]
    assert [row["bandwidth_gb_per_s"] for row in rows] == ["32", "16", "8", "4", "1.98", "0.99"]
    for row in rows:
        assert run(row).written == pytest.approx(int(row["cycles"]), rel=0.0025), row


def test_cycles_fall_as_the_bandwidth_rises_from_half_a_gigabyte_to_64() -> None:
    rates = [0.5 * 1.05**step for step in range(101)]
    assert rates[-1] > 64
    runs = [overlapped_cycles(ProductShape(128, 768, 768), ARRAY, dram_of(rate)) for rate in rates]
    for slow, fast in pairwise(runs):
        assert fast.computed <= slow.computed
        assert fast.written <= slow.written
    assert runs[0].written > 9 * runs[-1].written


shapes = st.builds(ProductShape, *[st.integers(1, 60)] * 3)
drams = st.builds(
    SimpleDram,
    access_bytes=st.sampled_from([8, 32, 64]),
    period=st.integers(1, 20 * NANOSECOND),
    latency=st.integers(1, 400_000_000),
)


@st.composite
def arrays(draw: st.DrawFn) -> OverlappedArray:
    size = draw(st.sampled_from([4, 6, 16]))
    accumulator = draw(st.integers(8, 8 * 40)) * size**2
    # The depth of a tile is one array at least beside as many sums as the accumulator may take.
    scratchpad = draw(st.integers(4 * 6, 4 * 40)) * size**2
    return OverlappedArray(size, scratchpad, accumulator, NANOSECOND)


@given(shapes, arrays(), drams, st.integers(0, 20 * NANOSECOND), st.integers(0, 100))
def test_a_slower_dram_is_never_faster(
    shape: ProductShape, array: OverlappedArray, dram: SimpleDram, period: int, latency: int
) -> None:
    fast = overlapped_cycles(shape, array, dram)
    slower = replace(dram, period=dram.period + period, latency=dram.latency + latency)
    slow = overlapped_cycles(shape, array, slower)
    assert fast.computed <= slow.computed
    assert fast.written <= slow.written
    assert fast.accesses == slow.accesses


@given(shapes, arrays(), drams)
def test_neither_array_nor_port_exceeds_its_rate(
    shape: ProductShape, array: OverlappedArray, dram: SimpleDram
) -> None:
    cycles = overlapped_cycles(shape, array, dram)
    once = (shape.rows + shape.columns) * shape.depth + shape.rows * shape.columns
    blocks = [ceil_div(size, array.size) for size in (shape.rows, shape.columns, shape.depth)]
    assert cycles.computed >= blocks[0] * blocks[1] * blocks[2] * array.size
    assert cycles.computed * array.size**2 >= shape.rows * shape.columns * shape.depth
    assert cycles.accesses * dram.access_bytes >= once
    assert cycles.written * array.period >= cycles.accesses * dram.period + dram.latency
    assert cycles.written >= cycles.computed


@given(shapes, arrays())
def test_two_tiles_fit_the_buffers(shape: ProductShape, array: OverlappedArray) -> None:
    tile = tile_extents(shape, array)
    assert 2 * (tile.rows + tile.columns) * tile.depth <= array.scratchpad_bytes
    assert 2 * 4 * tile.rows * tile.columns <= array.accumulator_bytes
    assert all(extent % array.size == 0 for extent in (tile.rows, tile.columns, tile.depth))


@given(st.builds(ProductShape, *[st.integers(1, 128)] * 3))
def test_with_an_instant_memory_only_first_weights_and_last_drain_are_exposed(
    shape: ProductShape,
) -> None:
    instant = SimpleDram(access_bytes=2**20, period=1, latency=1)
    folds = ceil_div(shape.rows, 16) * ceil_div(shape.columns, 16) * ceil_div(shape.depth, 16)
    # 2n - 1 for the weights, 2n - 2 for the drain, the memory's femtoseconds rounded up to one.
    exposed = 31 + 30 + 1
    assert overlapped_cycles(shape, ARRAY, instant).computed == folds * 16 + exposed


def test_every_row_of_a_panel_takes_whole_accesses() -> None:
    cycles = overlapped_cycles(ProductShape(16, 32, 48), ARRAY, dram_of(16))
    operands = (16 + 32) * 2  # 48 B of depth are two accesses of 32 B
    results = 16 * 2  # two panels of 16 B
    assert cycles.accesses == operands + results


def test_operands_that_fit_no_tile_are_read_for_each_tile() -> None:
    assert tile_extents(ProductShape(128, 768, 768), ARRAY) == ProductShape(128, 128, 384)
    cycles = overlapped_cycles(ProductShape(128, 768, 768), ARRAY, dram_of(16))
    activations, weights, results = 6 * 128 * 768 // 32, 768 * 768 // 32, 128 * 768 // 16
    assert cycles.accesses == activations + weights + results


@pytest.mark.parametrize(
    ("rows", "most_blocks", "extent"),
    [
        (272, 8, 80),  # 17 blocks in 3 parts of 90.7 rows
        (528, 2, 32),  # 33 blocks in 17 parts of 31.1 rows, which is 32 whole rows
        (5, 8, 16),
    ],
)
def test_even_tiles_are_rounded_down_to_whole_arrays(
    rows: int, most_blocks: int, extent: int
) -> None:
    array = replace(ARRAY, accumulator_bytes=2 * 4 * (most_blocks * 16) ** 2)
    assert tile_extents(ProductShape(rows, 16, 1), array) == ProductShape(extent, 16, 16)


# What is refused.


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0, 16, 1, 1, 1), r"SystolicShape: rows is 0, expected at least 1; give the size of .*"),
        ((16, 16, 1, -3, 1), r"ProductShape: columns is -3, expected at least 1; .*"),
    ],
)
def test_sizes_below_one_are_refused(sizes: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        systolic_cycles("weight_stationary", *sizes)
    assert re.fullmatch(message, str(caught.value))


def test_an_unknown_dataflow_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        systolic_cycles("row_stationary", 16, 16, 1, 1, 1)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "dataflow is 'row_stationary', expected one of weight_stationary, output_stationary, "
        "input_stationary; choose one of these"
    )


@pytest.mark.parametrize(
    ("buffer", "needed"), [("accumulator_bytes", 8 * 256), ("scratchpad_bytes", 4 * 256 * 8)]
)
def test_a_buffer_too_small_is_named_with_what_it_needs(buffer: str, needed: int) -> None:
    shape = ProductShape(128, 128, 128)
    overlapped_cycles(shape, replace(ARRAY, **{buffer: needed}), dram_of(16))
    with pytest.raises(ConfigError) as caught:
        overlapped_cycles(shape, replace(ARRAY, **{buffer: needed - 1}), dram_of(16))
    assert re.fullmatch(
        rf"OverlappedArray: {buffer} is {needed - 1}, expected at least {needed} for a "
        r"double-buffered tile of one array; enlarge the \w+ or take a smaller array",
        str(caught.value),
    )
