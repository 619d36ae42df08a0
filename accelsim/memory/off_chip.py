"""What can be had off the chip, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from accelsim.memory.burst_memory import list_burst_memories, load_burst_memory
from accelsim.memory.dram import list_drams, load_dram


@dataclass(frozen=True)
class OffChipPart:
    """A part: bandwidth [B/s], energies of a byte in endless access [J/B], power at rest [W].

    ``writing`` is None for flash; ``rests_in`` is the state in which it usually waits. Without
    ``interface`` the data pins are in no energy.
    """

    name: str
    bandwidth: float
    reading: float
    writing: float | None
    rests_in: str
    rest_power: float
    interface: bool


def off_chip_parts(temperature: float) -> Iterator[OffChipPart]:
    """Yield the shipped parts at a temperature [K]: DRAM by bank and row, then by burst."""
    for name in list_drams():
        dram, state = load_dram(name), "self_refresh"
        yield OffChipPart(
            name,
            dram.peak_bandwidth,
            dram.stream_energy("read"),
            dram.stream_energy("write"),
            state,
            dram.standby_power("self_refresh") * dram.self_refresh_factor(temperature),
            bool(dram.power.interface),
        )
    for name in list_burst_memories():
        part = load_burst_memory(name)
        reads, writes = part.stream_energy(part.power.read), part.power.write
        yield OffChipPart(
            name,
            part.access.bandwidth,
            reads,
            None if writes is None else part.stream_energy(writes),
            part.rests_in,
            part.rest_power(part.rests_in, temperature),
            interface=True,
        )
