"""The silicon of a machine, its clock and its operating points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, model_validator

from accelsim.inputs.paths import KeyPath
from accelsim.inputs.quantities import Hertz, Joules, Kelvin, Meters, SimulatedSeconds, Volts
from accelsim.inputs.validation import ConfigModel, RuleError
from accelsim.memory.arrays import Array
from accelsim.memory.technology import Grade, Source
from accelsim.units import format_si


class ProcessConfig(ConfigModel):
    """The silicon all on-chip arrays and the logic are made of.

    Without a ``roadmap`` (LOP, LSTP, HP) each technology has its default. With the ``source``
    silicon, what was built and measured replaces NVSim's figures and states of the supplies.
    ``grade`` is that of both; ``logic`` that of each line of the account of the logic, which
    ``logic_file`` of the technology table holds; measurements and wires between banks have a file
    each. ``factors`` multiply single figures: ``RRAM.read_energy`` those of arrays of a technology,
    ``arrays.area`` those of all, ``logic.mac.energy`` a line of the logic's file (of a line without
    a typical figure its high one), ``dram.access`` and ``dram.standby`` what is off the chip.
    """

    node: Meters
    temperature: Kelvin
    roadmap: str | None = None
    source: Source = "nvsim"
    grade: Grade = "typical"
    logic: Grade = "typical"
    logic_file: str = "logic"
    silicon_file: str = "silicon"
    bank_wires_file: str = "bank_wires"
    factors: dict[str, Annotated[float, Field(ge=0, le=1e6)]] = Field(default_factory=dict)

    def factors_of(self, section: str) -> dict[str, float]:
        """Return the factors on figures of a section: ``logic``, ``dram``, a technology."""
        start = f"{section}."
        found = self.factors.items()
        return {name.removeprefix(start): by for name, by in found if name.startswith(start)}

    def adjusted(self, array: Array) -> Array:
        """Return an array with all factors on it; retention leaks in proportion."""
        if not self.factors:
            return array
        changed: dict[str, Any] = {}
        for section in ("arrays", array.technology):
            for name, by in self.factors_of(section).items():
                changed[name] = changed.get(name, getattr(array, name)) * by
        if "leakage" in changed and array.retained_leakage is not None:
            kept = array.retained_leakage / array.leakage
            changed["retained_leakage"] = kept * changed["leakage"]
        return replace(array, **changed)


class OperatingPoint(ConfigModel):
    """A supply voltage with the clock frequency that it allows."""

    voltage: Volts
    frequency: Hertz

    @property
    def name(self) -> str:
        """The name of the point in ledgers and reports, such as ``0.60 V``."""
        return f"{self.voltage:.2f} V"


# [ours] Of clocks that follow the law.
_STEP = 5e6


class ClockLaw(ConfigModel):
    """The fastest clock of the logic by its supply: the alpha-power law through one point.

    f ~ (V - ``threshold``)^``exponent`` / V, and ``frequency`` at the voltage ``at``. Source:
    Sakurai and Newton, IEEE JSSC 25(2), 1990.
    """

    frequency: Hertz
    at: Volts
    threshold: Volts
    exponent: Annotated[float, Field(ge=1, le=2)]

    @model_validator(mode="after")
    def _above_the_threshold(self) -> ClockLaw:
        if self.at <= self.threshold:
            raise ValueError(f"at: {self.at:g} V is not above the threshold; correct one of them")
        return self

    def fastest(self, voltage: float) -> float:
        """Return the fastest clock at a voltage [Hz], whole 5 MHz but at ``at``; 0 for none."""
        if voltage == self.at:
            return self.frequency
        above = max(0.0, voltage - self.threshold) / (self.at - self.threshold)
        exact = self.frequency * above**self.exponent * (self.at / voltage)
        return float(exact // _STEP * _STEP)

    @property
    def _no_clock(self) -> str:
        """Tell the lowest voltage that has a clock, in steps of 10 mV."""
        steps = range(math.ceil(100 * self.threshold), math.ceil(100 * self.at))
        least = next((step / 100 for step in steps if self.fastest(step / 100)), self.at)
        return f"no clock at all below {least:g} V"

    def wrong(
        self, points: Iterable[tuple[KeyPath, float, float]]
    ) -> Iterator[tuple[KeyPath, str]]:
        """Yield the path of each voltage [V] that does not allow its clock [Hz], and the reason."""
        for path, voltage, frequency in points:
            most = self.fastest(voltage)
            if frequency > most or not most:
                allowed = f"at most {format_si(most, 'Hz')}" if most else self._no_clock
                wrong = f"{format_si(frequency, 'Hz')} does not go with {voltage:g} V"
                yield path, f"{wrong}, where clock.law allows {allowed}; change one of the two"


class ClockConfig(ConfigModel):
    """The nominal operating point: a voltage and a clock, the fastest of ``law`` if not given."""

    voltage: Volts
    law: ClockLaw
    given: Hertz | None = Field(None, alias="frequency")

    @property
    def frequency(self) -> float:
        """The frequency of the clock [Hz]."""
        return self.law.fastest(self.voltage) if self.given is None else self.given

    @model_validator(mode="after")
    def _goes_together(self) -> ClockConfig:
        key = "voltage" if self.given is None else "frequency"
        wrong = [*self.law.wrong([((key,), self.voltage, self.frequency)])]
        if wrong:
            raise RuleError(*wrong)
        return self


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
        columns = [[getattr(p, of) for p in self.points] for of in ("voltage", "frequency")]
        ascending = all(column == sorted(column) for column in columns)
        if not ascending or len({point.name for point in self.points}) < len(self.points):
            wanted = "ascend in voltage, by 10 mV or more, and in frequency"
            raise ValueError(f"points must {wanted}; sort them, lowest first")
        return self
