"""What a mapper chooses plans by: time, energy, or their product."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from math import fsum
from typing import Any

from accelsim.machine.components.base import Part
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.schema import HardwareConfig
from accelsim.program import CodeWords, Use


class Objective:
    """The cost of work on one machine, at the nominal operating point.

    The work is one attention, or all stages between two; what an inference costs is their sum, of
    products, too.
    """

    def __init__(self, hardware: HardwareConfig) -> None:
        self._hardware = hardware
        self.name = hardware.mapping.objective

    def cost(self, cycles: Any, joules: Any) -> Any:
        """Return cycles, joules with what they cost, or the product, as the machine asks."""
        if self.name == "time":
            return cycles
        joules = joules + cycles * self._cycle
        return joules * cycles if self.name == "energy_delay" else joules

    def joules(self, uses: Iterable[Use]) -> float:
        """Return the energy of uses; 0 where nothing is chosen by it. Codecs are left out."""
        if self.name == "time":
            return 0.0
        priced = (use for use in uses if not isinstance(use.demand, CodeWords))
        return fsum(use.amount * self._prices[use.block, use.action] for use in priced)

    @cached_property
    def _cycle(self) -> float:
        """Leakage and clocks of a cycle [J]; a clock that stops is the same in every plan."""
        hardware, sheets = self._hardware, self._hardware.datasheets.values()
        leakage = fsum(sheet.leakage or 0.0 for sheet in sheets) / hardware.clock.frequency
        stops = hardware.power.clock_gating == "blocks"
        running = (sheet for sheet in sheets if not stops or sheet.part is Part.SUPPLY)
        return leakage + fsum(sheet.cycle for sheet in running)

    @cached_property
    def _prices(self) -> dict[tuple[str, str], float]:
        found = {
            (block, action): price.joules
            for block, sheet in self._hardware.datasheets.items()
            for action, price in sheet.prices.items()
        }
        if dram := self._hardware.dram:
            site = self._hardware.site
            factor = site.process.factors.get("dram.access", 1.0)
            found |= {(DRAM, "read"): factor * dram.byte_energy("read", site)}
            found |= {(DRAM, "write"): factor * dram.byte_energy("write", site)}
        return found
