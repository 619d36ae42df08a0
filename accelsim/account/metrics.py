"""Figures of a run: scopes, parts of the energy, times of a switch and of an inference."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.account.energy import EnergyAccount, price
from accelsim.account.prices import PriceList, price_list
from accelsim.account.scopes import ScopeFigures, parameter_memories, scopes_of
from accelsim.engine.run import Execution, Run
from accelsim.mapping.design import Design
from accelsim.memory.placement import DRAM
from accelsim.program import ProgramKind
from accelsim.units import to_seconds


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
    prices = price_list(design.hardware)
    account = price(run.ledger, prices)
    switches = run.executions_of(ProgramKind.SWITCH)
    inferences = run.executions_of(ProgramKind.INFER)
    return DesignFigures(
        scopes=scopes_of(design, run, account, prices, rounds),
        parts={part: joules / rounds for part, joules in _parts(design, account).items()},
        account=account,
        prices=prices,
        rounds=rounds,
        switches=len(switches),
        inferences=len(inferences),
        switch_latency=_mean_seconds(switches),
        inference_latency=_mean_seconds(inferences),
    )


def _mean_seconds(executions: list[Execution]) -> float:
    total = to_seconds(sum(execution.duration for execution in executions))
    return total / max(1, len(executions))


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
    "wake-up",
)


def _parts(design: Design, account: EnergyAccount) -> dict[str, float]:
    """Split all energy of a run by what it was spent on; the parts add up to the total."""
    memories = set(parameter_memories(design.hardware))
    activations = design.hardware.placement.activations
    parts = dict.fromkeys(PARTS, 0.0)
    for block, joules in account.dynamic_by(lambda key: key.block).items():
        parts[_part_of(block, memories, activations)] += joules
    for block, joules in account.leakage.items():
        own = block in memories
        parts["leakage of parameter memories" if own else "leakage of the rest"] += joules
    parts["DRAM standby"] += sum(account.standby.values())
    return parts


def _part_of(block: str, memories: set[str], activations: str) -> str:
    if block in memories:
        return "parameter memories"
    if block == activations:
        return "activation memory"
    named = {
        "pe_array": "compute",
        "sfu": "compute",
        "codec": "compute",
        "bus": "bus and host",
        "host": "bus and host",
        DRAM: "DRAM transfers",
        "power": "wake-up",
    }
    return named.get(block, "buffers")
