"""Requests of a decoder that share passes over its weights, each with a cache of its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from accelsim.account.generation import generation, step_bound
from accelsim.engine.pieces import run_program
from accelsim.evaluation.cases import CaseResult
from accelsim.machine.components.off_chip import DRAM
from accelsim.model.families import find_model
from accelsim.units import to_seconds
from tests.evaluation.test_generation import BOTH, CORE, KEPT, NEW, PROMPT, VOCABULARY, WIDTH
from tests.evaluation.test_generation import generated as run_of


def generated(machine: str = "npu", batch: int = 4, *more: str, asked: int = 4) -> CaseResult:
    """Return the run of a client that asks so many requests at once."""
    return run_of(
        machine,
        f"generate={{new_tokens: {NEW}, cache_block: 1, batch: {batch}}}",
        f"requests={{pattern: round_robin, rounds: 1, sentences_per_task: {asked}}}",
        *more,
    )


def test_products_of_a_shared_step_are_those_of_the_closed_form() -> None:
    model, rows, requests = find_model("smollm-135m"), 100, 5
    weights = 30 * (2 * 576 * 576 + 2 * 576 * 192 + 3 * 576 * 1536) + 576 * 49_152
    step = model.build(sequence_length=requests, classes=1, kept=rows - 1, requests=requests)
    assert step.macs == requests * (weights + 30 * 2 * rows * 576)
    kept = [access for each in step.operators for access in each.kind.state(each)]
    assert sum(access.read for access in kept) == requests * rows * 2 * 30 * 192
    assert sum(access.written for access in kept) == requests * 2 * 30 * 192


@BOTH
def test_weights_are_read_once_a_pass_and_each_cache_once(machine: str) -> None:
    case = generated(machine)
    weights = case.design.graphs["chat"].parameter_count() - VOCABULARY * WIDTH
    for rows in [(17, 17), (17, 20, 24), (18, 19, 20, 24)]:
        found = Counter[tuple[str, bool]]()
        program = case.design.step("chat", rows)
        for segment in program.segments:
            for (block, action, label), amount in segment.amounts.items():
                core = label.partition(".")[2].partition(".")[2] in CORE
                found[action, core] += amount if block == DRAM else 0
        assert found["read", True] == sum(rows) * KEPT
        assert found["write", True] == len(rows) * KEPT
        # Of the table of tokens each request reads a row, and its logits may leave by DRAM.
        tables = found["read", False] - weights
        assert 0 <= tables <= len(rows) * (WIDTH + VOCABULARY)
        alone = max(to_seconds(run_program(case.design.hardware, program).duration), 0.0)
        assert step_bound(case.design, "chat", rows) < alone


def test_a_batch_of_one_is_no_batch() -> None:
    one, many = generated("npu", 1), generated("npu", 3, asked=1)
    assert one.run.ledger.digest() == run_of("npu", ASKED_FOUR).run.ledger.digest()
    assert many.run.ledger.digest() == run_of().run.ledger.digest()
    assert many.run.requests == run_of().run.requests


ASKED_FOUR = "requests={pattern: round_robin, rounds: 1, sentences_per_task: 4}"


@BOTH
def test_bytes_of_weights_a_token_fall_with_the_batch(machine: str) -> None:
    found = {}
    for batch in (1, 2, 4):
        case = generated(machine, batch)
        tokens = generation(case.design, case.run, case.figures.account)
        assert tokens
        assert tokens.together is not None
        found[batch] = (tokens, tokens.together)
    weights = case.design.graphs["chat"].parameter_count() - VOCABULARY * WIDTH
    alone, _ = found[1]
    for batch in (2, 4):
        tokens, together = found[batch]
        saved = weights * (1 - 1 / together)
        assert tokens.moved[DRAM] == pytest.approx(alone.moved[DRAM] - saved, abs=VOCABULARY)
        assert tokens.step_energy < alone.step_energy
        assert tokens.step > (alone.step or 0)
        assert together / (tokens.step or 1) > 1 / (alone.step or 1)


def test_who_comes_later_joins_and_who_is_done_leaves(tmp_path: Path) -> None:
    rows = ["arrival,task,tokens,new_tokens", "0 s,chat,16,9", "0 s,chat,5,3", "0 s,chat,7,1"]
    (tmp_path / "t.csv").write_text("\n".join([*rows, "0 s,chat,9,4"]))
    trace = f"requests={{pattern: file, path: {tmp_path}/t.csv}}"
    case = run_of("npu", trace, "generate={new_tokens: 9, cache_block: 1, batch: 2}")
    assert dict(case.run.steps) == {
        ("chat", (6, 17)): 1,
        ("chat", (7, 18)): 1,
        ("chat", (10, 19)): 1,
        ("chat", (11, 20)): 1,
        ("chat", (12, 21)): 1,
        ("chat", (22,)): 1,
        ("chat", (23,)): 1,
        ("chat", (24,)): 1,
    }
    seats = {each.number: each.seat for each in case.run.requests}
    assert seats == {0: 0, 1: 1, 2: 1, 3: 1}
    assert [each.number for each in case.run.requests] == [1, 2, 3, 0]
    spent = sum(each.new_tokens or 0 for each in case.run.requests)
    assert spent == 4 + sum(n * len(rows) for (_, rows), n in case.run.steps.items())


def test_requests_of_other_tasks_wait(tmp_path: Path) -> None:
    rows = ["arrival,task,tokens,new_tokens", "0 s,chat,16,3", "0 s,mail,16,3", "0 s,chat,16,3"]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    trace = f"requests={{pattern: file, path: {tmp_path}/t.csv}}"
    generate = "generate={new_tokens: 9, cache_block: 1, batch: 4}"
    tasks = "tasks={chat: {}, mail: {}}"
    first = run_of("npu", trace, generate, tasks)
    assert {len(rows) for _, rows in first.run.steps} == {1}
    affine = run_of(
        "npu", trace, generate, tasks, "policy={name: task_affinity, maximum_delay: 10 s}"
    )
    assert {len(rows) for task, rows in affine.run.steps if task == "chat"} == {2}


def test_every_request_has_room_in_the_cache() -> None:
    placed = generated().design.placements["chat"].cache
    assert placed
    assert placed.bytes == 4 * (PROMPT + NEW - 1) * KEPT
    assert generated().footprints["sram"].held_bytes < placed.bytes


def test_seats_of_a_cache_wear_apart() -> None:
    home = "cases.npu.hardware.placement.cache=rram"
    assert generated("npu", 1, home).lifetimes["rram"].worst_writes == 4
    assert generated("npu", 4, home).lifetimes["rram"].worst_writes == 1
