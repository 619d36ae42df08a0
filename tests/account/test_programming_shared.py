"""Writing what all tasks share, once."""

from __future__ import annotations

import pytest
from small_workload import small_results

from accelsim.accelerators.design import Design
from accelsim.account.memories import backbone_programming, brought_from_outside
from accelsim.units import ceil_div


def design(case: str, *overrides: str) -> Design:
    return small_results(*overrides)[case].design


@pytest.mark.parametrize("case", ["vanilla_mixed", "adapter_mixed", "vanilla_slc", "adapter_slc"])
def test_all_shared_parameters_are_written_once(case: str) -> None:
    made = design(case)
    costs = backbone_programming(made)
    shared = made.placements["MNLI"].bits(task_specific=False)
    memories = made.hardware.memories
    assert costs
    assert {name: cost.words for name, cost in costs.items()} == {
        name: ceil_div(bits, memories[name].word) for name, bits in shared.items() if name in costs
    }
    # SRAM is not programmed, but loaded.
    assert set(shared) - set(costs) <= {"sram"}
    for name, cost in costs.items():
        assert cost.cells == cost.words * memories[name].word // memories[name].bits_per_cell


def test_what_no_dram_can_fill_comes_from_outside_once() -> None:
    own = "cases.adapter_mixed.hardware"
    made = design(
        "adapter_mixed",
        f"{own}.placement.embedding={{values: sram, masks: sram}}",
        f"{own}.memories.sram.capacity=512 KiB",
        f"{own}.dram=null",
    )
    placements = list(made.placements.values())
    shared = placements[0].bits(task_specific=False)["sram"]
    tasks = [each.bits(task_specific=True)["sram"] for each in placements]
    assert min(shared, *tasks) > 0
    assert brought_from_outside(made) == {"sram": ceil_div(shared + sum(tasks), 8)}


def test_the_shared_model_is_larger_where_the_backbone_is_shared() -> None:
    vanilla, adapter = (
        backbone_programming(design(f"{model}_slc")) for model in ("vanilla", "adapter")
    )
    assert vanilla["rram"].joules < adapter["rram"].joules
    assert vanilla["rram"].seconds < adapter["rram"].seconds
