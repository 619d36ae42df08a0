"""How long the memories last: writes of a run against the endurance of their cells.

A write of a word writes each of its cells once; the pulses of a program-and-verify write count as
one. The first programming of a device is left out; cells that hold parameters are written again
whenever their retention is over, or as often as their memory says. Two bounds:

``worst``  no wear levelling. Parameters have fixed addresses, so each load of a task writes the
           same cells. If all tasks fit beside each other each has cells of its own, and the most
           loaded task wears them most; else, or where the host never keeps two tasks, they
           overlay, as models do that are swapped, and one cell may be written by every load.
           Activations and buffers are reused
           from their start: their writes are spread evenly over the greatest number of bytes
           that they ever held. What a decoder keeps begins at the same cell for each request of
           a seat, and goes round in a sliding window.
``even``   ideal wear levelling: all writes of a memory spread over all its cells.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from accelsim.accelerators.design import Design
from accelsim.engine.run import Run
from accelsim.machine.regions import Region
from accelsim.memory.technology import Grade, Graded
from accelsim.model.operators import Reach
from accelsim.placement.placement import Placement, by_model
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
    has no limit (or states none). ``retention`` [s] by grade is how long parameters are left alone,
    empty where nothing is lost, none lie there or nobody writes them again.
    """

    region: Region
    words_written: float
    worst_writes: float
    even_writes: float
    endurance: Mapping[Grade, float]
    retention: Mapping[Grade, float]
    seconds: float

    def years(self, grade: Grade | None = None, *, levelled: bool = False) -> float:
        """Return the years to wear-out if the device goes on like this; infinite without wear.

        The grade of endurance and retention is the machine's unless given.
        """
        grade = grade or self.region.array.grade
        writes = self.even_writes if levelled else self.worst_writes
        rate = writes / self.seconds + (1 / self.retention[grade] if self.retention else 0.0)
        limit = self.endurance.get(grade, math.inf)
        if not rate or math.isinf(limit):
            return math.inf
        return limit / rate / _SECONDS_PER_YEAR

    @property
    def rewrites_a_day(self) -> float:
        """How often what it holds must be written again at the machine's grade, 0 for never."""
        return 86_400 / self.retention[self.region.array.grade] if self.retention else 0.0

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


def _lifetime(design: Design, run: Run, region: Region, *, overlaid: bool) -> RegionLifetime:
    written = run.ledger.amount(region.name, "write")
    # Buffers count bytes.
    words = written / region.word_bytes if region.kind == "buffer" else float(written)
    if region.kind == "parameters":
        loads = float(_most_loads(design, run, region.name, overlaid=overlaid))
        worst = max(loads, _most_kept(design, run, region))
    else:
        worst = words / max(1.0, run.ledger.peak_bytes(region.name) / region.word_bytes)
    even = words * region.word_bytes / region.capacity
    device, retention, seconds = region.array.device, dict[Grade, float](), to_seconds(run.makespan)
    if region.kind == "parameters":
        every, held = design.hardware.memories[region.name].rewritten_every, device.retention
        retention = {g: s for g, holds in _by_grade(held).items() if (s := every(holds)) < math.inf}
    endurance = _by_grade(device.endurance)
    return RegionLifetime(region, words, worst, even, endurance, retention, seconds)


def _by_grade(stated: Graded[float] | None) -> dict[Grade, float]:
    return {grade: stated.at(grade) for grade in get_args(Grade)} if stated else {}


def _most_kept(design: Design, run: Run, region: Region) -> float:
    """Return how often the most often written cell of a cache in a memory is written.

    A row of a layer takes whole words, which rows that are narrower have in common.
    """
    writes = 0
    for task, placement in design.placements.items():
        cache = placement.cache
        if cache is None or cache.memory != region.name:
            continue
        operators = design.graphs[task].operators
        row = min(each.columns for each in operators if each.kind.reach is Reach.STATE) * cache.bits
        shared = ceil_div(int(8 * region.word_bytes), row)
        rounds = Counter[int]()
        for each in run.requests:
            if each.task == task:
                tokens = each.tokens + (each.new_tokens or 1) - 1
                rounds[each.seat] += ceil_div(tokens, cache.rows)
        writes += shared * max(rounds.values(), default=0)
    return float(writes)


def _most_loads(design: Design, run: Run, memory: str, *, overlaid: bool) -> int:
    """Return how often the most often written cell of a parameter memory is written."""
    config, first = design.hardware.memories[memory], design.shared_bits[memory]
    own = {t: each.bits(task_specific=True)[memory] for t, each in design.placements.items()}
    words = run.ledger.writes.get(memory, Counter())

    def loads(written: int, bits: int) -> int:
        return ceil_div(written, ceil_div(bits, config.word)) if written else 0

    def woken(model: str, shared: Placement) -> int:
        """Return how often what the tasks of a model share was loaded."""
        asked = ((t, n) for (kind, t), n in words.items() if kind == ProgramKind.POWER_UP)
        written = sum(n for task, n in asked if design.models.get(task, model) == model)
        return loads(written, shared.bits(task_specific=False)[memory])

    def of_models(task: str) -> int:
        """Return the words of a task's model that were swapped in for it."""
        bits = design.placements[task].bits(task_specific=False)[memory]
        return run.swaps.get((task, memory), 0) * ceil_div(bits, config.word)

    switched = [loads(words[ProgramKind.SWITCH, t] - of_models(t), n) for t, n in own.items()]
    if memory in design.overlaid:
        # Models and tasks make room for each other: one cell may be written by every load.
        return sum(switched) + sum(n for (_, where), n in run.swaps.items() if where == memory)
    # All tasks fit beside what is shared.
    apart = first + sum(own.values()) <= 8 * config.capacity and not overlaid
    models = by_model(design.placements.values()).items()
    return max(*(woken(*each) for each in models), max(switched) if apart else sum(switched))
