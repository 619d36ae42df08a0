"""Every parameter gets a home by its role; what does not fit is named with its shortage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from accelsim.errors import CapacityError, ConfigError
from accelsim.machine.schema import HardwareConfig
from accelsim.memory.protection import DECODER_CYCLES
from accelsim.memory.storage import (
    Extent,
    MeasuredTensor,
    Packing,
    StorageConfig,
    StorageFormat,
    StoredTensor,
    high_packing,
    mask_packing,
    store,
    value_packing,
)
from accelsim.model.graph import LayerGraph
from accelsim.model.tensors import Role
from accelsim.units import ceil_div, format_bytes

DRAM = "dram"


@dataclass(frozen=True)
class Placement:
    """The stored tensors of one task's graph, by parameter name, in first-use order."""

    tensors: Mapping[str, StoredTensor]

    @cached_property
    def task_tensors(self) -> tuple[StoredTensor, ...]:
        """The tensors that a switch to the task must bring in."""
        return tuple(t for t in self.tensors.values() if t.parameter.role is Role.TASK)

    def bits(self, *, task_specific: bool) -> Counter[str]:
        """Bits taken up by memory, of the task's own tensors or of the shared ones.

        On the chip array bits, check bits included; in DRAM bits of data.
        """
        return _sum((memory, extent.array) for memory, _, extent in self._parts(task_specific))

    def data_bits(self, *, task_specific: bool) -> Counter[str]:
        """Bits of data by memory: what travels, and what an image in DRAM holds."""
        return _sum((memory, extent.data) for memory, _, extent in self._parts(task_specific))

    def code_words(self, *, task_specific: bool) -> Counter[tuple[str, int]]:
        """Protected words by memory and data bits of a word."""
        total: Counter[tuple[str, int]] = Counter()
        for memory, packing, extent in self._parts(task_specific):
            if packing and packing.word:
                total[memory, packing.word] += extent.code_words
        return total

    @property
    def codecs(self) -> frozenset[tuple[str, int]]:
        """The codecs that the tensors need: memory and data bits of a word."""
        return frozenset(
            (memory, packing.word)
            for tensor in self.tensors.values()
            for memory, packing, _ in tensor.parts
            if packing and packing.word
        )

    def _parts(self, task_specific: bool) -> Iterator[tuple[str, Packing | None, Extent]]:
        for tensor in self.tensors.values():
            if (tensor.parameter.role is Role.TASK) == task_specific:
                yield from tensor.parts


def _sum(amounts: Iterator[tuple[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for memory, amount in amounts:
        total[memory] += amount
    return total


def place(
    graph: LayerGraph,
    storage: StorageConfig,
    hardware: HardwareConfig,
    measured: Mapping[str, MeasuredTensor] | None = None,
) -> Placement:
    """Return the homes of all parameters of a graph.

    ``measured``, by parameter name, takes the place of the stated densities. Raises ConfigError
    when it misses a masked tensor or does not fit one, for protected parts in DRAM, and for
    partial cells that are refused.
    """
    roles = dict.fromkeys(parameter.role for parameter in graph.parameters)
    packings = {role: _packings(role, getattr(storage, role.value), hardware) for role in roles}
    highs = {role: _high(role, getattr(storage, role.value), hardware) for role in roles}
    tensors = {}
    for parameter in graph.parameters:
        home = getattr(hardware.placement, parameter.role.value)
        tensors[parameter.name] = store(
            parameter,
            getattr(storage, parameter.role.value),
            home.values,
            home.masks,
            packings=packings[parameter.role],
            high=highs[parameter.role],
            measured=measured.get(parameter.name) if measured else None,
        )
    if measured is not None:
        _check_measured(tensors, measured)
    return Placement(tensors)


def _check_measured(
    tensors: Mapping[str, StoredTensor], measured: Mapping[str, MeasuredTensor]
) -> None:
    masked = [name for name, tensor in tensors.items() if tensor.masked]
    if missing := [name for name in masked if name not in measured]:
        raise ConfigError(
            f"the non-zeros of {', '.join(missing)} were not measured; expected those of every "
            "matrix that is stored with a mask, so measure the weights of this model"
        )


def _packings(
    role: Role, how: StorageFormat, hardware: HardwareConfig
) -> tuple[Packing | None, Packing | None]:
    """Return how values and masks of a role lie in their homes; None in DRAM or without masks."""
    home = getattr(hardware.placement, role.value)
    homes = {"values": home.values} | ({"masks": home.masks} if how.format == "bitmask" else {})
    cycles = _decoder_cycles(role, how, homes, hardware)
    cells = {
        part: hardware.memories[memory].bits_per_cell
        for part, memory in homes.items()
        if memory != DRAM
    }
    try:
        return (
            value_packing(how, cells["values"], cycles) if "values" in cells else None,
            mask_packing(how, cells["masks"], cycles) if "masks" in cells else None,
        )
    except ConfigError as error:
        where = f"storage.{role.value}.cells, values in memory '{home.values}'"
        raise ConfigError(f"{where}: {error}") from None


def _high(
    role: Role, how: StorageFormat, hardware: HardwareConfig
) -> tuple[str | None, Packing | None]:
    """Return home and packing of the high bits of a role. Raises ConfigError for a wrong home."""
    home = getattr(hardware.placement, role.value)
    if not how.high_bits:
        return None, None
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
    cycles = _decoder_cycles(role, how, {"values": home.high}, hardware)
    return home.high, high_packing(how, found, cycles)


def _decoder_cycles(
    role: Role, how: StorageFormat, homes: Mapping[str, str], hardware: HardwareConfig
) -> int:
    """Return the latency of the role's codecs. Raises ConfigError for protected parts in DRAM."""
    protected = [part for part in homes if getattr(how.protection, part) != "none"]
    for part in protected:
        if homes[part] == DRAM:
            raise ConfigError(
                f"storage.{role.value}.protection.{part}: machine '{hardware.name}' keeps them in "
                "dram, but codecs stand at the memories of the chip; write none, or place them "
                "on the chip"
            )
    return DECODER_CYCLES if protected else 0


def check_capacity(placements: Mapping[str, Placement], hardware: HardwareConfig) -> None:
    """Check that the shared tensors and each task's own fit, one task at a time.

    Without DRAM nothing can be reloaded, so all tasks must fit at once. ``placements`` maps task
    names to their placements. Raises CapacityError that names the first tensor that does not fit.
    """
    for task, placement in placements.items():
        _check_together({f"task {task}": _shared_first(placement)}, hardware)
    if hardware.dram is None:
        _check_together(
            {
                f"task {task}; without dram all tasks stay on the chip": tensors
                for task, tensors in _all_resident(placements).items()
            },
            hardware,
        )


def _all_resident(placements: Mapping[str, Placement]) -> dict[str, list[StoredTensor]]:
    """Return each task's own tensors, the first task's with the shared ones before them."""
    return {
        task: list(placement.task_tensors) if number else _shared_first(placement)
        for number, (task, placement) in enumerate(placements.items())
    }


def _shared_first(placement: Placement) -> list[StoredTensor]:
    return sorted(placement.tensors.values(), key=lambda t: t.parameter.role is Role.TASK)


_Part = tuple[StoredTensor, str, str, int]


def _check_together(tensors: Mapping[str, list[StoredTensor]], hardware: HardwareConfig) -> None:
    """Check that all tensors fit beside each other; the keys say whose they are."""
    parts = [(who, part) for who, own in tensors.items() for each in own for part in _parts(each)]
    used: Counter[str] = Counter()
    for who, part in parts:
        _, _, memory, bits = part
        free = 8 * hardware.memories[memory].capacity - used[memory]
        if bits > free:
            total = sum(other[3] for _, other in parts if other[2] == memory)
            raise _does_not_fit(part, free, total, who)
        used[memory] += bits


def _parts(tensor: StoredTensor) -> list[_Part]:
    """Return (tensor, part, memory, array bits) of what lies on the chip."""
    names = [
        "values",
        *(["mask"] if tensor.masked else []),
        *(["high bits"] if tensor.high else []),
    ]
    named = zip(names, tensor.parts, strict=True)
    return [
        (tensor, name, memory, extent.array)
        for name, (memory, _, extent) in named
        if memory != DRAM and extent.array
    ]


def _does_not_fit(part: _Part, free: int, total: int, who: str) -> CapacityError:
    tensor, name, memory, bits = part
    needed_text, free_text = _sizes(ceil_div(bits, 8), free // 8)
    smaller = "density" if tensor.masked and name == "values" else "number of bits"
    advice = "store it dense" if name == "mask" else f"lower the {smaller}"
    return CapacityError(
        f"{tensor.parameter.name} ({name}, role {tensor.parameter.role.value}, {who}) needs "
        f"{needed_text}; memory '{memory}' has {free_text} free; raise "
        f"memories.{memory}.capacity to {ceil_div(total, 8)} B or more, {advice} "
        "or place the role elsewhere",
        tensor.parameter.name,
        memory,
        bits,
        free,
    )


def _sizes(needed: int, free: int) -> tuple[str, str]:
    """Return two sizes as texts, in bytes where rounding would hide their difference."""
    texts = format_bytes(needed), format_bytes(free)
    looks_equal = texts[0].replace(".00", "") == texts[1].replace(".00", "")
    return (f"{needed} B", f"{free} B") if looks_equal else texts
