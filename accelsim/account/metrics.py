"""Figures of a run: scopes, parts of the energy, times of a switch and of an inference."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.accelerators.design import Design
from accelsim.account.energy import EnergyAccount, price
from accelsim.account.prices import PriceList, design_prices
from accelsim.account.scopes import ScopeFigures, scopes_of
from accelsim.engine.run import ProgramTotal, Run
from accelsim.machine.chip_state import PowerState
from accelsim.machine.components.base import Part
from accelsim.program import ProgramKind
from accelsim.units import Tick, to_seconds


@dataclass(frozen=True)
class DesignFigures:
    """All figures of one case.

    ``parts`` splits the energy of a round [J]; the latencies are means [s], zero when there was
    no switch.
    """

    scopes: dict[str, ScopeFigures]
    parts: dict[str, float]
    account: EnergyAccount
    prices: PriceList
    rounds: int
    switches: int
    inferences: int
    switch_latency: float
    inference_latency: float


def measure(design: Design, run: Run, rounds: int) -> DesignFigures:
    """Return the figures of a run of some rounds."""
    prices = design_prices(design)
    account = price(run.ledger, prices)
    switches, inferences = run.total(ProgramKind.SWITCH), run.total(ProgramKind.INFER)
    return DesignFigures(
        scopes=scopes_of(design, run, account, prices, rounds),
        parts={part: joules / rounds for part, joules in _parts(prices, account).items()},
        account=account,
        prices=prices,
        rounds=rounds,
        switches=switches.count,
        inferences=inferences.count,
        switch_latency=_mean_seconds(switches),
        inference_latency=_mean_seconds(inferences),
    )


def active_ticks(run: Run) -> Tick:
    """Return for how long programs ran, at any operating point."""
    states = run.ledger.chip_states.items()
    return sum(ticks for state, ticks in states if state.power is PowerState.ACTIVE)


def _mean_seconds(total: ProgramTotal) -> float:
    return to_seconds(total.ticks) / max(1, total.count)


PARTS = (
    "compute",
    "buffers",
    "activation memory",
    "parameter memories",
    "bus and host",
    "DRAM transfers",
    "DRAM standby",
    "leakage of parameter memories",
    "leakage of the rest",
    "clock",
    "wake-up",
)


_OF_PARTS = {
    Part.COMPUTE: "compute",
    Part.BUS: "bus and host",
    Part.PARAMETERS: "parameter memories",
    Part.ACTIVATIONS: "activation memory",
    Part.BUFFERS: "buffers",
    Part.HOST: "bus and host",
    Part.DRAM: "DRAM transfers",
    Part.SUPPLY: "wake-up",
}


def _parts(prices: PriceList, account: EnergyAccount) -> dict[str, float]:
    """Split all energy of a run by what it was spent on; the parts add up to the total."""
    parts = dict.fromkeys(PARTS, 0.0)
    for block, joules in account.dynamic_by(lambda key: key.block).items():
        parts[_OF_PARTS[prices.part(block)]] += joules
    for (_, block), joules in account.leakage.items():
        own = prices.part(block) is Part.PARAMETERS
        parts["leakage of parameter memories" if own else "leakage of the rest"] += joules
    parts["clock"] += sum(account.clock.values())
    parts["DRAM standby"] += sum(account.standby.values())
    return parts
