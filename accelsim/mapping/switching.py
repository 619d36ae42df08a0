"""Programs around inferences: loading a task's parameters, and power-up."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.config.hardware import HardwareConfig
from accelsim.mapping import accesses
from accelsim.mapping.accesses import bus_use, memory_use, merge_uses
from accelsim.memory.placement import DRAM, Placement
from accelsim.memory.regions import regions
from accelsim.program import Program, ProgramKind, SegmentBuilder, Use
from accelsim.units import ceil_div


def compile_switch(
    task: str, placement: Placement, hardware: HardwareConfig, address: int
) -> Program:
    """Return the program that brings a task's parameters from DRAM into their homes.

    The stored form travels as it is, non-zeros and masks one after the other. A load streams:
    DRAM, bus and memory work at the same time.
    """
    builder = SegmentBuilder(f"switch_to_{task}")
    bits = placement.bits(task_specific=True)
    _load(builder, "switch.load_parameters", bits, hardware, address)
    return Program(f"switch to {task}", ProgramKind.SWITCH, (builder.build(),))


def compile_power_up(hardware: HardwareConfig, placement: Placement, address: int) -> Program:
    """Return the program that wakes the chip.

    It brings back the shared parameters whose homes are volatile, from ``address`` in DRAM; the
    task's own come back by a switch.
    """
    builder = SegmentBuilder("power_up")
    woken = builder.add("host", "power_up", [Use(accesses.POWER, "wake_up", 1)])
    lost = volatile_bits(placement.bits(task_specific=False), hardware)
    _load(builder, "power_up.load_parameters", lost, hardware, address, after=(woken,))
    return Program("power_up", ProgramKind.POWER_UP, (builder.build(),))


def volatile_bits(bits: Mapping[str, int], hardware: HardwareConfig) -> dict[str, int]:
    """Return those of the bits by memory that are lost without supply."""
    arrays = regions(hardware)
    return {m: n for m, n in bits.items() if m != DRAM and arrays[m].array.volatile}


def _load(
    builder: SegmentBuilder,
    operator: str,
    bits: Mapping[str, int],
    hardware: HardwareConfig,
    address: int,
    after: tuple[int, ...] = (),
) -> None:
    for memory, amount in bits.items():
        if memory == DRAM:
            continue
        size = ceil_div(amount, 8)
        uses = [
            Use(DRAM, "read", size, (address,)),
            bus_use(size),
            memory_use(hardware, memory, "write", amount),
            Use(accesses.HOST, "register_write", hardware.host.register_writes_per_command),
        ]
        builder.add("load", operator, merge_uses(uses), after)
        address += size
