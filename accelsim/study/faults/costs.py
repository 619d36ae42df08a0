"""What a storage scheme costs: cells, capacity, area; energy and latency of a run; programming.

The non-volatile memories of the case give way to one memory for each kind of cell, of the same
technology, word and optimisation target, as large as the tensors need.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from accelsim.accelerators.design import Design
from accelsim.account.metrics import DesignFigures
from accelsim.account.scopes import parameter_memories
from accelsim.errors import ConfigError
from accelsim.evaluation.stages import run_workload
from accelsim.machine.programming import ProgrammingCost, programming_cost
from accelsim.machine.schema import HardwareConfig
from accelsim.memory.cells import CellChoice
from accelsim.memory.nvsim_search import Technology
from accelsim.memory.protection import Code
from accelsim.memory.silicon import written_as_built
from accelsim.memory.storage import StorageConfig
from accelsim.memory.technology import load_technology
from accelsim.model.tensors import Role
from accelsim.study.faults.schemes import StorageScheme
from accelsim.study.faults.stored_model import StoredModel
from accelsim.study.faults.subject import Subject
from accelsim.units import ceil_div

# [ours] Banks are whole multiples of it.
_STEP = 64 * 1024


@dataclass(frozen=True)
class SchemeCosts:
    """What a scheme costs; ``run`` are the figures of a simulated run of the case.

    ``bits`` are those of values and masks, ``check_bits`` those of protection. ``cells`` and
    ``capacities`` [B] are by memory, ``area`` [m2] that of all parameter memories. ``programming``
    writes all non-volatile tensors once, ``written_as_built`` with the time and energy that were
    measured on chips (None where one of its cells was not). Where the technology table has no such
    arrays or placement cannot store the scheme, figures are None and ``missing`` says why.
    ``estimates`` are warnings of cells whose figures are estimated, ``warnings`` those of single
    arrays.
    """

    bits: int
    check_bits: int
    cells: Mapping[str, int]
    capacities: Mapping[str, int]
    area: float | None = None
    run: DesignFigures | None = None
    programming: Mapping[str, ProgrammingCost] | None = None
    written_as_built: Mapping[str, ProgrammingCost] | None = None
    missing: str | None = None
    estimates: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def scheme_costs(subject: Subject, scheme: StorageScheme, stored: StoredModel) -> SchemeCosts:
    """Return the costs of a scheme for the subject's tensors."""
    occupied = occupied_bits(stored, scheme)
    hardware = machine_of(subject, scheme, occupied)
    taken = {_name(subject, kind): bits for kind, bits in sorted(occupied.items())}
    held = (one.tensor for one in stored.tensors.values())
    costs = SchemeCosts(
        bits=sum(one.value_bits + one.mask_bits + one.scale_bits for one in held),
        check_bits=_check_bits(stored, scheme),
        cells={_name(subject, kind): bits // kind for kind, bits in sorted(occupied.items())},
        capacities={
            name: memory.capacity
            for name, memory in hardware.memories.items()
            if name not in subject.case.hardware.memories
        },
    )
    # What arrays and a simulation say, as far as they can.
    try:
        arrays = hardware.regions
    except ConfigError as error:
        return replace(costs, missing=str(error))
    programming = {name: programming_cost(arrays[name], bits) for name, bits in taken.items()}
    found = {name: arrays[name].array for name in taken}
    told = {name: array.device.warning for name, array in found.items()}
    estimates = [f"{name}: {warning}" for name, warning in told.items() if warning]
    warnings = [f"{name}: {text}" for name, array in found.items() for text in array.warnings]
    costs = replace(
        costs,
        area=math.fsum(arrays[name].area for name in parameter_memories(hardware)),
        programming=programming,
        written_as_built=_as_built(hardware, taken),
        estimates=tuple(estimates),
        warnings=tuple(text for text in warnings if text not in estimates),
    )
    if scheme.high and any(one.groups for one in subject.compressed.tensors.values()):
        why = "values whose groups have a scale do not lie in cells of two kinds: not simulated"
        return replace(costs, missing=why)
    figures = _simulate(subject, scheme, hardware)
    return replace(costs, area=figures.scopes["memory"].area, run=figures)


def _as_built(
    hardware: HardwareConfig, taken: Mapping[str, int]
) -> dict[str, ProgrammingCost] | None:
    found, file = {}, hardware.process.silicon_file
    for name, bits in taken.items():
        region = hardware.regions[name]
        array = written_as_built(region.array, file)
        if array is None:
            return None
        found[name] = programming_cost(replace(region, array=array), bits)
    return found


def _simulate(subject: Subject, scheme: StorageScheme, hardware: HardwareConfig) -> DesignFigures:
    workload, stated, case = subject.workload, subject.design, subject.case
    config = case.config.model_copy(update={"storage": storage_of(subject, scheme)})
    measured = {task: _measured(subject, stated, task) for task in workload.config.tasks}
    changed = replace(case, config=config, hardware=hardware, measured=measured)
    alone = replace(workload, cases={case.name: changed})
    return run_workload(alone, subject.memo)[case.name].figures


def _measured(subject: Subject, stated_design: Design, task: str) -> dict[str, int]:
    """Return the non-zeros of a task's masked tensors: counted, or of the stated density.

    Counted are the tensors of the subject's task and those that it shares with others.
    """
    counted = subject.compressed.tensors
    found = {}
    for name, stored in stated_design.placements[task].tensors.items():
        if not stored.masked:
            continue
        known = task == subject.task or stored.parameter.role is not Role.TASK
        elements = stored.parameter.elements
        stated = stored.nonzeros_between(0, elements)
        found[name] = counted[name].nonzeros if known and name in counted else stated
    return found


def machine_of(
    subject: Subject, scheme: StorageScheme, occupied: Mapping[int, int]
) -> HardwareConfig:
    """Return the case's machine with memories for the occupied bits by bits per cell.

    Each is rounded up to 64 KiB for each of its banks, and composed of the table's arrays.
    """
    hardware, step = subject.case.hardware, _STEP * subject.home.banks
    sized = {
        _name(subject, kind): subject.home.model_copy(
            update={
                "technology": _technology(subject, kind),
                "bits_per_cell": kind,
                "capacity": ceil_div(bits, 8 * step) * step,
                "extrapolate": True,
            }
        )
        for kind, bits in sorted(occupied.items())
    }
    kinds = {"values": scheme.values, "masks": scheme.masks}
    if scheme.high:
        kinds["high"] = 1
    homes = {
        role.value: getattr(hardware.placement, role.value).model_copy(
            update={
                # What is empty lies beside the rest, and keeps no memory of the machine's.
                part: _name(subject, kind if kind in occupied else min(occupied))
                for part, kind in kinds.items()
            }
        )
        for role in subject.roles
    }
    placement = hardware.placement.model_copy(update=homes)
    every = (getattr(placement, role.value) for role in Role)
    named = {name for home in every for name in (home.values, home.masks, home.high)}
    kept = {
        name: memory
        for name, memory in hardware.memories.items()
        if name in (*named, placement.activations, placement.cache)
    }
    return hardware.model_copy(update={"memories": {**sized, **kept}, "placement": placement})


def _name(subject: Subject, kind: int) -> str:
    """Return the name of the memory of cells with so many bits."""
    return f"{subject.technology.name.lower()}_{kind}bit"


def _technology(subject: Subject, kind: int) -> Technology:
    """Return the name of the technology of cells with so many bits.

    Where the case's own has none, an estimate may travel with it: ``rram_3bit`` for ``rram``.
    """
    if kind not in subject.technology.devices:
        with suppress(ConfigError):
            return load_technology(_name(subject, kind)).path.stem
    return subject.home.technology


def storage_of(subject: Subject, scheme: StorageScheme) -> StorageConfig:
    """Return the case's storage with the cells and protection of a scheme for its roles."""
    storage = subject.case.config.storage
    protection = scheme.protection
    changes = {}
    for role in subject.roles:
        how = getattr(storage, role.value)
        high = scheme.value_cells(how.bits, subject.numbers).high
        cells = CellChoice(coding=scheme.coding, high=high)
        changes[role.value] = how.model_copy(update={"cells": cells, "protection": protection})
    return storage.model_copy(update=changes)


def occupied_bits(stored: StoredModel, scheme: StorageScheme) -> Counter[int]:
    """Return the capacity in bits that tensors and check bits take, by bits per cell.

    Equal to what placement counts: a mask is not filled up to whole units.
    """
    bits: Counter[int] = Counter()
    for one in stored.tensors.values():
        bits += one.values.data.layout.occupied_bits(one.values.data.codes.size)
        if one.tensor.groups:
            cells = ceil_div(one.tensor.groups.bits, scheme.values)
            bits[scheme.values] += one.tensor.scales * cells * scheme.values
        if one.masks:
            bits[scheme.masks] += one.tensor.mask_bits
    for kind, data, code in _protected(stored, scheme):
        taken = ceil_div(code.check_bits, kind) * kind
        bits[kind] += ceil_div(data, code.word) * taken
    return bits


def _check_bits(stored: StoredModel, scheme: StorageScheme) -> int:
    return sum(
        ceil_div(data, code.word) * code.check_bits for _, data, code in _protected(stored, scheme)
    )


def _protected(stored: StoredModel, scheme: StorageScheme) -> Iterator[tuple[int, int, Code]]:
    """Yield bits per cell, bits of data and the code of every part with check bits."""
    for one in stored.tensors.values():
        if one.values.code:
            yield scheme.values, one.tensor.value_bits, one.values.code
        if one.masks and one.masks.code:
            yield scheme.masks, one.tensor.mask_bits, one.masks.code
