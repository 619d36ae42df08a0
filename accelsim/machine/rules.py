"""Rules between the parts of a machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from math import isclose
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.files import kept
from accelsim.inputs.paths import KeyPath, suggest
from accelsim.machine.components.base import OFF_CHIP
from accelsim.machine.components.buffers import BufferConfig
from accelsim.machine.components.dram import DramConfig
from accelsim.machine.components.memory import MemoryConfig
from accelsim.machine.components.supply import LdoConfig
from accelsim.machine.regions import ArrayQuery
from accelsim.machine.sections import BLOCK_NAME, MachineSections
from accelsim.memory.arrays import find_conditions
from accelsim.memory.bank_figures import Figures
from accelsim.memory.banks import load_wires
from accelsim.memory.dram import load_dram
from accelsim.memory.files import named_beside
from accelsim.memory.logic import LEAKAGE, lines_of, load_logic
from accelsim.memory.technology import load_technology

# The name of the chip as a whole in ledgers.
_CHIP = "chip"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NO_NAME = "expected a name of letters, digits, '_' and '-' that does not begin with a digit"

# What a memory may have of its own, and what that is usually.
_OF_CELLS = {"bits_per_cell": 1, "roadmap": None, "temperature": None}


def broken_rules(machine: MachineSections) -> Iterator[tuple[KeyPath, str]]:
    """Yield the place of each thing that does not go with the rest, and what is wrong."""
    yield from _clashes(machine)
    yield from _wrong_homes(machine)
    yield from _wrong_points(machine)
    buffers = {n: c for n, c in machine.further.items() if isinstance(c, BufferConfig)}
    read, own = (machine.memories, buffers, machine.dram), machine.process.__dict__
    yield from kept(own, "wrong", read, lambda: tuple(_wrong_of_files(machine)))


def _wrong_of_files(machine: MachineSections) -> Iterable[tuple[KeyPath, str]]:
    """Return what does not go with the files that process, arrays and DRAM name."""
    return list(_wrong_files(machine)) or (
        *_wrong_factors(machine),
        *_wrong_conditions(machine),
        *_wrong_cells(machine),
    )


def _clashes(machine: MachineSections) -> Iterator[tuple[KeyPath, str]]:
    """Yield the components and memories that cannot be called what they are called."""
    buffers = ((n, c) for n, c in machine.further.items() if isinstance(c, BufferConfig))
    halves = {half: n for n, each in buffers for half in each.capacities(n) if half != n}
    taken = {**halves, _CHIP: "the chip"}
    for name in machine.memories:
        if name in machine.further:
            yield ("memories", name), BLOCK_NAME.format(name)
    for path in (*(("memories", n) for n in machine.memories), *((n,) for n in machine.further)):
        name = path[-1]
        if not _NAME.fullmatch(name):
            yield path, _NO_NAME
        elif name in taken:
            yield path, f"'{name}' is the name of a part of {taken[name]}; choose another"


def _wrong_homes(machine: MachineSections) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path of each placement that names no memory, and what to do."""
    homes = machine.placement
    named: dict[KeyPath, str] = {
        (role, part): getattr(getattr(homes, role), part)
        for role in ("embedding", "backbone", "task")
        for part in ("values", "masks", "high")
        if getattr(getattr(homes, role), part) is not None
    }
    parameter_homes = [*machine.memories, *(["dram"] if machine.dram else [])]
    for path, memory in named.items():
        if memory not in parameter_homes:
            hint = suggest(memory, parameter_homes, "known memories")
            yield ("placement", *path), f"there is no memory '{memory}'; {hint}"
    caches = [name for name in parameter_homes if name != homes.activations]
    if homes.cache is not None and homes.cache not in caches:
        hint = suggest(homes.cache, caches, "known homes")
        yield ("placement", "cache"), f"'{homes.cache}' is no home for what is kept; {hint}"
    if homes.activations not in machine.memories:
        hint = suggest(homes.activations, machine.memories, "known memories")
        yield (
            ("placement", "activations"),
            f"there is no on-chip memory '{homes.activations}'; {hint}",
        )


def _wrong_files(machine: MachineSections) -> Iterator[tuple[KeyPath, str]]:
    """Yield the key of each technology that there is not, or whose file is wrong."""
    named: list[tuple[KeyPath, Any, Callable[[Any], object]]]
    process = machine.process
    find = partial(load_technology, wires=process.bank_wires_file)
    named = [
        (("process", "logic_file"), process.logic_file, load_logic),
        (("process", "bank_wires_file"), process.bank_wires_file, load_wires),
    ]
    if process.source == "silicon":
        from accelsim.memory.silicon import load_silicon

        named.append((("process", "silicon_file"), process.silicon_file, load_silicon))
    for name, memory in machine.memories.items():
        named.append((("memories", name, "technology"), memory.technology, find))
    for name, each in machine.further.items():
        if isinstance(each, BufferConfig):
            named.append(((name, "technology"), each.technology, find))
    if isinstance(machine.dram, DramConfig):
        named.append((("dram", "technology"), machine.dram.technology, load_dram))
    told: dict[str, KeyPath] = {}
    for path, technology, load in named:
        try:
            load(technology)
        except ConfigError as error:
            # All memories have the wires between banks in common.
            told.setdefault(str(error).replace("\n", "; "), path)
    yield from ((path, text) for text, path in told.items())


def known_factors(machine: MachineSections) -> list[str]:
    """Return the figures that ``process.factors`` of a machine may name."""
    buffers = (each for each in machine.further.values() if isinstance(each, BufferConfig))
    arrays = {load_technology(each.technology).name for each in buffers}
    arrays |= {load_technology(each.technology).name for each in machine.memories.values()}
    lines = [*lines_of(load_logic(machine.process.logic_file)), LEAKAGE]
    return [
        *(f"{name}.{figure}" for name in sorted(arrays) for figure in Figures._fields),
        *(f"arrays.{figure}" for figure in Figures._fields),
        *(f"logic.{line}" for line in lines),
        *(f"dram.{figure}" for figure in OFF_CHIP if machine.dram),
    ]


def _wrong_factors(machine: MachineSections) -> Iterator[tuple[KeyPath, str]]:
    """Yield each factor on a figure that the machine does not have."""
    named = machine.process.factors
    known = known_factors(machine) if named else []
    for name in named:
        if name not in known:
            hint = suggest(name, known, "figures")
            yield ("process", "factors", name), f"the machine has no figure '{name}'; {hint}"


def _wrong_conditions(machine: MachineSections) -> Iterator[tuple[KeyPath, str]]:
    """Yield the node, roadmap or temperature for which the logic's arrays have no table."""
    process = machine.process
    leaks = named_beside(process.logic_file, load_logic(process.logic_file).leakage.like)
    tables = list(load_technology(leaks, process.bank_wires_file).tables)
    nodes, roadmaps = ({getattr(t, each) for t in tables} for each in ("node", "roadmap"))
    if not any(isclose(process.node, node) for node in nodes):
        known = " and ".join(f"{node * 1e9:g} nm" for node in sorted(nodes))
        yield ("process", "node"), f"logic has no {process.node * 1e9:g} nm; it has {known}"
    if process.roadmap is not None and process.roadmap not in roadmaps:
        hint = suggest(process.roadmap, sorted(roadmaps), "known roadmaps")
        yield ("process", "roadmap"), f"logic has no '{process.roadmap}'; {hint}"
    kelvins = [table.temperature for table in tables]
    if not min(kelvins) <= process.temperature <= max(kelvins):
        known = f"{min(kelvins):g} to {max(kelvins):g} K"
        message = f"{process.temperature:g} K is beyond the tables; choose one from {known}"
        yield ("process", "temperature"), message


def _wrong_cells(machine: MachineSections) -> Iterator[tuple[KeyPath, str]]:
    """Yield what a memory has of its own and its technology has no arrays of."""
    process = machine.process
    arrays: dict[KeyPath, MemoryConfig | BufferConfig] = {
        **{("memories", name): each for name, each in machine.memories.items()},
        **{(n,): each for n, each in machine.further.items() if isinstance(each, BufferConfig)},
    }
    for path, each in arrays.items():
        given = {key: getattr(each, key, None) for key in _OF_CELLS}
        own = [key for key, usual in _OF_CELLS.items() if given[key] not in (usual, None)]
        if not own:
            continue
        technology = load_technology(each.technology, process.bank_wires_file)
        wanted = ArrayQuery(
            each.technology, 1, 1, each.target, getattr(each, "bits_per_cell", 1), 1,
            each.roadmap, each.temperature,
        ).conditions(technology, process)  # fmt: skip
        try:
            # What is used as it is stated says of each array what it is not stated for.
            _ = technology.tables and find_conditions(technology, wanted)
        except ConfigError as error:
            known = {key: {getattr(c, key) for c in technology.tables} for key in own}
            key = next((key for key in own if given[key] not in known[key]), own[0])
            yield (*path, key), str(error)


def _wrong_points(machine: MachineSections) -> Iterator[tuple[KeyPath, str]]:
    """Yield the operating points that the logic or its regulator does not allow."""
    yield from machine.clock.law.wrong(
        (("scaling", "points", number, "frequency"), point.voltage, point.frequency)
        for number, point in enumerate(machine.scaling.points if machine.scaling else ())
    )
    regulator, voltage = machine.power.regulator, machine.clock.voltage
    if isinstance(regulator, LdoConfig) and regulator.input < voltage:
        message = f"a linear regulator makes no {voltage:g} V of {regulator.input:g} V; raise it"
        yield ("power", "regulator", "input"), message
