"""Any graph runs: all of its work once, every read after its write, no byte left behind."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import Any

import pytest
from ancestry import Ancestry
from compiled_encoder import Amounts, Compiled, amounts_of, run_segments
from other_graphs import GRAPHS
from small_workload import MAIN

from accelsim.accelerators import find_accelerator
from accelsim.accelerators.edgebert import EdgeBert
from accelsim.errors import ConservationError, MappingError
from accelsim.machine.schema import load_hardware
from accelsim.mapping.cache import InferenceProgram, SegmentCache
from accelsim.mapping.cutting import cut
from accelsim.model.operators import ADD, MATMUL, Operator, Reach
from accelsim.placement.placement import place
from accelsim.program import Segment
from accelsim.workload.schema import load_workload

MACHINES = {
    "overlapped": (),
    "as_coded": (
        "hardware.overlap={double_buffering: false, special_functions: false}",
        "hardware.host.command_queue=false",
        "hardware.pe_array.tile_schedule=serial",
    ),
    "spilling": ("hardware.memories.activation_sram.extrapolate=true",),
    "small_buffers": (
        "hardware.weight_buffer.data=3 KiB",
        "hardware.weight_buffer.masks=768 B",
        "hardware.activation_buffer.data=5 KiB",
    ),
}
# Their stages need more than what crosses them, so that no spill makes them fit.
NEVER_SPILL = {"product_last", "function_last", "skip_over_a_product"}


def pairs(*machines: str) -> pytest.MarkDecorator:
    """Return graphs on machines, but for spills that never happen."""
    found = [
        (name, machine)
        for machine in machines
        for name in GRAPHS
        if machine != "spilling" or name not in NEVER_SPILL
    ]
    return pytest.mark.parametrize(("name", "machine"), found)


everywhere = pairs(*MACHINES)
# One panel of every matrix.
whole = pairs("overlapped", "as_coded", "spilling")


@lru_cache
def compiled(name: str, machine: str) -> Compiled:
    if machine != "spilling":
        return compiled_on(name, MACHINES[machine])
    for size in range(10240, 1024, -128):
        memory = f"hardware.memories.activation_sram.capacity={size} B"
        made = compiled_on(name, (*MACHINES[machine], memory))
        if made.inference.spilled:
            return made
    raise AssertionError("it never spills")


def compiled_on(name: str, assignments: tuple[str, ...]) -> Compiled:
    loaded = load_workload(MAIN, assignments).cases["adapter_mixed"]
    graph, hardware = GRAPHS[name](), loaded.hardware
    placement = place(graph, loaded.config.storage, hardware)
    accelerator = find_accelerator(hardware.accelerator)
    made = accelerator.infer(graph, placement, hardware, 0, SegmentCache())
    return Compiled(graph, placement, hardware, made)


def by_label(amounts: Amounts, block: str, *actions: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for (used, action, label), amount in amounts.items():
        if used == block and (not actions or action in actions):
            found[label] += amount
    return found


@everywhere
def test_all_work_is_done_once(name: str, machine: str) -> None:
    made = compiled(name, machine)
    amounts = amounts_of(made.segments)
    macs: Counter[str] = Counter()
    elements: Counter[str] = Counter()
    for operator in made.graph.operators:
        macs[operator.label] += operator.macs
        if operator.kind.reach in (Reach.ELEMENT, Reach.ROW):
            more = len(made.graph.predecessors(operator)) - 1 if operator.kind is ADD else 1
            elements[operator.label] += more * prod(operator.shape)
    assert by_label(amounts, "pe_array", "mac") == +macs
    assert by_label(amounts, "sfu") == elements
    assert sum(macs.values()) == made.graph.macs


def forgets(made: InferenceProgram) -> InferenceProgram:
    """Return a program whose last segment has lost its functions."""
    *others, last = made.program.segments
    kept = [each for each in last.tasks if not any(use.block == "sfu" for use in each.uses)]
    renumbered = tuple(each._replace(id=n, after=()) for n, each in enumerate(kept))
    segments = (*others, Segment(last.name, renumbered))
    return replace(made, program=replace(made.program, segments=segments))


def test_work_that_a_program_forgets_is_told_before_anything_runs() -> None:
    made = compiled("functions_of_a_context", "overlapped")

    class Forgetful(EdgeBert):
        def compile(self, *given: Any) -> InferenceProgram:
            return forgets(made.inference)

    told = re.escape("encoder.softmax: the program has 0 of 512 'softmax' that its graph asks for")
    with pytest.raises(ConservationError, match=told):
        Forgetful().infer(made.graph, made.placement, made.hardware, 0, SegmentCache())


@everywhere
def test_every_parameter_is_read(name: str, machine: str) -> None:
    made = compiled(name, machine)
    amounts, memories = amounts_of(made.segments), made.hardware.memories
    need: Counter[tuple[str, str]] = Counter()
    for operator in made.graph.operators:
        for parameter in operator.parameters if operator.kind.reach is not Reach.TABLE else ():
            stored = made.placement.tensors[parameter.name]
            for home, extent in stored.parts:
                need[operator.label, home.memory] += extent.data
    assert need
    for (label, memory), bits in need.items():
        assert amounts[memory, "read", label] * memories[memory].word >= bits, (label, memory)


@everywhere
def test_it_runs_and_leaves_nothing_behind(name: str, machine: str) -> None:
    made = compiled(name, machine)
    assert bool(made.inference.spilled) == (machine == "spilling")
    records = run_segments(made)
    assert all(record.duration for record in records)
    left: Counter[str] = Counter()
    for segment in made.segments:
        for task in segment.tasks:
            for buffer, size in task.holds:
                left[buffer] += size
            for buffer, size in task.releases:
                left[buffer] -= size
    assert not +left
    assert not -left


def ancestry_of(made: Compiled) -> tuple[list[Operator], Ancestry]:
    """Return the operators and tasks of the first layer."""
    number = next(n for n, stages in enumerate(cut(made.graph)) if is_layer(stages[0].operators))
    return list(made.graph.layer_operators(0)), Ancestry(made.segments[number])


def is_layer(operators: tuple[Operator, ...]) -> bool:
    return operators[0].layer is not None


def check_after(ancestry: Ancestry, earlier: list[int], later: list[int], why: str) -> None:
    """Check that reads wait for writes: head by head if both are, otherwise for all of them."""
    if len(earlier) == len(later):
        for one, other in zip(earlier, later, strict=True):
            ancestry.check([one], [other], why)
    else:
        ancestry.check(earlier, later, why)


@whole
def test_reads_wait_for_writes(name: str, machine: str) -> None:
    made = compiled(name, machine)
    operators, ancestry = ancestry_of(made)
    own, checked = {operator.name for operator in operators}, 0
    for operator in operators:
        computes = ancestry.by_role[operator.label, "compute"]
        for producer in made.graph.predecessors(operator):
            if producer.name in own:
                written = ancestry.by_role[producer.label, "compute"]
                check_after(ancestry, written, computes, f"{operator.name} reads {producer.name}")
                checked += 1
        if operator.parameters:
            loads = ancestry.by_role[operator.label, "load"]
            check_after(ancestry, loads, computes, f"parameters of {operator.name}")
    assert checked


@whole
def test_what_ends_is_given_back_after_its_last_read(name: str, machine: str) -> None:
    made = compiled(name, machine)
    operators, ancestry = ancestry_of(made)
    stages = [stage for segment in cut(made.graph) for stage in segment]
    attended = {each.name for stage in stages if stage.attention for each in stage.operators}
    emitted = [operator.name for stage in stages for operator in stage.operators]
    order = {name: number for number, name in enumerate(emitted)}
    for producer in made.graph.operators:
        readers = [o for o in made.graph.successors(producer) if o in operators]
        readers.sort(key=lambda operator: order[operator.name])
        if len(readers) < 2 or readers[-1].name in attended:
            continue
        last = ancestry.by_role[readers[-1].label, "compute"]
        for reader in readers[:-1]:
            roles = ["move"] if reader.kind is MATMUL else ["compute"]
            reads = [task for role in roles for task in ancestry.by_role[reader.label, role]]
            for task in last if reads else ():
                ancestry.check(reads, [task], f"{readers[-1].name} after {reader.name}")


@pytest.mark.parametrize(
    ("file", "unit"),
    [("edgebert_overlapped", "special-function unit"), ("systolic_npu", "vector unit")],
)
def test_all_functions_that_a_machine_lacks_are_named_at_once(file: str, unit: str) -> None:
    setting = f"{'sfu' if 'edgebert' in file else 'vector_unit'}.computes=[softmax, layer_norm]"
    machine = load_hardware(f"hwconfigs/{file}.yaml", (setting,))
    graph = GRAPHS["pre_norm_gated"]()
    lacking = {
        "encoder.attention_norm": "rms_norm", "encoder.attention_add": "add",
        "encoder.ffn_norm": "rms_norm", "encoder.silu": "silu", "encoder.gated": "multiply",
        "encoder.ffn_add": "add",
    }  # fmt: skip
    listed = "; ".join(f"{name}: its {unit} has no '{kind}'" for name, kind in lacking.items())
    with pytest.raises(MappingError) as told:
        find_accelerator(machine.accelerator).check(graph, machine)
    assert str(told.value).endswith(f" cannot run {listed}")
