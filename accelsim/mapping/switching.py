"""Programs around inferences: loading a task's parameters, and power-up."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from accelsim.machine.chip_state import PowerState
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.accesses import (
    HOST,
    LOAD,
    bus_use,
    codec_use,
    memory_use,
    merge_uses,
    supply_use,
)
from accelsim.memory.protection import Code
from accelsim.placement.placement import Placement
from accelsim.program import (
    Program,
    ProgramKind,
    Range,
    SegmentBuilder,
    Use,
)
from accelsim.units import ceil_div

Uses = tuple[Use, ...]


def compile_switch(
    task: str,
    placement: Placement,
    hardware: HardwareConfig,
    address: int,
    start: Uses,
    *,
    volatile_alone: bool = False,
) -> Program:
    """Return the program that brings a task's parameters from DRAM into their homes.

    Non-zeros and masks travel as they are stored, one after the other; check bits do not: DRAM
    holds data alone, and the codec of a memory encodes what is written. A load streams: DRAM, bus
    and memory work at the same time. ``volatile_alone`` leaves out what a memory has kept without
    supply; ``start`` is what starting a command takes.
    """
    verb = "restore" if volatile_alone else "switch to"
    builder = SegmentBuilder(f"{verb.replace(' ', '_')}_{task}")
    content = _Content.of(placement, task_specific=True)
    wanted = volatile_bits(content.data, hardware) if volatile_alone else content.data
    _load(builder, "switch.load_parameters", content, hardware, address, start, wanted=wanted)
    named = f"{placement.model} {task}".strip()
    return Program(f"{verb} {named}", ProgramKind.SWITCH, (builder.build(),))


def compile_wake_ups(
    hardware: HardwareConfig, models: Sequence[tuple[Placement, int]], start: Uses
) -> dict[PowerState, Program]:
    """Return the program that leaves each power state that the machine has.

    From ``off`` it brings back the shared parameters whose homes are volatile, from their address
    in DRAM; of several ``models`` each comes back when one of its tasks is asked for. What is a
    task's own comes back by a switch.
    """
    wakes = {PowerState.OFF: _power_up(hardware, models[: len(models) == 1], start)}
    if hardware.power.clock_gated:
        wakes[PowerState.CLOCK_GATED] = _supply_change(ProgramKind.POWER_UP, "wake_up_clock")
    if hardware.power.retention:
        wakes[PowerState.RETENTION] = _supply_change(ProgramKind.POWER_UP, "wake_up_retention")
    return wakes


def compile_loads(
    hardware: HardwareConfig,
    models: Sequence[tuple[Placement, int]],
    start: Uses,
    overlaid: Collection[str] = (),
) -> dict[str, Program]:
    """Return the program that brings back, after ``off``, what the tasks of each model share.

    There are none for a single model, which comes back at once, and where nothing is lost. What is
    swapped in memories that are ``overlaid`` comes back as it does otherwise.
    """
    found = {}
    for placement, address in models if len(models) > 1 else ():
        builder = SegmentBuilder(f"load_{placement.model}")
        content = _Content.of(placement, task_specific=False)
        lost, name = volatile_bits(content.data, hardware), "power_up.load_parameters"
        if placement.swapped:
            lost = {memory: bits for memory, bits in lost.items() if memory not in overlaid}
        _load(builder, name, content, hardware, address, start, wanted=lost)
        if any(lost.values()):
            named = f"load {placement.model}"
            found[placement.model] = Program(named, ProgramKind.POWER_UP, (builder.build(),))
    return found


def compile_swaps(
    hardware: HardwareConfig,
    models: Sequence[tuple[Placement, int]],
    start: Uses,
    overlaid: Collection[str],
) -> dict[tuple[str, str], Program]:
    """Return, by model and memory, the program that brings what the tasks of a model share back
    into a memory in which it made room for others."""
    found = {}
    for placement, address in models:
        content = _Content.of(placement, task_specific=False)
        for memory in sorted(overlaid) if placement.swapped else ():
            if bits := content.data[memory]:
                named = f"swap in {placement.model} {memory}"
                builder, wanted = SegmentBuilder(named.replace(" ", "_")), {memory: bits}
                _load(
                    builder, "switch.load_model", content, hardware, address, start, wanted=wanted
                )
                program = Program(named, ProgramKind.SWITCH, (builder.build(),))
                found[placement.model, memory] = program
    return found


def _supply_change(kind: ProgramKind, action: str) -> Program:
    builder = SegmentBuilder(action)
    builder.add(HOST, action, [supply_use(action)])
    return Program(action, kind, (builder.build(),))


def _power_up(
    hardware: HardwareConfig, models: Sequence[tuple[Placement, int]], start: Uses
) -> Program:
    builder = SegmentBuilder("power_up")
    woken = builder.add(HOST, "power_up", [supply_use("wake_up")])
    for placement, address in models:
        content = _Content.of(placement, task_specific=False)
        lost, name = volatile_bits(content.data, hardware), "power_up.load_parameters"
        _load(builder, name, content, hardware, address, start, wanted=lost, after=(woken,))
    return Program("power_up", ProgramKind.POWER_UP, (builder.build(),))


def volatile_bits(bits: Mapping[str, int], hardware: HardwareConfig) -> dict[str, int]:
    """Return those of the bits by memory that are lost without supply."""
    arrays = hardware.regions
    return {m: n for m, n in bits.items() if m != DRAM and arrays[m].array.volatile}


@dataclass(frozen=True)
class _Content:
    """What is loaded: bits of data and array bits by memory, protected words by memory and code."""

    data: Mapping[str, int]
    array: Mapping[str, int]
    code_words: Mapping[tuple[str, Code], int]

    @classmethod
    def of(cls, placement: Placement, *, task_specific: bool) -> _Content:
        return cls(
            placement.data_bits(task_specific=task_specific),
            placement.bits(task_specific=task_specific),
            placement.code_words(task_specific=task_specific),
        )


def _load(
    builder: SegmentBuilder,
    operator: str,
    content: _Content,
    hardware: HardwareConfig,
    address: int,
    start: Uses,
    *,
    wanted: Mapping[str, int],
    after: tuple[int, ...] = (),
) -> None:
    """Load what belongs into the ``wanted`` memories; everything has its place in DRAM."""
    for memory, bits in content.data.items():
        if memory == DRAM:
            continue
        size = ceil_div(bits, 8)
        if memory in wanted:
            uses = [
                Use(DRAM, "read", Range(address, size)),
                bus_use(hardware, size),
                memory_use(hardware, memory, "write", content.array[memory]),
                *_encoding(content, memory),
                *start,
            ]
            builder.add(LOAD, operator, merge_uses(uses), after)
        address += size


def _encoding(content: _Content, memory: str) -> list[Use]:
    return [
        codec_use(memory, "encode", code, count)
        for (home, code), count in content.code_words.items()
        if home == memory
    ]
