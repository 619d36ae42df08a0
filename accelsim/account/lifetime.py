"""How long the memories last: writes of a run against the endurance of their cells.

A write of a word writes each of its cells once; the pulses of a program-and-verify write count as
one. The first programming of a device is left out. Two bounds:

``worst``  no wear levelling. Parameters have fixed addresses, so each load of a task writes the
           same cells. If all tasks fit beside each other each has cells of its own, and the most
           loaded task wears them most; else, or where the host never keeps two tasks, they
           overlay, and one cell may be written by every load. Activations and buffers are reused
           from their start: their writes are spread evenly over the greatest number of bytes
           that they ever held.
``even``   ideal wear levelling: all writes of a memory spread over all its cells.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from accelsim.accelerators.design import Design
from accelsim.engine.ledger import Ledger
from accelsim.engine.run import Run
from accelsim.machine.regions import Region
from accelsim.machine.schema import HardwareConfig
from accelsim.memory.technology import Grade, load_technology
from accelsim.policies.service import ResidencyPolicy
from accelsim.program import ProgramKind
from accelsim.units import ceil_div, to_seconds

# [ours] What a device in the field is expected to last [years].
REQUIRED_YEARS = 10.0
# A Julian year, as astronomers count.
_SECONDS_PER_YEAR = 365.25 * 86_400


@dataclass(frozen=True)
class RegionLifetime:
    """The wear of one memory or buffer in a run of some ``seconds``.

    ``words_written`` is of the whole run, in words of the memory. ``worst_writes`` are those of
    the most often written cell without wear levelling, ``even_writes`` those of every cell with
    ideal wear levelling. ``endurance`` is in writes of a cell by grade, empty where the technology
    has no limit (or states none); ``grade`` is the machine's.
    """

    name: str
    kind: str
    technology: str
    words_written: float
    worst_writes: float
    even_writes: float
    endurance: Mapping[Grade, float]
    grade: Grade
    seconds: float

    def years(self, grade: Grade | None = None, *, levelled: bool = False) -> float:
        """Return the years to wear-out if the device goes on like this; infinite without wear."""
        writes = self.even_writes if levelled else self.worst_writes
        limit = self.endurance.get(grade or self.grade, math.inf)
        if not writes or math.isinf(limit):
            return math.inf
        return limit / writes * self.seconds / _SECONDS_PER_YEAR

    def lasts(self, required_years: float = REQUIRED_YEARS) -> bool:
        """Say whether the most often written cell lasts so long, at the machine's grade."""
        return self.years() >= required_years


def lifetimes(
    design: Design, run: Run, residency: ResidencyPolicy = "least_recently_used"
) -> dict[str, RegionLifetime]:
    """Return the wear of all on-chip memories and buffers by name.

    ``residency`` is the policy of the run's service: with ``one_task`` all tasks overlay.
    """
    return {
        name: _lifetime(design, run, region, overlaid=residency == "one_task")
        for name, region in design.hardware.regions.items()
    }


def _endurance(hardware: HardwareConfig, name: str) -> dict[Grade, float]:
    config = hardware.memories[name] if name in hardware.memories else getattr(hardware, name)
    bits_per_cell = getattr(config, "bits_per_cell", 1)
    stated = load_technology(config.technology).devices[bits_per_cell].endurance
    return {grade: stated.at(grade) for grade in get_args(Grade)} if stated else {}


def _lifetime(design: Design, run: Run, region: Region, *, overlaid: bool) -> RegionLifetime:
    written = run.ledger.amount(region.name, "write")
    # Buffers count bytes.
    words = written / region.word_bytes if region.kind == "buffer" else float(written)
    if region.kind == "parameters":
        worst = float(_most_loads(design, run.ledger, region.name, overlaid=overlaid))
    else:
        worst = words / _words_held(run.ledger, region)
    return RegionLifetime(
        name=region.name,
        kind=region.kind,
        technology=region.array.technology,
        words_written=words,
        worst_writes=worst,
        even_writes=words * region.word_bytes / region.capacity,
        endurance=_endurance(design.hardware, region.name),
        grade=region.array.grade,
        seconds=to_seconds(run.makespan),
    )


def _words_held(ledger: Ledger, region: Region) -> float:
    """Return the words that the greatest number of bytes held takes, at least one."""
    held = ledger.peak.get(region.name, 0) + ledger.peak.get(f"{region.name}_masks", 0)
    return max(1.0, held / region.word_bytes)


def _most_loads(design: Design, ledger: Ledger, memory: str, *, overlaid: bool) -> int:
    """Return how often the most often written cell of a parameter memory is written."""
    own = _loads(design, ledger, memory)
    first = next(iter(design.placements.values())).bits(task_specific=False)[memory]
    words = _words_written(ledger, memory, ProgramKind.POWER_UP).total()
    shared = _per_load(words, first, design.hardware, memory)
    apart = _all_fit(design, memory) and not overlaid
    return max(shared, max(own.values()) if apart else own.total())


def _loads(design: Design, ledger: Ledger, memory: str) -> Counter[str]:
    """Return how often the parameters of each task were loaded into a memory."""
    words = _words_written(ledger, memory, ProgramKind.SWITCH)
    return Counter(
        {
            task: _per_load(
                words[task], placement.bits(task_specific=True)[memory], design.hardware, memory
            )
            for task, placement in design.placements.items()
        }
    )


def _words_written(ledger: Ledger, memory: str, kind: ProgramKind) -> Counter[str]:
    """Return the words that programs of a kind wrote into a memory, by task."""
    words: Counter[str] = Counter()
    for key, amount in ledger.amounts.items():
        if (key.block, key.action, key.program) == (memory, "write", kind.value):
            words[key.task] += amount
    return words


def _per_load(words: int, bits: int, hardware: HardwareConfig, memory: str) -> int:
    return ceil_div(words, ceil_div(bits, hardware.memories[memory].word)) if words else 0


def _all_fit(design: Design, memory: str) -> bool:
    """Say whether the parameters of all tasks fit into a memory beside what is shared."""
    placements = list(design.placements.values())
    bits = placements[0].bits(task_specific=False)[memory]
    bits += sum(placement.bits(task_specific=True)[memory] for placement in placements)
    return bits <= 8 * design.hardware.memories[memory].capacity
