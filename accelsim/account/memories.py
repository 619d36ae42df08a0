"""The memories of a design: what lies in each, beside what it can hold, and writing it once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import fsum
from typing import NamedTuple

from accelsim.accelerators.design import Design
from accelsim.engine.run import Run
from accelsim.machine.components.base import Datasheet
from accelsim.machine.programming import ProgrammingCost, programming_cost
from accelsim.machine.regions import Region
from accelsim.memory.storage import StoredTensor
from accelsim.model.tensors import Role
from accelsim.placement.placement import Placement, by_model, kept_bits
from accelsim.units import ceil_div


@dataclass(frozen=True)
class Footprint:
    """Bits stored in one memory: shared by all tasks, and of the largest task, with its model where
    that is swapped.

    ``held_bytes`` is what a run held at most: of parameters those of all tasks that lay there at a
    time. ``sheet`` has what an access is charged.
    """

    region: Region
    sheet: Datasheet
    shared_bits: int
    task_bits: int
    held_bytes: int

    @property
    def fill(self) -> float:
        """The share of the capacity that is held."""
        return self.held_bytes / self.region.capacity


def footprints(design: Design, run: Run) -> dict[str, Footprint]:
    """Return the footprint of every on-chip memory and buffer of a design in a run, by name."""
    shared = design.shared_bits
    found = {}
    for name, region in design.hardware.regions.items():
        own = max(_brought(design, each, name) for each in design.placements.values())
        kept = kept_bits(design.placements)[name]
        held = ceil_div(shared[name] + run.task_bits.get(name, 0) + kept, 8)
        if region.kind != "parameters":
            held = run.ledger.peak_bytes(name)
        sheet = design.hardware.datasheets[name]
        found[name] = Footprint(region, sheet, shared[name], own, held)
    return found


def _brought(design: Design, placement: Placement, memory: str) -> int:
    """Return the bits that a task's own parameters take, and its model's where it is swapped."""
    model = placement.swapped and memory in design.overlaid
    own = placement.bits(task_specific=True)[memory]
    return own + model * placement.bits(task_specific=False)[memory]


class Content(NamedTuple):
    """What lies in a memory at the fullest: parts of parameters of a role, activations, or nothing.

    ``format`` and ``bits`` of a value are how they are stored, "" and 0 where nothing is.
    """

    memory: str
    what: str
    format: str
    bits: int
    bytes: float


def contents(design: Design, run: Run) -> list[Content]:
    """Return what lies in each memory and buffer; those of one memory add up to its capacity.

    Of several tasks that lie there together the largest stands for all.
    """
    return [each for one in footprints(design, run).values() for each in _held(design, run, one)]


def _held(design: Design, run: Run, one: Footprint) -> Iterator[Content]:
    name = one.region.name
    if one.region.kind != "parameters":
        yield Content(name, "activations", "dense", 8, one.held_bytes)
    else:
        yield from _parameters(design, run, name)
    yield Content(name, "free", "", 0, one.region.capacity - one.held_bytes)


def _parameters(design: Design, run: Run, name: str) -> Iterator[Content]:
    placements = design.placements.values()
    if turns := name in design.overlaid:
        # What lies there changes, and so may its formats.
        yield Content(name, "models in turn", "", 0, run.task_bits.get(name, 0) / 8)
    largest = max(placements, key=lambda each: each.bits(task_specific=True)[name])
    own = largest.bits(task_specific=True)[name]
    copies = run.task_bits.get(name, 0) / own if own else 0.0
    found: defaultdict[tuple[str, str, int], float] = defaultdict(float)
    held: list[StoredTensor] = []
    for each in (by_model(placements) | {largest.model: largest}).values():
        if not (turns and each.swapped):
            whole = each is largest and not turns
            held += each.tensors.values() if whole else each.shared_tensors
    for tensor in held:
        times = copies if tensor.parameter.role is Role.TASK else 1
        stored = "bitmask" if tensor.masked else "dense"
        for home, extent in tensor.parts:
            if home.memory == name:
                what = f"{tensor.parameter.role.value} {home.part}"
                bits = 1 if home.part == "masks" else tensor.bits
                found[what, stored, bits] += times * extent.array
    caches = (each.cache for each in placements if each.cache and each.cache.memory == name)
    if cache := max(caches, key=lambda each: each.bytes, default=None):
        found["cache", "dense", cache.bits] += 8 * cache.bytes
    yield from (Content(name, *key, bits / 8) for key, bits in found.items())


def unused_memories(design: Design, run: Run) -> list[Region]:
    """Return the machine's memories that held nothing in a run."""
    found = footprints(design, run)
    return [found[n].region for n in design.hardware.memories if not found[n].held_bytes]


def brought_from_outside(design: Design) -> dict[str, int]:
    """Return the bytes of all parameters in each volatile memory that no DRAM can fill, by name."""
    hardware = design.hardware
    if hardware.has_cold_home:
        return {}
    tasks = [placement.bits(task_specific=True) for placement in design.placements.values()]
    held = {
        name: ceil_div(design.shared_bits[name] + sum(bits[name] for bits in tasks), 8)
        for name in hardware.memories
        if hardware.regions[name].array.volatile
    }
    return {name: size for name, size in held.items() if size}


def backbone_programming(design: Design) -> dict[str, ProgrammingCost]:
    """Return the cost of writing the shared parameters into each non-volatile memory, by its name.

    Shared are the embedding and, where tasks do not have their own, the backbone; check bits and
    what partial cells leave empty are written with them. Volatile memories are loaded again at
    every power-up, which a run counts.
    """
    table = design.hardware.regions
    return {
        name: programming_cost(table[name], bits)
        for name, bits in design.shared_bits.items()
        if name in table and bits and not table[name].array.volatile
    }


def rewriting(design: Design) -> dict[str, float]:
    """Return the mean power [W] of writing again, before it fades, what ``backbone_programming``
    writes, by memory."""
    memories, regions = design.hardware.memories, design.hardware.regions
    return {
        name: cost.joules / memories[name].rewritten_every(regions[name].array.retention)
        for name, cost in backbone_programming(design).items()
    }


def writing_once(costs: Iterable[ProgrammingCost]) -> tuple[float, float]:
    """Return time [s] and energy [J] of writing several memories once, one after the other."""
    written = list(costs)
    return fsum(one.seconds for one in written), fsum(one.joules for one in written)
