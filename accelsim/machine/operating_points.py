"""The silicon of a machine, its clock and its operating points."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from accelsim.inputs.quantities import Hertz, Joules, Kelvin, Meters, SimulatedSeconds, Volts
from accelsim.inputs.validation import ConfigModel

Grade = Literal["optimistic", "reference", "pessimistic"]


class ProcessConfig(ConfigModel):
    """The silicon all on-chip arrays and the logic are made of."""

    node: Meters
    temperature: Kelvin
    grade: Grade = "reference"
    logic: str = "logic"


class OperatingPoint(ConfigModel):
    """A supply voltage with the clock frequency that it allows."""

    voltage: Volts
    frequency: Hertz

    @property
    def name(self) -> str:
        """The name of the point in ledgers and reports, such as ``0.60 V``."""
        return f"{self.voltage:.2f} V"


class ScalingConfig(ConfigModel):
    """Voltage and frequency scaling: points below the nominal one, that of ``clock``.

    Points that are not below it in both are never chosen. A change takes ``settle_time``
    (regulator and clock) and ``settle_energy``; nothing runs meanwhile. ``memories`` says whether
    volatile arrays and buffers follow the logic's supply.
    """

    points: Annotated[list[OperatingPoint], Field(min_length=1)]
    settle_time: SimulatedSeconds
    settle_energy: Joules
    memories: bool = False

    @model_validator(mode="after")
    def _ascending(self) -> ScalingConfig:
        pairs = [(point.voltage, point.frequency) for point in self.points]
        voltages, frequencies = zip(*pairs, strict=True)
        names = {point.name for point in self.points}
        ascending = list(voltages) == sorted(voltages) and list(frequencies) == sorted(frequencies)
        if not ascending or len(names) < len(pairs):
            raise ValueError(
                "points must ascend in voltage, by 10 mV or more, and in frequency; sort them, "
                "lowest first"
            )
        return self
