"""Systolic arrays: equal to SCALE-Sim and to a cycle-stepped grid; tiles fit their buffers."""

from __future__ import annotations

import csv
from itertools import product
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.machine.schema import load_hardware
from accelsim.machine.servers import Machine
from accelsim.machine.timing.systolic import Dataflow, SystolicTiming, tile_extents
from accelsim.program import Product, Use
from accelsim.units import ceil_div

REFERENCE = Path(__file__).parents[1] / "reference"
DATAFLOWS: tuple[Dataflow, ...] = ("weight_stationary", "output_stationary", "input_stationary")

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


def machine(dataflow: str, rows: object, columns: object, *others: str) -> Machine:
    shape = (
        f"pe_array.dataflow={dataflow}",
        f"pe_array.rows={rows}",
        f"pe_array.columns={columns}",
    )
    return Machine(load_hardware("hwconfigs/systolic_npu.yaml", (*shape, *others)))


def occupied(on: Machine, rows: int, columns: int, depth: int) -> int:
    use = Use("pe_array", "mac", Product(rows, columns, depth))
    return on.port("pe_array", "mac").occupancy(use, 0) // on.period


def test_every_cycle_count_of_scalesim_is_equal() -> None:
    machines: dict[tuple[str, ...], Machine] = {}
    for row in SCALESIM:
        array = (row["dataflow"], row["array_rows"], row["array_columns"])
        if array not in machines:
            machines[array] = machine(*array)
        sizes = [int(row[size]) for size in SIZES[2:]]
        assert occupied(machines[array], *sizes) == int(row["total_cycles"]), row
    assert len(SCALESIM) == 180


def systolic_cycles(
    dataflow: Dataflow, array_rows: int, array_columns: int, rows: int, columns: int, depth: int
) -> int:
    """Return the cycles of serial folds: SCALE-Sim counts them from zero."""
    timing = SystolicTiming(dataflow, array_rows, array_columns, overlapped=False)
    return timing.cycles(Product(rows, columns, depth)) + 1


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


def gold(dataflow: Dataflow, array: SystolicTiming, a: Matrix, w: Matrix) -> tuple[int, Matrix]:
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
    cycles, result = gold(dataflow, SystolicTiming(dataflow, high, wide, False), a, w)
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


@given(any_array, any_array, any_size, any_size, any_size)
def test_cycles_are_those_of_the_closed_form(high: int, wide: int, m: int, n: int, k: int) -> None:
    """Down, across and streamed, by dataflow: SCALE-Sim's closed form, written out."""
    assigned = {
        "weight_stationary": (k, n, m, high),
        "output_stationary": (m, n, k, 0),
        "input_stationary": (k, m, n, high),
    }
    for dataflow in DATAFLOWS:
        down, across, streamed, load = assigned[dataflow]
        folds = -(-down // high) * -(-across // wide)
        expected = folds * (load + streamed + high + wide - 2) - 1
        array = SystolicTiming(dataflow, high, wide, overlapped=False)
        assert array.cycles(Product(m, n, k)) == expected


# Overlapped folds.


@given(dataflows, any_array, any_array, any_size, any_size, any_size)
def test_overlap_never_takes_longer_and_never_exceeds_the_rate(
    dataflow: Dataflow, high: int, wide: int, m: int, n: int, k: int
) -> None:
    array, product = SystolicTiming(dataflow, high, wide, overlapped=True), Product(m, n, k)
    cycles = array.cycles(product)
    assert cycles * high * wide >= m * n * k
    whole = array.fill + cycles + array.drain
    streamed = {"weight_stationary": m, "output_stationary": k, "input_stationary": n}[dataflow]
    if streamed % high == 0:
        # R - 1 cycles down the array are exposed once, which SCALE-Sim leaves out.
        assert whole <= systolic_cycles(dataflow, high, wide, m, n, k) + high - 1


@given(dataflows, st.integers(1, 8), st.integers(1, 8), *[st.integers(1, 40)] * 3)
def test_whole_blocks_split_without_loss(
    dataflow: Dataflow, high: int, wide: int, m: int, n: int, k: int
) -> None:
    array = SystolicTiming(dataflow, high, wide, overlapped=True)
    rows, columns, depth = array.block
    whole = array.cycles(Product(m * rows, n * columns, k * depth))
    assert whole == m * n * k * array.cycles(Product(rows, columns, depth))


def test_products_on_an_idle_array_wait_for_the_fill_and_follow_one_another() -> None:
    on = machine("weight_stationary", 16, 16, "pe_array.fold_schedule=overlapped")
    array, tick = on.port("pe_array", "mac"), on.period
    use = Use("pe_array", "mac", Product(16, 16, 64))
    # 31 cycles of fill, 4 folds of 16, 30 of drain; the second waits for nothing but the first.
    assert array.book(use, 0) == (31 * tick, (31 + 64 + 30) * tick)
    assert array.book(use, 0) == (95 * tick, (95 + 64 + 30) * tick)
    assert array.free_at == 159 * tick
    assert (array.busy, array.idle) == (128 * tick, 31 * tick)


# Tiles.

ARRAY = SystolicTiming("weight_stationary", 16, 16, overlapped=True)
KIB = 1024


# Wider than high: columns, not rows, leave the least room for depth.
@example("input_stationary", 19, 30, 72, 36, 48, 13)
@given(dataflows, *[st.integers(1, 32)] * 2, *[st.integers(1, 300)] * 3, st.integers(4, 2000))
def test_two_tiles_fit_the_buffers(
    dataflow: Dataflow, high: int, wide: int, m: int, n: int, k: int, room: int
) -> None:
    array = SystolicTiming(dataflow, high, wide, overlapped=True)
    rows, columns, depth = array.block
    scratchpad, accumulator = room * depth * max(rows, columns), 2 * room * rows * columns
    tile = tile_extents(array, scratchpad, accumulator, Product(m, n, k))
    assert 2 * (tile.rows + tile.columns) * tile.depth <= scratchpad
    assert 2 * 4 * tile.rows * tile.columns <= accumulator
    assert (tile.rows % rows, tile.columns % columns, tile.depth % depth) == (0, 0, 0)


@given(dataflows, st.booleans(), st.integers(1, 40), *[st.integers(1, 40)] * 3)
def test_groups_take_what_each_takes_and_tiles_hold_whole_ones(
    dataflow: Dataflow, overlapped: bool, groups: int, m: int, n: int, k: int
) -> None:
    array = SystolicTiming(dataflow, 16, 16, overlapped)
    one, all_of_them = Product(m, n, k), Product(m, n, k, groups)
    for count in (array.cycles, array.slots):
        assert count(all_of_them) == groups * count(one)
    tile = tile_extents(array, 256 * KIB, 128 * KIB, all_of_them)
    assert tile.groups <= groups
    if tile.groups > 1:
        assert (tile.columns, tile.depth) == (n, k)
        assert 4 * tile.groups * k * max(tile.rows, n) <= 256 * KIB
        assert 2 * 4 * tile.rows * tile.groups * tile.columns <= 128 * KIB


def test_tiles_are_gemminis() -> None:
    tile = tile_extents(ARRAY, 256 * KIB, 128 * KIB, Product(128, 768, 768))
    assert tile == Product(128, 128, 384)


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
    accumulator = 2 * 4 * (most_blocks * 16) ** 2
    tile = tile_extents(ARRAY, 256 * KIB, accumulator, Product(rows, 16, 1))
    assert tile == Product(extent, 16, 16)


@pytest.mark.parametrize(("buffer", "needed"), [("accumulator", 8 * 256), ("scratchpad", 4 * 256)])
def test_a_buffer_too_small_is_named_with_what_it_needs(buffer: str, needed: int) -> None:
    sizes = {"scratchpad": 256 * KIB, "accumulator": 128 * KIB}
    tile_extents(ARRAY, **sizes | {buffer: needed}, product=Product(128, 128, 128))
    with pytest.raises(ConfigError) as caught:
        tile_extents(ARRAY, **sizes | {buffer: needed - 1}, product=Product(128, 128, 128))
    assert str(caught.value) == (
        f"{buffer}: {needed - 1} B hold no double-buffered tile of a 16 x 16 array, expected at "
        f"least {needed} B; enlarge {buffer}.capacity or take a smaller array"
    )


@pytest.mark.parametrize(("rows", "columns"), [(8, 32), (32, 8)])
def test_a_vector_is_as_long_as_the_longer_edge(rows: int, columns: int) -> None:
    sides = (f"pe_array.rows={rows}", f"pe_array.columns={columns}")
    assert load_hardware("hwconfigs/systolic_npu.yaml", sides).datapath.lanes == 32
