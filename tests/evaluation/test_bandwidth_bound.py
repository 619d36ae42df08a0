"""No home, format, window, batch or length lets a decoder generate faster than it can be read."""

from __future__ import annotations

import pytest

from accelsim.account.generation import step_bound
from accelsim.engine.pieces import run_program
from accelsim.evaluation.metrics import case_figures
from accelsim.units import to_seconds
from tests.evaluation.test_generation import BOTH, generated

BACKBONE, STORED = "cases.{}.hardware.placement.backbone=", "cases.{}.storage.backbone="
FOUR_BITS = STORED + "{{format: dense, bits: 4, groups: {{size: 32, bits: 16}}}}"
MASKED = STORED + "{{format: bitmask, bits: 8, density: 0.3}}"
HOSTILE: dict[str, tuple[str, ...]] = {
    "weights and cache in one rram": (
        BACKBONE + "{{values: rram, masks: rram}}",
        "cases.{}.hardware.placement.cache=rram",
    ),
    "weights in four bits, cache of four in sram": (
        FOUR_BITS,
        "cases.{}.hardware.placement.cache=sram",
        "cases.{}.storage.cache={{bits: 4}}",
    ),
    "four bits in rram": (BACKBONE + "{{values: rram, masks: rram}}", FOUR_BITS),
    "values in rram, masks in sram": (BACKBONE + "{{values: rram, masks: sram}}", MASKED),
    "values in dram, masks in rram": (BACKBONE + "{{values: dram, masks: rram}}", MASKED),
    "each role elsewhere": (
        BACKBONE + "{{values: rram, masks: rram}}",
        "cases.{}.hardware.placement.embedding={{values: sram, masks: sram}}",
    ),
    "banks that take turns": (
        BACKBONE + "{{values: rram, masks: rram}}",
        "cases.{}.hardware.memories.rram.banks=8",
    ),
    "a wide bus": (BACKBONE + "{{values: rram, masks: rram}}", "cases.{}.hardware.bus.width=256 b"),
    "two parts of dram": ("cases.{}.hardware.dram={{technology: lpddr4_3200, devices: 2}}",),
    "a window shorter than the prompt": ("model.sliding_window=5",),
    "a prompt of one token": ("sequence_length=1",),
    "blocks that are longer than all": ("generate={{new_tokens: 9, cache_block: 64}}",),
    "a batch of more than ask": ("generate={{new_tokens: 9, cache_block: 1, batch: 6}}",),
    "a batch that is full, with a window": (
        "generate={{new_tokens: 9, cache_block: 1, batch: 3}}",
        "requests.sentences_per_task=3",
        "model.sliding_window=18",
        "cases.{}.storage.cache={{bits: 4}}",
    ),
    "a prompt in chunks": ("generate={{new_tokens: 9, cache_block: 1, prompt_chunk: 5}}",),
}


@BOTH
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_no_step_is_faster_than_its_bytes(machine: str, hostile: tuple[str, ...]) -> None:
    case = generated(machine, *(each.format(machine) for each in hostile))
    assert case.run.steps
    for task, rows in case.run.steps:
        program = case.design.step(task, rows)
        alone = run_program(case.design.hardware, program).duration
        assert 0 < step_bound(case.design, task, rows) < to_seconds(alone)
    found = {name: figure for _, name, figure in case_figures(case)}
    rate, bound = found["tokens.rate"], found["tokens.bound"]
    assert isinstance(rate, float)
    assert isinstance(bound, float)
    assert 0 < rate < bound


@BOTH
def test_one_token_has_no_pace_and_no_bound(machine: str) -> None:
    case = generated(machine, "generate={new_tokens: 1}", "sequence_length=1")
    found = {name: figure for _, name, figure in case_figures(case)}
    assert found["tokens.count"] == 1
    assert not found.keys() & {"tokens.rate", "tokens.bound"}
    assert case.run.steps == {}
