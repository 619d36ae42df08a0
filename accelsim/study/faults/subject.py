"""What is stored, judged and simulated: a case of a workload with its compressed weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from accelsim.accelerators.design import Design
from accelsim.errors import ConfigError
from accelsim.evaluation.graphs import task_graph
from accelsim.evaluation.one_model import alone
from accelsim.evaluation.stages import design_of, with_sizes
from accelsim.evaluation.weights import original_weights
from accelsim.inference.data import Sentences, random_sentences
from accelsim.inference.labelled import load_labelled
from accelsim.inference.one_input import OneInputs, labelled_inputs, random_inputs
from accelsim.inputs.memo import Memo
from accelsim.inputs.paths import suggest
from accelsim.machine.components.memory import MemoryConfig
from accelsim.memory.faults.model import FaultConfig
from accelsim.memory.technology import MemoryTechnology, load_technology
from accelsim.model.families import ModelFamily
from accelsim.model.families.onnx_model import OnnxModel
from accelsim.model.graph import LayerGraph
from accelsim.model.tensors import Role
from accelsim.study.faults.stored_model import Resync
from accelsim.weights.compression import CompressedModel, compress
from accelsim.weights.settings import CaseWeights, NumberFormat
from accelsim.weights.synthetic import synthetic_weights
from accelsim.weights.tasks import load_task_weights
from accelsim.weights.weight_set import WeightSet
from accelsim.workload.schema import Case, Workload


@dataclass(frozen=True, eq=False)
class Subject:
    """A case and a task of a workload, the task's weights, compressed too, and sentences (or
    other inputs).

    ``graph`` is the task's; ``original`` are its weights as given, ``compressed`` with ``numbers``
    and ``prune_over``.

    ``home`` is the non-volatile memory of the case whose technology, word and target hold for the
    memories of every scheme; ``roles`` are those whose values lie in non-volatile memory.
    ``model`` is the name of the task's where there are several; the workload has it alone.
    """

    workload: Workload
    case: Case
    task: str
    graph: LayerGraph
    original: WeightSet
    compressed: CompressedModel
    prune_over: Literal["tensor", "role"]
    numbers: NumberFormat
    sentences: Sentences | OneInputs
    home: MemoryConfig
    roles: tuple[Role, ...]
    memo: Memo = field(default_factory=Memo)
    model: str = ""

    @property
    def stored(self) -> list[str]:
        """Names of the parameters in non-volatile memory."""
        tensors = self.compressed.tensors
        return [name for name, one in tensors.items() if one.parameter.kept_as in self.roles]

    @cached_property
    def technology(self) -> MemoryTechnology:
        """The technology of the non-volatile memories."""
        return load_technology(self.home.technology)

    @cached_property
    def design(self) -> Design:
        """The case as it is stated, compiled for the lengths of its requests."""
        return design_of(self.workload, self.case, self.memo)


def load_subject(workload: Workload, options: FaultOptions) -> Subject:
    """Return the case, task, weights and sentences of a study.

    Raises ConfigError for an unknown case or task, one without classes to choose between, a case
    without non-volatile parameters, and for weights, labels and densities that are wrong.
    """
    task = _find_task(workload, options.task)
    model = workload.config.name_of_model(task)
    workload = alone(workload, model)
    case, memo = _find_case(workload, options.case), Memo()
    # Schemes are compared on the machine whose sizes are those of the case as it is stated.
    sized = with_sizes(replace(workload, cases={case.name: case}), memo).cases[case.name]
    case = replace(sized, fits={})
    home, roles = _non_volatile(case)
    config = workload.config
    chosen = case.config.weights
    length = config.sequence_length
    if chosen and not (options.weights or options.task_weights):
        # The weights of the case, down to their numbers; a file of the options comes before them.
        graphs = {name: task_graph(config, case, name, length, memo) for name in config.tasks}
        original = original_weights(workload, case, graphs)[task]
    else:
        chosen = CaseWeights(seed=options.seed, numbers=NumberFormat(kind=options.numbers))
        # What is no task is refused on loading.
        known = (name for name in options.task_weights if name in config.tasks)
        names = dict.fromkeys([task, *known])
        graphs = {name: task_graph(config, case, name, length, memo) for name in names}
        own = config.model_of(task)
        if isinstance(own, OnnxModel) and not (options.weights or options.task_weights):
            options = replace(options, weights=(own.path,))
        original = _load(task, graphs, options)
    graph, numbers, over = graphs[task], chosen.numbers, chosen.prune_over
    try:
        compressed = compress(graph, original, case.config.storage, numbers, over)
    except ConfigError as error:
        raise ConfigError(f"case '{case.name}': {error}") from None
    sentences = _sentences(workload, task, graph, options)
    weights = (graph, original, compressed, over, numbers)
    return Subject(workload, case, task, *weights, sentences, home, roles, memo, model)


def _find_case(workload: Workload, name: str | None) -> Case:
    if name is None:
        cases = [*workload.cases.values()]
        cases = [case for case in cases if _kept_non_volatile(case)] or cases
        return next((c for c in cases if c.config.adaptation.keeps_backbone), cases[0])
    if name not in workload.cases:
        hint = suggest(name, workload.cases, "cases")
        raise ConfigError(f"--case: there is no case '{name}'; {hint}")
    return workload.cases[name]


def _find_task(workload: Workload, name: str | None) -> str:
    config, tasks = workload.config, workload.config.tasks

    def chooses(task: str) -> bool:
        return not config.model_of(task).classifies or config.outputs_of(task) > 1

    if name is None:
        name = next(filter(chooses, tasks), next(iter(tasks)))
    if name not in tasks:
        raise ConfigError(f"--task: there is no task '{name}'; {suggest(name, tasks, 'tasks')}")
    if not chooses(name):
        raise ConfigError(
            f"--task: {name} is a regression: no predictions agree; choose a task with classes"
        )
    return name


def _kept_non_volatile(case: Case) -> dict[Role, MemoryConfig]:
    memories, placement = case.hardware.memories, case.hardware.placement
    homes = {role: getattr(placement, role.value).values for role in Role}
    return {
        role: memories[name]
        for role, name in homes.items()
        if name in memories and not load_technology(memories[name].technology).volatile
    }


def _non_volatile(case: Case) -> tuple[MemoryConfig, tuple[Role, ...]]:
    kept = _kept_non_volatile(case)
    if not kept:
        raise ConfigError(
            f"case '{case.name}' keeps no parameter in non-volatile memory: nothing there can be "
            "misread; choose another with --case, or place a role in such a memory"
        )
    technologies = sorted({str(memory.technology) for memory in kept.values()})
    if len(technologies) > 1:
        raise ConfigError(
            f"case '{case.name}' keeps parameters in {' and '.join(technologies)}; the schemes "
            "take one technology, place them in one"
        )
    return next(iter(kept.values())), tuple(kept)


def _load(task: str, graphs: dict[str, LayerGraph], options: FaultOptions) -> WeightSet:
    if not (options.weights or options.task_weights):
        return synthetic_weights(graphs[task], options.seed, task)
    # Labels say nothing about a head that was drawn.
    seed = None if options.labelled else options.seed
    files = (options.weights, options.task_weights)
    return load_task_weights(*files, graphs, options.folder, seed)[task]


def _sentences(
    workload: Workload, task: str, graph: LayerGraph, options: FaultOptions
) -> Sentences | OneInputs:
    model, outputs = workload.config.model_of(task), workload.config.outputs_of(task)
    count, seed, file = options.sentences, options.seed, options.labelled
    if not isinstance(model, ModelFamily):
        if file:
            return labelled_inputs(file, model, graph, outputs)
        return random_inputs(model, graph, count=count, seed=seed)
    if file:
        return load_labelled(file, model, outputs)
    return random_sentences(model, sentences=count, tokens=options.tokens, seed=seed)


# Decades from where a fault in 10^7 cells is rare to where every value is hit [ours].
FAULT_RATES = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)


@dataclass(frozen=True)
class FaultOptions:
    """The choices of a study of faults.

    ``case``: the first with adapters, else the first, of those that keep parameters in non-volatile
    memory, unless named. ``task``: the first with
    classes to choose between. ``schemes``: all unless named. ``weights`` are files shared by all
    tasks and ``task_weights`` each task's own; without both the weights are synthetic, drawn from
    ``seed``, as are sentences and faults. ``labelled`` replaces the ``sentences`` of ``tokens``
    random tokens. ``seeds``: injections of every scheme and fault rate. ``resync``: where a
    reader of masks starts afresh. ``fault_rates`` of the sweep, in rising order; none for no
    sweep. ``faults`` changes what the technology's levels say.
    """

    case: str | None = None
    task: str | None = None
    schemes: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    task_weights: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path()
    labelled: Path | None = None
    numbers: Literal["symmetric", "affine", "adaptivfloat"] = "adaptivfloat"
    partial_cells: bool = True
    resync: Resync = "none"
    seed: int = 0
    seeds: int = 5
    sentences: int = 8
    tokens: int = 8
    fault_rates: tuple[float, ...] = FAULT_RATES
    faults: FaultConfig = field(default_factory=FaultConfig)

    def __post_init__(self) -> None:
        """Check what no other module would. Raises ConfigError."""
        if self.seeds < 1:
            raise ConfigError(f"--seeds is {self.seeds}; expected 1 or more")
        if self.seed < 0:
            raise ConfigError(f"--seed is {self.seed}; expected 0 or more")
        for rate in self.fault_rates:
            if not 0 < rate <= 1:
                raise ConfigError(
                    f"--fault-rates: {rate:g} is no probability; expected more than 0, at most 1"
                )
        if list(self.fault_rates) != sorted(set(self.fault_rates)):
            raise ConfigError("--fault-rates: expected rising rates, each once; sort them")
        if self.labelled and not (self.weights or self.task_weights):
            raise ConfigError(
                "--labelled needs real weights: labels say nothing about synthetic ones; add "
                "--weights or --task-weights"
            )
