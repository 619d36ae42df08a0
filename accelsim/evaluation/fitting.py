"""Sizes that a machine file leaves to be worked out: ``capacity: fit``.

A memory of parameters holds what ``check_capacity`` asks for. The memory of activations and the
buffers have the least sizes with which all inferences compile and none spills an activation that
need not be: found by bisection, one after the other, the others as found or with room for all. A
larger buffer saves commands; its size is a choice, and this is the least of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from accelsim.errors import CapacityError, ConfigError, MappingError
from accelsim.evaluation.compilation import Compilation
from accelsim.inputs.paths import KeyPath, format_path
from accelsim.machine.components.base import Component
from accelsim.machine.components.buffers import BufferConfig
from accelsim.machine.components.memory import MemoryConfig
from accelsim.machine.fit import STEP, Fit, sized
from accelsim.machine.regions import Region
from accelsim.machine.schema import HardwareConfig
from accelsim.placement.placement import needed_bits
from accelsim.units import ceil_div, format_bytes

# [ours] Room for all activations of any model here; beyond it nothing is looked for.
_ROOM = 2**28


def fitted(stage: Compilation) -> Compilation:
    """Return a compilation whose machine has the sizes that its case asks to be worked out.

    Raises CapacityError where no size does, and ConfigError for arrays that there are not.
    """
    case, fits = stage.case, stage.case.fits
    plain = case.hardware
    plain = sized(plain, {path: Fit().size(_ROOM, _banks(plain, path)) for path in fits})
    key = (stage.inputs, plain.digest, tuple(fits.items()))
    sizes = stage.memo.get("fit", key, lambda: _sizes(stage, plain, fits))
    return replace(stage, case=replace(case, hardware=sized(case.hardware, sizes)))


def _sizes(
    stage: Compilation, plain: HardwareConfig, fits: Mapping[KeyPath, Fit]
) -> dict[KeyPath, int]:
    """Return the bytes of all that is to fit, of a machine with room for all there."""
    activations = plain.placement.activations
    stored = {p: f for p, f in fits.items() if p[0] == "memories" and p[1] != activations}
    needed = needed_bits(stage.placements, plain, stage.workload.pinned)
    sizes = {
        path: _built(plain, path, fit, ceil_div(needed[str(path[1])], 8))
        for path, fit in stored.items()
    }
    # The table may have no arrays as large as the room.
    alone = {path: size_of(plain, path) for path in fits if path not in stored}
    roomy = sized(plain, {**alone, **sizes}, extrapolate=True)
    trial = replace(stage, case=replace(stage.case, hardware=roomy))
    for path in sorted(alone, key=lambda path: path[0] != "memories"):
        sizes[path] = _built(plain, path, fits[path], _least(trial, sizes, path))
    return sizes


def _least(stage: Compilation, known: Mapping[KeyPath, int], path: KeyPath) -> int:
    """Return the least bytes of an activation memory or a buffer with which nothing spills."""
    step = STEP * _banks(stage.case.hardware, path)

    def works(steps: int) -> bool:
        try:
            return _spills_nothing(stage, {**known, path: steps * step})
        except (MappingError, ConfigError):
            return False

    high = 1
    while not works(high):
        high *= 2
        if high * step > _ROOM:
            _spills_nothing(stage, {**known, path: high * step})  # says why
            raise CapacityError(f"no size of '{path[-2]}' keeps all activations on the chip")
    return step * _first(works, high // 2, high)


def _first(works: Callable[[int], bool], low: int, high: int) -> int:
    """Return the first number above ``low`` that works, as ``high`` does."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle, high)
    return high


def _spills_nothing(stage: Compilation, sizes: Mapping[KeyPath, int]) -> bool:
    """Say whether the mapper leaves all activations on the chip. Raises MappingError."""
    machine = sized(stage.case.hardware, sizes)
    alone = machine.placement.model_copy(update={"activation_spill": None})
    # Without a way out it is soon known what cannot fit; with one, spilling may still be better.
    for each in (machine.changed(placement=alone), machine):
        trial = replace(stage, case=replace(stage.case, hardware=each))
        made = trial.inferences().values()
        if any(inference.spilled for inference in made):
            return False
        if not any(inference.refused for inference in made):
            return True  # nothing cheaper was left for want of room
    return True


def _built(machine: HardwareConfig, path: KeyPath, fit: Fit, needed: int) -> int:
    """Return the size of a memory that holds ``needed`` bytes: not less than its least array."""
    size = fit.size(needed, _banks(machine, path))
    while True:
        banks = _bytes_of_banks(machine, path, size)
        if size >= banks or not (fit.in_banks or _too_small(machine, path, size)):
            return size
        size = banks


def _bytes_of_banks(machine: HardwareConfig, path: KeyPath, size: int) -> int:
    """Return what the banks of the technology table hold that would stand for a size."""
    region = _region(sized(machine, {path: size}, extrapolate=True), path)
    return sum(region.array.banks) * region.banks * region.lanes


def _too_small(machine: HardwareConfig, path: KeyPath, size: int) -> bool:
    try:
        _region(sized(machine, {path: size}), path)
    except ConfigError:
        return True
    return False


def _region(machine: HardwareConfig, path: KeyPath) -> Region:
    holder, name = _holder(machine, path), str(path[-2])
    assert isinstance(holder, (MemoryConfig, BufferConfig))
    return holder.region(name, machine.site)


def size_of(machine: HardwareConfig, path: KeyPath) -> int:
    """Return the size [B] of a memory or buffer of a machine, by its path."""
    return int(getattr(_holder(machine, path), str(path[-1])))


def _holder(machine: HardwareConfig, path: KeyPath) -> Component:
    *section, name, _ = map(str, path)
    return machine.memories[name] if section else machine.further[name]


def _banks(machine: HardwareConfig, path: KeyPath) -> int:
    holder = _holder(machine, path)
    return holder.banks if isinstance(holder, MemoryConfig) else 1


def told(machine: HardwareConfig, fits: Mapping[KeyPath, Fit]) -> dict[str, str]:
    """Return the sizes that were worked out for a machine, by path, with what was asked for."""
    return {
        format_path(path): f"{format_bytes(size_of(machine, path))} ({fit})"
        for path, fit in fits.items()
    }
