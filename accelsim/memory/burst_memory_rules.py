"""What no PSRAM, flash or other memory off the chip is, beside what a machine can state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from accelsim.inputs.paths import KeyPath
from accelsim.memory.dram_rules import LEAST_REFRESH, LEAST_REFRESH_SAID
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
)

if TYPE_CHECKING:
    from accelsim.memory.burst_memory import BurstMemoryTechnology

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
