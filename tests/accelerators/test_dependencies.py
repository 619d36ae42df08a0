"""Every read waits for its write, and nothing is overwritten or given back before its last read.

The laws are checked on models of one block of rows and one panel a matrix, where each operator
has one task a head; whatever the timing, a task starts after its ancestors have ended.
"""

from __future__ import annotations

from functools import lru_cache

import pytest
from ancestry import Ancestry
from small_workload import MAIN, SMALL

from accelsim.evaluation.design import compile_design
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ATTENTION_CONTEXT, ATTENTION_SCORES, MATMUL, Operator
from accelsim.workload.schema import load_workload

# 96 columns are one panel.
ONE_BLOCK = (SMALL[0], "sequence_length=16", "model.intermediate_size=96")
MACHINES = {
    "overlapped": (),
    "no_double_buffering": ("hardware.overlap.double_buffering=false",),
    "shared_special_functions": ("hardware.overlap.special_functions=false",),
    "host_in_turn": ("hardware.host.command_queue=false",),
    "spilling": (
        "hardware.memories.activation_sram.capacity=3 KiB",
        "hardware.memories.activation_sram.extrapolate=true",
    ),
}
PRODUCTS = {
    MATMUL,
    ATTENTION_SCORES,
    ATTENTION_CONTEXT,
}


@lru_cache
def compiled(case: str, machine: str) -> tuple[LayerGraph, Ancestry]:
    loaded = load_workload(MAIN, (*ONE_BLOCK, *MACHINES[machine]))
    design = compile_design(loaded.config, loaded.cases[case])
    inference = design.inference("MNLI")
    assert bool(inference.spilled) == (machine == "spilling")
    return design.graphs["MNLI"], Ancestry(inference.program.segments[1])


cases = pytest.mark.parametrize("case", ["vanilla_mixed", "adapter_mixed"])
machines = pytest.mark.parametrize("machine", list(MACHINES))


def layer(graph: LayerGraph) -> list[Operator]:
    return list(graph.layer_operators(0))


def is_of_attention(operator: Operator) -> bool:
    names = ("query", "key", "value", "scores", "softmax", "context")
    return operator.name.endswith(names)


@cases
@machines
def test_products_wait_for_both_operands(case: str, machine: str) -> None:
    graph, ancestry = compiled(case, machine)
    for operator in layer(graph):
        label, roles = operator.label, ancestry.by_role
        if operator.kind is not MATMUL:
            continue
        computes, loads = roles[label, "compute"], roles[label, "load"]
        assert len(computes) == len(loads)
        for compute, load in zip(computes, loads, strict=True):
            ancestry.check([load], [compute], f"{label}: weights")
        if not is_of_attention(operator):
            ancestry.check(roles[label, "move"], computes, f"{label}: operand")


@cases
@machines
def test_readers_wait_for_their_producers(case: str, machine: str) -> None:
    graph, ancestry = compiled(case, machine)
    own = {operator.name for operator in layer(graph)}
    for operator in layer(graph):
        if is_of_attention(operator):
            continue
        label = operator.label
        first = "move" if operator.kind in PRODUCTS else "compute"
        for producer in graph.predecessors(operator):
            if producer.name in own:
                written = ancestry.by_role[producer.label, "compute"]
                why = f"{label} reads {producer.name}"
                ancestry.check(written, ancestry.by_role[label, first], why)


@cases
@machines
def test_layer_norms_wait_for_their_parameters(case: str, machine: str) -> None:
    _, ancestry = compiled(case, machine)
    for half in ("attention", "ffn"):
        roles, label = ancestry.by_role, f"encoder.{half}_layer_norm"
        ancestry.check(roles[label, "load"], roles[label, "compute"], label)


@cases
@machines
def test_attention_waits_head_by_head(case: str, machine: str) -> None:
    _, ancestry = compiled(case, machine)
    tasks = {
        name: ancestry.by_role[f"encoder.{name}", "compute"]
        for name in ("query", "key", "value", "scores", "softmax", "context")
    }
    heads = len(tasks["scores"])
    assert heads == 2
    for head in range(heads):
        for earlier, later in (
            ("query", "scores"),
            ("key", "scores"),
            ("scores", "softmax"),
            ("softmax", "context"),
            ("value", "context"),
        ):
            why = f"{later} of head {head} reads {earlier}"
            ancestry.check([tasks[earlier][head]], [tasks[later][head]], why)
        for stationary, product in (("scores", "scores"), ("context", "context")):
            moved = ancestry.by_role[f"encoder.{stationary}", "move_weights"][head]
            source = {"scores": "key", "context": "value"}[stationary]
            ancestry.check([tasks[source][head]], [moved], f"move of {source} {head}")
            ancestry.check([moved], [tasks[product][head]], f"{product} {head} uses {source}")


@cases
@machines
def test_the_last_reader_waits_for_all_others(case: str, machine: str) -> None:
    # The last reader overwrites its input or gives it back.
    graph, ancestry = compiled(case, machine)
    for producer in [*graph.predecessors("encoder.0.query"), *layer(graph)]:
        readers = [o for o in graph.successors(producer) if o.layer == 0]
        order = {operator.name: number for number, operator in enumerate(layer(graph))}
        readers.sort(key=lambda operator: order[operator.name])
        if len(readers) < 2 or is_of_attention(readers[-1]):
            continue
        last = ancestry.by_role[readers[-1].label, "compute"]
        for reader in readers[:-1]:
            # Queries, keys and values share one copy of their operand, moved for the first.
            reads = [
                *ancestry.by_role[reader.label, "move"],
                *(ancestry.by_role[reader.label, "compute"] if reader.kind not in PRODUCTS else []),
            ]
            if reads:
                ancestry.check(reads, last, f"{readers[-1].name} after {reader.name}")


@cases
def test_without_double_buffering_loads_wait_for_the_array_and_not_for_functions(case: str) -> None:
    graph, ancestry = compiled(case, "no_double_buffering")
    labels = {each.label for each in graph.operators if each.kind in PRODUCTS}
    products, functions = (
        {
            task
            for (label, role), tasks in ancestry.by_role.items()
            if role == "compute" and (label in labels) is wanted
            for task in tasks
        }
        for wanted in (True, False)
    )
    free = 0
    for (_, role), tasks in ancestry.by_role.items():
        if role in ("load", "move", "move_weights"):
            for task in tasks:
                assert {each for each in products if each < task} <= ancestry.ancestors[task]
                free += not {each for each in functions if each < task} <= ancestry.ancestors[task]
    assert free
