"""Causal attention: blocks of scores end at the diagonal; what is left out is left out thrice."""

from __future__ import annotations

from collections import Counter

import pytest

from accelsim.accelerators.base import check_work
from accelsim.accelerators.systolic_npu.emitter import NpuEmitter
from accelsim.errors import ConservationError
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.stages import run_workload
from accelsim.inputs.memo import Memo
from accelsim.mapping.attention import AttentionStage, staircases
from accelsim.model.families import find_model
from accelsim.model.operators.attention_scores import CAUSAL
from tests.accelerators.ancestry import Ancestry
from tests.evaluation.test_generation import (
    BOTH,
    GPT2,
    HEAD,
    HEADS,
    LAYERS,
    LLAMA,
    WIDTH,
    generated,
    loaded,
)

PROMPT = 80
CORE = ("encoder.scores", "encoder.softmax", "encoder.context")
FAMILIES = pytest.mark.parametrize("family", [LLAMA, GPT2], ids=["llama", "gpt2"])


def prompt(machine: str, causal: str, *more: str) -> CaseResult:
    return generated(
        machine,
        f"sequence_length={PROMPT}",
        "generate={new_tokens: 1}",
        f"cases.{machine}.hardware.mapping.causal={causal}",
        *more,
    )


def work(case: CaseResult) -> Counter[str]:
    """Return multiply-accumulates and elements of functions by operator."""
    found = Counter[str]()
    for key, amount in case.run.ledger.amounts.items():
        if key.block in ("pe_array", "sfu", "vector_unit") and "padded" not in key.action:
            found[key.operator] += amount
    return found


@BOTH
@FAMILIES
def test_scores_softmax_and_context_are_cut_alike_and_nothing_else_is(
    machine: str, family: tuple[str, ...]
) -> None:
    stairs, square = (work(prompt(machine, c, *family)) for c in ("staircase", "square"))
    assert {n: stairs[n] for n in stairs if n not in CORE} == {
        n: square[n] for n in square if n not in CORE
    }
    shares = {stairs[name] / square[name] for name in CORE}
    assert len(shares) == 1
    assert (PROMPT + 1) / (2 * PROMPT) <= shares.pop() < 1
    assert square["encoder.scores"] == LAYERS * HEADS * PROMPT**2 * HEAD
    graph = prompt(machine, "square", *family).design.graphs["chat"]
    scores = next(each for each in graph.operators if each.form == CAUSAL)
    assert stairs["encoder.scores"] // (LAYERS * HEADS * HEAD) in staircases(scores)


@BOTH
@FAMILIES
def test_leaving_out_is_never_slower_nor_dearer(machine: str, family: tuple[str, ...]) -> None:
    stairs, square = (prompt(machine, c, *family) for c in ("staircase", "square"))
    assert stairs.run.makespan < square.run.makespan
    spent, whole = (sum(c.figures.account.dynamic.values()) for c in (stairs, square))
    assert spent < whole


@BOTH
def test_keys_of_a_prefix_and_of_chunks_before_are_seen_by_all(machine: str) -> None:
    prefix = f"cases.{machine}.adaptation={{method: prefix, length: 5}}"
    chunks = "generate={new_tokens: 1, prompt_chunk: 40}"
    for more, triangle in (
        ((prefix, "generate=null"), PROMPT * 5 + PROMPT * (PROMPT + 1) // 2),
        ((chunks,), PROMPT * (PROMPT + 1) // 2),
    ):
        found = work(prompt(machine, "staircase", *more))["encoder.scores"]
        assert triangle <= found / (LAYERS * HEADS * HEAD) < PROMPT * (PROMPT + 5)


def test_staircases_go_from_the_triangle_to_the_square() -> None:
    graph = find_model("gpt2").build(sequence_length=12, classes=1)
    scores = next(each for each in graph.operators if each.form == CAUSAL)
    found = staircases(scores)
    assert (min(found), max(found)) == (12 * 13 // 2, 12 * 12)
    assert {5 * 5 + 5 * 10 + 2 * 12, 6 * 6 + 6 * 12} < found


def test_only_decoders_that_see_all_before_are_causal() -> None:
    def forms(name: str, **sizes: int) -> set[str]:
        graph = find_model(name).build(classes=2, **sizes)
        return {each.form for each in graph.operators if each.kind.name == "attention_scores"}

    assert forms("bert-base", sequence_length=8) == {""}
    assert forms("smollm-135m", sequence_length=8) == {CAUSAL}
    assert forms("smollm-135m", sequence_length=4, kept=20, requests=4) == {""}


def test_machines_that_map_it_otherwise_share_nothing_that_was_emitted() -> None:
    memo = Memo()
    for causal in ("staircase", "square"):
        overrides = (f"sequence_length={PROMPT}", f"cases.npu.hardware.mapping.causal={causal}")
        known = run_workload(loaded(*overrides), memo).cases["npu"].run
        assert known.ledger.digest() == generated("npu", *overrides).run.ledger.digest()


def test_work_that_is_lost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    case = generated("npu", f"sequence_length={PROMPT}", "generate={new_tokens: 1}")
    (inference,) = case.design.inferences.values()
    graph, segments = case.design.graphs["chat"], inference.program.segments
    (kept,) = {length for lengths in case.design.lengths.values() for length in lengths}
    assert kept == PROMPT
    mapping = case.design.hardware.mapping
    check_work(graph, segments, mapping)
    with pytest.raises(ConservationError, match="which is no staircase"):
        check_work(graph, segments[:1] + segments[2:], mapping)
    columns = AttentionStage.columns
    monkeypatch.setattr(AttentionStage, "columns", lambda self, rows: columns(self, rows) - 1)
    with pytest.raises(ConservationError, match="which is no staircase"):
        generated("npu", "sequence_length=79", "generate={new_tokens: 1}")


@BOTH
@FAMILIES
def test_what_a_head_does_not_read_is_made_before_it_is_released(
    machine: str, family: tuple[str, ...]
) -> None:
    (inference,) = prompt(machine, "staircase", *family).design.inferences.values()
    segment = inference.program.segments[-1]
    norm = next(each.operator for each in segment.tasks if "norm" in each.operator)
    rows = [t.id for t in segment.tasks if t.operator == norm and t.queue in ("vector", "sfu")]
    release = [
        task.id
        for task in segment.tasks
        if task.operator == "head" and ("activation_sram", PROMPT * WIDTH) in task.releases
    ]
    assert len(release) == 1
    Ancestry(segment).check(rows, release, "the head reads one row and releases all")


def test_a_head_reads_the_last_row(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    moving = NpuEmitter.moving
    monkeypatch.setattr(
        NpuEmitter, "moving", lambda *given: (read.append(given[1:4]), moving(*given))[1]
    )
    prompt("npu", "staircase", "sequence_length=78")
    assert {rows for label, _, rows in read if label == "head"} == {(77, 78)}
