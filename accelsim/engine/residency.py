"""Which tasks' parameters lie on the chip, and who makes room for whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from enum import StrEnum
from functools import lru_cache

from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.switching import volatile_bits
from accelsim.placement.overlaid import overlaid_memories
from accelsim.placement.placement import Placement, kept_bits, shared_bits
from accelsim.policies.service import ResidencyPolicy


class Missing(StrEnum):
    """What must be loaded before a task can run."""

    NOTHING = "nothing"
    VOLATILE = "volatile"
    ALL = "all"


Held = str | tuple[str, str]
"""What may leave: a task's own parameters, or what a model's tasks share in a memory."""


class Residency:
    """Task-specific parameters in their memories, beside what is shared and what a decoder keeps.

    A task has room as a whole or not at all. So has what the tasks of a model that is swapped share
    in each of the memories in which models make room for each other. Without supply it loses what
    lies in volatile memories and keeps its room and the rest. ``placements`` maps tasks to
    placements; those that are ``pinned`` never make room for others. ``most`` are the most bits
    that tasks held in each memory at a time.
    """

    def __init__(
        self,
        hardware: HardwareConfig,
        placements: Mapping[str, Placement],
        policy: ResidencyPolicy = "least_recently_used",
        pinned: Collection[str] = (),
    ) -> None:
        self._policy, self._pinned = policy, pinned
        self._needs: dict[Held, Counter[str]] = {
            task: _on_chip(each.bits(task_specific=True)) for task, each in placements.items()
        }
        overlaid = overlaid_memories(placements, hardware, pinned)
        self._parts = {task: _swapped(each, overlaid) for task, each in placements.items()}
        for parts in self._parts.values():
            self._needs |= {part: Counter({part[1]: bits}) for part, bits in parts.items()}
        stays = _on_chip(shared_bits(placements.values(), overlaid) + kept_bits(placements))
        memories = {m for needs in self._needs.values() for m in needs}
        self._room = {m: 8 * hardware.memories[m].capacity - stays[m] for m in sorted(memories)}
        self._lost = {t: _loss(needs, hardware) for t, needs in self._needs.items()}
        # In order of eviction, each with what is missing.
        self._resident: dict[Held, Missing] = {}
        self._loadable = hardware.has_cold_home
        if not self._loadable:
            # Nothing can be loaded: every task was programmed before the device was switched on.
            self._resident = dict.fromkeys(placements, Missing.NOTHING)
        # Of thousands of switches most are between the same few sets.
        self._bits = lru_cache(maxsize=1000)(self._sum)
        self._contents: tuple[tuple[Held, Missing], ...] | None = None
        self.most = self._held().copy()

    @property
    def contents(self) -> tuple[tuple[Held, Missing], ...]:
        """What lies on the chip, in order of eviction, and what is missing of each."""
        if self._contents is None:
            self._contents = tuple(self._resident.items())
        return self._contents

    def return_to(self, contents: tuple[tuple[Held, Missing], ...]) -> None:
        """Let lie on the chip what has lain there before."""
        self._resident, self._contents = dict(contents), contents

    def missing(self, task: str) -> Missing:
        """Return what a task lacks."""
        return self._resident.get(task, Missing.ALL) if self._needs[task] else Missing.NOTHING

    def absent(self, task: str) -> list[tuple[str, str]]:
        """Return the parts of a task's model, by memory, that made room for others."""
        return [part for part in self._parts[task] if part not in self._resident]

    def admit(self, task: str) -> None:
        """Note that a task and its model are used and complete, others making room if they must."""
        self._contents = None
        used: list[Held] = [*self._parts[task], task]
        new = any(one not in self._resident for one in used)
        if new:
            self._make_room(used)
        for one in used:
            if self._policy == "least_recently_used":
                self._resident.pop(one, None)
            self._resident[one] = Missing.NOTHING
        if new:
            self.most |= self._held()

    def _make_room(self, used: list[Held]) -> None:
        if self._policy == "one_task" and self._loadable:
            for other in self._leaving(used):
                if isinstance(other, str):
                    del self._resident[other]
        while short := self._short(used):
            leaving = self._leaving(used)
            del self._resident[next(o for o in leaving if self._needs[o].keys() & short)]

    def power_off(self) -> None:
        """Forget what volatile memories held."""
        if not self._loadable:
            return
        self._contents = None
        for one, missing in list(self._resident.items()):
            after = max(missing, self._lost[one], key=_SEVERITY.index)
            if after is Missing.ALL:
                del self._resident[one]
            else:
                self._resident[one] = after

    def losses(self) -> list[tuple[Held, Missing]]:
        """Return what a power-off would take something from, and what that then lacks."""
        lost = ((one, self._lost[one]) for one in self._resident)
        return [loss for loss in lost if loss[1] is not Missing.NOTHING]

    def _leaving(self, used: list[Held]) -> list[Held]:
        """Return what may make room, in order."""
        stays = {*used, *self._pinned}
        return [one for one in self._resident if one not in stays]

    def _short(self, used: list[Held]) -> set[str]:
        """Return the memories that do not hold what is used beside what lies there."""
        total = self._bits(frozenset((*self._resident, *used)))
        return {memory for memory, bits in total.items() if bits > self._room[memory]}

    def _held(self) -> Counter[str]:
        return self._bits(frozenset(self._resident))

    def _sum(self, held: frozenset[Held]) -> Counter[str]:
        """Return the bits of what is held in each memory."""
        total: Counter[str] = Counter()
        for one, needs in self._needs.items():
            if one in held:
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


def _swapped(placement: Placement, overlaid: Collection[str]) -> dict[tuple[str, str], int]:
    """Return the bits that what a model's tasks share takes where it makes room for others."""
    bits = placement.bits(task_specific=False) if placement.swapped else Counter[str]()
    return {(placement.model, m): bits[m] for m in sorted(overlaid) if bits[m]}
