"""What surrounds a component on its chip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar, cast

from accelsim.inputs.files import Seen, kept, note, watching
from accelsim.machine.operating_points import ClockConfig, ProcessConfig, ScalingConfig
from accelsim.machine.regions import ArrayQuery, Region, find_region
from accelsim.memory.logic import Logic, scaled_logic
from accelsim.units import Tick, period_of

Made = TypeVar("Made")


@dataclass(frozen=True)
class Site:
    """The chip that a component stands on, as a value.

    ``machine`` is its name, for messages; ``lanes`` are the elements of a vector, the width that
    datapath, buffers and special functions share; ``wires`` is ``wire_length``, which two sites
    may differ in and be equal: ``asked`` counts who has asked for it; ``activations`` names the
    memory of activations.
    """

    machine: str
    process: ProcessConfig
    clock: ClockConfig
    scaling: ScalingConfig | None
    lanes: int
    wires: float = field(compare=False)
    activations: str
    asked: Counter[str] = field(default_factory=Counter, init=False, compare=False)

    @property
    def wire_length(self) -> float:
        """The length of the bus, the wires across the chip [m]."""
        self.asked["wires"] += 1
        return self.wires

    @property
    def logic(self) -> Logic:
        """The logic technology, scaled to the chip. Raises ConfigError for a bad file."""
        own, voltage = self.process.__dict__, self.clock.voltage
        return self.once("logic", lambda: kept(own, "scaled_logic", voltage, self._logic))

    def _logic(self) -> Logic:
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
        return find_region(self.machine, self.process, name, kind, query, where)

    def once(self, what: Hashable, make: Callable[[], Made]) -> Made:
        """Return what is made of files once for the site, and note them for whoever asks."""
        if what not in self._known:
            with watching() as files:
                self._known[what] = (files, make())
        files, made = self._known[what]
        note(files)
        return cast(Made, made)

    @cached_property
    def _known(self) -> dict[Hashable, tuple[Seen, object]]:
        """What was asked for: servers, datasheets and keys all do."""
        return {}
