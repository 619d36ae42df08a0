"""A machine with more never takes a dearer plan than one with less could, by its own objective."""

from __future__ import annotations

from typing import Any

import pytest
from compiled_encoder import compiled

from accelsim.accelerators import accelerator_of
from accelsim.accelerators.edgebert import emitter
from accelsim.accelerators.edgebert.mapper import EdgeBertMapper
from accelsim.accelerators.edgebert.parts import parts_of
from accelsim.errors import ConfigError
from accelsim.machine.schema import load_hardware
from accelsim.mapping.cache import InferenceProgram
from accelsim.mapping.plan import NoRoomError
from accelsim.model.families import find_model

ALBERT = find_model("albert-base")
RANKED = EdgeBertMapper.ways
MACHINES = {
    "overlapped": (),
    "one after the other": (
        "hardware.overlap.double_buffering=false",
        "hardware.overlap.special_functions=false",
    ),
    "tight": (
        "hardware.activation_buffer.data=64 KiB",
        "hardware.weight_buffer.data=32 KiB",
        "hardware.memories.activation_sram.capacity=96 KiB",
    ),
    "crowded": (
        "hardware.activation_buffer.data=512 KiB",
        "hardware.weight_buffer.data=16 KiB",
        "hardware.bus.masks_per_cycle=2",
        "hardware.memories.activation_sram.capacity=64 KiB",
        "hardware.overlap.special_functions=false",
    ),
}
TOKENS = {"crowded": 100}
MORE = {
    "masks": ("bus.masks_per_cycle=2",),
    "bus": ("bus.width=128 b",),
    "activation buffer": ("activation_buffer.data=256 KiB",),
    "weight buffer": ("weight_buffer.data=256 KiB", "weight_buffer.masks=32 KiB"),
    "activation memory": ("memories.activation_sram.capacity=4 MiB",),
}
# Half as much again: wider panels whose results may find no room.
LITTLE_MORE = {"crowded": {"panels": ("weight_buffer.data=24 KiB",)}}
Taken = tuple[InferenceProgram, Any]


def taken(case: str, tokens: int, *overrides: str) -> Taken:
    """Return the program that a machine takes, and the parts of the machine."""
    made = compiled(case, ALBERT, tokens, overrides)
    return made.inference, parts_of(made.hardware)


def evaluated(smaller: Taken, case: str, tokens: int, overrides: tuple[str, ...]) -> float:
    """Return what a smaller machine's plan costs on another: its blocks, its cuts, its spills."""
    plan, parts = smaller
    words = {choice.rpartition(": ")[::2] for choice in plan.choices}
    spilled = {each.split()[0] for each in plan.spilled}

    def ways(mapper: EdgeBertMapper, asked: Any, stages: Any) -> list[Any]:
        found = [
            way
            for way in RANKED(mapper, asked, stages)
            if all(
                (stage.label, each.words) in words
                for stage, each in zip(stages, way.candidates, strict=True)
            )
        ]
        for operator in (each for stage in stages for each in stage.operators):
            rows = asked.context.spilled.get(operator.name, 0)
            said = f"{operator.label} ({rows} of {operator.rows} rows)" in plan.spilled
            if said != (rows > 0) or (not rows and operator.label in spilled):
                raise NoRoomError("", "", 0, 0, 0)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EdgeBertMapper, "ways", ways)
        for module, name in (
            (emitter, "operand_rows"),
            (emitter, "panel_columns"),
            (emitter, "loads_ahead"),
        ):
            fits = getattr(module, name)
            patch.setattr(module, name, lambda _, *asked, fits=fits: fits(parts, *asked))
        return taken(case, tokens, *overrides)[0].cost


@pytest.mark.parametrize("objective", ["time", "energy", "energy_delay"])
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("case", ["vanilla_mixed", "adapter_mixed"])
def test_more_costs_no_more(case: str, machine: str, objective: str) -> None:
    chosen = (f"hardware.mapping.objective={objective}", *MACHINES[machine])
    tokens = TOKENS.get(machine, 128)
    smaller = taken(case, tokens, *chosen)
    assert evaluated(smaller, case, tokens, chosen) == smaller[0].cost
    for more, keys in (MORE | LITTLE_MORE.get(machine, {})).items():
        overrides = (*chosen, *(f"hardware.{key}" for key in keys))
        larger, _ = taken(case, tokens, *overrides)
        assert larger.cost <= evaluated(smaller, case, tokens, overrides) * (1 + 1e-12), more


def test_objectives_choose_their_own_plans() -> None:
    """Where loads cost little time, the best by time reads more than the best by energy."""
    plans = {
        objective: taken(
            "vanilla_mixed",
            128,
            "hardware.bus.masks_per_cycle=4",
            f"hardware.mapping.objective={objective}",
        )[0]
        for objective in ("time", "energy", "energy_delay")
    }
    reads = {
        objective: sum(
            count
            for segment in plan.program.segments
            for (block, action, _), count in segment.amounts.items()
            if (block, action) == ("bus", "transfer")
        )
        for objective, plan in plans.items()
    }
    assert reads["energy"] < reads["time"]


def test_the_systolic_machine_has_one_objective() -> None:
    machine = load_hardware("hwconfigs/systolic_npu.yaml", ("mapping.objective=energy",))
    told = r"mapping\.objective: this is energy, but systolic_npu"
    with pytest.raises(ConfigError, match=told):
        accelerator_of(machine)
