"""Timing of EdgeBERT's units: against its threads, and against its simulated SystemC."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pu_gold
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accelsim.evaluation.single import matmul, run_beside
from accelsim.machine.components.vector_mac_array import loaded_cycles
from accelsim.machine.schema import load_hardware
from accelsim.machine.timing.pe_pipeline import PeTiming, Pipeline
from accelsim.machine.timing.pe_timing import product_cycles, tile_cycles
from accelsim.program import Product, Transfer, Use
from accelsim.units import ceil_div

MACHINE = load_hardware("hwconfigs/edgebert.yaml")
SFU = MACHINE.sfu
# One register more after the start of the product, then the bus is set up.
ARRIVAL = MACHINE.host.register_write_cycles + MACHINE.bus.setup_cycles
INTERVALS = {"softmax": 3, "layer_norm": 3, "entropy": 4}
EMULATED = SFU.model_copy(update={"initiation_intervals": INTERVALS})
SERIAL = PeTiming(16)
SMALL = 24 * 64  # vectors of a product that the threads step through in about 30 ms

schedules: Any = st.sampled_from(["serial", "overlapped"])
powers = st.sampled_from([2, 4, 8, 16, 32])
timings = st.builds(PeTiming, st.one_of(powers, st.integers(1, 40)), schedules, st.booleans())


# The processing unit against its threads.


@given(timings, st.integers(1, 60), st.integers(1, 60))
@settings(max_examples=120)
def test_products_take_the_cycles_of_the_threads(
    timing: PeTiming, outputs: int, depth: int
) -> None:
    size = timing.vector_size
    assume(outputs * depth * size <= SMALL)
    overlapped = timing.tile_schedule == "overlapped"
    gold = pu_gold.product_cycles(
        size, outputs, depth, overlapped=overlapped, shared=timing.shared_port
    )
    assert tile_cycles(timing, outputs, depth) == gold


@pytest.mark.parametrize("shape", [(40, 1), (40, 2), (25, 3), (2, 40), (7, 12)])
@pytest.mark.parametrize("timing", [SERIAL, PeTiming(16, "overlapped"), PeTiming(17), PeTiming(8)])
def test_repeats_are_counted_exactly(timing: PeTiming, shape: tuple[int, int]) -> None:
    assert tile_cycles(timing, *shape) == Pipeline(timing, *shape).run()


def test_a_large_product_is_not_stepped_through(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0
    step = Pipeline.step

    def counted(pipeline: Pipeline) -> None:
        nonlocal steps
        steps += 1
        step(pipeline)

    monkeypatch.setattr(Pipeline, "step", counted)
    timing = PeTiming(16, "serial", shared_port=True)
    cycles = product_cycles(timing, 123, 3072, 768)
    assert steps < cycles / 100
    steps = 0
    product_cycles(timing, 512, 3072, 4096)
    assert steps == 0


@given(timings, *[st.integers(1, 3000)] * 3)
@settings(max_examples=60)
def test_partial_tiles_cost_whole_ones(
    timing: PeTiming, rows: int, columns: int, depth: int
) -> None:
    size = timing.vector_size
    whole = [ceil_div(extent, size) * size for extent in (rows, columns, depth)]
    assert product_cycles(timing, rows, columns, depth) == product_cycles(timing, *whole)


@given(powers, st.integers(1, 2000), st.integers(1, 300))
@settings(max_examples=60)
def test_ports_of_their_own_hide_the_flush(size: int, outputs: int, depth: int) -> None:
    overlapped = PeTiming(size, "overlapped", shared_port=False)
    # Before the first tile: 17 cycles of reading and n of receiving; after the last: n sums and 2.
    assert tile_cycles(overlapped, outputs, depth) == outputs * depth * size + 2 * size + 19


def exposed(size: int, depth: int) -> int:
    """Return by how much an output tile takes longer than its tiles, in the steady state."""
    timing = PeTiming(size)
    longer = tile_cycles(timing, 301, depth) - tile_cycles(timing, 300, depth)
    return longer - depth * timing.tile_cycles


# Measured: 8, 0 and 40 for vector sizes 16, 8 and 32; 10 at size 16 when the reduction is a tile.
@pytest.mark.parametrize(
    ("size", "depth", "cycles"),
    [
        (8, 4, 0),
        (16, 2, 8),
        (16, 4, 8),
        (16, 200, 8),
        (32, 4, 40),
        (16, 1, 10),
        (2, 4, 0),
        (4, 9, 0),
    ],
)
def test_the_exposed_flush_is_the_measured_one(size: int, depth: int, cycles: int) -> None:
    assert exposed(size, depth) == cycles


@given(st.integers(1, 40), st.integers(1, 30))
@settings(max_examples=40)
def test_a_lone_output_tile_pays_its_whole_flush_and_the_fill(size: int, depth: int) -> None:
    assert tile_cycles(PeTiming(size), 1, depth) == depth * (2 * size + 1) + size + 18


@given(powers, st.integers(1, 12), st.integers(1, 6), st.integers(0, 400))
@settings(max_examples=30)
def test_a_load_and_a_product_slow_each_other_as_the_threads_do(
    size: int, outputs: int, depth: int, words: int
) -> None:
    assume(outputs * depth * size <= SMALL // 2)
    timing, loads = PeTiming(size), (0, words)
    shape = (size, outputs, depth)
    product = Pipeline(timing, outputs, depth, loads).run()
    assert product == pu_gold.product_cycles(*shape, load_words=words)
    # Not tile_cycles: a load can shift the threads so that fewer of their turns collide, as in the
    # gold model (8 outputs of 16: 363 cycles alone, 320 beside 32 words). The multiplications stay.
    assert product >= outputs * depth * size
    if words:
        loaded = Pipeline(timing, outputs, depth, loads).run_loads()
        assert loaded == pu_gold.product_cycles(*shape, load_words=words, until_loaded=True)
        assert loaded >= words


# The special functions against their threads.


@given(
    st.sampled_from(sorted(pu_gold.STATES)), st.integers(1, 6), st.integers(1, 6), st.integers(1, 5)
)
@settings(max_examples=80)
def test_special_functions_take_the_cycles_of_the_threads(
    function: str, rows: int, vectors: int, interval: int
) -> None:
    changes = {"setup_cycles": 100, "initiation_intervals": {function: interval}}
    unit = SFU.model_copy(update=changes)
    start = 100
    if function == "entropy":
        start += -1 if interval == 1 else 2  # a measured phase, not a property of the machine
    gold = pu_gold.function_cycles(function, rows, vectors, interval)
    assert unit.command_cycles(function, rows, vectors) == gold + start


@pytest.mark.parametrize("function", ["softmax", "layer_norm"])
def test_rows_of_one_vector_wait_a_cycle_for_the_result_of_the_row_before(function: str) -> None:
    one, two = (SFU.command_cycles(function, rows, 1) for rows in (1, 2))
    per_row = SFU.command_cycles(function, 1, 1) - SFU.setup_cycles
    assert two - one == per_row + 1
    one, two = (SFU.command_cycles(function, rows, 2) for rows in (1, 2))
    assert two - one == SFU.command_cycles(function, 1, 2) - SFU.setup_cycles


# Everything against the simulated SystemC.

REFERENCE = Path(__file__).parents[1] / "reference" / "edgebert_cycles.csv"
Row = dict[str, str]


def reference_rows() -> list[Row]:
    with REFERENCE.open(encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


# A defect; what no program asks of the host.
NOT_MODELLED = ("HANGS", "config register read", "interrupt high time")


def no_claim(row: Row) -> bool:
    """Rows derived from others, what is not modelled, and a datapath that nothing uses."""
    derived = row["how_obtained"].startswith("derived")
    unknown = any(text in row["op"] for text in NOT_MODELLED)
    return derived or unknown or row["module"] == "Datapath"


def product_row(row: Row) -> int:
    shape = (int(row["N1"]), int(row["N0"]), int(row["M"]))
    size = int(row["n"])
    host = MACHINE.pe_array.command_cycles if row["module"].startswith("TopAccel") else 0
    if "concurrent" in row["op"]:
        return loaded_cycles(MACHINE.pe_array, Product(*shape), (0, 256 * size // 8), ARRIVAL)[0]
    return product_cycles(PeTiming(size), *shape) + host


def function_row(row: Row) -> int:
    function = {"layernorm": "layer_norm", "element add": "add"}.get(
        row["op"].split(" (")[0], row["op"].split(" (")[0]
    )
    emulated = "emulated" in row["op"]
    unit = EMULATED if emulated else SFU
    cycles = unit.command_cycles(function, int(row["num_timestep"]), int(row["num_vector"]))
    return cycles - (SFU.setup_cycles if row["scope"].startswith("FSM") else 0)


def transfer_row(row: Row) -> int:
    size, vectors = int(row["n"]), int(row["vectors"])
    kind = row["op"].split(" (")[0]
    moved = Transfer(0, 1, vectors) if kind.startswith("mask") else Transfer(vectors * size)
    action = "store" if kind.endswith("write-back") else "transfer"
    return MACHINE.bus.cycles(Use("bus", action, moved), replace(MACHINE.site, lanes=size))


OTHER_ROWS = {
    "one n x n x n tile, steady state": SERIAL.tile_cycles,
    "dvfs table lookup": SFU.command_cycles("dvfs_lookup", 1, 1),
    "one 32-bit config register write": MACHINE.host.register_write_cycles,
}


def modelled(row: Row) -> int:
    if row["op"] in OTHER_ROWS:
        return OTHER_ROWS[row["op"]]
    if row["op"].startswith("matmul"):
        return product_row(row)
    return transfer_row(row) if row["vectors"] else function_row(row)


def allowed(row: Row) -> float:
    """Relative deviation: half a per cent for products of two tiles' depth and more."""
    return 0.005 if row["op"].startswith("matmul") and int(row["M"]) >= 32 else 0.02


def name(row: Row) -> str:
    columns = ("module", "op", "N0", "N1", "M", "num_vector", "num_timestep", "vectors", "scope")
    return " ".join(f"{column}={row[column]}" for column in columns if row[column])


@pytest.mark.parametrize("row", [r for r in reference_rows() if not no_claim(r)], ids=name)
def test_the_model_meets_the_simulated_systemc(row: Row) -> None:
    measured, cycles = int(row["cycles"]), modelled(row)
    assert abs(cycles - measured) <= allowed(row) * measured, (
        f"{name(row)}: {cycles} cycles instead of {measured}"
    )


@pytest.mark.parametrize(
    ("kind", "product", "load"), [("data", 2343, 1177), ("mask", 2274, 558)], ids=str
)
def test_a_load_beside_a_product_takes_the_measured_cycles(
    kind: str, product: int, load: int
) -> None:
    """Both within the 4 cycles by which the host's polling blurs the measurement."""
    asked = matmul(MACHINE, 64, 64, 64)
    (told,) = run_beside(MACHINE, asked, kind, 256).notes[-1:]
    found = [int(number) for number in re.findall(r"\b[0-9]+\b", told)]
    assert len(found) == 2
    assert all(abs(a - b) <= 4 for a, b in zip(found, (product, load), strict=True))


def test_few_rows_are_left_out() -> None:
    rows = reference_rows()
    assert len([row for row in rows if no_claim(row)]) == 10
    assert len(rows) == 84


def test_products_are_met_to_the_cycle_in_which_the_controller_looks() -> None:
    rows = [row for row in reference_rows() if row["op"].startswith("matmul") and not no_claim(row)]
    rows = [row for row in rows if "concurrent" not in row["op"]]
    late = {product_row(row) - int(row["cycles"]) for row in rows}
    assert late == {0, 1}


# Formulas that were derived from the measurements, for ALBERT-base at 128 tokens.

BLOCKS_OF_TOKENS = (80, 48)


def commands(calls: int, rows: int, columns: int, depth: int) -> int:
    return calls * (product_cycles(SERIAL, rows, columns, depth) + MACHINE.pe_array.command_cycles)


def layer_products() -> int:
    """Cycles of the products of an encoder layer, cut to fit the buffers of the code."""
    projections = sum(commands(4 * 12, rows, 64, 768) for rows in BLOCKS_OF_TOKENS)
    first = sum(commands(48, rows, 64, 768) for rows in BLOCKS_OF_TOKENS)
    attention = commands(12, 128, 128, 64) + commands(12, 128, 64, 128)
    return projections + first + attention + commands(8 * 48, 16, 16, 3072)


def layer_functions() -> int:
    """Cycles of softmax, two layer norms and two additions, the latter in two commands each."""
    rows = [SFU.command_cycles(function, 64, 48) for function in ("layer_norm", "add")]
    return 12 * SFU.command_cycles("softmax", 128, 8) + 4 * sum(rows)


DERIVED = {
    "ALBERT-base FFN2, S=128": commands(1, 128, 768, 3072),
    "ALBERT-base softmax, 12 heads, S=128": 12 * SFU.command_cycles("softmax", 128, 8),
    "ALBERT-base layernorm, one, S=128 H=768": SFU.command_cycles("layer_norm", 128, 48),
    "ALBERT-base residual add, one, S=128 H=768": SFU.command_cycles("add", 128, 48),
    "ALBERT-base encoder layer, PU only, driver tiling": layer_products(),
    "ALBERT-base encoder layer, SFU only": layer_functions(),
}


@pytest.mark.parametrize("op", DERIVED)
def test_derived_formulas_hold(op: str) -> None:
    cycles = next(int(row["cycles"]) for row in reference_rows() if row["op"] == op)
    # A cycle a command: when the controller looks for the start.
    assert DERIVED[op] == pytest.approx(cycles, rel=1e-4)
