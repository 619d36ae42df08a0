"""What single commands of EdgeBERT's unit read from its buffers, in closed form."""

from __future__ import annotations

from math import ceil

import pytest

from accelsim.evaluation.single import matmul, run_alone, special_function
from accelsim.machine.schema import load_hardware
from accelsim.machine.timing.sfu_timing import routine_of

MACHINE = load_hardware("hwconfigs/edgebert_overlapped.yaml")


@pytest.mark.parametrize("density", [0.25, 1.0])
@pytest.mark.parametrize(("rows", "columns", "depth"), [(32, 16, 64), (16, 48, 32), (64, 32, 16)])
def test_a_product_reads_operands_and_masks_once_for_each_tile_across(
    rows: int, columns: int, depth: int, density: float
) -> None:
    asked = matmul(MACHINE, rows, columns, depth, density=density, activation_density=density)
    amounts = run_alone(MACHINE, asked).amounts
    # Weights are read for each tile of rows, activations for each tile of columns.
    for buffer, elements, times in (
        ("weight_buffer", columns * depth, rows // 16),
        ("activation_buffer", rows * depth, columns // 16),
    ):
        # A vector's values are at least the table's word of 8 bytes, and so is its mask.
        vectors = elements // 16
        values = max(ceil(density * elements), 8 * vectors)
        assert amounts[buffer, "read"] == times * (values + 8 * vectors)
    assert amounts["codec", "decode"] == rows * columns * depth * 2 // 16 // 16
    assert amounts["activation_buffer", "write"] == rows * columns


@pytest.mark.parametrize("function", ["softmax", "layer_norm", "gelu", "add"])
@pytest.mark.parametrize(("rows", "columns"), [(3, 32), (8, 64)])
def test_a_function_reads_its_operands_in_each_of_its_passes(
    function: str, rows: int, columns: int
) -> None:
    amounts = run_alone(MACHINE, special_function(MACHINE, function, rows, columns)).amounts
    routine = routine_of(function)
    read = sum(routine.reads) * rows * columns
    assert amounts["activation_buffer", "read"] == read
    assert amounts["auxiliary_memory", "read"] == routine.auxiliary_reads * rows * columns
    assert amounts["activation_buffer", "write"] == rows * columns
