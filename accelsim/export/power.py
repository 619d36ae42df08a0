"""Power over time: the energy of a round in equal steps, by part of the machine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.config.hardware import HardwareConfig
from accelsim.export.timeline import Booking, CaseTrace, Round
from accelsim.mapping import accesses
from accelsim.memory.placement import DRAM
from accelsim.units import TICKS_PER_SECOND, Tick, to_seconds

TICKS_PER_NANOSECOND = TICKS_PER_SECOND // 10**9

# Steps of the curve: about the width of a screen in pixels.
STEPS = 1000

# ``activations`` are the activation memory and the buffers; ``bus and host`` has the wake-ups.
PARTS = ("compute", "parameters", "activations", "bus and host", "DRAM", "leakage")

_FIXED_PARTS = {
    accesses.PE_ARRAY: "compute",
    accesses.SFU: "compute",
    accesses.CODEC: "compute",
    accesses.BUS: "bus and host",
    accesses.HOST: "bus and host",
    accesses.POWER: "bus and host",
    DRAM: "DRAM",
}

Floats = npt.NDArray[np.float64]
# Starts, ends (ticks from the start of the round) and joules of pieces that do not overlap, in
# order of time.
Pieces = tuple[Floats, Floats, Floats]


@dataclass(frozen=True)
class PowerSeries:
    """Power in steps. ``edges`` are nanoseconds from the start of the round, one more than steps;
    ``watts`` holds for each of PARTS one figure a step.

    Power times time, summed over all steps, is the energy of the round: dynamic energy of every
    span, leakage of the chip, and the DRAM's standby. A refresh that the DRAM notes after its last
    access of the round is counted at its next access, beyond the round.
    """

    edges: tuple[int, ...]
    watts: dict[str, Floats]


def power_series(shown: Round, case: CaseTrace) -> PowerSeries:
    """Return the power of a round in 1,000 equal steps (fewer when it has fewer nanoseconds).

    A span's energy is spread evenly over it, the DRAM's standby energy over each program.
    """
    edges = _edges(shown.end)
    ticks = edges.astype(np.float64) * TICKS_PER_NANOSECOND
    # The edges are drawn in whole nanoseconds; the last step takes in all that is left.
    ticks[-1] = shown.end
    joules = {part: np.zeros(len(edges) - 1) for part in PARTS}
    for port, pieces in _dynamic(shown).items():
        joules[part_of(port, case.design.hardware)] += spread(ticks, pieces)
    joules["DRAM"] += spread(ticks, _standby(shown, case))
    joules["leakage"] += sum(case.prices.watts.values()) * np.diff(ticks) / TICKS_PER_SECOND
    seconds = np.diff(edges) * 1e-9
    return PowerSeries(
        tuple(map(int, edges)), {part: energy / seconds for part, energy in joules.items()}
    )


def part_of(port: str, hardware: HardwareConfig) -> str:
    """Return the part of the machine, one of PARTS, that a port belongs to."""
    if port in hardware.memories and port != hardware.placement.activations:
        return "parameters"
    return _FIXED_PARTS.get(port, "activations")


def _edges(end: Tick) -> npt.NDArray[np.int64]:
    last = max(1, round_to_nanoseconds(end))
    steps = min(STEPS, last)
    return np.array([last * step // steps for step in range(steps + 1)], dtype=np.int64)


def round_to_nanoseconds(tick: Tick) -> int:
    """Return the nearest whole nanosecond, half up."""
    return (tick + TICKS_PER_NANOSECOND // 2) // TICKS_PER_NANOSECOND


def _dynamic(shown: Round) -> dict[str, Pieces]:
    known: dict[int, dict[str, Pieces]] = {}
    found: defaultdict[str, list[Pieces]] = defaultdict(list)
    for execution in shown.executions:
        for began, record in execution.segments:
            key = id(record)
            if key not in known:
                known[key] = _by_port(shown.bookings_of(record))
            for port, (starts, ends, joules) in known[key].items():
                found[port].append((starts + began, ends + began, joules))
    return {port: _concatenate(pieces) for port, pieces in found.items()}


def _by_port(bookings: Sequence[Booking]) -> dict[str, Pieces]:
    found: defaultdict[str, list[Booking]] = defaultdict(list)
    for booking in bookings:
        found[booking.port].append(booking)
    return {
        port: (
            np.array([booking.start for booking in booked], dtype=np.float64),
            np.array([booking.end for booking in booked], dtype=np.float64),
            np.array([booking.joules for booking in booked]),
        )
        for port, booked in found.items()
    }


def _concatenate(pieces: list[Pieces]) -> Pieces:
    starts, ends, joules = (np.concatenate(column) for column in zip(*pieces, strict=True))
    return starts, ends, joules


def _standby(shown: Round, case: CaseTrace) -> Pieces:
    executions, states = shown.executions, case.prices.dram_states
    joules = [
        sum(to_seconds(ticks) * states[state] for state, ticks in execution.dram_residency.items())
        for execution in executions
    ]
    return (
        np.array([execution.start for execution in executions], dtype=np.float64),
        np.array([execution.end for execution in executions], dtype=np.float64),
        np.array(joules, dtype=np.float64),
    )


def spread(edges: Floats, pieces: Pieces) -> Floats:
    """Return the joules between consecutive edges, each piece spread evenly over its length.

    All pieces lie between the first and the last edge.
    """
    starts, ends, joules = pieces
    spent = np.cumsum(joules)
    before = np.concatenate([[0.0], spent[:-1]])
    times = np.stack([starts, ends], axis=1).ravel()
    totals = np.stack([before, spent], axis=1).ravel()
    at_edges = np.interp(edges, times, totals)
    # A piece without length at the very start or end belongs to the round all the same.
    at_edges[0], at_edges[-1] = 0.0, spent[-1]
    # Interpolation may overshoot the end of a piece by the last bit of a float.
    between: Floats = np.maximum(np.diff(at_edges), 0.0)
    return between
