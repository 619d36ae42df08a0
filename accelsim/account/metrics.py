"""Figures of a run by scope: what a switch costs, what parameters cost, what everything costs.

``switch``           the task switches alone: all that the device spends while they run
``memory_one_pass``  a closed form: the switch, then every parameter that a sentence needs read
                     once, one word after the other, as array-level tools count it
``memory``           all parameter storage and movement of the run: memories, bus, DRAM
``system``           everything, compute included

Energy and latency are per round (every task once, all its sentences), area is of the chip.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from accelsim.account.energy import EnergyAccount, price
from accelsim.account.prices import PriceList, price_list
from accelsim.config.hardware import HardwareConfig
from accelsim.engine.run import Run
from accelsim.mapping.design import Design
from accelsim.memory.placement import DRAM, Placement
from accelsim.memory.regions import regions
from accelsim.model.operators import Operator, OperatorKind
from accelsim.program import ProgramKind
from accelsim.units import ceil_div, to_seconds

SCOPES = ("switch", "memory_one_pass", "memory", "system")
_BUS = "bus"


@dataclass(frozen=True)
class ScopeFigures:
    """Energy [J] and latency [s] a round, and area [m2] where the scope has one."""

    energy: float
    latency: float
    area: float | None


@dataclass(frozen=True)
class DesignFigures:
    """All figures of one case.

    ``parts`` splits the energy of a round [J].
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
    switch_time = to_seconds(sum(e.duration for e in switches))
    scopes = {
        "switch": _switch(account, prices, run, switch_time, rounds),
        "memory_one_pass": _one_pass(design, account, prices, run, switch_time, rounds),
        "memory": _memory(design, account, prices, run, switch_time, rounds),
        "system": ScopeFigures(
            account.total / rounds, to_seconds(run.makespan) / rounds, sum(prices.areas.values())
        ),
    }
    return DesignFigures(
        scopes=scopes,
        parts={part: joules / rounds for part, joules in _parts(design, account).items()},
        account=account,
        prices=prices,
        rounds=rounds,
        switches=len(switches),
        inferences=len(inferences),
        switch_latency=switch_time / max(1, len(switches)),
        inference_latency=to_seconds(sum(e.duration for e in inferences)) / max(1, len(inferences)),
    )


def parameter_memories(hardware: HardwareConfig) -> list[str]:
    """Return the on-chip memories that hold parameters."""
    return [name for name, region in regions(hardware).items() if region.kind == "parameters"]


# -- scopes ------------------------------------------------------------------------------------


def _switch(
    account: EnergyAccount, prices: PriceList, run: Run, seconds: float, rounds: int
) -> ScopeFigures:
    dynamic = account.dynamic_sum(lambda key: key.program == ProgramKind.SWITCH)
    background = _standby(run, prices, ProgramKind.SWITCH) + sum(prices.watts.values()) * seconds
    return ScopeFigures((dynamic + background) / rounds, seconds / rounds, None)


def _memory(
    design: Design,
    account: EnergyAccount,
    prices: PriceList,
    run: Run,
    switch_time: float,
    rounds: int,
) -> ScopeFigures:
    """Latency: for how long the busiest block of the parameter path is busy beside the switches."""
    memories = parameter_memories(design.hardware)
    path = {*memories, _BUS, DRAM}
    dynamic = account.dynamic_sum(lambda key: key.block in path)
    leakage = sum(account.leakage[name] for name in memories)
    standby = sum(account.standby.values())
    busy = max(_busy_while_inferring(run, port) for port in path if port in run.ledger.busy)
    area = sum(prices.areas[name] for name in memories)
    latency = switch_time + to_seconds(busy)
    return ScopeFigures((dynamic + leakage + standby) / rounds, latency / rounds, area)


def _busy_while_inferring(run: Run, port: str) -> int:
    return sum(
        record.ports[port][0]
        for execution in run.executions_of(ProgramKind.INFER)
        for _, record in execution.segments
        if port in record.ports
    )


def _one_pass(
    design: Design,
    account: EnergyAccount,
    prices: PriceList,
    run: Run,
    switch_time: float,
    rounds: int,
) -> ScopeFigures:
    """Switches as simulated; then each sentence reads what it needs once, memories side by side."""
    memories = parameter_memories(design.hardware)
    table = regions(design.hardware)
    energy, seconds = 0.0, 0.0
    for execution in run.executions_of(ProgramKind.INFER):
        words = _words_once(design, execution.task)
        energy += sum(count * prices.joules[name, "read"] for name, count in words.items())
        seconds += max(
            count / table[name].banks * table[name].array.read_latency
            for name, count in words.items()
        )
    path = {*memories, _BUS, DRAM}
    energy += account.dynamic_sum(
        lambda key: key.program == ProgramKind.SWITCH and key.block in path
    )
    total = switch_time + seconds
    leakage = sum(prices.watts[name] for name in memories) * total
    standby = _standby(run, prices, ProgramKind.SWITCH)
    standby += prices.dram_states.get("self_refresh", 0.0) * seconds
    return ScopeFigures((energy + leakage + standby) / rounds, total / rounds, None)


def _words_once(design: Design, task: str) -> Counter[str]:
    """Return the words of each on-chip memory that one reading of all needed parameters takes."""
    graph, placement = design.graphs[task], design.placements[task]
    memories = design.hardware.memories
    words: Counter[str] = Counter()
    for memory, bits in _bits_once(graph.operators, placement).items():
        if memory != DRAM:
            words[memory] += ceil_div(bits, memories[memory].word)
    return words


def _bits_once(operators: Iterable[Operator], placement: Placement) -> Counter[str]:
    bits: Counter[str] = Counter()
    seen: set[str] = set()
    for operator in operators:
        gathered = operator.kind is OperatorKind.GATHER
        for parameter in operator.parameters:
            if parameter.name in seen:
                continue
            seen.add(parameter.name)
            tensor = placement.tensors[parameter.name]
            rows = min(operator.rows, parameter.shape[0]) if gathered else parameter.shape[0]
            part = parameter.elements * rows // parameter.shape[0]
            bits[tensor.values] += tensor.value_bits_between(0, part)
            if tensor.masked:
                bits[tensor.masks] += part
    return bits


def _standby(run: Run, prices: PriceList, kind: ProgramKind) -> float:
    """Return the DRAM's background energy while programs of a kind run [J]."""
    return sum(
        to_seconds(ticks) * prices.dram_states[state]
        for state, ticks in run.dram_residency(kind).items()
    )


# -- splits ------------------------------------------------------------------------------------

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
