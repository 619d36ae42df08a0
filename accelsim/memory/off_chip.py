"""What can be had off the chip, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from accelsim.memory.burst_memory import (
    BurstMemoryTechnology,
    CurrentKind,
    list_burst_memories,
    load_burst_memory,
)
from accelsim.memory.dram import DramTechnology, list_drams, load_dram
from accelsim.memory.files import technology_kind


@dataclass(frozen=True)
class OffChipPart:
    """A part: bandwidth [B/s], energies of a byte in endless access [J/B], power at rest [W].

    ``currents`` is the kind of its figures. ``writing`` is None for flash; ``rests_in`` is the
    state in which it usually waits. Without ``interface`` the data pins are in no energy.
    """

    name: str
    currents: str
    bandwidth: float
    reading: float
    writing: float | None
    rests_in: str
    rest_power: float
    interface: bool
    source: str


def off_chip_parts(temperature: float) -> Iterator[OffChipPart]:
    """Yield the shipped parts at a temperature [K]: DRAM by bank and row, then by burst."""
    for name in (*list_drams(), *list_burst_memories()):
        yield from off_chip_part(name, temperature)


def off_chip_part(name: str, temperature: float) -> Iterator[OffChipPart]:
    """Yield a part in each kind of current that it states. Raises ConfigError."""
    if technology_kind(name) == "burst_memory":
        part = load_burst_memory(name)
        for kind in get_args(CurrentKind):
            stated = (part.power.read, part.rests[part.rests_in].current)
            if any(getattr(each, kind) for each in stated):
                yield _of_bursts(name, part, temperature, kind)
    else:
        yield _of_rows(name, load_dram(name), temperature)


def _of_bursts(
    name: str, part: BurstMemoryTechnology, temperature: float, kind: CurrentKind
) -> OffChipPart:
    power, rest = part.power, part.rests[part.rests_in]
    doubts = part.doubts(part.rests_in, temperature, kind)
    return OffChipPart(
        name, kind, part.access.bandwidth,
        part.stream_energy(power.read.of(kind)),
        None if power.write is None else part.stream_energy(power.write.of(kind)),
        part.rests_in, part.rest_power(part.rests_in, temperature, kind),
        interface=True,
        source="; ".join((part.access.source, power.source, rest.source, *doubts)),
    )  # fmt: skip


def _of_rows(name: str, part: DramTechnology, temperature: float) -> OffChipPart:
    known = part.self_refresh
    return OffChipPart(
        name, "stated", part.peak_bandwidth,
        part.stream_energy("read"), part.stream_energy("write"),
        "self_refresh", part.standby_power("self_refresh") * part.self_refresh_factor(temperature),
        interface=bool(part.power.interface),
        source=f"{part.power.source}; self-refresh by temperature: {known.source}",
    )  # fmt: skip
