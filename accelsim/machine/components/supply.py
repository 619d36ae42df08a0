"""The supplies and the clock of the chip, as far as changing them takes time and energy."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from accelsim.inputs.quantities import Fraction, Joules, SimulatedSeconds, Volts
from accelsim.inputs.validation import ConfigModel
from accelsim.machine.components.base import ANY, Component, Datasheet, Part, Price
from accelsim.machine.components.server import Server
from accelsim.machine.operating_points import ProcessConfig
from accelsim.machine.site import Site
from accelsim.program import Command, Use
from accelsim.units import Tick, to_ticks


class WakeUpConfig(ConfigModel):
    """What leaving a state costs, before anything is loaded."""

    wake_up_time: SimulatedSeconds
    wake_up_energy: Joules


class RetentionConfig(WakeUpConfig):
    """A state in which SRAM keeps its contents at a lower supply and all else is gated.

    ``leakage_fraction`` is what is left of the leakage of volatile parameter memories.
    """

    leakage_fraction: Fraction


class LdoConfig(ConfigModel):
    """A linear regulator draws the logic's current at its ``input``; its own, 1 %, is left out."""

    kind: Literal["ldo"]
    input: Volts

    def drawn(self, voltage: float) -> float:
        """Return the joules drawn for a joule at a voltage."""
        return self.input / voltage


class BuckConfig(ConfigModel):
    """A switching regulator with one efficiency at every voltage; an ideal one has 1."""

    kind: Literal["buck"]
    efficiency: Annotated[float, Field(gt=0, le=1)]

    @model_validator(mode="before")
    @classmethod
    def _has_no_input(cls, given: Any) -> Any:
        """Tell of a kind that was changed alone as one problem."""
        if isinstance(given, dict) and "input" in given and "efficiency" not in given:
            advice = "write the whole section, such as regulator={kind: buck, efficiency: 0.88}"
            raise ValueError(f"a buck has an efficiency where an ldo has an input; {advice}")
        return given

    def drawn(self, voltage: float) -> float:
        """Return the joules drawn for a joule at a voltage."""
        return 1 / self.efficiency


Regulator = Annotated[LdoConfig | BuckConfig, Field(discriminator="kind")]


class PowerConfig(Component, WakeUpConfig):
    """The supply of the whole chip (the DRAM has its own states).

    The ``regulator`` stands before the logic and all that follows its supply; arrays that do not
    have supplies of their own, whose losses are left out.
    ``wake_up_time`` and ``wake_up_energy`` are those of leaving ``off``. ``gated_leakage`` is the
    fraction of leakage that is left behind switched-off supplies; unless given, the technology's
    switches leak by the area that they switch. With ``clock_gating: blocks`` the
    clock of a block stops in every cycle in which nothing is booked on it. A machine without
    ``clock_gated`` or ``retention`` lacks the state.
    """

    regulator: Regulator
    gated_leakage: Fraction | None = None
    clock_gating: Literal["none", "blocks"] = "none"
    clock_gated: WakeUpConfig | None = None
    retention: RetentionConfig | None = None

    def measured(self, process: ProcessConfig) -> PowerConfig:
        """Return the supply with what the process has measured."""
        if process.source == "nvsim":
            return self
        from accelsim.memory.silicon import load_silicon

        known, grade = load_silicon(process.silicon_file), process.grade
        names = ("gated_leakage", "wake_up_time")
        measured = {name: getattr(known, name).at(grade) for name in names}
        return self.model_copy(update={k: v for k, v in measured.items() if v is not None})

    def changes(self, site: Site) -> dict[str, tuple[float, float]]:
        """Return what each change takes [s] and costs [J], by action."""
        kinds = ("wake_up", "wake_up_clock", "wake_up_retention")
        off = self.measured(site.process)
        states = zip(kinds, (off, self.clock_gated, self.retention), strict=True)
        found = {kind: (s.wake_up_time, s.wake_up_energy) for kind, s in states if s}
        if site.scaling:
            found["settle"] = (site.scaling.settle_time, site.scaling.settle_energy)
        return found

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the server of all changes: one after the other."""
        times = {action: to_ticks(time) for action, (time, _) in self.changes(site).items()}
        return {ANY: Supply(name, times)}

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Each change costs what its state says; the clock's generator takes every cycle."""
        return Datasheet(
            Part.SUPPLY,
            {a: Price("changes", joules) for a, (_, joules) in self.changes(site).items()},
            cycle=site.logic.clock_generator,
            follows_supply=False,
            source=site.logic.sources_of("clock_generator"),
            unpriced="; ".join(filter(None, (site.logic.unpriced, _beyond(site)))),
        )

    def layout(self, name: str, site: Site) -> Hashable:
        """Which changes there are."""
        return tuple(self.changes(site))

    def timing(self, name: str, site: Site) -> Hashable:
        """The times of all changes, and which clocks run."""
        times = ((action, time) for action, (time, _) in self.changes(site).items())
        return (self.clock_gating, *times)


def _beyond(site: Site) -> str:
    """Tell of a clock faster than any that the account of logic knows."""
    known, clock = site.logic.frequency / 1e9, site.clock.frequency / 1e9
    told = f"a clock of {clock:g} GHz, beyond the {known:g} GHz of the account of logic: "
    more = "what faster gates and registers cost more is left out"
    return told + more if clock > known else ""


class Supply(Server):
    """The supplies and the clock of the chip: each action is a change that takes its own time."""

    steady = True

    def __init__(self, name: str, times: Mapping[str, Tick]) -> None:
        super().__init__(name)
        self._times = times

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a change: a wake-up, or a new operating point."""
        return use.expect(Command).amount * self._times[use.action]
