"""Leading bits of values in a memory of their own: placement, accesses and a run."""

from __future__ import annotations

import pytest
from small_workload import small_workload

from accelsim.errors import ConfigError
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.stages import design_of, run_workload
from accelsim.mapping.accesses import Part, read_part

CASE = "adapter_mixed"
HIGH = f"cases.{CASE}.storage.%s.cells={{high: [{{bits: 4, bits_per_cell: 1}}]}}"
HOME = f"cases.{CASE}.hardware.placement.%s={{values: rram, masks: rram_masks, high: rram_masks}}"
APART = (HIGH % "backbone", HOME % "backbone", HIGH % "embedding", HOME % "embedding")


def run(*overrides: str) -> CaseResult:
    return run_workload(small_workload(*overrides))[CASE]


def test_the_bits_of_every_tensor_add_up() -> None:
    together, apart = run().design.placements["MNLI"], run(*APART).design.placements["MNLI"]
    for name, stored in apart.tensors.items():
        before = together.tensors[name]
        assert stored.value_bits == before.value_bits
        extents = {home.part: extent.data for home, extent in stored.parts}
        if "high" in extents:
            assert sum(extents.values()) == sum(extent.data for _, extent in before.parts)
            assert extents["high"] == extents["values"]
    totals = [p.bits(task_specific=False) for p in (together, apart)]
    assert totals[0]["rram"] + totals[0]["rram_masks"] == sum(
        totals[1][memory] for memory in ("rram", "rram_masks")
    )
    assert totals[1]["rram"] == pytest.approx(totals[0]["rram"] / 2, rel=0.01)


def test_a_part_is_read_from_both_memories_and_crosses_the_bus_once() -> None:
    workload = small_workload(*APART)
    design = design_of(workload, workload.cases[CASE])
    tensor = next(t for t in design.placements["MNLI"].tensors.values() if len(t.homes) == 3)
    part = Part(tensor, 0, tensor.parameter.elements)
    uses = {use.block: use.amount for use in read_part(design.hardware, part, 0)}
    nonzeros = tensor.nonzeros_between(0, tensor.parameter.elements)
    assert uses["rram"] == -(-4 * nonzeros // 128)
    # Half of the values' bits, then the mask, each from its own first word.
    assert uses["rram_masks"] == -(-4 * nonzeros // 128) + -(-tensor.parameter.elements // 128)
    assert part.data_bytes == nonzeros


def test_a_run_reads_more_from_the_memory_of_high_bits_and_moves_the_same() -> None:
    plain, apart = run().run.ledger, run(*APART).run.ledger
    assert apart.amount("rram", "read") < plain.amount("rram", "read")
    assert apart.amount("rram_masks", "read") > plain.amount("rram_masks", "read")
    assert apart.amount("bus", "transfer") == plain.amount("bus", "transfer")
    assert apart.amount("pe_array", "mac") == plain.amount("pe_array", "mac")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ((HIGH % "backbone",), r"^storage\.backbone\.cells\.high: the machine .* name one in "),
        (
            (
                HIGH % "backbone",
                (HOME % "backbone").replace("high: rram_masks", "high: rram"),
            ),
            r"^storage\.backbone\.cells\.high: 1 bits a cell, but memory 'rram' has 2; change one",
        ),
    ],
)
def test_a_wrong_home_of_high_bits_is_one_line(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(*overrides)
