"""What writing data into a memory once costs: time, energy, pulses and wear."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.errors import ConfigError
from accelsim.machine.regions import Region
from accelsim.memory.technology import Grade
from accelsim.units import ceil_div


@dataclass(frozen=True)
class ProgrammingCost:
    """The cost of programming a memory, words one after the other.

    ``seconds`` and ``joules`` are those of pulses and verifying reads together, ``verify_seconds``
    and ``verify_joules`` the share of the reads. ``pulses`` counts the programming pulses of all
    cells, None where the technology states none (SRAM). ``endurance`` is how often a cell can be
    written, None where there is no limit or none is known; ``grade`` that of all figures.
    """

    words: int
    cells: int
    pulses: int | None
    seconds: float
    joules: float
    verify_seconds: float
    verify_joules: float
    endurance: float | None
    grade: Grade


def programming_cost(region: Region, bits: int) -> ProgrammingCost:
    """Return the cost of writing ``bits`` bits of data into a memory of a machine.

    The array's write latency and energy hold the pulses of
    program-and-verify already, as many for every level as the grade says (inner levels take more
    than the outer two; no count by level is published). A cell written in several steps is read
    after each of them; one that is written in a single step is not verified. Raises ConfigError
    for more bits than the memory holds.
    """
    if bits > 8 * region.capacity:
        wrong = f"{bits} bits do not fit memory '{region.name}' of {8 * region.capacity} bits"
        raise ConfigError(f"{wrong}; enlarge it or place less there")
    array, device = region.array, region.array.device
    steps = device.verify_steps.at(array.grade) if device.verify_steps else 1
    words = ceil_div(bits, array.word * region.lanes)
    cells = words * region.lanes * ceil_div(array.word, array.bits_per_cell)
    reads = words * steps if steps > 1 else 0
    verify_seconds, verify_joules = reads * array.read_latency, reads * region.read_energy
    return ProgrammingCost(
        words=words,
        cells=cells,
        pulses=cells * steps if device.write_pulse else None,
        seconds=words * array.write_latency + verify_seconds,
        joules=words * region.write_energy + verify_joules,
        verify_seconds=verify_seconds,
        verify_joules=verify_joules,
        endurance=array.endurance,
        grade=array.grade,
    )
