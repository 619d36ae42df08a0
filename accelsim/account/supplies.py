"""What the supply and the clock make of a price: factors by operating point and power state.

Dynamic energy scales with the square of the voltage, leakage with the voltage. Both rules are
first order: leakage also falls by drain-induced barrier lowering, which is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.machine.chip_state import NOMINAL, ChipState, PowerState
from accelsim.machine.components.base import Datasheet
from accelsim.machine.components.supply import PowerConfig
from accelsim.machine.schema import HardwareConfig


@dataclass(frozen=True)
class Supplies:
    """Factors on the nominal prices.

    ``voltages`` and ``clocks`` are relative to the nominal operating point, by its name.
    ``scaled`` are the blocks that follow the chip's supply, ``retained`` those that keep their
    contents in retention.
    """

    power: PowerConfig
    voltages: dict[str, float]
    clocks: dict[str, float]
    scaled: frozenset[str]
    retained: frozenset[str]

    def dynamic(self, point: str, block: str) -> float:
        """Return the factor on the energy of an action at an operating point: V^2."""
        return float(self.voltages[point] ** 2) if block in self.scaled else 1.0

    def leakage(self, state: ChipState, block: str) -> float:
        """Return the factor on the leakage of a block in a state of the chip."""
        if state.power in (PowerState.ACTIVE, PowerState.IDLE, PowerState.CLOCK_GATED):
            return self.voltages[state.point] if block in self.scaled else 1.0
        if state.power is PowerState.RETENTION and self.power.retention and block in self.retained:
            return self.power.retention.leakage_fraction
        return self.power.gated_leakage

    def clock(self, state: ChipState) -> float:
        """Return the power of the clock in a state of the chip [W]: f V^2 where it runs."""
        if state.power not in (PowerState.ACTIVE, PowerState.IDLE):
            return 0.0
        relative = self.clocks[state.point]
        return float(self.power.clock_power * relative * self.voltages[state.point] ** 2)


def supplies_of(hardware: HardwareConfig, sheets: Mapping[str, Datasheet]) -> Supplies:
    """Return the factors of a machine with these components."""
    nominal = hardware.clock
    voltages, clocks = {NOMINAL: 1.0}, {NOMINAL: 1.0}
    for point in hardware.lower_points:
        voltages[point.name] = point.voltage / nominal.voltage
        clocks[point.name] = point.frequency / nominal.frequency
    scaled = frozenset(name for name, sheet in sheets.items() if sheet.follows_supply)
    retained = frozenset(name for name, sheet in sheets.items() if sheet.retained)
    return Supplies(hardware.power, voltages, clocks, scaled, retained)
