"""The components of an EdgeBERT-style machine, by the names that its programs use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_type_hints

from accelsim.machine.components.base import Component
from accelsim.machine.components.bit_mask_codec import CodecConfig
from accelsim.machine.components.buffers import AuxiliaryMemoryConfig, OperandBufferConfig
from accelsim.machine.components.bus import BusConfig
from accelsim.machine.components.host import HostConfig
from accelsim.machine.components.special_function_unit import SfuConfig
from accelsim.machine.components.vector_mac_array import PeArrayConfig
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.sections import OverlapConfig

PE_ARRAY = "pe_array"
SFU = "sfu"
WEIGHT_BUFFER = "weight_buffer"
WEIGHT_MASKS = "weight_buffer_masks"
ACTIVATION_BUFFER = "activation_buffer"
AUXILIARY = "auxiliary_memory"
BUS, CODEC = "bus", "codec"


@dataclass(frozen=True)
class Parts:
    """What EdgeBERT's mapping asks of its machine."""

    pe_array: PeArrayConfig
    sfu: SfuConfig
    codec: CodecConfig
    weight_buffer: OperandBufferConfig
    activation_buffer: OperandBufferConfig
    auxiliary_memory: AuxiliaryMemoryConfig
    bus: BusConfig
    host: HostConfig
    overlap: OverlapConfig


_KINDS: dict[str, type[Any]] = get_type_hints(Parts)
COMPONENTS: dict[str, type[Component]] = {
    name: kind for name, kind in _KINDS.items() if issubclass(kind, Component)
}


def parts_of(machine: HardwareConfig) -> Parts:
    """Return the components. Raises ConfigError for one that is missing or of another kind."""
    found: dict[str, Any] = {n: machine.component(n, kind) for n, kind in COMPONENTS.items()}
    return Parts(**found, overlap=machine.overlap)
