"""The states of a chip: what supply and clock do, and at which operating point."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

# The operating point of the machine's ``clock``.
NOMINAL = "nominal"


class PowerState(StrEnum):
    """What the chip's supply and clock do, from the shallowest state to the deepest."""

    ACTIVE = "active"
    IDLE = "idle"
    CLOCK_GATED = "clock_gated"
    RETENTION = "retention"
    OFF = "off"


CLOCKED = (PowerState.ACTIVE, PowerState.IDLE)
"""The states in which the clock runs."""


class ChipState(NamedTuple):
    """A power state at an operating point, by its name; printed as ``active 0.60 V`` or ``off``."""

    power: PowerState
    point: str = NOMINAL

    def __str__(self) -> str:
        power = self.power.value
        return power if self.point == NOMINAL else f"{power} {self.point}"
