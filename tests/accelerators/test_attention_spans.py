"""Heads that are switched off: what is neither computed nor loaded, and what stays as it is."""

from __future__ import annotations

import itertools

import pytest
from compiled_encoder import (
    CASES,
    SMALL_MODEL,
    UNSHARED_MODEL,
    Compiled,
    amounts_of,
    compiled,
    run_segments,
    sum_of,
)

from accelsim.memory.storage import StoredTensor
from accelsim.model.families import ModelFamily
from accelsim.units import ceil_div

TOKENS = 20
HEADS, HIDDEN, LAYERS = SMALL_MODEL.heads, SMALL_MODEL.hidden_size, SMALL_MODEL.layers
WIDTH = HIDDEN // HEADS
PROJECTIONS = ("encoder.query", "encoder.key", "encoder.value")
PER_HEAD = ("encoder.scores", "encoder.softmax", "encoder.context")
cases = pytest.mark.parametrize("case", CASES)
every_count = pytest.mark.parametrize("heads", range(1, HEADS + 1))


def with_heads(
    case: str, heads: int, model: ModelFamily = SMALL_MODEL, tokens: int = TOKENS
) -> Compiled:
    return compiled(case, model, tokens, attention_spans=[7] * heads + [0] * (HEADS - heads))


@cases
def test_spans_above_zero_leave_the_program_as_it_is(case: str) -> None:
    plain = compiled(case, SMALL_MODEL, TOKENS)
    spans = compiled(case, SMALL_MODEL, TOKENS, attention_spans=[1, 5, 20, 500])
    assert [s.tasks for s in spans.segments] == [s.tasks for s in plain.segments]


@cases
def test_it_does_not_matter_which_heads_are_off(case: str) -> None:
    programs = {
        tuple(
            segment.tasks
            for segment in compiled(case, SMALL_MODEL, TOKENS, attention_spans=spans).segments
        )
        for spans in set(itertools.permutations([9, 30, 0, 0]))
    }
    assert len(programs) == 1


@cases
@every_count
def test_the_work_of_attention_is_that_of_the_heads_that_are_on(case: str, heads: int) -> None:
    plain, made = (amounts_of(with_heads(case, n).segments) for n in (HEADS, heads))
    for label in (*PROJECTIONS, *PER_HEAD):
        for block, action in (("pe_array", "mac"), ("sfu", "softmax")):
            full = plain[block, action, label]
            assert made[block, action, label] * HEADS == full * heads, (block, label)
    graph = with_heads(case, heads).graph
    assert sum_of(made, "pe_array", "mac") == graph.macs
    output = made["pe_array", "mac", "encoder.output"]
    assert output == LAYERS * TOKENS * HIDDEN * heads * WIDTH


@cases
@every_count
def test_only_the_weights_in_use_are_loaded(case: str, heads: int) -> None:
    # One block of rows, so that every weight in use passes once.
    made = with_heads(case, heads, tokens=16)
    amounts = amounts_of(made.segments)

    def parts(name: str) -> tuple[StoredTensor, StoredTensor]:
        weight, bias = made.graph[f"encoder.0.{name}"].parameters
        tensors = made.placement.tensors
        return tensors[weight.name], tensors[bias.name]

    for label in PROJECTIONS:
        weight, bias = parts(label.removeprefix("encoder."))
        # One panel a head, its non-zeros and masks in whole bytes.
        size, mask = WIDTH * HIDDEN, ceil_div(WIDTH * HIDDEN, 8) * weight.masked
        panels = [
            ceil_div(weight.value_bits_between(head * size, (head + 1) * size), 8)
            for head in range(heads)
        ]
        expected = sum(panels) + heads * (mask + bias.value_bits // 8 // HEADS)
        assert amounts["bus", "transfer", label] == LAYERS * expected
    # The output projection in one panel: some inputs of all outputs, and the whole bias.
    weight, bias = parts("output")
    panel = ceil_div(weight.value_bits_between(0, heads * WIDTH * HIDDEN), 8)
    panel += ceil_div(heads * WIDTH * HIDDEN, 8) * weight.masked + bias.value_bits // 8
    assert amounts["bus", "transfer", "encoder.output"] == LAYERS * panel


@cases
def test_what_is_off_is_stored_all_the_same(case: str) -> None:
    few, all_heads = with_heads(case, 1).placement, with_heads(case, HEADS).placement
    assert few.tensors == all_heads.tensors


@pytest.mark.parametrize("model", [SMALL_MODEL, UNSHARED_MODEL], ids=["albert", "bert"])
@cases
def test_more_heads_take_longer_on_the_shipped_machines(case: str, model: ModelFamily) -> None:
    # An observation: shared servers could turn it round (Graham's anomalies).
    times = [
        sum(record.duration for record in run_segments(with_heads(case, heads, model)))
        for heads in range(1, HEADS + 1)
    ]
    assert times == sorted(set(times))


@cases
def test_heads_of_odd_width_and_exit_checks_go_together(case: str) -> None:
    model = SMALL_MODEL.model_copy(update={"hidden_size": 51, "heads": 3})
    made = compiled(case, model, 19, attention_spans=[0, 4, 4], exits="shared")
    amounts = amounts_of(made.segments)
    assert sum_of(amounts, "pe_array", "mac") == made.graph.macs
    assert made.inference.exits == (3, 5, 7, 9)
    records = run_segments(made)
    assert not any(records[-1].end_levels.values())
