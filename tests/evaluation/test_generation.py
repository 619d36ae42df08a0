"""Decoders that generate: a prompt at once, then token by token with a cache."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from accelsim.account.generation import generation, step_bound
from accelsim.engine.pieces import run_program
from accelsim.engine.run import Options
from accelsim.errors import CapacityError, ConfigError, MappingError
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.metrics import case_figures
from accelsim.evaluation.stages import run_workload
from accelsim.inputs.memo import Memo
from accelsim.machine.components.off_chip import DRAM
from accelsim.model.families import find_model
from accelsim.model.operators import Reach
from accelsim.units import Tick, to_seconds
from accelsim.workload.schema import Workload, load_workload
from tests.small_workload import MAIN

LAYERS, WIDTH, HEADS, KEY_HEADS, INNER, VOCABULARY = 3, 64, 4, 2, 128, 256
HEAD = WIDTH // HEADS
KEPT = 2 * LAYERS * KEY_HEADS * HEAD  # elements of a token
LLAMA = (
    f"model={{name: custom, family: llama, vocabulary_size: {VOCABULARY}, hidden_size: {WIDTH}, "
    f"layers: {LAYERS}, heads: {HEADS}, key_heads: {KEY_HEADS}, intermediate_size: {INNER}, "
    "maximum_positions: 128, tied_embeddings: false}",
)
GPT2 = (
    f"model={{name: custom, family: gpt2, vocabulary_size: {VOCABULARY}, hidden_size: {WIDTH}, "
    f"layers: {LAYERS}, heads: {HEADS}, maximum_positions: 128, tied_embeddings: false}}",
)
DENSE = "{format: dense, bits: 8}"
MACHINES = {"npu": "systolic_npu", "edgebert": "edgebert_overlapped"}
PROMPT, NEW = 16, 9


def asked(machine: str = "npu", *overrides: str, home: str = DRAM) -> tuple[str, ...]:
    """Return what makes the main workload one of a small decoder, its parameters in DRAM."""
    storage = ", ".join(f"{role}: {DENSE}" for role in ("embedding", "backbone", "task"))
    hardware = f"cases.{machine}.hardware"
    placed = (
        f"{hardware}.placement.{role}={{values: dram, masks: dram}}"
        for role in ("embedding", "backbone", "task")
    )
    return (
        *LLAMA,
        f"sequence_length={PROMPT}",
        "tasks={chat: {}}",
        "idle={policy: timeout}",
        f"generate={{new_tokens: {NEW}, cache_block: 1}}",
        "requests={pattern: round_robin, rounds: 1, sentences_per_task: 1}",
        f"cases={{{machine}: {{hardware: ../hwconfigs/{MACHINES[machine]}.yaml, "
        f"adaptation: {{method: full}}, storage: {{{storage}}}}}}}",
        f"{hardware}.dram={{technology: lpddr5_6400}}",
        *placed,
        f"{hardware}.placement.cache={home}",
        "published=null",
        *overrides,
    )


@lru_cache
def generated(machine: str = "npu", *overrides: str, home: str = DRAM) -> CaseResult:
    """Return the run of the small decoder."""
    return run_workload(load_workload(MAIN, asked(machine, *overrides, home=home))).cases[machine]


def loaded(*overrides: str, home: str = DRAM) -> Workload:
    return load_workload(MAIN, asked("npu", *overrides, home=home))


def step_time(case: CaseResult, rows: int) -> Tick:
    """Return the ticks of a step alone."""
    program = case.design.steps["chat", rows].program
    return run_program(case.design.hardware, program).duration


BOTH = pytest.mark.parametrize("machine", MACHINES)


def test_products_of_a_step_are_those_of_the_closed_form() -> None:
    model = find_model("smollm-135m")
    weights = 30 * (2 * 576 * 576 + 2 * 576 * 192 + 3 * 576 * 1536) + 576 * 49_152
    for rows in (2, 17, 2048):
        step = model.build(sequence_length=1, classes=1, kept=rows - 1)
        assert step.macs == weights + 30 * 2 * rows * 576
    prompt = model.build(sequence_length=100, classes=1, kept=0)
    assert prompt.macs == model.build(sequence_length=100, classes=1).macs


def test_a_step_keeps_keys_and_values_of_its_key_heads() -> None:
    model = find_model("tinyllama-1.1b")
    step = model.build(sequence_length=1, classes=1, kept=99)
    kept = [access for each in step.operators for access in each.kind.state(each)]
    assert len(kept) == 2 * 22
    assert sum(access.written for access in kept) == 2 * 22 * 4 * 64
    assert sum(access.read for access in kept) == 100 * 2 * 22 * 4 * 64


@BOTH
def test_a_step_reads_the_cache_once_and_writes_a_row(machine: str) -> None:
    case = generated(machine)
    for rows in case.design.cache_rows:
        program = case.design.steps["chat", rows].program
        found = {"read": 0, "write": 0}
        for segment in program.segments:
            for (block, action, label), amount in segment.amounts.items():
                if block == DRAM and label.partition(".")[2].partition(".")[2] in CORE:
                    found[action] += amount
        assert found == {"read": rows * KEPT, "write": KEPT}


CORE = {"scores", "context", "key_cache", "value_cache"}


@BOTH
@pytest.mark.parametrize("family", [LLAMA, GPT2])
def test_generation_is_a_prompt_and_its_steps(machine: str, family: tuple[str, ...]) -> None:
    case = generated(machine, *family)
    (outcome,) = case.run.requests
    rows = range(PROMPT + 1, PROMPT + NEW)
    assert case.design.cache_rows == tuple(rows)
    steps = [
        run_program(case.design.hardware, case.design.steps["chat", n].program).duration
        for n in rows
    ]
    assert outcome.first_token is not None
    # The DRAM needs no time to wake up behind the prompt.
    assert outcome.end - outcome.first_token <= sum(steps)
    assert outcome.end - outcome.first_token >= 0.99 * sum(steps)
    assert steps == sorted(steps)


HOMES = {
    "dram": (),
    "bank-level dram": ("cases.{}.hardware.dram={{technology: lpddr4_3200}}",),
    "sram": ("cases.{}.hardware.placement.cache=sram",),
    "weights in rram": ("cases.{}.hardware.placement.backbone={{values: rram, masks: rram}}",),
    "4-bit cache": ("cases.{}.storage.cache={{bits: 4}}",),
}


@BOTH
@pytest.mark.parametrize("homes", HOMES.values(), ids=HOMES)
def test_no_step_beats_the_bandwidth(machine: str, homes: tuple[str, ...]) -> None:
    case = generated(machine, *(each.format(machine) for each in homes))
    for rows in case.design.cache_rows:
        bound = step_bound(case.design, "chat", (rows,))
        assert 0 < bound < to_seconds(step_time(case, rows))


def test_the_bound_is_weights_and_cache_over_the_bandwidth() -> None:
    case = generated()
    graph = case.design.graphs["chat"]
    # Of the table a row alone; LPDDR5 of 12.8 GB/s.
    size = graph.parameter_count() - (VOCABULARY - 1) * WIDTH + 20 * KEPT
    assert step_bound(case.design, "chat", (20,)) == pytest.approx(size / 12.8e9, rel=1e-12)


def test_figures_are_those_of_the_run() -> None:
    case = generated()
    found = dict((name, figure) for _, name, figure in case_figures(case))
    (outcome,) = case.run.requests
    assert found["tokens.count"] == NEW
    assert found["tokens.first"] == to_seconds(outcome.first_token or 0)
    behind = to_seconds(outcome.end - (outcome.first_token or 0))
    assert found["tokens.step"] == pytest.approx(behind / (NEW - 1), rel=1e-12)
    rate, bound = found["tokens.rate"], found["tokens.bound"]
    assert isinstance(rate, float)
    assert isinstance(bound, float)
    assert rate < bound
    assert found["tokens.energy"] == case.figures.account.total / NEW
    assert "tokens.own_energy" not in found  # there is no other model
    assert "tokens.count" not in dict(
        (name, figure) for _, name, figure in case_figures(generated("npu", "generate=null"))
    )


def test_a_step_moves_weights_and_cache() -> None:
    case = generated("npu", "generate.new_tokens=2")
    found = generation(case.design, case.run, case.figures.account)
    assert found
    weights = case.design.graphs["chat"].parameter_count() - (VOCABULARY - 1) * WIDTH
    # Keys and values of 17 tokens are read, those of one written.
    assert found.moved[DRAM] == weights + 18 * KEPT
    assert found.step_energy < found.prompt_energy


def test_a_cache_in_rram_wears_out() -> None:
    case = generated(home="rram")
    wear = case.lifetimes["rram"]
    assert wear.worst_writes == 1
    assert wear.words_written == (PROMPT + NEW - 1) * KEPT * 8 / 128
    assert wear.years() < 10
    again = generated("npu", "requests.rounds=3", home="rram").lifetimes["rram"]
    assert again.worst_writes == 3
    round_again = generated("npu", "model.sliding_window=8", home="rram").lifetimes["rram"]
    assert round_again.worst_writes == 3


def test_a_trace_says_how_many_tokens_are_generated(tmp_path: Path) -> None:
    rows = ["at,num_prefill_tokens,num_decode_tokens", "0,7,3", "0.1,16,1", "0.1,5,"]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    columns = "{arrival: 'at [s]', tokens: num_prefill_tokens, new_tokens: num_decode_tokens}"
    trace = f"requests={{pattern: file, path: {tmp_path}/t.csv, task: chat, columns: {columns}}}"
    case = generated("npu", trace)
    assert [each.new_tokens for each in case.run.requests] == [3, 1, NEW]
    assert sum(case.run.steps.values()) == 2 + 0 + NEW - 1
    with pytest.raises(ConfigError, match=r"new_tokens to generate, but the workload generates n"):
        run_workload(loaded(trace, "generate=null"))
    (tmp_path / "t.csv").write_text("\n".join([rows[0], "0,16,300"]))
    with pytest.raises(ConfigError, match=r"number 0 has 16 tokens and asks for 300, more than th"):
        run_workload(loaded(trace, "sequence_length=17"))


def test_a_prompt_alone_costs_what_it_did_but_for_the_cache() -> None:
    alone, kept = generated("npu", "generate=null"), generated("npu", "generate.new_tokens=1")
    assert kept.design.cache_rows == ()
    (outcome,) = kept.run.requests
    assert outcome.end == outcome.first_token
    more = {
        key: amount - alone.run.ledger.amounts[key]
        for key, amount in kept.run.ledger.amounts.items()
        if key.block == DRAM and key.action == "write"
    }
    assert sum(more.values()) == PROMPT * KEPT
    assert kept.run.ledger.amount("pe_array", "mac") == alone.run.ledger.amount("pe_array", "mac")


@BOTH
def test_a_prompt_in_chunks_is_a_staircase(machine: str) -> None:
    square = f"cases.{machine}.hardware.mapping.causal=square"
    whole = generated(machine, "sequence_length=48", "generate.new_tokens=2", square)
    chunks = generated(
        machine, "sequence_length=48", "generate={new_tokens: 2, cache_block: 1, prompt_chunk: 16}"
    )
    assert set(chunks.design.lengths.values()) == {(16, 32, 48)}
    found = {}
    for name, case in (("whole", whole), ("chunks", chunks)):
        found[name] = {
            label: sum(
                amount
                for key, amount in case.run.ledger.amounts.items()
                if key.action == "mac" and key.operator == label
            )
            for label in ("encoder.scores", "encoder.context", "encoder.up", "head")
        }
    products = LAYERS * WIDTH
    assert found["whole"]["encoder.scores"] == 48 * 48 * products
    assert found["chunks"]["encoder.scores"] == 16 * (16 + 32 + 48) * products
    assert found["chunks"]["encoder.context"] == found["chunks"]["encoder.scores"]
    assert found["chunks"]["encoder.up"] == found["whole"]["encoder.up"] == 48 * INNER * products
    # The head reads the last token of the last chunk alone.
    assert found["chunks"]["head"] == found["whole"]["head"] == VOCABULARY * WIDTH
    (outcome,) = chunks.run.requests
    assert outcome.tokens == 48
    assert chunks.figures.inferences == 1
    assert chunks.run.steps == whole.run.steps


def test_short_prompts_are_no_chunks() -> None:
    one, two = (
        generated("npu", f"generate={{new_tokens: {NEW}, cache_block: 1, prompt_chunk: {size}}}")
        for size in (PROMPT, 100)
    )
    assert one.run.makespan == two.run.makespan == generated().run.makespan


def test_a_cache_grows_by_blocks() -> None:
    case = generated("npu", "generate.cache_block=8")
    assert case.design.cache_rows == (24,)
    assert case.run.requests[0].end > generated().run.requests[0].end


def test_a_sliding_window_bounds_the_cache() -> None:
    case = generated("npu", "model.sliding_window=20")
    assert case.design.cache_rows == (17, 18, 19, 20)
    placed = case.design.placements["chat"].cache
    assert placed
    assert placed.bytes == 20 * KEPT
    assert case.run.requests[0].end < generated().run.requests[0].end


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_elements_of_the_cache_have_bits_of_their_own(bits: int) -> None:
    case = generated("npu", f"cases.npu.storage.cache={{bits: {bits}}}")
    placed = case.design.placements["chat"].cache
    assert placed
    assert placed.bytes == (PROMPT + NEW - 1) * KEPT * bits // 8
    (time,) = (each.end for each in case.run.requests)
    assert (time > generated().run.requests[0].end) == (bits > 8)


def test_a_cache_on_the_chip_is_held_and_checked() -> None:
    case = generated("npu", home="sram")
    assert case.footprints["sram"].held_bytes == (PROMPT + NEW - 1) * KEPT
    small = "cases.npu.hardware.memories.sram.capacity=4 KiB"
    with pytest.raises(CapacityError, match=r"^case 'npu': the KV cache needs .*; memory 'sram'"):
        run_workload(loaded(small, home="sram"))


def test_layers_and_steps_of_equal_work_are_simulated_once() -> None:
    prompt, step = 5, 3  # segments: embedding, first layer, others, last, head; around an attention
    case = generated("npu", "generate={new_tokens: 65, cache_block: 16}")
    assert case.design.cache_rows == (32, 48, 64, 80)
    assert sum(case.run.steps.values()) == 64
    assert case.run.simulated <= prompt + 2 * step + len(case.design.cache_rows) * step
    assert case.run.replayed > 10 * case.run.simulated


@pytest.mark.parametrize("part", ["lpddr4_3200", "lpddr5_6400"])
def test_replayed_steps_are_those_that_are_simulated(part: str) -> None:
    workload = loaded(f"cases.npu.hardware.dram={{technology: {part}}}", "generate.cache_block=4")
    once, anew = (
        run_workload(workload, Memo(), options=Options(replay=replay)).cases["npu"].run
        for replay in (True, False)
    )
    assert (once.makespan, once.ledger.digest()) == (anew.makespan, anew.ledger.digest())
    assert once.simulated < anew.simulated / 2
    assert anew.replayed == 0


def test_tasks_with_adapters_of_their_own_share_backbone_and_cache() -> None:
    lora = "cases.npu.adaptation={method: lora, rank: 2, targets: [q_proj, v_proj]}"
    one = "requests={pattern: round_robin, rounds: 1, sentences_per_task: 1}"
    home = "cases.npu.hardware.placement.task={values: sram, masks: sram}"
    case = generated("npu", lora, home, one, "tasks={chat: {}, mail: {}, notes: {}}")
    assert [each.new_tokens for each in case.run.requests] == [NEW] * 3
    assert case.figures.switches == 3
    first, second, _ = case.run.requests
    assert first.end - first.start == second.end - second.start
    assert case.footprints["sram"].shared_bits == 0


WRONG = {
    ("generate.new_tokens=200",): "generate.new_tokens: 200 tokens behind 16 of a prompt are more",
    ("generate.new_tokens=0",): "generate.new_tokens: input should be greater than 0",
    ("generate.prompt_chunk=1",): "generate.prompt_chunk: input should be greater than or equal",
    (
        "generate.prompt_chunk=100",
        "sequence_length=101",
        "generate.new_tokens=1",
    ): "whole chunks of",
    ("generate={}",): "generate.new_tokens: this key is missing",
    ("generate.tokens=3",): "generate.tokens: unknown key",
    ("model={name: albert-base}",): "generate: albert-base is no decoder and generates no tokens",
    ("cases.npu.hardware.placement.cache=flash",): "placement.cache: 'flash' is no home",
    ("cases.npu.hardware.placement.cache=activation_sram",): "'activation_sram' is no home",
    ("cases.npu.storage.cache={bits: 0}",): "storage.cache.bits",
    ("model.sliding_window=0",): "model.sliding_window",
}


@pytest.mark.parametrize("overrides", WRONG, ids=" ".join)
def test_what_is_wrong_is_told(overrides: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as told:
        loaded(*overrides)
    assert WRONG[overrides] in str(told.value)


def test_a_machine_without_a_home_for_the_cache_is_told() -> None:
    with pytest.raises(MappingError, match=r"no home for what is kept; name a memory in placem"):
        run_workload(loaded("cases.npu.hardware.placement.cache=null"))


def test_only_the_cache_is_state() -> None:
    step = find_model("gpt2").build(sequence_length=1, classes=1, kept=3)
    kinds = {each.kind.name for each in step.operators if each.kind.reach is Reach.STATE}
    assert kinds == {"kv_cache"}
