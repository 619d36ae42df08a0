"""The components of a systolic machine, by the names that its programs use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, get_type_hints

from accelsim.accelerators.base import not_compared, not_followed
from accelsim.errors import ConfigError
from accelsim.inputs.paths import KeyPath
from accelsim.machine.components.base import Component
from accelsim.machine.components.bit_mask_codec import CodecConfig
from accelsim.machine.components.bus import BusConfig
from accelsim.machine.components.host import HostConfig
from accelsim.machine.components.scratchpad import AccumulatorConfig, ScratchpadConfig
from accelsim.machine.components.systolic_array import SystolicArrayConfig
from accelsim.machine.components.vector_unit import VectorUnitConfig
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.timing.systolic import largest_tile, tiles_that_fit
from accelsim.memory.arrays import Array
from accelsim.program import Product
from accelsim.units import format_si, to_ticks

PE_ARRAY = "pe_array"
SCRATCHPAD = "scratchpad"
ACCUMULATOR = "accumulator"
VECTOR_UNIT = "vector_unit"
BUS = "bus"


@dataclass(frozen=True)
class Parts:
    """What the mapping asks of its machine."""

    pe_array: SystolicArrayConfig
    scratchpad: ScratchpadConfig
    accumulator: AccumulatorConfig
    vector_unit: VectorUnitConfig
    codec: CodecConfig
    bus: BusConfig
    host: HostConfig

    @property
    def largest_tile(self) -> Product:
        """The most rows, columns and depth of a tile by Gemmini's rule."""
        sizes = (self.scratchpad.capacity, self.accumulator.capacity)
        return largest_tile(self.pe_array.timing_model, *sizes)

    def tiles_for(self, asked: Product) -> list[Product]:
        """Return the most rows, columns and depth of tiles to compare for products of a size."""
        sizes = (self.scratchpad.capacity, self.accumulator.capacity)
        return tiles_that_fit(self.pe_array.timing_model, *sizes, asked)


COMPONENTS: dict[str, type[Component]] = get_type_hints(Parts)


def parts_of(machine: HardwareConfig) -> Parts:
    """Return the components. Raises ConfigError for one that is missing or of another kind."""
    found: dict[str, Any] = {n: machine.component(n, kind) for n, kind in COMPONENTS.items()}
    return Parts(**found)


def wrong_parts(machine: HardwareConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield what makes one thing wait for another, and buffers that hold no tile or are slow."""
    parts = parts_of(machine)
    yield from not_followed(machine)
    if machine.mapping.tiles == "largest":
        yield from not_compared(machine, ", or mapping.tiles to compared")
    for name, buffer in ((SCRATCHPAD, parts.scratchpad), (ACCUMULATOR, parts.accumulator)):
        # What the technology table does not have is told when all memories are looked up.
        with suppress(ConfigError):
            yield from _slow(machine, name, buffer.region(name, machine.site).array)
    try:
        _ = parts.largest_tile
    except ConfigError as error:
        name, _, message = str(error).partition(": ")
        yield (name,), message


def _slow(machine: HardwareConfig, name: str, array: Array) -> Iterator[tuple[KeyPath, str]]:
    """Yield a buffer that does not keep pace: the array takes a vector in every cycle."""
    slowest = max(array.read_latency, array.write_latency)
    if to_ticks(slowest) > machine.site.period:
        yield (
            (name, "technology"),
            f"{name} answers in {format_si(slowest, 's')}, but the array takes a vector every "
            f"cycle; clock it at {format_si(1 / slowest, 'Hz')} or less, or choose another "
            f"{name}.technology or .target",
        )
