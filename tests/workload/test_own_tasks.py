"""Tasks are what a workload says: any names, any number, classes and adapters of their own."""

from __future__ import annotations

import pytest
from small_workload import small_results, small_workload

from accelsim.account.memories import brought_from_outside
from accelsim.engine.residency import Missing, Residency
from accelsim.errors import CapacityError, ConfigError
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.stages import run_workload
from accelsim.model.graph import LayerGraph
from accelsim.model.tensors import Role
from accelsim.report.run import run_report
from accelsim.units import ceil_div
from accelsim.workload.json_schema import workload_schema

CASE = "adapter_slc"


def result_of(tasks: str, *overrides: str) -> CaseResult:
    workload = small_workload(f"tasks={tasks}", "requests.rounds=2", *overrides)
    return run_workload(workload)[CASE]


def task_elements(graph: LayerGraph) -> dict[str, int]:
    parameters = {p.name: p for o in graph.operators for p in o.parameters}
    return {n: p.elements for n, p in parameters.items() if p.role is Role.TASK}


def test_a_task_has_classes_and_adapters_of_its_own() -> None:
    found = result_of("{MNLI: , intent: {classes: 150, adaptation: {bottleneck: 8}}}")
    graphs = {task: task_elements(graph) for task, graph in found.design.graphs.items()}
    assert list(graphs) == ["MNLI", "intent"]
    assert graphs["MNLI"]["classifier.weight"] == 3 * 64
    assert graphs["intent"]["classifier.weight"] == 150 * 64
    assert graphs["MNLI"]["adapters.ffn.down.weight"] == 32 * 64
    assert graphs["intent"]["adapters.ffn.down.weight"] == 8 * 64
    assert set(found.statistics) == {"MNLI", "intent", "all"}
    # A method without a bottleneck has its own keys only.
    vanilla = run_workload(
        small_workload("tasks={intent: {classes: 150, adaptation: {bottleneck: 8}}}")
    )["vanilla_slc"]
    assert not any("adapters" in name for name in task_elements(vanilla.design.graphs["intent"]))


def test_a_bottleneck_for_each_layer() -> None:
    own = f"cases.{CASE}.adaptation.shared_across_layers=false"
    setting = f"cases.{CASE}.adaptation.bottleneck"
    found = result_of("[MNLI]", own, f"{setting}=[8, 16, 24]")
    sizes = task_elements(found.design.graphs["MNLI"])
    assert [sizes[f"adapters.{n}.ffn.up.weight"] for n in range(3)] == [512, 1024, 1536]
    equal = result_of("[MNLI]", own, f"{setting}=[8, 8, 8]")
    assert equal.run.ledger == result_of("[MNLI]", own, f"{setting}=8").run.ledger
    with pytest.raises(ConfigError, match="expected 3 numbers, one a layer, got 2"):
        result_of("[MNLI]", own, f"{setting}=[8, 16]")
    with pytest.raises(ConfigError, match="layers that share one set of adapters"):
        result_of("[MNLI]", f"{setting}=[8, 16, 24]")


def test_two_hundred_tasks() -> None:
    names = [f"task {n}" for n in range(200)]
    tasks = ", ".join(f"{name}: {{classes: {2 + n % 3}}}" for n, name in enumerate(names))
    workload = small_workload(f"tasks={{{tasks}}}", "requests.rounds=1")
    result = run_workload(workload)
    assert [outcome.task for outcome in result[CASE].run.requests] == names
    [line] = [line for line in run_report(result, ["run"]).about if "tokens; tasks" in line]
    assert "task 11 and 188 more; " in line


def test_a_pinned_task_is_loaded_once() -> None:
    sram = f"cases.{CASE}.hardware.memories.sram.capacity"
    four = "MNLI: , MRPC: , QNLI: , RTE: "
    free = result_of(f"{{{four}}}", f"{sram}=24 KiB", "requests.rounds=4")
    pinned = result_of(
        f"{{{four.replace('MNLI: ', 'MNLI: {pinned: true}')}}}",
        f"{sram}=24 KiB",
        "requests.rounds=4",
    )
    # In turn, with room for fewer than four, the one used longest ago is always the next.
    assert free.statistics["MNLI"].switches == 4
    assert pinned.statistics["MNLI"].switches == 1
    assert pinned.statistics["MRPC"].switches == 4


@pytest.mark.parametrize("policy", ["least_recently_used", "first_in_first_out", "one_task"])
def test_the_pinned_never_leave(policy) -> None:
    design = result_of("{MNLI: , MRPC: , QNLI: }").design
    held = Residency(design.hardware, design.placements, policy, ("MNLI",))
    for task in ("MNLI", "MRPC", "QNLI", "MRPC", "QNLI"):
        held.admit(task)
        assert held.missing("MNLI") is Missing.NOTHING
    assert (held.missing("MRPC") is Missing.ALL) == (policy == "one_task")


@pytest.mark.parametrize(
    ("policy", "sram", "most"),
    [
        ("least_recently_used", "128 KiB", 3),
        ("one_task", "128 KiB", 1),
        ("least_recently_used", "24 KiB", 2),
    ],
)
def test_a_memory_holds_all_tasks_that_stay(policy: str, sram: str, most: int) -> None:
    result = small_results(
        f"cases.{CASE}.hardware.memories.sram.capacity={sram}", f"residency={policy}"
    )[CASE]
    task = ceil_div(result.footprints["sram"].task_bits, 8)
    held = result.footprints["sram"].held_bytes
    assert most - 1 < held / task <= most
    assert held <= result.footprints["sram"].region.capacity


def test_without_dram_all_tasks_are_held_from_the_start() -> None:
    result = small_results("hardware.dram=null")[CASE]
    outside = brought_from_outside(result.design)
    assert outside
    assert outside == {name: result.footprints[name].held_bytes for name in outside}


def test_what_is_pinned_needs_room_beside_each_task() -> None:
    sram = f"cases.{CASE}.hardware.memories.sram.capacity"
    small = f"{sram}=16 KiB"
    result_of("{MNLI: , MRPC: }", small)
    with pytest.raises(CapacityError, match=r"task MNLI, pinned\) needs .* memory 'sram' has"):
        result_of("{MNLI: {pinned: true}, MRPC: }", small)


def test_glue_lengths_are_of_glue() -> None:
    stream = "pattern: poisson, mean_interval: 1 ms, duration: 5 ms"
    own = "tasks={intent: {classes: 4}, MNLI: }"
    message = r"requests\.lengths: glue has no sentence lengths of intent; expected full"
    with pytest.raises(ConfigError, match=message):
        small_workload(own, f"requests={{{stream}}}")
    small_workload(own, f"requests={{{stream}, lengths: full}}")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "bottlenek: 9",
            "bottlenek: no case's adaptation has this key; did you mean 'bottleneck'?",
        ),
        ("bottleneck: 0", "bottleneck: input should be greater than 0, got 0"),
        ("bottleneck: four", "bottleneck: input should be a valid integer, got the text 'four'"),
    ],
)
def test_a_wrong_adapter_of_a_task_is_one_line(given: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        small_workload(f"tasks={{MNLI: {{adaptation: {{{given}}}}}}}")
    assert str(caught.value).endswith(f": tasks.MNLI.adaptation.{message}")
    assert "\n" not in str(caught.value)


def test_the_schema_has_both_forms() -> None:
    names, mapping = workload_schema()["properties"]["tasks"]["anyOf"]
    assert names["type"] == "array"
    assert mapping["type"] == "object"
