"""Programs with exit checks: what a sentence costs that leaves after layer k."""

from __future__ import annotations

import pytest
from compiled_encoder import (
    CASES,
    SMALL_MODEL,
    UNSHARED_MODEL,
    Amounts,
    Compiled,
    amounts_of,
    compiled,
    run_segments,
    sum_of,
)

from accelsim.model.families import ModelFamily
from accelsim.program import Elements

TOKENS = 20
LAYERS = SMALL_MODEL.layers
cases = pytest.mark.parametrize("case", CASES)
kinds = pytest.mark.parametrize("kind", ["shared", "per_layer"])
models = pytest.mark.parametrize("model", [SMALL_MODEL, UNSHARED_MODEL], ids=["albert", "bert"])


def with_exits(case: str, kind: str, model: ModelFamily = SMALL_MODEL) -> Compiled:
    return compiled(case, model, TOKENS, exits=kind)


def times(amounts: Amounts, factor: int) -> Amounts:
    return type(amounts)({key: factor * n for key, n in amounts.items()})


@cases
@kinds
@models
def test_all_layers_share_one_segment_and_so_do_all_checks(
    case: str, kind: str, model: ModelFamily
) -> None:
    made = with_exits(case, kind, model)
    embedding, layer, check, *_, last_layer, head = made.segments
    assert made.segments == (embedding, *(layer, check) * (LAYERS - 1), layer, head)
    assert last_layer is layer
    names = [segment.name for segment in (embedding, layer, check, head)]
    head_name = "pooler" if model.pooler else "classifier"
    assert names == ["embedding", "encoder_layer", "exit", head_name]
    assert made.inference.exits == (3, 5, 7, 9)


@cases
@kinds
@models
def test_leaving_after_layer_k_costs_k_layers_and_k_checks(
    case: str, kind: str, model: ModelFamily
) -> None:
    made = with_exits(case, kind, model)
    embedding, layer, check = (segment.amounts for segment in made.segments[:3])
    for number, end in enumerate(made.inference.exits[:-1], start=1):
        assert amounts_of(made.segments[:end]) == (
            embedding + times(layer, number) + times(check, number)
        )
    assert made.inference.exits[-1] == len(made.segments)
    whole = amounts_of(made.segments)
    assert whole == (
        embedding + times(layer, LAYERS) + times(check, LAYERS - 1) + made.segments[-1].amounts
    )
    assert sum_of(whole, "pe_array", "mac") == made.graph.macs


@cases
@kinds
def test_without_the_checks_the_program_is_the_plain_one(case: str, kind: str) -> None:
    plain, made = compiled(case, SMALL_MODEL, TOKENS), with_exits(case, kind)
    assert plain.inference.exits == ()
    kept = [(s.name, s.tasks) for s in made.segments if s.name != "exit"]
    assert kept == [(s.name, s.tasks) for s in plain.segments]


@cases
@kinds
def test_equal_layers_and_checks_take_equal_time(case: str, kind: str) -> None:
    records = run_segments(with_exits(case, kind))
    durations = [record.duration for record in records]
    assert len(set(durations[1:-1:2])) == len(set(durations[2:-1:2])) == 1
    assert 0 < durations[2] < durations[1]
    # What the layers leave for the next one is all that a check leaves.
    assert records[1].end_levels == records[2].end_levels
    assert not any(records[-1].end_levels.values())


@pytest.mark.parametrize("classes", [2, 3, 16, 17])
def test_a_check_is_one_short_entropy_of_the_logits(classes: int) -> None:
    made = compiled("adapter_mixed", SMALL_MODEL, TOKENS, exits="shared", classes=classes)
    check = made.segments[2]
    [entropy] = [use for task in check.tasks for use in task.uses if use.action == "entropy"]
    sources = ("activation_sram", "auxiliary_memory")
    assert entropy.demand == Elements(1, classes, sources=sources)
    assert entropy.amount == classes
    word = made.hardware.memories["activation_sram"].word // 8
    reads = check.amounts["activation_sram", "read", "exit.entropy"]
    assert reads == -(-2 * classes // word)
    # The entropy stays in a register, which the host reads; it is not written to the memory.
    assert check.amounts["activation_sram", "write", "exit.entropy"] == 0
    assert check.amounts["host", "register_write", "exit.entropy.result"] == 2
    assert check.amounts["activation_sram", "read", "exit.classifier.result"] == -(-classes // word)


@pytest.mark.parametrize("kind", ["shared", "per_layer"])
@cases
def test_a_check_reads_pooler_and_classifier_once(case: str, kind: str) -> None:
    made = with_exits(case, kind)
    name = "classifier" if kind == "shared" else "exits.1.classifier"
    check, tensors = made.segments[2].amounts, made.placement.tensors
    for operator, module in (("exit.pooler", "pooler"), ("exit.classifier", name)):
        parts = [tensors[f"{module}.{part}"] for part in ("weight", "bias")]
        size = sum(-(-t.value_bits // 8) + -(-t.mask_bits // 8) for t in parts)
        assert check["bus", "transfer", operator] == size


@pytest.mark.parametrize(
    "machine",
    [
        (),
        ("hardware.host.command_queue=false",),
        ("hardware.overlap.double_buffering=false", "hardware.overlap.special_functions=false"),
        ("hardware.placement.task={values: dram, masks: dram}",),
        (
            "hardware.memories.activation_sram.capacity=5.5 KiB",
            "hardware.memories.activation_sram.extrapolate=true",
        ),
    ],
    ids=["overlapped", "host_in_turn", "serial", "task_in_dram", "spilling"],
)
def test_checks_run_on_every_machine_and_leave_nothing_behind(machine: tuple[str, ...]) -> None:
    made = compiled("adapter_mixed", SMALL_MODEL, 32, machine, exits="per_layer")
    assert bool(made.inference.spilled) == ("5.5" in str(machine))
    records = run_segments(made)
    assert [record.segment for record in records] == list(made.segments)
    assert not any(records[-1].end_levels.values())
    check = made.segments[2]
    assert records[2].amounts["sfu", "entropy", "exit.entropy"] == 3
    waits = {task.operator: set(task.after) for task in check.tasks}
    [entropy] = [
        task.id for task in check.tasks if any(use.action == "entropy" for use in task.uses)
    ]
    # The logits may only go when the entropy has been taken of them.
    assert entropy in waits["exit.entropy.result"]
    result = max(t.id for t in check.tasks if t.operator == "exit.classifier.result")
    assert entropy in _ancestors(check.tasks, result)


def _ancestors(tasks: tuple[object, ...], number: int) -> set[int]:
    found: set[int] = set()
    open_ones = [number]
    while open_ones:
        for earlier in tasks[open_ones.pop()].after:
            if earlier not in found:
                found.add(earlier)
                open_ones.append(earlier)
    return found
