"""Every parameter gets a home by its role; what does not fit is named with its shortage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from accelsim.errors import CapacityError, ConfigError
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.schema import HardwareConfig
from accelsim.memory.protection import Code
from accelsim.memory.storage import (
    Extent,
    Home,
    PartName,
    StorageConfig,
    StorageFormat,
    StoredTensor,
    packing,
    store,
)
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import Reach
from accelsim.model.tensors import Role
from accelsim.placement.shortage import cache_does_not_fit, does_not_fit
from accelsim.units import ceil_div

Key = TypeVar("Key")


@dataclass(frozen=True)
class Cache:
    """Where keys and values of at most so many ``rows`` are kept, an element taking so many bits.

    ``width`` is that of a row in all layers together. As many ``requests`` have rows of their own
    there at a time.
    """

    memory: str
    bits: int
    rows: int
    width: int
    requests: int = 1

    def size(self, width: int) -> int:
        """Return the bytes of all rows of so many elements, of all requests."""
        return self.requests * ceil_div(self.rows * width * self.bits, 8)

    @property
    def bytes(self) -> int:
        """Bytes of all."""
        return self.size(self.width)


@dataclass(frozen=True, eq=False)
class Placement:
    """The stored tensors of one task's graph, by parameter name, in first-use order.

    ``cache`` is what a decoder keeps. Tasks of one ``model`` share all tensors but their own, which
    stay on the chip unless it is ``swapped``: they make room for other models then.
    """

    tensors: Mapping[str, StoredTensor]
    cache: Cache | None = None
    model: str = ""
    swapped: bool = False

    def __hash__(self) -> int:
        return hash((self.model, *self.tensors))

    @property
    def cache_bits(self) -> Counter[str]:
        """Bits by memory of what a decoder keeps."""
        cache = self.cache
        return Counter({cache.memory: 8 * cache.bytes} if cache else {})

    @cached_property
    def task_tensors(self) -> tuple[StoredTensor, ...]:
        """The tensors that a switch to the task must bring in."""
        return tuple(t for t in self.tensors.values() if t.parameter.role is Role.TASK)

    @property
    def shared_tensors(self) -> list[StoredTensor]:
        """The tensors that all tasks of the model have in common."""
        return [t for t in self.tensors.values() if t.parameter.role is not Role.TASK]

    def bits(self, *, task_specific: bool) -> Counter[str]:
        """Bits taken up by memory, of the task's own tensors or of the shared ones.

        On the chip array bits, check bits included; in DRAM bits of data. Not to be changed.
        """
        return self._bits[task_specific][0]

    @cached_property
    def _bits(self) -> list[tuple[Counter[str], Counter[str]]]:
        """Array bits and bits of data, shared ones first."""
        parts = [list(self._parts(own)) for own in (False, True)]
        return [
            (_sum((h.memory, e.array) for h, e in each), _sum((h.memory, e.data) for h, e in each))
            for each in parts
        ]

    def data_bits(self, *, task_specific: bool) -> Counter[str]:
        """Bits of data by memory: what travels, and an image in DRAM holds. Not to be changed."""
        return self._bits[task_specific][1]

    def code_words(self, *, task_specific: bool) -> Counter[tuple[str, Code]]:
        """Protected words by memory and code."""
        return _sum(
            ((home.memory, home.packing.code), extent.code_words)
            for home, extent in self._parts(task_specific)
            if home.packing.code
        )

    @cached_property
    def codecs(self) -> frozenset[tuple[str, Code]]:
        """The codecs that the tensors need: memory and code."""
        return frozenset(
            (home.memory, home.packing.code)
            for tensor in self.tensors.values()
            for home in tensor.homes
            if home.packing.code
        )

    def _parts(self, task_specific: bool) -> Iterator[tuple[Home, Extent]]:
        for tensor in self.tensors.values():
            if (tensor.parameter.role is Role.TASK) == task_specific:
                yield from tensor.parts


def _sum(amounts: Iterator[tuple[Key, int]]) -> Counter[Key]:
    total: Counter[Key] = Counter()
    for key, amount in amounts:
        total[key] += amount
    return total


def place(
    graph: LayerGraph,
    storage: StorageConfig,
    hardware: HardwareConfig,
    measured: Mapping[str, int] | None = None,
    rows: int = 0,
    model: str = "",
    requests: int = 1,
) -> Placement:
    """Return the homes of all parameters of a graph, by the roles that they are kept as, and that
    of so many ``rows`` of keys and values for each of some ``requests``. The graph is that of a
    task of ``model``.

    ``measured``, by parameter name, takes the place of the stated densities. Raises ConfigError
    when it misses a masked tensor or does not fit one, for protected parts in DRAM, and for
    partial cells that are refused.
    """
    roles = dict.fromkeys(parameter.kept_as for parameter in graph.parameters)
    homes = {role: _homes(role, getattr(storage, role.value), hardware) for role in roles}
    tensors = {}
    for each in graph.parameters:
        how, counted = getattr(storage, each.kept_as.value), (measured or {}).get(each.name)
        tensors[each.name] = store(each, how, homes[each.kept_as], counted)
    if measured is not None:
        _check_measured(tensors, measured)
    return Placement(tensors, _cache(graph, storage, hardware, rows, requests), model)


def _cache(
    graph: LayerGraph, storage: StorageConfig, hardware: HardwareConfig, rows: int, requests: int
) -> Cache | None:
    home = hardware.placement.cache
    width = sum(each.columns for each in graph.operators if each.kind.reach is Reach.STATE)
    return Cache(home, storage.cache.bits, rows, width, requests) if home and width else None


def _check_measured(tensors: Mapping[str, StoredTensor], measured: Mapping[str, int]) -> None:
    masked = [name for name, tensor in tensors.items() if tensor.masked]
    if missing := [name for name in masked if name not in measured]:
        raise ConfigError(
            f"the non-zeros of {', '.join(missing)} were not measured; expected those of every "
            "matrix that is stored with a mask, so measure the weights of this model"
        )


def _homes(role: Role, how: StorageFormat, hardware: HardwareConfig) -> list[Home]:
    """Return where and how the parts of a role's matrices lie. Raises ConfigError as ``place``."""
    home = getattr(hardware.placement, role.value)
    memories: dict[PartName, str] = {"values": home.values}
    if how.format == "bitmask":
        memories["masks"] = home.masks
    cycles = _decoder_cycles(role, how, memories, hardware)
    if how.cells.high:
        memories["high"] = _memory_of_high_bits(role, how, hardware)
    found = []
    for part, memory in memories.items():
        cell = None if memory == DRAM else hardware.memories[memory].bits_per_cell
        try:
            found.append(Home(part, memory, packing(how, part, cell, cycles)))
        except ConfigError as error:
            where = f"storage.{role.value}.cells, {part} in memory '{memory}'"
            raise ConfigError(f"{where}: {error}") from None
    return found


def _memory_of_high_bits(role: Role, how: StorageFormat, hardware: HardwareConfig) -> str:
    home = getattr(hardware.placement, role.value)
    where, stated = f"storage.{role.value}.cells.high", how.cells.high[0].bits_per_cell
    if home.high is None or DRAM in (home.high, home.values):
        raise ConfigError(
            f"{where}: the machine '{hardware.name}' has no memory on the chip for them; name one "
            f"in placement.{role.value}.high, and values on the chip"
        )
    found = hardware.memories[home.high].bits_per_cell
    if found != stated:
        raise ConfigError(
            f"{where}: {stated} bits a cell, but memory '{home.high}' has {found}; change one"
        )
    high: str = home.high
    return high


def _decoder_cycles(
    role: Role, how: StorageFormat, memories: Mapping[PartName, str], hardware: HardwareConfig
) -> int:
    """Return the latency of the role's codecs. Raises ConfigError for protected parts in DRAM."""
    codes = {part: how.protection.code(getattr(how.protection, part)) for part in memories}
    protected = {part: code for part, code in codes.items() if code}
    for part in protected:
        if memories[part] == DRAM:
            raise ConfigError(
                f"storage.{role.value}.protection.{part}: machine '{hardware.name}' keeps them in "
                "dram, but codecs stand at the memories of the chip; write none, or place them "
                "on the chip"
            )
    return max((code.decoder_cycles for code in protected.values()), default=0)


def by_model(placements: Iterable[Placement]) -> dict[str, Placement]:
    """Return the first placement of each model: what it shares is shared by all its tasks."""
    found: dict[str, Placement] = {}
    for placement in placements:
        found.setdefault(placement.model, placement)
    return found


def shared_bits(placements: Iterable[Placement], overlaid: Collection[str] = ()) -> Counter[str]:
    """Return the bits by memory of what the tasks of each model share, all models together.

    Of models that are swapped those in memories that are ``overlaid`` are left out.
    """
    total: Counter[str] = Counter()
    for placement in by_model(placements).values():
        for memory, bits in placement.bits(task_specific=False).items():
            if not (placement.swapped and memory in overlaid):
                total[memory] += bits
    return total


_Stored = tuple[str, StoredTensor, Home, int]
"""Whose a part is, its tensor and home, and the bits of the array that it takes."""


def needed_bits(
    placements: Mapping[str, Placement], hardware: HardwareConfig, pinned: Collection[str] = ()
) -> Counter[str]:
    """Return the bits that each memory must hold: what is kept, shared tensors, each task's own.

    Models that are swapped need no room beside each other. One task beside those ``pinned``; all
    tasks without a DRAM that keeps its contents, as nothing can be reloaded. ``placements`` maps
    task names to their placements.
    """
    kept = kept_bits(placements)
    return _needed(list(_together(placements, hardware, pinned))) + kept


def kept_bits(placements: Mapping[str, Placement]) -> Counter[str]:
    """Return the bits of the largest cache by memory: one task is served at a time."""
    most: Counter[str] = Counter()
    for placement in placements.values():
        most |= placement.cache_bits
    return most


def check_capacity(
    placements: Mapping[str, Placement], hardware: HardwareConfig, pinned: Collection[str] = ()
) -> None:
    """Check that all memories hold what they need: see ``needed_bits``.

    Raises CapacityError with a line for each that is too small: the first tensor that does not fit
    and the size that would do.
    """
    groups = list(_together(placements, hardware, pinned))
    kept = kept_bits(placements)
    needed, short = _needed(groups) + kept, dict[str, CapacityError]()
    for memory, bits in kept.items():
        if memory != DRAM and bits > 8 * hardware.memories[memory].capacity:
            short[memory] = cache_does_not_fit(hardware, memory, bits)
    for parts in groups:
        used = Counter(kept)
        for who, tensor, home, bits in parts:
            free = 8 * hardware.memories[home.memory].capacity - used[home.memory]
            if bits > free:
                sizes = (bits, free, needed[home.memory])
                short.setdefault(home.memory, does_not_fit(who, tensor, home, sizes))
            used[home.memory] += bits
    if short:
        first = next(iter(short.values()))
        raise CapacityError("\n".join(map(str, short.values())), *first.args[1:])


def _needed(groups: Iterable[list[_Stored]]) -> Counter[str]:
    needed: Counter[str] = Counter()
    for parts in groups:
        needed |= _sum((home.memory, bits) for _, _, home, bits in parts)
    return needed


def _together(
    placements: Mapping[str, Placement], hardware: HardwareConfig, pinned: Collection[str]
) -> Iterator[list[_Stored]]:
    """Yield what must lie on the chip at a time."""
    models = by_model(placements.values())
    for task, placement in placements.items():
        rest = (m for m in models.values() if m.model != placement.model and not m.swapped)
        shared = {f"model {each.model}": each.shared_tensors for each in rest}
        tensors = {other: list(placements[other].task_tensors) for other in pinned if other != task}
        others = {f"task {other}, pinned": each for other, each in tensors.items()}
        yield list(_parts({**shared, f"task {task}": _shared_first(placement), **others}))
    if not hardware.has_cold_home:
        why, resident = "without dram all tasks stay on the chip", _all_resident(placements)
        yield list(_parts({f"task {task}; {why}": tensors for task, tensors in resident.items()}))


def _all_resident(placements: Mapping[str, Placement]) -> dict[str, list[StoredTensor]]:
    """Return each task's own tensors, those of a model's first with the shared ones before them."""
    found: dict[str, list[StoredTensor]] = {}
    met = set[str]()
    for task, placement in placements.items():
        known = placement.model in met
        found[task] = list(placement.task_tensors) if known else _shared_first(placement)
        met.add(placement.model)
    return found


def _shared_first(placement: Placement) -> list[StoredTensor]:
    return sorted(placement.tensors.values(), key=lambda t: t.parameter.role is Role.TASK)


def _parts(tensors: Mapping[str, list[StoredTensor]]) -> Iterator[_Stored]:
    """Yield the parts on the chip of all tensors; the keys say whose they are."""
    for who, own in tensors.items():
        for tensor in own:
            for home, extent in tensor.parts:
                if home.memory != DRAM and extent.array:
                    yield who, tensor, home, extent.array
