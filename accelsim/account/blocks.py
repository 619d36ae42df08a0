"""What the blocks of a machine are to a reader of its power and of its timeline.

The only place that maps names of blocks to meanings for pictures.
"""

from __future__ import annotations

from collections.abc import Set

from accelsim.machine.schema import HardwareConfig
from accelsim.mapping import accesses
from accelsim.placement.placement import DRAM

# ``activations`` are the activation memory and the buffers; ``bus and host`` has the wake-ups.
POWER_PARTS = ("compute", "parameters", "activations", "bus and host", "DRAM", "leakage")

_FIXED_PARTS = {
    accesses.PE_ARRAY: "compute",
    accesses.SFU: "compute",
    accesses.CODEC: "compute",
    accesses.BUS: "bus and host",
    accesses.HOST: "bus and host",
    accesses.POWER: "bus and host",
    DRAM: "DRAM",
}
_COUNTED = {
    accesses.PE_ARRAY: "macs",
    accesses.SFU: "elements",
    accesses.CODEC: "vectors",
    accesses.BUS: "bytes",
    accesses.HOST: "register_writes",
    accesses.POWER: "changes",
}


def power_part(port: str, hardware: HardwareConfig) -> str:
    """Return the part of the machine, one of POWER_PARTS, that a port belongs to."""
    if port in hardware.memories and port != hardware.placement.activations:
        return "parameters"
    return _FIXED_PARTS.get(port, "activations")


def lanes(used: Set[str], hardware: HardwareConfig) -> list[str]:
    """Return the ports in use from top to bottom: compute, memories, buffers, outside."""
    activations = hardware.placement.activations
    first = [accesses.PE_ARRAY, accesses.SFU, accesses.CODEC, accesses.BUS]
    first += [memory for memory in hardware.memories if memory != activations]
    last = [accesses.HOST, DRAM, accesses.POWER]
    buffers = sorted(used - {*first, activations, *last})
    return [port for port in (*first, activations, *buffers, *last) if port in used]


def counted(port: str, block: str, action: str) -> str:
    """Return what an amount counts, and for memories in which direction."""
    if block in _COUNTED:
        return _COUNTED[block]
    # A buffer has a port for each direction, and counts bytes.
    in_bytes = block == DRAM or port != block
    return f"{action}_bytes" if in_bytes else f"{action}_words"
