"""Programs around inferences: loading a task's parameters, power-up and power-down."""

from __future__ import annotations

from accelsim.config.hardware import HardwareConfig
from accelsim.mapping import accesses
from accelsim.mapping.accesses import bus_use, memory_use, merge_uses
from accelsim.memory.placement import DRAM, Placement
from accelsim.program import Program, ProgramKind, Segment, SegmentBuilder, Use
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
        builder.add("load", "switch.load_parameters", merge_uses(uses))
        address += size
    return Program(f"switch to {task}", ProgramKind.SWITCH, (builder.build(),))


def compile_power_up(hardware: HardwareConfig) -> Program:
    """Return the program that wakes the chip; volatile contents come back by a switch."""
    return _power_program("power_up", ProgramKind.POWER_UP, "wake_up")


def _power_program(name: str, kind: ProgramKind, action: str) -> Program:
    builder = SegmentBuilder(name)
    builder.add("host", name, [Use(accesses.POWER, action, 1)])
    return Program(name, kind, (Segment(name, builder.build().tasks),))
