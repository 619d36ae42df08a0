"""What a task lacks after the chip was off, by where its parameters lie."""

from __future__ import annotations

import pytest
from accelerators.compiled_encoder import SMALL_MODEL, compiled

from accelsim.engine.residency import Missing, Residency


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
