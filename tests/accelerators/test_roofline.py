"""Nothing is faster than compute or any memory allows, and each bound is reached."""

from __future__ import annotations

from collections import defaultdict

import pytest
from compiled_encoder import CASES, SMALL_MODEL, compiled, run_segments

from accelsim.accelerators import find_accelerator
from accelsim.evaluation.single import run_alone
from accelsim.machine.schema import HardwareConfig, load_hardware
from accelsim.mapping.cache import SegmentCache
from accelsim.memory.storage import StorageConfig
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import GATHER, MATMUL, Operator
from accelsim.model.tensors import Parameter, Role
from accelsim.placement.placement import place
from accelsim.program import Segment, Transfer
from accelsim.units import ceil_div, period_of


@pytest.mark.parametrize("case", CASES)
def test_no_span_is_faster_than_its_block_allows(case: str) -> None:
    made = compiled(case, SMALL_MODEL, 32)
    hardware = made.hardware
    period = period_of(hardware.clock.frequency)
    macs_a_cycle = hardware.pe_array.vector_size**2
    bus_bytes = hardware.bus.width // 8
    checked: dict[str, int] = defaultdict(int)
    for record in run_segments(made, trace=True):
        for span in record.spans:
            use = record.segment.tasks[span.task].uses[span.use]
            cycles = (span.end - span.start) / period
            checked[use.block] += 1
            if use.block == "pe_array":
                assert cycles * macs_a_cycle >= use.amount
            elif use.block == "bus":
                moved = span.share(use.expect(Transfer).data_bytes)
                assert cycles * bus_bytes >= moved
            elif use.block in hardware.memories:
                assert cycles >= span.share(use.amount)
    assert checked["pe_array"] > 0
    assert checked["bus"] > 0


def one_product(hardware: HardwareConfig, rows: int, columns: int, depth: int) -> Segment:
    """Return the segment of a look-up of rows and one product with dense weights."""
    table = Parameter("table", (rows, depth), Role.EMBEDDING)
    weight = Parameter("weight", (columns, depth), Role.BACKBONE)
    look_up = Operator("look.up", GATHER, rows, depth, 1, parameters=(table,))
    matmul = Operator("product", MATMUL, rows, columns, depth, parameters=(weight,))
    graph = LayerGraph([look_up, matmul], [("look.up", "product")], sequence_length=rows)
    dense = {"format": "dense", "bits": 8}
    storage = StorageConfig.model_validate({r: dense for r in ("embedding", "backbone", "task")})
    placement, edgebert = place(graph, storage, hardware), find_accelerator("edgebert")
    made = edgebert.compile(graph, placement, hardware, 0, SegmentCache())
    [segment] = made.program.segments
    return segment


MACHINE = (
    "memories.activation_sram.capacity=1 MiB",
    "weight_buffer.data=512 KiB",
    "weight_buffer.masks=64 KiB",
    "activation_buffer.data=512 KiB",
    "activation_buffer.masks=64 KiB",
)


def ends(hardware: HardwareConfig, rows: int, columns: int, depth: int) -> int:
    """Return the cycles before and after a product of all rows at a time.

    The look-up over the bus, its move into the operand buffer, the first panel's load (as much of
    the weights as half the buffer holds), and the results on their way to the host.
    """
    beat = hardware.bus.width // 8
    panel = min(columns * depth, hardware.weight_buffer.data // 2)
    loads = ceil_div(rows * depth, beat) + ceil_div(panel, beat)
    gaps = 5 * ceil_div(loads, hardware.bus.burst_beats)
    word = hardware.memories["activation_sram"].word // 8
    return loads + gaps + ceil_div(rows * depth, word) + ceil_div(rows * columns, word)


@pytest.mark.parametrize("size", [2, 4, 8, 16])
def test_a_compute_bound_product_takes_its_macs(size: int) -> None:
    hardware = load_hardware(
        "hwconfigs/edgebert_overlapped.yaml", (*MACHINE, f"pe_array.vector_size={size}")
    )
    shape = (256, 2048, 768)
    cycles = run_alone(hardware, one_product(hardware, *shape)).cycles
    macs = 256 * 2048 * 768 // size**2
    # Rows that are looked up while others are multiplied leave less of the ends.
    assert macs <= cycles <= 1.01 * (macs + ends(hardware, *shape))


@pytest.mark.parametrize("size", [16, 32])
@pytest.mark.parametrize("width", [8, 16])
def test_a_bandwidth_bound_product_takes_its_bytes(size: int, width: int) -> None:
    hardware = load_hardware(
        "hwconfigs/edgebert_overlapped.yaml",
        (*MACHINE, f"pe_array.vector_size={size}", f"bus.width={width} b"),
    )
    cycles = run_alone(hardware, one_product(hardware, size, 4096, 768)).cycles
    beats = (4096 + size) * 768 * 8 // width
    loads = beats + 5 * ceil_div(beats, 256)
    # Nothing hides the product of the last of some even panels, each at most half the buffer.
    last = hardware.weight_buffer.data // 2 // size
    assert beats <= cycles
    assert cycles == pytest.approx(loads + last, rel=0.01)
