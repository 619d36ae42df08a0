"""What a mapper chooses plans by: time, energy, or their product."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from accelsim.machine.schema import HardwareConfig
from accelsim.placement.placement import DRAM
from accelsim.program import CodeWords, Use


class Objective:
    """The cost of work on one machine, at the nominal operating point.

    The work is one attention, or all stages between two; what an inference costs is their sum, of
    products, too.
    """

    def __init__(self, hardware: HardwareConfig) -> None:
        self._hardware = hardware
        self.name = hardware.mapping.objective

    def cost(self, cycles: int, joules: float) -> float:
        """Return cycles, joules with leakage over them, or the product, as the machine asks."""
        if self.name == "time":
            return cycles
        joules += cycles / self._hardware.clock.frequency * self._leakage
        return joules * cycles if self.name == "energy_delay" else joules

    def joules(self, uses: Iterable[Use]) -> float:
        """Return the energy of uses; 0 where nothing is chosen by it. Codecs are left out."""
        if self.name == "time":
            return 0.0
        priced = (use for use in uses if not isinstance(use.demand, CodeWords))
        return sum(use.amount * self._prices[use.block, use.action] for use in priced)

    @cached_property
    def _leakage(self) -> float:
        return sum(sheet.leakage or 0.0 for sheet in self._hardware.datasheets.values())

    @cached_property
    def _prices(self) -> dict[tuple[str, str], float]:
        found = {
            (block, action): price.joules
            for block, sheet in self._hardware.datasheets.items()
            for action, price in sheet.prices.items()
        }
        if dram := self._hardware.dram:
            found |= {(DRAM, "read"): dram.byte_energy("read")}
            found |= {(DRAM, "write"): dram.byte_energy("write")}
        return found
