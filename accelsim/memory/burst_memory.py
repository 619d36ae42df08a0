"""Memories off the chip that answer a command with a burst: PSRAM, flash, and the like.

What is published of them is a latency, a bandwidth and a few currents; banks and rows are hidden.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar, cast

from pydantic import Field, model_validator

from accelsim.inputs.document import Document
from accelsim.inputs.quantities import (
    Amperes,
    Bytes,
    BytesPerSecond,
    Hertz,
    JoulesPerByte,
    SimulatedSeconds,
    Volts,
)
from accelsim.inputs.validation import ConfigModel, validate
from accelsim.memory.burst_memory_rules import problems_of
from accelsim.memory.files import load_file, shipped_technologies
from accelsim.memory.no_such_part import refuse
from accelsim.memory.temperature import Currents, at_temperature

Source = Annotated[str, Field(min_length=1)]
RestName = Literal["standby", "self_refresh", "half_sleep", "deep_power_down"]
CurrentKind = Literal["typical", "maximum"]
Value = TypeVar("Value")


class Stated(ConfigModel, Generic[Value]):
    """A current in the two kinds of a data sheet: what parts draw as a rule, what none exceeds."""

    typical: Value | None = None
    maximum: Value | None = None

    @model_validator(mode="after")
    def _something(self) -> Stated[Value]:
        if self.typical is None and self.maximum is None:
            raise ValueError("expected 'typical', 'maximum' or both")
        return self

    def of(self, kind: CurrentKind) -> Value:
        """Return the current of a kind, or the other where the source has one kind alone."""
        asked: Value | None = getattr(self, kind)
        only = self.maximum if self.typical is None else self.typical
        return cast(Value, only if asked is None else asked)


class Access(ConfigModel):
    """Times of an access: ``latency`` from a command to its first data, then ``bandwidth``.

    That is no more than the data ``pins`` carry at ``edges`` of the ``clock``. Whole ``transfer``
    sizes move, and a new command is needed after ``burst`` bytes (None: never).
    """

    source: Source
    latency: SimulatedSeconds
    pins: int
    clock: Hertz
    edges: int
    bandwidth: BytesPerSecond
    transfer: Bytes
    burst: Bytes | None = None


class Power(ConfigModel):
    """Currents while the memory reads or writes, and the energy of the bus to it.

    ``write`` is None where a write is no burst: flash is erased and programmed by the block.
    """

    source: Source
    voltage: Volts
    read: Stated[Amperes]
    write: Stated[Amperes] | None = None
    bus: JoulesPerByte


class Rest(ConfigModel):
    """A state without accesses: its current by temperature, the time to leave it.

    ``keeps`` says whether a volatile memory keeps its contents in it.
    """

    source: Source
    current: Stated[Currents]
    exit: SimulatedSeconds
    keeps: bool = True


class BurstMemoryTechnology(ConfigModel):
    """One part. ``rests`` are its states without accesses, ``rests_in`` the usual one.

    ``estimated`` names the figures of energy and time that no public table states, in words.
    """

    kind: Literal["burst_memory"]
    name: str
    description: str = ""
    estimated: str = ""
    capacity: Bytes
    volatile: bool
    access: Access
    power: Power
    rests_in: RestName
    rests: dict[RestName, Rest]

    @model_validator(mode="after")
    def _rests_somewhere(self) -> BurstMemoryTechnology:
        if self.rests_in not in self.rests or "standby" not in self.rests:
            raise ValueError(f"rests: expected 'standby' and '{self.rests_in}' among them")
        return self

    def keeps(self, state: RestName) -> bool:
        """Return whether the contents outlive a state."""
        return not self.volatile or self.rests[state].keeps

    def rest_power(self, state: RestName, temperature: float, kind: CurrentKind) -> float:
        """Return the power in a state at a temperature [W]."""
        current = self.rests[state].current.of(kind)
        return self.power.voltage * at_temperature(current, temperature)

    def doubts(self, state: RestName, temperature: float, kind: CurrentKind) -> Iterator[str]:
        """Yield which figures are estimates, of another kind, or of another temperature [K]."""
        if self.estimated:
            yield f"{self.name}: {self.estimated} are recollected or estimated, +-50 %"
        rest = self.rests[state].current
        stated = {"read": self.power.read, state: rest}
        other = [name for name, one in stated.items() if getattr(one, kind) is None]
        if other:
            yield f"no {kind} current of {' and '.join(other)} is stated, the other kind stands"
        known = list(rest.of(kind))
        if len(known) == 1 and known[0] != temperature:
            yield f"{state} is stated at {known[0]:g} K alone and does not follow temperature"

    def stream_energy(self, current: float) -> float:
        """Return the energy of a byte of endless access at a current, the bus included [J/B]."""
        bursts = 1 / self.access.burst if self.access.burst else 0.0
        seconds = self.access.latency * bursts + 1 / self.access.bandwidth
        return self.power.voltage * current * seconds + self.power.bus


def load_burst_memory(name_or_path: str | Path) -> BurstMemoryTechnology:
    """Return a part, shipped or of a YAML file. Raises ConfigError for none or a wrong one."""
    return load_file(name_or_path, _read, "memory off the chip", "burst_memory")


def _read(document: Document) -> BurstMemoryTechnology:
    part = validate(document, BurstMemoryTechnology)
    refuse(document, problems_of(part))
    return part


def list_burst_memories() -> list[str]:
    """Return the names of the shipped parts, sorted."""
    return sorted(shipped_technologies("burst_memory"))
