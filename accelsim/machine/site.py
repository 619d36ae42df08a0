"""What surrounds a component on its chip."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from accelsim.machine.operating_points import ClockConfig, ProcessConfig, ScalingConfig
from accelsim.machine.regions import ArrayQuery, Region, find_region
from accelsim.memory.logic import Logic, scaled_logic
from accelsim.units import Tick, period_of


@dataclass(frozen=True)
class Site:
    """The chip that a component stands on, as a value.

    ``machine`` is its name, for messages; ``lanes`` are the elements of a vector, the width that
    datapath, buffers and special functions share; ``wire_length`` [m] is that of the bus, the wires
    across the chip; ``activations`` names the memory of activations.
    """

    machine: str
    process: ProcessConfig
    clock: ClockConfig
    scaling: ScalingConfig | None
    lanes: int
    wire_length: float
    activations: str

    @cached_property
    def logic(self) -> Logic:
        """The logic technology, scaled to the chip. Raises ConfigError for a bad file."""
        return scaled_logic(
            self.process.logic_file,
            self.process.logic,
            node=self.process.node,
            temperature=self.process.temperature,
            roadmap=self.process.roadmap,
            measured=self.process.grade if self.process.source == "silicon" else None,
            measurements=self.process.silicon_file,
            voltage=self.clock.voltage,
            factors=self.process.factors_of("logic"),
        )

    @property
    def period(self) -> Tick:
        """Ticks of a cycle at the nominal operating point."""
        return period_of(self.clock.frequency)

    def region(self, name: str, kind: str, query: ArrayQuery, where: str) -> Region:
        """Return the arrays of a memory. Raises ConfigError, with the machine and the place."""
        known = (name, kind, query)
        if known not in self._regions:
            found = find_region(self.machine, self.process, name, kind, query, where)
            self._regions[known] = found
        return self._regions[known]

    @cached_property
    def _regions(self) -> dict[tuple[str, str, ArrayQuery], Region]:
        """The regions that were asked for: servers, datasheets and keys all do."""
        return {}
