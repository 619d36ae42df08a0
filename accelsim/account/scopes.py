"""What a figure accounts for: one switch, one task visit, or a round of everything.

``switch``           one task switch: all that the device spends while it runs (mean of the run)
``memory_one_pass``  a closed form for one visit of a task: a switch, then every parameter that a
                     sentence needs read once, word after word, as array-level tools count it
``memory``           a round: parameter memories, bus and DRAM, their leakage and standby included
``system``           a round: everything

A round serves every task once, all its sentences. It is one of many: what a task loads once and
keeps from then on stands apart, as ``first_loads``, and is part of no round and no visit. Latencies
leave out the idle time between rounds; energies include it. The bus and the DRAM also carry
activations that are spilled.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from math import fsum, prod

from accelsim.accelerators.design import Design
from accelsim.account.energy import EnergyAccount, clock_joules
from accelsim.account.prices import PriceList
from accelsim.engine.ledger import Group
from accelsim.engine.run import Run
from accelsim.machine.components.base import Part
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.schema import HardwareConfig
from accelsim.model.graph import LayerGraph
from accelsim.placement.placement import Placement
from accelsim.program import ProgramKind
from accelsim.units import ceil_div, to_seconds

SCOPES = ("switch", "memory_one_pass", "memory", "system")
PATH = (Part.PARAMETERS, Part.BUS, Part.DRAM)


@dataclass(frozen=True)
class ScopeFigures:
    """Energy [J] and latency [s] of one ``per``, and area [m2] where the scope has one.

    ``per`` is ``switch``, ``visit`` (of a task) or ``round``.
    """

    per: str
    energy: float
    latency: float
    area: float | None = None


def scopes_of(
    design: Design,
    run: Run,
    account: EnergyAccount,
    prices: PriceList,
    rounds: int,
    first_loads: float = 0,
) -> dict[str, ScopeFigures]:
    """Return the figures by scope; a scope that the run does not have is left out.

    ``first_loads`` of the run's switches are repeated by no later round. Without a switch there is
    no ``switch``; when a sentence needs parameters from DRAM there is no ``memory_one_pass``.
    """
    scopes = ScopeAccount(design, run, account, prices, rounds, first_loads)
    found = (scopes.switch(), scopes.one_pass(), scopes.memory(), scopes.system())
    return {name: figures for name, figures in zip(SCOPES, found, strict=True) if figures}


def parameter_memories(hardware: HardwareConfig) -> list[str]:
    """Return the on-chip memories that hold parameters."""
    return [name for name, region in hardware.regions.items() if region.kind == "parameters"]


@dataclass
class ScopeAccount:
    """What scopes are worked out from."""

    design: Design
    run: Run
    account: EnergyAccount
    prices: PriceList
    rounds: int
    first_loads: float

    def __post_init__(self) -> None:
        self.memories = parameter_memories(self.design.hardware)
        self.path = {name for name in self.prices.sheets if self.prices.part(name) in PATH}
        self.switches = self.run.total(ProgramKind.SWITCH).count
        # The share of all switches that a later round repeats.
        self.repeated = 1 - self.first_loads / self.switches if self.first_loads else 1

    def switch(self) -> ScopeFigures | None:
        """One switch: dynamic energy; leakage, clocks of the whole chip and standby meanwhile."""
        if not self.switches:
            return None
        seconds = self._seconds(ProgramKind.SWITCH)
        leakage = fsum(self.prices.watts.values()) * seconds
        switches = self.run.total(ProgramKind.SWITCH)
        clocks = clock_joules(self.prices, switches.ticks, switches.busy)
        energy = self._switch_energy(lambda group: True) + leakage + clocks
        return ScopeFigures("switch", energy / self.switches, seconds / self.switches)

    def one_pass(self) -> ScopeFigures | None:
        """One visit: the parameter path's share of a switch, then each word read once.

        Memories are read side by side; meanwhile they leak and the DRAM idles.
        """
        visits, once, began = self.visits, self.words_once, self.began
        if any(DRAM in found or not found for found in once.values()):
            return None
        visited = sum(visits.values())
        energy = self.repeated * self._switch_energy(lambda group: group.block in self.path) / began
        seconds = self.repeated * self._seconds(ProgramKind.SWITCH) / began
        reading = fsum(n * self.reading_time(once[task]) for task, n in visits.items()) / visited
        joules = self.prices.joules
        spent = {
            task: fsum(n * joules[name, "read"] for name, n in once[task].items()) for task in once
        }
        energy += fsum(n * spent[task] for task, n in visits.items()) / visited
        energy += fsum(self.prices.watts[name] for name in self.memories) * (seconds + reading)
        return ScopeFigures("visit", energy + self.idle_watts * reading, seconds + reading)

    def memory(self) -> ScopeFigures:
        """A round; its latency is that of loads, then of the busiest block of the path."""
        dynamic = self.account.dynamic_sum(lambda group: group.block in self.path)
        leakage = fsum(self.account.leakage_of(name) for name in self.memories)
        energy = dynamic + leakage + fsum(self.account.standby.values())
        loads = self._seconds(ProgramKind.SWITCH) + self._seconds(ProgramKind.POWER_UP)
        if self.first_loads:
            energy -= (1 - self.repeated) * self._path_energy()
            loads -= (1 - self.repeated) * self._seconds(ProgramKind.SWITCH)
        inferring = self.run.total(ProgramKind.INFER).busy
        busy = max(inferring[port] for port in self.path if port in self.run.ledger.busy)
        area = fsum(self.prices.areas[name] for name in self.memories)
        return self._round(energy, loads + to_seconds(busy), area)

    def system(self) -> ScopeFigures:
        """A round of everything; the chip's area."""
        seconds = to_seconds(sum(total.ticks for total in self.run.totals.values()))
        energy, switch = self.account.total, self.switch() if self.first_loads else None
        if switch:
            energy -= self.first_loads * switch.energy
            seconds -= self.first_loads * switch.latency
        return self._round(energy, seconds, fsum(self.prices.areas.values()))

    # -- parts ---------------------------------------------------------------------------------

    def _round(self, energy: float, seconds: float, area: float) -> ScopeFigures:
        return ScopeFigures("round", energy / self.rounds, seconds / self.rounds, area)

    def _seconds(self, kind: ProgramKind) -> float:
        return to_seconds(self.run.total(kind).ticks)

    def _switch_energy(self, keep: Callable[[Group], bool]) -> float:
        """Return dynamic energy of all switches, and the DRAM's standby meanwhile [J]."""
        dynamic = self.account.dynamic_sum(
            lambda group: group.program == ProgramKind.SWITCH and keep(group)
        )
        return dynamic + self.prices.standby(self.run.total(ProgramKind.SWITCH).dram_residency)

    def _path_energy(self) -> float:
        """Return what all switches take of the parameter path, leakage of memories included [J]."""
        leakage = fsum(self.prices.watts[name] for name in self.memories)
        dynamic = self._switch_energy(lambda group: group.block in self.path)
        return dynamic + leakage * self._seconds(ProgramKind.SWITCH)

    @property
    def visits(self) -> dict[str, int]:
        """Inferences by task."""
        return {t: n.count for (kind, t), n in self.run.totals.items() if kind == "infer"}

    @property
    def began(self) -> int:
        """How often a task was visited, with all its sentences."""
        return sum(1 for _ in groupby(self.run.requests, lambda one: (one.round, one.task)))

    @property
    def share(self) -> float:
        """By what all loads are divided for a visit's share of them; endless where none repeats."""
        return self.began / self.repeated if self.repeated else math.inf

    @property
    def words_once(self) -> dict[str, Counter[str]]:
        """By task, the words of each memory that one reading of all needed parameters takes.

        Bits instead of words where a parameter lies in DRAM.
        """
        return {task: self._words_once(task) for task in self.visits}

    @property
    def idle_watts(self) -> float:
        """What the DRAM spends at rest."""
        rests_in = getattr(self.design.hardware.dram, "rests_in", None)
        return self.prices.dram_states[rests_in] if rests_in else 0.0

    def slowest(self, words: Counter[str]) -> str:
        """Return the memory that takes longest to read its words."""
        return max(words, key=lambda name: self._time_of(name, words[name]))

    def reading_time(self, words: Counter[str]) -> float:
        """Return how long it takes to read words of memories side by side [s]."""
        return max(self._time_of(name, n) for name, n in words.items())

    def _time_of(self, name: str, words: int) -> float:
        region = self.design.hardware.regions[name]
        return words / region.banks * region.array.read_latency

    def _words_once(self, task: str) -> Counter[str]:
        memories = self.design.hardware.memories
        bits = Counter(bits_once(self.design.graphs[task], self.design.placements[task]))
        for memory, config in memories.items():
            if memory in bits:
                bits[memory] = ceil_div(bits[memory], config.word)
        return bits


@lru_cache(maxsize=64)
def bits_once(graph: LayerGraph, placement: Placement) -> Mapping[str, int]:
    """Return the array bits by memory of every needed parameter, each counted once.

    Of an embedding table the rows that the sentence can need at most.
    """
    bits: Counter[str] = Counter()
    seen: set[str] = set()
    for operator in graph.operators:
        for parameter, shape in zip(operator.parameters, operator.used_shapes, strict=True):
            if parameter.name in seen:
                continue
            seen.add(parameter.name)
            tensor = placement.tensors[parameter.name]
            for home, extent in tensor.parts_between(0, prod(shape)):
                bits[home.memory] += extent.array
    return bits
