"""Which tasks' parameters lie on the chip, and who makes room for whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from enum import StrEnum
from functools import lru_cache

from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.switching import volatile_bits
from accelsim.placement.placement import DRAM, Placement, shared_bits
from accelsim.policies.service import ResidencyPolicy


class Missing(StrEnum):
    """What must be loaded before a task can run."""

    NOTHING = "nothing"
    VOLATILE = "volatile"
    ALL = "all"


class Residency:
    """Task-specific parameters in their memories, beside what is shared.

    A task has room as a whole or not at all. Without supply it loses what lies in volatile
    memories and keeps its room and the rest. ``placements`` maps tasks to placements;
    those that are ``pinned`` never make room for others. ``most`` are the most bits that tasks
    held in each memory at a time.
    """

    def __init__(
        self,
        hardware: HardwareConfig,
        placements: Mapping[str, Placement],
        policy: ResidencyPolicy = "least_recently_used",
        pinned: Collection[str] = (),
    ) -> None:
        self._policy, self._pinned = policy, pinned
        self._needs = {t: _on_chip(p.bits(task_specific=True)) for t, p in placements.items()}
        shared = _on_chip(shared_bits(placements.values()))
        memories = {m for needs in self._needs.values() for m in needs}
        self._room = {m: 8 * hardware.memories[m].capacity - shared[m] for m in sorted(memories)}
        self._lost = {t: _loss(needs, hardware) for t, needs in self._needs.items()}
        # In order of eviction, each with what is missing.
        self._resident: dict[str, Missing] = {}
        self._loadable = hardware.has_cold_home
        if not self._loadable:
            # Nothing can be loaded: every task was programmed before the device was switched on.
            self._resident = dict.fromkeys(placements, Missing.NOTHING)
        # Of thousands of switches most are between the same few sets.
        self._bits = lru_cache(maxsize=1000)(self._sum)
        self.most = self._held().copy()

    def missing(self, task: str) -> Missing:
        """Return what a task lacks."""
        return self._resident.get(task, Missing.ALL) if self._needs[task] else Missing.NOTHING

    def admit(self, task: str) -> None:
        """Note that a task is used and complete, others making room for it if they must."""
        new = task not in self._resident
        if new:
            self._make_room(task)
        if self._policy == "least_recently_used":
            self._resident.pop(task, None)
        self._resident[task] = Missing.NOTHING
        if new:
            self.most |= self._held()

    def _make_room(self, task: str) -> None:
        if self._policy == "one_task" and self._loadable:
            for other in self._leaving():
                del self._resident[other]
        while not self._fits(task):
            del self._resident[self._leaving()[0]]

    def power_off(self) -> None:
        """Forget what volatile memories held."""
        if not self._loadable:
            return
        for task, missing in list(self._resident.items()):
            after = max(missing, self._lost[task], key=_SEVERITY.index)
            if after is Missing.ALL:
                del self._resident[task]
            else:
                self._resident[task] = after

    def losses(self) -> list[tuple[str, Missing]]:
        """Return the tasks that a power-off would take something from, and what they then lack."""
        lost = ((task, self._lost[task]) for task in self._resident)
        return [loss for loss in lost if loss[1] is not Missing.NOTHING]

    def _leaving(self) -> list[str]:
        """Return the tasks that may make room, in order."""
        return [task for task in self._resident if task not in self._pinned]

    def _fits(self, task: str) -> bool:
        total = self._bits(frozenset((*self._resident, task)))
        return all(bits <= self._room[memory] for memory, bits in total.items())

    def _held(self) -> Counter[str]:
        return self._bits(frozenset(self._resident))

    def _sum(self, tasks: frozenset[str]) -> Counter[str]:
        """Return the bits of tasks in each memory."""
        total: Counter[str] = Counter()
        for task, needs in self._needs.items():
            if task in tasks:
                total.update(needs)
        return total


_SEVERITY = [Missing.NOTHING, Missing.VOLATILE, Missing.ALL]


def _loss(needs: Counter[str], hardware: HardwareConfig) -> Missing:
    lost = volatile_bits(needs, hardware)
    if not lost:
        return Missing.NOTHING
    return Missing.ALL if lost.keys() == needs.keys() else Missing.VOLATILE


def _on_chip(bits: Mapping[str, int]) -> Counter[str]:
    return Counter({memory: n for memory, n in bits.items() if memory != DRAM and n})
