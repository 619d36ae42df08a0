"""Which tasks' parameters lie on the chip: least recently used goes first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from accelsim.config.hardware import HardwareConfig
from accelsim.mapping.switching import volatile_bits
from accelsim.memory.placement import DRAM, Placement


class Residency:
    """Task-specific parameters in their memories, beside what is shared.

    A task is resident as a whole or not at all. ``placements`` maps tasks to placements.
    """

    def __init__(self, hardware: HardwareConfig, placements: Mapping[str, Placement]) -> None:
        self._needs = {t: _on_chip(p.bits(task_specific=True)) for t, p in placements.items()}
        shared = _on_chip(next(iter(placements.values())).bits(task_specific=False))
        memories = {m for needs in self._needs.values() for m in needs}
        self._room = {m: 8 * hardware.memories[m].capacity - shared[m] for m in sorted(memories)}
        self._volatile = bool(volatile_bits(self._room, hardware))
        self._resident: list[str] = []
        if hardware.dram is None:
            # Nothing can be loaded: every task was programmed before the device was switched on.
            self._resident = list(placements)
            self._volatile = False

    def __contains__(self, task: str) -> bool:
        return task in self._resident

    def touch(self, task: str) -> None:
        """Note a use of a resident task."""
        self._resident.remove(task)
        self._resident.append(task)

    def admit(self, task: str) -> None:
        """Make room for a task, the least recently used ones going first, and note it."""
        while not self._fits(task):
            self._resident.pop(0)
        self._resident.append(task)

    def power_off(self) -> None:
        """Forget what volatile memories held."""
        if self._volatile:
            self._resident.clear()

    def _fits(self, task: str) -> bool:
        total: Counter[str] = Counter(self._needs[task])
        for resident in self._resident:
            total.update(self._needs[resident])
        return all(bits <= self._room[memory] for memory, bits in total.items())


def _on_chip(bits: Mapping[str, int]) -> Counter[str]:
    return Counter({memory: n for memory, n in bits.items() if memory != DRAM})
