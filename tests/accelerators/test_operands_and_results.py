"""Every accelerator reads all weights from their place, and writes each result once."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from compiled_encoder import SMALL_MODEL, amounts_of, compiled
from small_workload import MAIN

from accelsim.program import Range
from accelsim.units import ceil_div

NPU = "workloads/mti_systolic_npu.yaml"


@pytest.mark.parametrize("tokens", [16, 48])
@pytest.mark.parametrize(
    ("workload", "case"),
    [(NPU, "vanilla"), (NPU, "adapter"), (MAIN, "vanilla_mixed"), (MAIN, "adapter_mixed")],
)
def test_every_element_of_a_result_is_written_once(workload: str, case: str, tokens: int) -> None:
    of = compiled(case, SMALL_MODEL, tokens, workload=workload)
    amounts, vector = amounts_of(of.segments), of.hardware.memories["activation_sram"].word // 8
    expected: Counter[str] = Counter()
    for each in of.graph.operators:
        # EdgeBERT's unit adds two operands at a time and keeps the sum between.
        adds = len(of.graph.predecessors(each)) - 1 if each.kind.name == "add" else 1
        times = adds if workload == MAIN else 1
        expected[each.label] += times * each.batch * ceil_div(each.rows * each.columns, vector)
    written = {key[2]: n for key, n in amounts.items() if key[:2] == ("activation_sram", "write")}
    assert {label: written[label] for label in expected} == dict(expected)
    # Three embeddings; of two turns the sum of the first is read again in the second.
    [add] = [each for each in of.graph.operators if each.label == "embedding.add"]
    operands = 3 + (workload == MAIN)
    words = operands * tokens * add.columns // vector
    assert amounts["activation_sram", "read", "embedding.add"] == words


@pytest.mark.parametrize(("workload", "case"), [(NPU, "adapter"), (MAIN, "adapter_mixed")])
def test_weights_in_dram_are_read_from_the_first_to_the_last(workload: str, case: str) -> None:
    in_dram = f"cases.{case}.hardware.placement.backbone={{values: dram, masks: dram}}"
    dense = f"cases.{case}.storage.backbone={{format: dense, bits: 8}}"
    of = compiled(case, SMALL_MODEL, 16, (in_dram, dense), workload)
    layer = next(each for each in of.segments if "layer" in each.name)
    uses = [(task.operator, use) for task in layer.tasks for use in task.uses]
    for product in (each for each in of.graph.operators if each.label == "encoder.ffn1"):
        read = [
            use.expect(Range)
            for label, use in uses
            if (label, use.block, use.action) == (product.label, "dram", "read")
        ]
        weights = product.columns * product.depth
        # The columns' bias comes with them.
        assert sum(each.size * each.pieces for each in read) == weights + product.columns
        first = min(each.address for each in read)
        assert max(each.address + each.size for each in read) - first >= weights
        assert len({each.address for each in read}) == len(read)
        # Each byte from its own place: none is read twice.
        ordered = sorted((each.address, each.address + each.size) for each in read)
        assert all(end <= begin for (_, end), (begin, _) in pairwise(ordered))
