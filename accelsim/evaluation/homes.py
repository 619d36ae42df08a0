"""Where a case may not keep parameters, and states that would lose them."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.errors import MappingError
from accelsim.machine.chip_state import PowerState
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.switching import volatile_bits
from accelsim.placement.placement import Placement
from accelsim.policies.idle import StateCost
from accelsim.policies.service import ServiceConfig


def check_homes(placements: Mapping[str, Placement], hardware: HardwareConfig) -> None:
    """Refuse parameters where activations lie, which is planned as a whole, or nothing stays."""
    activations = hardware.placement.activations
    for placement in placements.values():
        if placement.swapped and not hardware.has_cold_home:
            raise MappingError(
                f"models.{placement.model}.swapped: the machine '{hardware.name}' has no dram that "
                "keeps the parameters meanwhile; give it one, or leave 'swapped' out"
            )
        for tensor in placement.tensors.values():
            if DRAM in tensor.memories and not hardware.has_cold_home:
                raise MappingError(
                    f"{tensor.parameter.name} (role {tensor.parameter.role.value}) lies in dram, "
                    "which loses it in the state in which it rests; choose another dram.idle_state"
                )
            if activations in tensor.memories:
                raise MappingError(
                    f"{tensor.parameter.name} (role {tensor.parameter.role.value}) lies in "
                    f"'{activations}', the memory of activations; give parameters a memory of "
                    "their own"
                )


def check_service(
    service: ServiceConfig, placements: Mapping[str, Placement], hardware: HardwareConfig
) -> None:
    """Refuse states that the machine lacks, and losing what nothing can bring back."""
    wanted = set[PowerState]()
    if not service.idle.knows_costs:  # one that does sees which states there are
        awake = {PowerState.IDLE: StateCost(0.0, 0.0, 0)}
        wanted = {state for _, state in service.idle.checked_plan(None, awake).steps}
    for state, section in (
        (PowerState.CLOCK_GATED, "clock_gated"),
        (PowerState.RETENTION, "retention"),
    ):
        if state in wanted and getattr(hardware.power, section) is None:
            raise MappingError(
                f"idle: the machine '{hardware.name}' has no state '{state.value}'; give it "
                f"power.{section} or leave idle.{section}_after out"
            )
    target = service.early_exit.latency_target if service.early_exit else None
    if target is not None and not hardware.lower_points:
        raise MappingError(
            f"early_exit.latency_target: the machine '{hardware.name}' has no operating point "
            "below the nominal one; give it scaling.points or leave the target out"
        )
    if PowerState.OFF in wanted and (lost := lost_for_good(placements, hardware)):
        raise MappingError(
            f"idle.off_after: '{lost[0]}' loses the parameters of {lost[1]} and the machine has no "
            "dram to load them from; place them in non-volatile memory"
        )


def lost_for_good(
    placements: Mapping[str, Placement], hardware: HardwareConfig
) -> tuple[str, str] | None:
    """Return a memory and a task whose parameters there a power-off would lose for good."""
    if hardware.has_cold_home:
        return None
    for task, placement in placements.items():
        bits = placement.bits(task_specific=True) + placement.bits(task_specific=False)
        if lost := volatile_bits(bits, hardware):
            return min(lost), task
    return None
