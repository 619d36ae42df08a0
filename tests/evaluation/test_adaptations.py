"""What an adaptation costs on a machine: where its bytes are written, and what inference pays."""

from __future__ import annotations

import math

import pytest
from small_workload import small_results

from accelsim.account.lifetime import lifetimes
from accelsim.evaluation.cases import CaseResult
from accelsim.model.tensors import Role
from accelsim.program import ProgramKind

CASE = "adapter_slc"


def result(adaptation: str, *others: str) -> CaseResult:
    return small_results(f"cases.{CASE}.adaptation={{{adaptation}}}", *others)[CASE]


def inference_tasks(found: CaseResult) -> int:
    """Return how much work an inference of the first task is."""
    program = next(iter(found.design.inferences.values())).program
    return sum(len(segment.tasks) for segment in program.segments)


def switched(found: CaseResult) -> list[str]:
    """Return the tasks that were switched to."""
    return [each.task for each in found.run.executions if each.kind is ProgramKind.SWITCH]


def amount(found: CaseResult, block: str, action: str) -> int:
    return found.run.ledger.amount(block, action)


def test_merged_lora_is_written_where_the_weights_lie_and_costs_no_inference() -> None:
    head, beside, merged = (
        result(each)
        for each in ("method: head", "method: lora, rank: 4", "method: lora, rank: 4, merged: true")
    )
    placement = merged.design.placements["MNLI"]
    targets = [t for t in placement.task_tensors if t.parameter.home is Role.BACKBONE]
    assert len(targets) == 2  # query and value, which all layers share
    assert {memory for t in targets for memory in t.memories} == {"rram"}
    # The format of the backbone: non-zeros and a mask.
    assert all(tensor.masked for tensor in targets)
    bits = sum(extent.array for t in targets for _, extent in t.parts)
    word = merged.case.hardware.memories["rram"].word
    times = len(switched(merged))
    assert times >= 3
    # Tasks have equal targets, and values and mask lie in words of their own.
    assert amount(merged, "rram", "write") == times * math.ceil(bits / word)
    assert amount(head, "rram", "write") == amount(beside, "rram", "write") == 0
    assert amount(merged, "sram", "write") == amount(head, "sram", "write")
    assert amount(beside, "sram", "write") > amount(head, "sram", "write")
    assert inference_tasks(merged) == inference_tasks(head) < inference_tasks(beside)
    assert lifetimes(beside.design, beside.run)["rram"].worst_writes == 0
    assert 0 < lifetimes(merged.design, merged.run)["rram"].worst_writes <= times
    assert lifetimes(merged.design, merged.run)["rram"].years() < math.inf


@pytest.mark.parametrize(
    "adaptation",
    [
        "method: bitfit",
        "method: pfeiffer, bottleneck: 8",
        "method: lora, rank: 4, targets: [all-linear]",
        "method: prefix, length: 4",
        "method: full, frozen: [encoder]",
    ],
)
@pytest.mark.parametrize("machine", ["adapter_slc", "systolic_npu"])
def test_it_runs_and_a_switch_brings_its_bytes(adaptation: str, machine: str) -> None:
    found = result(adaptation, f"cases.{CASE}.hardware=../hwconfigs/{machine}.yaml")
    moved = 0
    for task in switched(found):
        data = found.design.placements[task].data_bits(task_specific=True)
        moved += sum(math.ceil(bits / 8) for memory, bits in data.items() if memory != "dram")
    idle = result("method: head", f"cases.{CASE}.hardware=../hwconfigs/{machine}.yaml")
    fixed = sum(
        math.ceil(n / 8)
        for task in switched(idle)
        for n in idle.design.placements[task].data_bits(task_specific=True).values()
    )
    others = amount(idle, "dram", "read") - fixed
    assert amount(found, "dram", "read") - moved == others
