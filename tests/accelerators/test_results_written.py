"""Every accelerator writes each element of every result once, and nothing else."""

from __future__ import annotations

from collections import Counter

import pytest
from compiled_encoder import SMALL_MODEL, amounts_of, compiled
from small_workload import MAIN

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
