"""Every plausible account of a published gain, beside the published figures.

A paper that prints one ratio of area, energy and latency does not say what it counts. Here each
pair of a case and its baseline is priced by closed forms, as array-level tools count, over all
combinations of what may have been meant. Nothing is simulated and nothing fitted.

Of several models, a visit is one of the first task of each.

Left out are the bus, compute, activations and idle time, which dilute every gain: the scopes of a
run have them. Reads of different memories follow one another, as in NVMExplorer's account; a load
takes the longer of the cold home's time and of the writes on the chip.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Literal, get_args

from accelsim.account.scopes import bits_once, parameter_memories
from accelsim.errors import ConfigError
from accelsim.evaluation.graphs import machine_of_model, task_graph
from accelsim.inputs.memo import Memo
from accelsim.machine.components.dram import DramConfig
from accelsim.machine.components.memory import MemoryConfig
from accelsim.machine.schema import HardwareConfig
from accelsim.memory.dram import DramTechnology, load_dram
from accelsim.memory.storage import StorageConfig
from accelsim.model.graph import LayerGraph
from accelsim.placement.placement import Placement, place
from accelsim.units import ceil_div
from accelsim.workload.schema import Case, Workload

Style = Literal["shipped", "bus SRAM", "ReadEnergy"]
Adapters = Literal["loaded", "resident"]
Densities = Literal["stated", "equal"]
ColdHome = Literal["stream", "32 B", "4 pJ/b", "20 pJ/b"]

# Energies of a bit that papers assume: HBM2 (O'Connor et al., MICRO 2017: 3.92 pJ/b) and DRAM with
# its pins (Horowitz, ISSCC 2014: 1.3 to 2.6 nJ a word of 64 bits).
_ASSUMED: Mapping[ColdHome, float] = {"4 pJ/b": 4e-12, "20 pJ/b": 20e-12}
_ACCESS = 32
FIGURES = ("area", "energy", "latency")


@dataclass(frozen=True)
class Account:
    """What a gain counts.

    ``passes`` are readings of all parameters that a visit of a task needs, one by one layer where
    a shared layer is read anew each time; ``adapters`` says whether the design loads its task's
    parameters at a switch or keeps those of all tasks; ``leakage`` that of parameter memories;
    ``densities`` are those stated, or the baseline's backbone as sparse as the design's.
    """

    style: Style
    densities: Densities
    passes: int
    adapters: Adapters
    leakage: bool
    cold_home: ColdHome

    @property
    def free(self) -> bool:
        """Whether it has a number of no source of the machine's own."""
        return self.cold_home in _ASSUMED


@dataclass(frozen=True)
class Gains:
    """The gains of one pair of cases in one account, baseline over design.

    ``distance`` is the farthest of the three from what was published, as a ratio above 1.
    """

    design: str
    baseline: str
    account: Account
    area: float
    energy: float
    latency: float
    distance: float


@dataclass(frozen=True)
class Cost:
    """Area [m2] of parameter memories, energy [J] and latency [s] of a visit of one task."""

    area: float
    energy: float
    latency: float


def find_gains(workload: Workload) -> tuple[Gains, ...]:
    """Return the gains of all pairs in all accounts, the nearest to the published ones first.

    Raises ConfigError for a workload without published figures or without a pair of cases.
    """
    published, pairs = workload.config.published, _pairs(workload)
    if published is None or not pairs:
        missing = "published" if published is None else "cases with a baseline"
        raise ConfigError(f"{workload.path}: headline needs {missing}; add it, see workloads/")
    wanted = {figure: getattr(published, figure) for figure in FIGURES}
    if lacking := [figure for figure, value in wanted.items() if value is None]:
        raise ConfigError(
            f"{workload.path}: published: no figure of {' and '.join(lacking)}; an account is "
            f"measured by all of {', '.join(FIGURES)}"
        )
    found = [
        gains
        for design, baseline in pairs
        for gains in _of_pair(workload, design, baseline, wanted, Memo())
    ]
    return tuple(sorted(found, key=lambda gains: gains.distance))


def _pairs(workload: Workload) -> list[tuple[str, str]]:
    cases = workload.cases.items()
    return [(name, case.config.baseline) for name, case in cases if case.config.baseline]


def _of_pair(
    workload: Workload, design: str, baseline: str, wanted: Mapping[str, float], memo: Memo
) -> Iterator[Gains]:
    layers = tuple(model.layers for model in workload.config.networks.values())
    styles: tuple[Style, ...] = get_args(Style)
    kinds: tuple[Densities, ...] = get_args(Densities)
    for style, densities in product(styles, kinds):
        mine, other = (
            Pricing(workload, _styled(workload.cases[name], style), memo)
            for name in (design, baseline)
        )
        if densities == "equal":
            density = mine.case.config.storage.backbone.density
            other = replace(other, case=_with_task_density(other.case, density))
        for account in _accounts(style, densities, layers):
            yield _gains((design, baseline), account, (other, mine), wanted)


def _accounts(style: Style, densities: Densities, layers: tuple[int, ...]) -> Iterator[Account]:
    """Yield all accounts but those in which the design does nothing."""
    adapters: tuple[Adapters, ...] = get_args(Adapters)
    homes: tuple[ColdHome, ...] = get_args(ColdHome)
    numbers = dict.fromkeys((0, 1, *layers))
    for passes, kept, leakage, home in product(numbers, adapters, (False, True), homes):
        if passes or kept == "loaded":
            yield Account(style, densities, passes, kept, leakage, home)


def _gains(
    names: tuple[str, str],
    account: Account,
    cases: tuple[Pricing, Pricing],
    wanted: Mapping[str, float],
) -> Gains:
    other, mine = cases
    costs = other.cost(account, loads=True), mine.cost(account, account.adapters == "loaded")
    ratios = {figure: getattr(costs[0], figure) / getattr(costs[1], figure) for figure in FIGURES}
    distance = max(abs(math.log(ratios[figure] / wanted[figure])) for figure in FIGURES)
    return Gains(*names, account, **ratios, distance=math.exp(distance))


def _styled(case: Case, style: Style) -> Case:
    """Return a case whose parameter memories are of other arrays."""
    machine = case.hardware
    changed = {name: _array(machine, name, style) for name in parameter_memories(machine)}
    return replace(case, hardware=machine.changed(memories={**machine.memories, **changed}))


def _array(machine: HardwareConfig, name: str, style: Style) -> MemoryConfig:
    memory = machine.memories[name]
    if style == "ReadEnergy":
        return memory.model_copy(update={"target": "ReadEnergy"})
    if style == "bus SRAM" and str(memory.technology).lower() == "sram_htree":
        return memory.model_copy(update={"technology": "sram"})
    return memory


def _with_task_density(case: Case, density: float) -> Case:
    storage: StorageConfig = case.config.storage
    task = storage.task.model_copy(update={"density": density})
    config = case.config.model_copy(update={"storage": storage.model_copy(update={"task": task})})
    return replace(case, config=config)


@dataclass(frozen=True)
class Pricing:
    """One case priced by closed forms; nothing has to fit."""

    workload: Workload
    case: Case
    memo: Memo

    @cached_property
    def _placed(self) -> tuple[tuple[LayerGraph, Placement], ...]:
        """The first task of each model."""
        config, case = self.workload.config, self.case
        first = {config.name_of_model(task): task for task in reversed(config.tasks)}
        graphs = {
            model: task_graph(config, case, task, config.longest(task), self.memo)
            for model, task in first.items()
        }
        return tuple(
            (graph, place(graph, case.config.storage_of(model), machine_of_model(case, model)))
            for model, graph in graphs.items()
        )

    def cost(self, account: Account, loads: bool) -> Cost:
        """Return area [m2], energy [J] and latency [s] of a visit of a task of each model."""
        machine = self.case.hardware
        area = math.fsum(machine.regions[name].area for name in parameter_memories(machine))
        visits = [self._visit(account, loads, *placed) for placed in self._placed]
        energy, latency = (math.fsum(each) for each in zip(*visits, strict=True))
        return Cost(area, energy, latency)

    def _visit(
        self, account: Account, loads: bool, graph: LayerGraph, placement: Placement
    ) -> tuple[float, float]:
        """Return energy [J] and latency [s] of a visit of one task."""
        machine = self.case.hardware
        memories = {name: machine.regions[name] for name in parameter_memories(machine)}
        energy = latency = 0.0
        if loads:
            sizes = placement.data_bits(task_specific=True)
            energy, latency = _cold(machine, ceil_div(sum(sizes.values()), 8), account.cold_home)
            writing = 0.0
            for name, bits in placement.bits(task_specific=True).items():
                words = ceil_div(bits, machine.memories[name].word)
                energy += words * memories[name].write_energy
                writing += words * memories[name].array.write_latency
            latency = max(latency, writing)
        for name, bits in bits_once(graph, placement).items():
            words = account.passes * ceil_div(bits, machine.memories[name].word)
            energy += words * memories[name].read_energy
            latency += words * memories[name].array.read_latency
        if account.leakage:
            energy += latency * math.fsum(region.leakage for region in memories.values())
        return energy, latency


def _cold(machine: HardwareConfig, size: int, home: ColdHome) -> tuple[float, float]:
    """Return energy [J] and time [s] of reading so many bytes from DRAM."""
    if not isinstance(machine.dram, DramConfig):
        raise ConfigError(f"headline: the machine '{machine.name}' has no DRAM to load from")
    part = load_dram(machine.dram.technology)
    if home == "stream":
        return size * part.stream_energy("read"), size / part.peak_bandwidth
    accesses = ceil_div(size, _ACCESS)
    energy = _ASSUMED.get(home)
    joules = 8 * _ACCESS * energy if energy else _access_energy(part)
    return accesses * joules, accesses * _access_time(part)


def _access_time(part: DramTechnology) -> float:
    """Return the time of an access to a closed row, none under way beside it [s]."""
    bursts = ceil_div(_ACCESS, part.organisation.burst_size)
    wait = part.timing.activate_to_column + part.timing.read_latency
    return wait + bursts * part.burst_time


def _access_energy(part: DramTechnology) -> float:
    bursts = ceil_div(_ACCESS, part.organisation.burst_size)
    standby = part.standby_power("active_standby", part.power.core) * _access_time(part)
    return part.activate_energy + bursts * part.burst_energy("read") + standby
