"""The systolic machine: more never takes a dearer plan, and the estimate is near the simulation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import pytest
from compiled_encoder import SMALL_MODEL, best_costs, compiled, run_segments

from accelsim.accelerators import accelerator_of
from accelsim.accelerators.systolic_npu import mapper
from accelsim.accelerators.systolic_npu.mapper import NpuMapper
from accelsim.accelerators.systolic_npu.parts import parts_of
from accelsim.accelerators.systolic_npu.tiles import parameters_read
from accelsim.errors import ConfigError
from accelsim.machine.schema import load_hardware
from accelsim.machine.servers import Machine
from accelsim.mapping.cache import InferenceProgram
from accelsim.mapping.plan import NoRoomError
from accelsim.mapping.values import split_rows
from accelsim.model.families import find_model
from accelsim.model.operators import Reach
from accelsim.program import Product

WORKLOAD = "workloads/mti_systolic_npu.yaml"
COMPARED = "hardware.mapping.tiles=compared"
ALBERT = find_model("albert-base")
SMALL = SMALL_MODEL.model_copy(update={"hidden_size": 192, "intermediate_size": 384, "heads": 3})
RANKED = NpuMapper.ways
MACHINES = {
    "shipped": (),
    "dense": ("cases.vanilla.storage.task={format: dense, bits: 8}",),
    "tight": (
        "hardware.scratchpad.capacity=32 KiB",
        "hardware.accumulator.capacity=16 KiB",
        "hardware.memories.activation_sram.capacity=40 KiB",
        "hardware.bus.width=64 b",
    ),
    "serial": ("hardware.pe_array.fold_schedule=serial", "hardware.scratchpad.capacity=64 KiB"),
}
MORE = {
    "scratchpad": ("scratchpad.capacity=512 KiB",),
    "accumulator": ("accumulator.capacity=256 KiB",),
    "activation memory": ("memories.activation_sram.capacity=2 MiB",),
    "bus": ("bus.width=256 b",),
    "masks": ("bus.masks_per_cycle=16",),
    "vector unit": ("vector_unit.width=32",),
}
CASES = [
    ("shipped", 16),
    ("shipped", 128),
    ("dense", 16),
    ("tight", 16),
    ("serial", 16),
]


@lru_cache
def taken(tokens: int, *overrides: str) -> InferenceProgram:
    """Return the program that a machine takes."""
    return compiled("vanilla", SMALL, tokens, (COMPARED, *overrides), workload=WORKLOAD).inference


def evaluated(smaller: InferenceProgram, tokens: int, overrides: tuple[str, ...]) -> float:
    """Return what a smaller machine's plan costs on another: its blocks, tiles and spills."""
    words = dict(choice.rpartition(": ")[::2] for choice in smaller.choices)
    spilled = {each.split()[0] for each in smaller.spilled}

    def extents(stage: Any) -> Product:
        rows, columns, depth = words[stage.label].rpartition("tiles of ")[2].split(" x ")
        return Product(int(rows), int(columns), int(depth))

    def ways(self: NpuMapper, asked: Any, stages: Sequence[Any]) -> list[Any]:
        for each in (each for stage in stages for each in stage.operators):
            rows = asked.context.spilled.get(each.name, 0)
            said = f"{each.label} ({rows} of {each.rows} rows)" in smaller.spilled
            if said != (rows > 0) or (not rows and each.label in spilled):
                raise NoRoomError("", "", 0, 0, 0)
        found = RANKED(self, asked, stages)
        return [way for way in found if way.candidates[0].words == words[stages[0].label]]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NpuMapper, "ways", ways)
        patch.setattr(mapper, "tiles", lambda _, stage, rows: [extents(stage)])
        changed = (COMPARED, *overrides)
        return compiled("vanilla", SMALL, tokens, changed, workload=WORKLOAD).inference.cost


@pytest.mark.parametrize("objective", ["time", "energy", "energy_delay"])
@pytest.mark.parametrize(("machine", "tokens"), CASES)
def test_more_costs_no_more(machine: str, tokens: int, objective: str) -> None:
    chosen = (f"hardware.mapping.objective={objective}", *MACHINES[machine])
    smaller = taken(tokens, *chosen)
    assert evaluated(smaller, tokens, chosen) == smaller.cost
    for more, keys in MORE.items():
        overrides = (*chosen, *(f"hardware.{key}" for key in keys))
        larger = taken(tokens, *overrides)
        assert larger.cost <= evaluated(smaller, tokens, overrides), more


def test_a_larger_buffer_has_the_tiles_of_a_smaller_one() -> None:
    asked = Product(128, 768, 3072)
    sizes = [(9, 8), (33, 8), (33, 32), (256, 32), (256, 128)]
    machines = [
        load_hardware(
            "hwconfigs/systolic_npu.yaml",
            (f"scratchpad.capacity={one} KiB", f"accumulator.capacity={other} KiB"),
        )
        for one, other in sizes
    ]
    found = [set(parts_of(each).tiles_for(asked)) for each in machines]
    assert all(few < many for few, many in pairwise(found))


def test_objectives_choose_their_own_plans() -> None:
    """The best by time loads more than the best by energy."""
    loaded = {}
    for objective in ("time", "energy", "energy_delay"):
        plan = taken(128, f"hardware.mapping.objective={objective}")
        amounts = [segment.amounts.items() for segment in plan.program.segments]
        loaded[objective] = sum(
            count
            for each in amounts
            for (block, action, _), count in each
            if (block, action) == ("scratchpad", "write")
        )
    assert loaded["energy"] < loaded["time"]
    assert loaded["energy"] <= loaded["energy_delay"] <= loaded["time"]


@pytest.mark.parametrize(("tokens", "side"), [(16, 16), (128, 64)])
def test_the_estimate_of_a_layer_is_near_its_simulation(
    tokens: int, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = best_costs(NpuMapper, monkeypatch)
    # To the cycle, not in the steps by which plans are told apart.
    monkeypatch.setattr(mapper, "_STEPS", 1 << 30)
    sides = (f"hardware.pe_array.rows={side}", f"hardware.pe_array.columns={side}")
    room = (COMPARED, "hardware.memories.activation_sram.capacity=2 MiB")
    if side == 64:
        sides += ("hardware.scratchpad.capacity=512 KiB", "hardware.accumulator.capacity=256 KiB")
    made = compiled("vanilla", ALBERT, tokens, (*room, *sides), workload=WORKLOAD)
    _, layer = run_segments(made, 2)
    assert sum(costs[2:5]) * Machine(made.hardware).period == pytest.approx(
        layer.duration, rel=WITHIN
    )


# A layer takes so much longer or shorter than the estimate, at most.
WITHIN = 0.06


def test_the_largest_tiles_are_gemminis_rule_and_compare_nothing() -> None:
    largest = taken(16, "hardware.mapping.tiles=largest")
    assert largest.cost == 0
    assert {each.rpartition("tiles of ")[2] for each in largest.choices} == {"128 x 128 x 512"}
    machine = load_hardware("hwconfigs/systolic_npu.yaml", ("mapping.objective=energy",))
    with pytest.raises(ConfigError, match=r"mapping\.objective: this is energy, but systolic_npu"):
        accelerator_of(machine)


def test_other_machines_have_no_choice_of_tiles() -> None:
    machine = load_hardware("hwconfigs/edgebert.yaml", ("mapping.tiles=compared",))
    told = r"mapping\.tiles: this is compared, but edgebert has one way to cut products"
    with pytest.raises(ConfigError, match=told):
        accelerator_of(machine)


@pytest.mark.parametrize("width", [7, 16, 64])
def test_columns_read_their_own_parameters(width: int) -> None:
    """What panels of columns read of a norm of channels is what the whole of it reads."""
    model = find_model("resnet-26").model_copy(update={"batch_norm": "separate"})
    graph = model.build(classes=10)
    norms = [
        each for each in graph.operators if each.kind.reach is Reach.ELEMENT and each.parameters
    ]
    assert norms
    for each in norms:
        panels = [last - first for first, last in split_rows(each.columns, width)]
        read = sum(parameters_read(each, 9, columns) for columns in panels)
        assert read == parameters_read(each, 9, each.columns)
