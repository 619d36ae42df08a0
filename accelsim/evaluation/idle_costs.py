"""What idleness costs on a machine: power in each state, energy and time of leaving it."""

from __future__ import annotations

from collections import Counter
from math import fsum

from accelsim.accelerators.design import Design
from accelsim.account.energy import chip_watts, clock_joules
from accelsim.account.prices import PriceList, design_prices
from accelsim.engine.idle_costs import IdleCosts
from accelsim.engine.pieces import PieceRecord, run_program
from accelsim.engine.residency import Held, Missing
from accelsim.machine.chip_state import ChipState, PowerState
from accelsim.policies.idle import IDLE_STATES, StateCost
from accelsim.program import Program
from accelsim.units import to_seconds


def idle_costs(design: Design) -> IdleCosts:
    """Return the states that a machine can take without losing data, with their costs.

    Programs are run alone on a machine that has been idle for long. The DRAM's standby is left out
    but for the time of a wake-up: it is the same in every state.
    """
    prices = design_prices(design)
    states = {PowerState.IDLE: StateCost(chip_watts(prices, ChipState(PowerState.IDLE)), 0.0, 0)}
    for state in IDLE_STATES[1:]:
        if state in design.wakes:
            record, joules = _run(design, prices, design.wakes[state])
            states[state] = StateCost(chip_watts(prices, ChipState(state)), joules, record.duration)
    reloads: dict[tuple[Held, Missing], float] = {
        (part, Missing.ALL): _run(design, prices, swap)[1] for part, swap in design.swaps.items()
    }
    for task, switch in design.switches.items():
        reloads[task, Missing.ALL] = _run(design, prices, switch)[1]
        reloads[task, Missing.VOLATILE] = _run(design, prices, design.restores[task])[1]
    loads = {model: _run(design, prices, load)[1] for model, load in design.loads.items()}
    return IdleCosts(states, reloads, loads)


def _run(design: Design, prices: PriceList, program: Program) -> tuple[PieceRecord, float]:
    """Return what happens when a program runs alone, and all its joules, standby included."""
    record = run_program(design.hardware, program)
    amounts: Counter[tuple[str, str]] = Counter()
    for _, part in record.parts:
        for (block, action, _), amount in part.amounts.items():
            amounts[block, action] += amount
    dynamic = fsum(n * prices.joules[key] for key, n in amounts.items())
    leakage = fsum(prices.watts.values()) * to_seconds(record.duration)
    clocks = clock_joules(prices, record.duration, record.busy)
    dram = record.dram_residency.items()
    standby = fsum(prices.dram_states[state] * to_seconds(ticks) for state, ticks in dram)
    return record, dynamic + leakage + clocks + standby
