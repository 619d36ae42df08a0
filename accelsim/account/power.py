"""Power over time: the energy of a view in steps, by part of the machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np

from accelsim.account.activity import (
    Activity,
    Floats,
    Pieces,
    Source,
    activity,
    in_ticks,
    spread,
    step_edges,
)
from accelsim.account.energy import chip_watts
from accelsim.account.parts import GROUPS, POWER_PARTS, STATIC
from accelsim.account.window import View
from accelsim.engine.run import Execution
from accelsim.units import TICKS_PER_SECOND, Tick, to_seconds


@dataclass(frozen=True)
class PowerSeries:
    """Power in steps. ``edges`` are nanoseconds from the start of the view, one more than steps;
    ``watts`` holds for each of POWER_PARTS one figure a step, ``activity`` what each port did.

    Power times time, summed over all steps, is the energy of the view: dynamic energy of every
    span, leakage and clock of the chip, and the DRAM's standby. A view of a whole run has all of
    the run's energy.
    """

    edges: tuple[int, ...]
    watts: dict[str, Floats]
    activity: dict[Source, Activity]


def power_series(shown: View) -> PowerSeries:
    """Return the power of a view: active time in some 500 equal steps, each idle stay in one.

    A span's energy is spread evenly over it, the DRAM's standby energy over each program that uses
    the DRAM. Else the DRAM draws what it does on average while nothing in the run uses it.
    Refreshes that no access waited for are spread over the whole run.
    """
    edges = step_edges(shown)
    ticks = in_ticks(shown, edges)
    found = activity(shown, ticks)
    joules = {part: np.zeros(len(edges) - 1) for part in POWER_PARTS}
    for source, spent in found.items():
        joules[GROUPS[shown.prices.part(source.block)].power] += spent.joules
    joules["DRAM"] += spread(ticks, _standby(shown))
    stays = [(s.start, s.end, chip_watts(shown.prices, s.state)) for s in shown.stays]
    joules[STATIC] += spread(ticks, _pieces(shown, stays))
    seconds = np.diff(edges) * 1e-9
    watts = {part: energy / seconds for part, energy in joules.items()}
    return PowerSeries(tuple(map(int, edges)), watts, found)


@dataclass(frozen=True)
class Course:
    """What a design does over time, in few steps: their starts [s], figures by name and step.

    ``watts`` are by part of the machine, ``busy`` the share of a step for which a port is booked.
    """

    starts: Floats
    watts: dict[str, Floats]
    busy: dict[str, Floats]


def course(shown: View, series: PowerSeries, steps: int = 120) -> Course:
    """Return power and utilisation of a view in equal steps; averages, so that sums are kept."""
    fine = in_ticks(shown, np.array(series.edges))
    # A day of ticks does not fit 64 bits.
    edges = np.linspace(0, float(shown.end - shown.start), steps + 1)
    lasts = np.diff(fine)

    def fewer(spent: Floats) -> Floats:
        """Return what is spent a tick of each of the few steps."""
        pieces = np.column_stack([fine[:-1], fine[1:], spent])
        return spread(edges, pieces) / float(edges[1])

    busy: dict[str, Floats] = {}
    for source, done in series.activity.items():
        busy[source.port] = busy.get(source.port, 0.0) + fewer(done.busy)
    watts = {part: fewer(values * lasts) for part, values in series.watts.items()}
    return Course(edges[:-1] / TICKS_PER_SECOND, watts, busy)


def _standby(shown: View) -> Pieces:
    """Return what the DRAM draws beside accesses: with the programs that use it, and between."""
    unasked, refreshes = _unasked_watts(shown)
    found, now = [], shown.start
    for execution in shown.executions:
        if not uses_dram(execution):
            continue
        found.append((now, execution.start, unasked + refreshes))
        seconds = to_seconds(execution.duration)
        drawn = shown.prices.standby(execution.dram_residency) / seconds + refreshes
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
    idle = ((key, n) for key, n in run.ledger.amounts.items() if key.program == "idle")
    refreshes = fsum(n * shown.prices.joules[key.block, key.action] for key, n in idle)
    seconds = to_seconds(sum(rest.values()))
    unasked = shown.prices.standby(rest) / seconds if seconds else 0.0
    return unasked, refreshes / to_seconds(run.makespan)


def _pieces(shown: View, rates: Sequence[tuple[Tick, Tick, float]]) -> Pieces:
    """Return pieces of (start, end, watts); their ticks are those of the run."""
    origin = shown.start
    rows = [(s - origin, e - origin, to_seconds(e - s) * watts) for s, e, watts in rates]
    return np.array(rows, dtype=np.float64)
