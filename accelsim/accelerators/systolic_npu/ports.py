"""How long uses occupy the ports of a systolic machine, and what they cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.accelerators.systolic_npu.parts import ACCUMULATOR, PE_ARRAY, VECTOR_UNIT
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.servers import Machine
from accelsim.mapping.objective import Objective
from accelsim.program import Use
from accelsim.units import Tick

Figures = NDArray[Any]
"""One figure for each size of tiles."""


@dataclass(frozen=True)
class Cost:
    """The cycles that something occupies each port, and its joules.

    One row of ports, or one for each size of tiles. The longest access takes ``alone`` so many
    cycles if nothing went just before it: what lies off the chip may sleep.
    """

    busy: Figures
    joules: Figures
    alone: Figures

    def __add__(self, other: Cost) -> Cost:
        alone = np.maximum(self.alone, other.alone)
        return Cost(self.busy + other.busy, self.joules + other.joules, alone)

    def times(self, count: Figures | float) -> Cost:
        """Return the cost of so many; of one of each of many rows if they are as many."""
        counts = np.asarray(count, dtype=float)
        return Cost(self.busy * counts[..., None], self.joules * counts, self.alone + 0 * counts)

    def at(self, rows: NDArray[np.intp]) -> Cost:
        """Return some rows."""
        return Cost(self.busy[rows], self.joules[rows], self.alone[rows])


class Ports:
    """Of one machine at its nominal operating point, with the objective of its mapper."""

    def __init__(self, hardware: HardwareConfig) -> None:
        self._machine, self.objective = Machine(hardware), Objective(hardware)
        self._place = {name: number for number, name in enumerate(self._machine.blocks)}
        self._hardware = hardware
        self._known: dict[Use, tuple[Tick, Tick]] = {}
        # What brings operands is waited for; the rest goes on while they come.
        behind = {
            self._machine.port(PE_ARRAY, "mac").name,
            self._machine.port(VECTOR_UNIT, "add").name,
            self._machine.port(ACCUMULATOR, "read").name,
            self._machine.port(ACCUMULATOR, "write").name,
            self._machine.port("host", "register_write").name,
            self._machine.port(hardware.placement.activations, "read").name,
        }
        self._loading = np.array([name not in behind for name in self._place])

    def cost(self, uses: Iterable[Use]) -> Cost:
        """Return what uses take, one after the other at each port."""
        busy, uses = np.zeros(len(self._place)), [use for use in uses if use.amount]
        longest = 0.0
        for use in uses:
            port = self._machine.port(use.block, use.action)
            first, again = (
                self._off_chip(use) if use.block == DRAM else (port.occupancy(use, 0),) * 2
            )
            busy[self._place[port.name]] += again / self._machine.period
            longest = max(longest, first / self._machine.period)
        return Cost(busy, np.asarray(self.objective.joules(uses)), np.asarray(longest))

    def _off_chip(self, use: Use) -> tuple[Tick, Tick]:
        """Return the ticks of an access off the chip after long, and of one right behind it."""
        if use not in self._known:
            assert self._hardware.dram
            (server,) = self._hardware.dram.servers(DRAM, self._hardware.site).values()
            first = server.occupancy(use, 0)
            self._known[use] = first, server.occupancy(use, first)
        return self._known[use]

    def nothing(self, rows: int) -> Cost:
        """Return rows of no cost."""
        return Cost(np.zeros((rows, len(self._place))), np.zeros(rows), np.zeros(rows))

    def array_busy(self, cycles: Figures) -> Cost:
        """Return rows of cycles of the array."""
        found = self.nothing(len(cycles))
        found.busy[:, self._place[self._machine.port(PE_ARRAY, "mac").name]] = cycles
        return found

    def loading(self, cost: Cost) -> Figures:
        """Return the cycles of the busiest port that brings operands."""
        return self._most(cost, self._loading)

    def working(self, cost: Cost) -> Figures:
        """Return the cycles of the busiest of the other ports."""
        return self._most(cost, ~self._loading)

    def _most(self, cost: Cost, ports: NDArray[np.bool_]) -> Figures:
        found: Figures = np.where(ports, cost.busy, 0.0).max(axis=-1)
        return found
