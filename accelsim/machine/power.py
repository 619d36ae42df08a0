"""The schema of a machine's power states and operating points."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from accelsim.inputs.quantities import Hertz, Joules, SimulatedSeconds, Volts, Watts
from accelsim.inputs.validation import ConfigModel

Fraction = Annotated[float, Field(ge=0, le=1)]


class WakeUpConfig(ConfigModel):
    """What leaving a state costs, before anything is loaded."""

    wake_up_time: SimulatedSeconds
    wake_up_energy: Joules


class RetentionConfig(WakeUpConfig):
    """A state in which SRAM keeps its contents at a lower supply and all else is gated.

    ``leakage_fraction`` is what is left of the leakage of volatile parameter memories.
    """

    leakage_fraction: Fraction


class PowerConfig(WakeUpConfig):
    """The supply of the whole chip (the DRAM has its own states).

    ``wake_up_time`` and ``wake_up_energy`` are those of leaving ``off``. ``gated_leakage`` is the
    fraction of leakage that is left behind switched-off supplies. ``clock_power`` is spent while
    the clock runs, at the nominal operating point. A machine without ``clock_gated`` or
    ``retention`` lacks the state.
    """

    gated_leakage: Fraction = 0.0
    clock_power: Watts = 0.0
    clock_gated: WakeUpConfig | None = None
    retention: RetentionConfig | None = None


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
