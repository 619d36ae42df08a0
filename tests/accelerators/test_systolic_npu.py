"""The systolic machine: its compiled programs against ONNXim, laws, and what bounds it."""

from __future__ import annotations

import sys
from collections import Counter
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.evaluation import single
from accelsim.evaluation.design import compile_design
from accelsim.evaluation.stages import run_workload
from accelsim.evaluation.streamed import Streaming, streamed_matmul
from accelsim.machine.schema import load_hardware
from accelsim.machine.servers import Machine
from accelsim.program import Product, ProgramKind
from accelsim.units import to_seconds
from accelsim.workload.schema import load_workload

sys.path.insert(0, str(Path(__file__).parents[1] / "machine"))

from onnxim_gold import OverlappedArray, ProductShape, SimpleDram, overlapped_cycles
from test_systolic import records

WORKLOAD = "workloads/mti_systolic_npu.yaml"
ONNXIM = records("onnxim_cycles.csv")
STREAMED = load_hardware("hwconfigs/systolic_npu_onnxim.yaml")


def size(side: int) -> tuple[str, str]:
    return (f"hardware.pe_array.rows={side}", f"hardware.pe_array.columns={side}")


# Products that stream from DRAM.


def streamed(asked: Product, bandwidth: float) -> single.OperatorResult:
    """Compile a product as a graph of its own and run it on the machine of ONNXim."""
    return streamed_matmul(STREAMED, asked, Streaming(bandwidth, 3200 / bandwidth))


@pytest.mark.parametrize(
    "row", ONNXIM, ids=lambda row: f"{row['name']}-{row['bandwidth_gb_per_s']}"
)
def test_compiled_products_take_the_cycles_of_onnxim(row: dict[str, str]) -> None:
    asked = Product(int(row["rows"]), int(row["columns"]), int(row["depth"]))
    found = streamed(asked, 1e9 * float(row["bandwidth_gb_per_s"]))
    ours = found.cycles if row["moment"] == "computed" else found.written_cycles
    assert ours == pytest.approx(int(row["cycles"]), rel=0.0025)


sides = st.integers(1, 400)


# The one byte of a result of 1 x 1 stays on the chip.
@given(sides, st.integers(2, 400), sides, st.sampled_from([1, 2, 4, 8, 16, 32]))
@settings(max_examples=60)
def test_compiled_products_equal_onnxims_schedule_as_a_closed_form(
    rows: int, columns: int, depth: int, gigabytes: int
) -> None:
    found = streamed(Product(rows, columns, depth), gigabytes * 1e9)
    period = round(32e6 / gigabytes)
    dram = SimpleDram(access_bytes=32, period=period, latency=100 * period)
    array = OverlappedArray(16, 256 * 1024, 128 * 1024, 10**6)
    gold = overlapped_cycles(ProductShape(rows, columns, depth), array, dram)
    assert (found.cycles, found.written_cycles) == (gold.computed, gold.written)


# ALBERT-base.


@lru_cache
def inference(*settings: str) -> tuple[float, dict[str, float]]:
    """Return the seconds of an inference of the adapter case, and the busy share of each port."""
    case = run_workload(load_workload(WORKLOAD, ("requests.rounds=1", *settings)))["adapter"]
    total = case.run.total(ProgramKind.INFER)
    return to_seconds(total.ticks) / total.count, {
        port: busy / total.ticks for port, busy in total.busy.items()
    }


WIDE = (
    "hardware.memories.activation_sram.word=512 b",
    "hardware.scratchpad.write_width=1024 b",
    "hardware.bus.width=512 b",
    "hardware.vector_unit.width=64",
    "hardware.memories.rram.banks=4",
)


def test_a_small_array_is_busy_nearly_always() -> None:
    seconds, busy = inference(*size(16))
    assert busy["pe_array"] > 0.97
    assert max(busy, key=busy.__getitem__) == "pe_array"
    assert seconds == pytest.approx(45.4e-3, rel=0.01)


def test_a_large_array_is_four_times_faster_until_activations_bound_it() -> None:
    small, (large, busy) = inference(*size(16))[0], inference(*size(64))
    assert 4 < small / large < 4.5
    assert busy["activation_sram"] > 0.98
    assert busy["pe_array"] < 0.3


def test_wide_memories_feed_a_large_array() -> None:
    small, (large, busy) = inference(*size(16), *WIDE)[0], inference(*size(64), *WIDE)
    assert small / large > 12
    assert busy["pe_array"] > 0.7


def test_panels_are_as_wide_as_the_array() -> None:
    for side in (16, 64):
        workload = load_workload(WORKLOAD, size(side))
        design = compile_design(workload.config, workload.cases["adapter"])
        products = Counter(
            use.demand
            for segment in design.inference("MNLI").program.segments
            for task in segment.tasks
            for use in task.uses
            if use.action == "mac" and task.operator == "encoder.output"
        )
        widths = {product.columns for product in products}
        assert widths == {side}
        assert {product.rows for product in products} == {side, 128}


# Laws.


TOKENS = 32


@lru_cache
def bound(*settings: str) -> int:
    """Return the work of the busiest port: no order of tasks makes an inference shorter."""
    small = (f"sequence_length={TOKENS}", "tasks=[MNLI]")
    workload = load_workload(WORKLOAD, (*small, *settings))
    case = workload.cases["adapter"]
    made = compile_design(workload.config, case).inference("MNLI")
    machine, work = Machine(case.hardware), Counter[str]()
    for segment, times in Counter(made.program.segments).items():
        for use in (use for task in segment.tasks for use in task.uses):
            assert use.block != "dram"
            port = machine.port(use.block, use.action)
            work[port.name] += times * port.occupancy(use, 0)
    return max(work.values())


def grown(key: str, unit: str, *sizes: int) -> list[tuple[str, ...]]:
    return [(f"hardware.{key}={size}{unit}",) for size in sizes]


GROWING = {
    "array": [size(side) for side in (16, 32, 64, 128)],
    # An array taller than the rows that stream computes on padding.
    "rows": grown("pe_array.rows", "", 8, 16, TOKENS),
    "columns": grown("pe_array.columns", "", 8, 16, 32, 64, 128),
    "scratchpad": grown("scratchpad.capacity", " KiB", 64, 128, 256, 512),
    "accumulator": grown("accumulator.capacity", " KiB", 32, 64, 128, 256),
    "bus": grown("bus.width", " b", 16, 64, 128, 512),
    "activations": grown("memories.activation_sram.word", " b", 64, 128, 256, 512),
    "vector_unit": grown("vector_unit.width", "", 4, 16, 64),
}
MACHINES = {
    "16": (),
    # Halves of 32 KiB of the other target answer in two cycles.
    "64": (*size(64), "hardware.scratchpad.target=ReadLatency"),
    "output_stationary": ("hardware.pe_array.dataflow=output_stationary",),
}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("what", GROWING)
def test_more_hardware_is_never_more_work_for_the_busiest_port(what: str, machine: str) -> None:
    works = [bound(*MACHINES[machine], *more) for more in GROWING[what]]
    assert works == sorted(works, reverse=True)


@pytest.mark.parametrize("dataflow", ["output_stationary", "input_stationary"])
@pytest.mark.parametrize("side", [16, 64])
def test_dataflows_do_the_same_macs_in_about_the_same_time(dataflow: str, side: int) -> None:
    other, _ = inference(*size(side), f"hardware.pe_array.dataflow={dataflow}")
    assert other == pytest.approx(inference(*size(side))[0], rel=0.01)


def test_serial_folds_take_longer() -> None:
    serial, _ = inference("hardware.pe_array.fold_schedule=serial")
    # 16 + 128 + 30 cycles a fold instead of 128, and more for narrow ones.
    assert 174 / 128 < serial / inference(*size(16))[0] < 1.7


# What is refused, with one message.


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("hardware.pe_array.rows=0", r".*pe_array\.rows: input should be greater than 0, got 0"),
        (
            "hardware.pe_array.dataflow=row_stationary",
            r".*expected 'weight_stationary', 'output_stationary' or 'input_stationary', got .*",
        ),
        (
            "hardware.scratchpad=null",
            r".*: scratchpad: systolic_npu needs a component "
            r"'scratchpad' of kind scratchpad, the machine has none; write 'scratchpad: \{kind: "
            r"scratchpad, \.\.\.\}'",
        ),
        (
            "hardware.scratchpad.capacity=1023 B",
            r".*/systolic_npu\.yaml:\d+ with --set hardware\.scratchpad\.capacity=1023 B: "
            r"scratchpad: 1023 B hold no double-buffered tile of a "
            r"16 x 16 array, expected at least 1024 B; enlarge scratchpad\.capacity or take a "
            r"smaller array",
        ),
        (
            "hardware.accumulator.capacity=2047 B",
            r".*/systolic_npu\.yaml:\d+ with --set .*: accumulator: 2047 B hold no .* at least "
            r"2048 B; .*",
        ),
        (
            "hardware.overlap.double_buffering=false",
            r"--set .*: overlap\.double_buffering: this is false, but systolic_npu loads, computes "
            r"and writes back side by side; set it to true",
        ),
        (
            "hardware.accelerator=edgebert",
            r"\S*_vanilla\.yaml:\d+ with --set hardware\.accelerator=edgebert: pe_array: "
            r"edgebert needs a component 'pe_array' of kind vector_mac_array, "
            r"the machine has one of kind systolic_array; (.*\s)*"
            r".*: auxiliary_memory: edgebert needs a component .*",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{message}$"):
        run_workload(load_workload(WORKLOAD, (setting,)))


def test_two_arrays_that_are_alike_are_equal_whatever_was_worked_out_of_them() -> None:
    one, other = (load_hardware("hwconfigs/systolic_npu.yaml") for _ in range(2))
    for machine in (one, other):
        assert machine.nominal_timing  # which holds the array itself
    assert one.pe_array is not other.pe_array
    assert one.pe_array == other.pe_array
    assert one.pe_array != one.pe_array.model_copy(update={"rows": 3})
