"""What one bank costs with its device's own figures, and what several cost side by side."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, fsum, log2
from typing import NamedTuple

from accelsim.memory.banks import join
from accelsim.memory.tables import Conditions, Row
from accelsim.memory.technology import Device, Grade, MemoryTechnology, SimulatedCell


class Figures(NamedTuple):
    """What banks or an array cost, in the units of Array."""

    area: float
    read_latency: float
    write_latency: float
    read_energy: float
    write_energy: float
    leakage: float


def corrected(row: Row, device: Device, cell: SimulatedCell | None, grade: Grade) -> Figures:
    """Return the figures of a row with the device's own cost."""
    steps = device.verify_steps.at(grade) if device.verify_steps else 1
    write_latency, write_energy = row.write_latency, row.write_energy
    # Add the difference, not the terms: a difference of zero leaves the table's value untouched.
    if cell and device.write_pulse:
        write_latency += device.write_pulse.at(grade) * steps - cell.write_pulse
    if cell and device.write_energy:
        per_cell = device.write_energy.at(grade) * steps - cell.write_energy
        write_energy += per_cell * row.word / device.bits_per_cell
    return Figures(
        row.area,
        row.read_latency * device.read_latency_multiplier.at(grade),
        write_latency,
        row.read_energy * device.read_energy_multiplier.at(grade),
        write_energy,
        row.leakage,
    )


def added(banks: Sequence[Row], figures: Sequence[Figures]) -> Figures:
    """Return the figures of banks side by side, as yet without what joins them."""
    if len(banks) == 1:
        return figures[0]
    area, reads, writes, read, write, leakage = zip(*figures, strict=True)
    size = sum(row.capacity for row in banks)

    def mean(energies: tuple[float, ...]) -> float:
        return fsum(row.capacity * each for row, each in zip(banks, energies, strict=True)) / size

    return Figures(fsum(area), max(reads), max(writes), mean(read), mean(write), fsum(leakage))


def joined(
    whole: Figures,
    banks: Sequence[Row],
    word: int,
    copies: int,
    conditions: Conditions,
    technology: MemoryTechnology,
) -> Figures:
    """Add wires and multiplexer of all copies; area is that of one copy."""
    words = 8 * sum(row.capacity for row in banks) * copies / banks[0].word
    joint = join(
        technology.wires, copies * whole.area, copies * len(banks), word,
        ceil(log2(words)), conditions.node, conditions.roadmap,
    )  # fmt: skip
    return Figures(
        whole.area + joint.area / copies,
        whole.read_latency + joint.delay,
        whole.write_latency + joint.delay,
        whole.read_energy + joint.energy,
        whole.write_energy + joint.energy,
        whole.leakage,
    )
