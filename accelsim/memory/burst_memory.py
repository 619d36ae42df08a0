"""Memories off the chip that answer a command with a burst: PSRAM, flash, and the like.

What is published of them is a latency, a bandwidth and a few currents; banks and rows are hidden.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar, cast

from pydantic import Field, model_validator

from accelsim.inputs.document import Document
from accelsim.inputs.paths import KeyPath
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
from accelsim.memory.dram_rules import LEAST_REFRESH, LEAST_REFRESH_SAID
from accelsim.memory.files import load_file, shipped_technologies
from accelsim.memory.no_such_part import (
    ROUNDING,
    Current,
    Limit,
    Rule,
    Shape,
    current_problems,
    one_of,
    power_of_two,
    problems,
    refuse,
)
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


# From the deepest: none draws more than those after it, nor is left faster.
_DEPTHS = ("deep_power_down", "half_sleep", "self_refresh", "standby")
_AWAKE = len(_DEPTHS)


def _sooner(deeper: str, other: str) -> Limit:
    path = f"rests.{other}.exit"
    return Limit(
        f"rests.{deeper}.exit", "s", f"that of {other}, which sleeps less deeply",
        least=lambda f: f[path], applies=lambda f: path in f,
    )  # fmt: skip


RULES: tuple[Rule, ...] = (
    Limit(
        "capacity", "B", "32 Gb of a channel (JESD209-5)", most=4 * 2**30,
        applies=lambda f: bool(f["volatile"]),
    ),
    Limit("capacity", "B", "the largest parts of UFS (JESD220)", most=2**40),
    Shape("capacity", lambda size: size % 2**12 == 0, "whole blocks of 4 KiB (JESD216)"),
    one_of("access.pins", 1, 2, 4, 8, 16, 32),
    one_of("access.edges", 1, 2),
    Limit("access.clock", "Hz", "that of LPDDR5X-9600 (JESD209-5C)", 1e6, 4.808e9),
    Limit(
        "access.bandwidth", "B/s", "what its pins carry at its clock",
        most=lambda f: f["pins"] / 8 * f["edges"] * f["clock"], rounding=ROUNDING,
    ),
    Limit("access.latency", "s", "tRCD and tRL of DDR3-1600G (JESD79-3)", least=20e-9),
    Shape("access.transfer", power_of_two, "a power of two, as addresses have whole bits"),
    Limit(
        "access.transfer", "B", "what its pins move in a clock",
        lambda f: f["pins"] * f["edges"] / 8,
    ),
    Limit("access.burst", "B", "a transfer", lambda f: f["transfer"]),
    Limit("access.burst", "B", "the capacity", most=lambda f: f["capacity"]),
    Limit("access.transfer", "B", "the capacity", most=lambda f: f["capacity"]),
    Limit("power.voltage", "V", "VDD2L of LPDDR5 (JESD209-5) to 3.6 V of serial flash", 0.87, 3.6),
    Limit("power.bus", "J/B", "0.3 pJ/b of HBM on an interposer", least=2.4e-12),
    *(
        Limit(
            f"power.{action}.{kind}", "A",
            "12 pJ/B at its voltage and bandwidth, half of what LPDDR5X takes",
            lambda f: 12e-12 * f["access.bandwidth"] / f["power.voltage"],
        )
        for action in ("read", "write")
        for kind in ("typical", "maximum")
    ),
    *(_sooner(deeper, other) for place, other in enumerate(_DEPTHS) for deeper in _DEPTHS[:place]),
    Limit("rests.self_refresh.exit", "s", "a refresh (tRFC4 of JESD79-4)", least=90e-9),
    *(
        Limit(f"rests.{state}.exit", "s", "tRES1 of serial flash, the fastest known", least=3e-6)
        for state in ("half_sleep", "deep_power_down")
    ),
    *(
        Limit(
            f"rests.*.current.{kind}.*", "A", LEAST_REFRESH_SAID,
            lambda f: LEAST_REFRESH * f["capacity"] / f["power.voltage"],
            applies=lambda f: bool(f["volatile"] and f["keeps"]),
        )
        for kind in ("typical", "maximum")
    ),
)  # fmt: skip


def problems_of(part: BurstMemoryTechnology) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path of each figure of a part that no part has, and what is wrong."""
    yield from problems(part, RULES)
    yield from current_problems(tuple(_currents(part)))
    yield from _contents(part)


def _currents(part: BurstMemoryTechnology) -> Iterator[Current]:
    for action, stated in (("read", part.power.read), ("write", part.power.write)):
        for kind in ("typical", "maximum"):
            amperes = getattr(stated, kind, None)
            if amperes is not None:
                path: KeyPath = ("power", action, kind)
                yield Current(path, f"{kind} {action}", _AWAKE, kind == "maximum", None, amperes)
    for state, rest in part.rests.items():
        for kind in ("typical", "maximum"):
            for kelvin, amperes in (getattr(rest.current, kind) or {}).items():
                path = ("rests", state, "current", kind)
                name, depth = f"{kind} {state} at {kelvin:g} K", _DEPTHS.index(state)
                yield Current(path, name, depth, kind == "maximum", kelvin, amperes)


def _contents(part: BurstMemoryTechnology) -> Iterator[tuple[KeyPath, str]]:
    """Yield where a part that forgets is said to be written never, or to keep what none keeps."""
    if not part.volatile:
        return
    if part.power.write is None:
        yield ("power",), "a volatile part that nobody writes; expected 'write' or volatile: false"
    by_definition = {"standby": True, "deep_power_down": False}
    for state, rest in part.rests.items():
        keeps = by_definition.get(state, rest.keeps)
        if rest.keeps != keeps:
            said = "keeps its contents" if keeps else "loses them, by its definition (JESD209)"
            wanted = f"expected keeps: {str(keeps).lower()}"
            yield ("rests", state), f"a volatile part in {state} {said}; {wanted}"


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
