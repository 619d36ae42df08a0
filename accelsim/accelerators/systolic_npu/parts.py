"""The components of a systolic machine, by the names that its programs use."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.errors import ConfigError
from accelsim.machine.components.bit_mask_codec import CodecConfig
from accelsim.machine.components.bus import BusConfig
from accelsim.machine.components.host import HostConfig
from accelsim.machine.components.scratchpad import AccumulatorConfig, ScratchpadConfig
from accelsim.machine.components.systolic_array import SystolicArrayConfig
from accelsim.machine.components.vector_unit import VectorUnitConfig
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.timing.systolic import tile_extents
from accelsim.program import Product
from accelsim.units import format_si, to_ticks

PE_ARRAY = "pe_array"
SCRATCHPAD = "scratchpad"
ACCUMULATOR = "accumulator"
VECTOR_UNIT = "vector_unit"


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

    def tile(self, rows: int, columns: int, depth: int) -> Product:
        """Return the extents of a full tile of a product."""
        sizes = (self.scratchpad.capacity, self.accumulator.capacity)
        return tile_extents(self.pe_array.timing_model, *sizes, Product(rows, columns, depth))


def parts_of(machine: HardwareConfig) -> Parts:
    """Return the components.

    Raises ConfigError for one that is missing or of another kind, for buffers that hold no tile or
    that are slower than the array, for a machine that does one thing after the other, and for
    another objective than time.
    """
    parts = Parts(
        machine.component(PE_ARRAY, SystolicArrayConfig),
        machine.component(SCRATCHPAD, ScratchpadConfig),
        machine.component(ACCUMULATOR, AccumulatorConfig),
        machine.component(VECTOR_UNIT, VectorUnitConfig),
        machine.component("codec", CodecConfig),
        machine.component("bus", BusConfig),
        machine.component("host", HostConfig),
    )
    overlaps = {
        "overlap.double_buffering": machine.overlap.double_buffering,
        "overlap.special_functions": machine.overlap.special_functions,
        "host.command_queue": parts.host.command_queue,
    }
    for key, wanted in overlaps.items():
        if not wanted:
            raise ConfigError(
                f"machine '{machine.name}': {key} is false, but systolic_npu loads, computes and "
                "writes back side by side; set it to true"
            )
    for name in (SCRATCHPAD, ACCUMULATOR):
        _check_pace(machine, name)
    if machine.mapping.objective != "time":
        raise ConfigError(
            f"machine '{machine.name}': mapping.objective is {machine.mapping.objective}, but "
            "systolic_npu takes the largest blocks that fit and compares none; set it to time"
        )
    try:
        parts.tile(1, 1, 1)
    except ConfigError as error:
        raise ConfigError(f"machine '{machine.name}': {error}") from None
    return parts


def _check_pace(machine: HardwareConfig, name: str) -> None:
    """Refuse a buffer that does not keep pace: the array takes a vector in every cycle."""
    array = machine.regions[name].array
    slowest = max(array.read_latency, array.write_latency)
    if to_ticks(slowest) > machine.site.period:
        raise ConfigError(
            f"machine '{machine.name}': {name} answers in {format_si(slowest, 's')}, but the array "
            f"takes a vector every cycle; clock it at {format_si(1 / slowest, 'Hz')} or less, or "
            f"choose another {name}.technology or .target"
        )
