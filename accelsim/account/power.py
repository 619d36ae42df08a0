"""Power over time: the energy of a view in steps, by part of the machine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
import numpy.typing as npt

from accelsim.account.energy import chip_watts
from accelsim.account.parts import GROUPS, POWER_PARTS, STATIC
from accelsim.account.window import Booking, View
from accelsim.engine.run import Execution
from accelsim.machine.chip_state import PowerState
from accelsim.units import TICKS_PER_SECOND, Tick, to_seconds

TICKS_PER_NANOSECOND = TICKS_PER_SECOND // 10**9

# Steps of the active time: about the width of a screen in pixels.
STEPS = 1000

Floats = npt.NDArray[np.float64]
# A row for each piece of time: its start and end (ticks from the start of the view) and its joules.
# Pieces do not overlap and are in order of time.
Pieces = Floats


@dataclass(frozen=True)
class PowerSeries:
    """Power in steps. ``edges`` are nanoseconds from the start of the view, one more than steps;
    ``watts`` holds for each of POWER_PARTS one figure a step.

    Power times time, summed over all steps, is the energy of the view: dynamic energy of every
    span, leakage and clock of the chip, and the DRAM's standby. A view of a whole run has all of
    the run's energy.
    """

    edges: tuple[int, ...]
    watts: dict[str, Floats]


def power_series(shown: View) -> PowerSeries:
    """Return the power of a view: active time in some 1,000 equal steps, each idle stay in one.

    A span's energy is spread evenly over it, the DRAM's standby energy over each program that uses
    the DRAM. Else the DRAM draws what it does on average while nothing in the run uses it.
    Refreshes that no access waited for are spread over the whole run.
    """
    edges = _edges(shown)
    ticks = edges.astype(np.float64) * TICKS_PER_NANOSECOND
    # The edges are drawn in whole nanoseconds; the last step takes in all that is left.
    ticks[-1] = shown.end - shown.start
    joules = {part: np.zeros(len(edges) - 1) for part in POWER_PARTS}
    for port, pieces in _dynamic(shown).items():
        joules[GROUPS[shown.prices.part(shown.ports[port])].power] += spread(ticks, pieces)
    joules["DRAM"] += spread(ticks, _standby(shown))
    stays = [(s.start, s.end, chip_watts(shown.prices, s.state)) for s in shown.stays]
    joules[STATIC] += spread(ticks, _pieces(shown, stays))
    seconds = np.diff(edges) * 1e-9
    return PowerSeries(
        tuple(map(int, edges)), {part: energy / seconds for part, energy in joules.items()}
    )


def _edges(shown: View) -> npt.NDArray[np.int64]:
    """Return the ends of steps: active stays are cut into equal ones of 1/1,000 of active time."""
    active = max(1, round_to_nanoseconds(shown.active))
    edges = [0]
    for stay in shown.stays:
        begin, end = edges[-1], round_to_nanoseconds(stay.end - shown.start)
        length = end - begin
        wanted = STEPS * length // active if stay.state.power is PowerState.ACTIVE else 1
        steps = min(max(1, wanted), length)
        edges += [begin + length * step // steps for step in range(1, steps + 1)]
    # A view of less than a nanosecond has a step all the same.
    return np.array(edges if len(edges) > 1 else [0, 1], dtype=np.int64)


def round_to_nanoseconds(tick: Tick) -> int:
    """Return the nearest whole nanosecond, half up."""
    return (tick + TICKS_PER_NANOSECOND // 2) // TICKS_PER_NANOSECOND


def _dynamic(shown: View) -> dict[str, Pieces]:
    """Return the dynamic energy of each port."""
    known: dict[int, dict[str, Pieces]] = {}
    found: defaultdict[str, list[Pieces]] = defaultdict(list)
    for execution in shown.executions:
        for part in execution.parts:
            key, began = id(part.record), part.began - shown.start
            if key not in known:
                known[key] = _by_port(shown.bookings_of(part.record))
            for port, pieces in known[key].items():
                found[port].append(np.add(pieces, (began, began, 0.0)))
    return {port: np.concatenate(pieces) for port, pieces in found.items()}


def _by_port(bookings: Sequence[Booking]) -> dict[str, Pieces]:
    found: defaultdict[str, list[tuple[Tick, Tick, float]]] = defaultdict(list)
    for booking in bookings:
        found[booking.port].append((booking.start, booking.end, booking.joules))
    return {port: np.array(rows, dtype=np.float64) for port, rows in found.items()}


def _standby(shown: View) -> Pieces:
    """Return what the DRAM draws beside accesses: with the programs that use it, and between."""
    unasked, refreshes = _unasked_watts(shown)
    found, now = [], shown.start
    for execution in shown.executions:
        if not uses_dram(execution):
            continue
        found.append((now, execution.start, unasked + refreshes))
        seconds = to_seconds(execution.duration)
        drawn = _standby_joules(shown, execution.dram_residency) / seconds + refreshes
        found.append((execution.start, execution.end, drawn))
        now = execution.end
    return _pieces(shown, [*found, (now, shown.end, unasked + refreshes)])


def uses_dram(execution: Execution) -> bool:
    """Say whether a program asks anything of the DRAM."""
    return any(part.record.dram is not None for part in execution.parts)


def _unasked_watts(shown: View) -> tuple[float, float]:
    """Return mean powers of the run: standby while no program uses the DRAM, refreshes at large."""
    run = shown.run
    rest = dict(run.ledger.dram_states)
    for total in run.totals.values():
        for state, ticks in total.dram_residency.items():
            rest[state] -= ticks
    refreshes = fsum(
        amount * shown.prices.joules[key.block, key.action]
        for key, amount in run.ledger.amounts.items()
        if key.program == "idle"
    )
    seconds = to_seconds(sum(rest.values()))
    unasked = _standby_joules(shown, rest) / seconds if seconds else 0.0
    return unasked, refreshes / to_seconds(run.makespan)


def _standby_joules(shown: View, residency: Mapping[str, Tick]) -> float:
    watts = shown.prices.dram_states
    return fsum(to_seconds(ticks) * watts[state] for state, ticks in residency.items())


def _pieces(shown: View, rates: Sequence[tuple[Tick, Tick, float]]) -> Pieces:
    """Return pieces of (start, end, watts); their ticks are those of the run."""
    origin = shown.start
    rows = [(s - origin, e - origin, to_seconds(e - s) * watts) for s, e, watts in rates]
    return np.array(rows, dtype=np.float64)


def spread(edges: Floats, pieces: Pieces) -> Floats:
    """Return the joules between consecutive edges, each piece spread evenly over its length.

    All pieces lie between the first and the last edge.
    """
    spent = np.cumsum(pieces[:, 2])
    before = np.concatenate([[0.0], spent[:-1]])
    times = pieces[:, :2].ravel()
    totals = np.stack([before, spent], axis=1).ravel()
    at_edges = np.interp(edges, times, totals)
    # A piece without length at the very start or end belongs to the view all the same.
    at_edges[0], at_edges[-1] = 0.0, spent[-1]
    # Interpolation may overshoot the end of a piece by the last bit of a float.
    between: Floats = np.maximum(np.diff(at_edges), 0.0)
    return between
