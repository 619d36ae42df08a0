"""What a task lacks after the chip was off, by where its parameters lie."""

from __future__ import annotations

import pytest
from accelerators.compiled_encoder import SMALL_MODEL, compiled

from accelsim.engine.residency import Missing, Residency
from accelsim.placement.placement import kept_bits
from tests.evaluation.test_generation import generated


@pytest.mark.parametrize(
    ("values", "masks", "lost"),
    [
        ("sram", "sram", Missing.ALL),
        ("sram", "rram_masks", Missing.VOLATILE),
        ("rram_masks", "sram", Missing.VOLATILE),
        ("rram_masks", "rram_masks", Missing.NOTHING),
    ],
)
def test_a_task_loses_what_lies_in_volatile_memories(
    values: str, masks: str, lost: Missing
) -> None:
    case = "cases.adapter_mixed"
    of = compiled(
        "adapter_mixed",
        SMALL_MODEL,
        16,
        (
            f"{case}.hardware.placement.task={{values: {values}, masks: {masks}}}",
            f"{case}.storage.task={{format: bitmask, bits: 8, density: 0.5}}",
        ),
    )
    held = Residency(of.hardware, {"MNLI": of.placement})
    assert held.missing("MNLI") is Missing.ALL
    assert held.losses() == []
    held.admit("MNLI")
    assert held.losses() == ([] if lost is Missing.NOTHING else [("MNLI", lost)])
    held.power_off()
    assert held.missing("MNLI") is lost
    held.admit("MNLI")
    assert held.missing("MNLI") is Missing.NOTHING


@pytest.mark.parametrize("beside", [0, 1])
def test_keys_and_values_need_room_beside_tasks(beside: int) -> None:
    tasks = (
        "tasks={chat: {}, mail: {}}",
        "cases.npu.adaptation={method: lora, rank: 64, targets: [q_proj, v_proj]}",
        "cases.npu.hardware.placement.task={values: sram, masks: sram}",
        "requests.rounds=3",
    )
    wide = generated("npu", *tasks, home="sram")
    own = wide.design.placements["chat"].bits(task_specific=True)["sram"]
    kept = kept_bits(wide.design.placements)["sram"]
    assert 0 < kept < own
    room = f"cases.npu.hardware.memories.sram.capacity={(2 * own + beside * kept) // 8} B"
    case = generated("npu", *tasks, room, home="sram")
    assert case.figures.switches == (2 if beside else 6)
    held = Residency(case.design.hardware, case.design.placements)
    held.admit("chat")
    held.admit("mail")
    assert held.missing("chat") is (Missing.NOTHING if beside else Missing.ALL)
