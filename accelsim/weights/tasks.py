"""The weights of several tasks: what they share and what each has of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from pathlib import Path

import numpy as np

from accelsim.errors import ConfigError
from accelsim.inputs.paths import suggest
from accelsim.model.adaptations import Adaptation
from accelsim.model.graph import LayerGraph
from accelsim.model.tensors import Parameter, Role
from accelsim.weights.files import load_weights, parted
from accelsim.weights.peft import find_peft, load_peft, scaled
from accelsim.weights.synthetic import synthetic_weights
from accelsim.weights.weight_set import Values, WeightSet, check_weights, report


def load_task_weights(
    shared: Sequence[str],
    own: Mapping[str, str],
    graphs: Mapping[str, LayerGraph],
    folder: Path,
    seed: int | None = None,
    adaptations: Mapping[str, Adaptation] | None = None,
) -> dict[str, WeightSet]:
    """Return the weights of each task, checked against the task's graph.

    ``graphs`` maps tasks to their adapted graphs; relative paths start at ``folder``. A task's
    ``own`` file takes the place of the ``shared`` ones for parameters of role ``task``; any other
    parameter must be equal wherever it stands. With a ``seed``, adapters and heads of which the
    files have nothing at all are drawn, and the origin says so. ``adaptations``, by task, say what
    B of LoRA is multiplied by; PEFT's files say it themselves. Raises ConfigError as
    ``load_weights`` and ``check_weights`` do, for a task that is unknown, and for shared
    parameters that differ.
    """
    for task in own:
        if task not in graphs:
            raise ConfigError(
                f"weights.tasks.{task}: no such task in the workload; "
                f"{suggest(task, graphs, 'tasks')}"
            )
    common = _fitted(load_weights([folder / path for path in shared]), graphs.values())
    sets: dict[str, WeightSet] = {}
    for task, graph in graphs.items():
        given = (adaptations or {}).get(task)
        if task in own:
            sets[task] = merge(common, _load_own(folder / own[task], graph, common, given), graph)
        elif shared:
            sets[task] = common
        else:
            raise ConfigError(
                f"weights.tasks: no file for task {task}, and none is shared; name one for each "
                "task"
            )
        if seed is not None:
            sets[task] = _with_heads(sets[task], graph, seed, task)
        check_weights(sets[task], graph)
        _check_equal(next(iter(sets.values())), sets[task], graph)
    return sets


def _load_own(
    path: Path, graph: LayerGraph, common: WeightSet, given: Adaptation | None
) -> WeightSet:
    if adapter := find_peft(path):
        return load_peft(adapter, graph, common, given)
    found = load_weights(path)
    tensors = found.tensors if given is None else scaled(found.tensors, given)
    return _fitted(WeightSet(tensors, found.origin), [graph])


# Pretrained heads that a graph may do without.
_HEADS = ("pooler.", "lm_head.")
_NORM = ".normalization.weight"


def _fitted(weights: WeightSet, graphs: Iterable[LayerGraph]) -> WeightSet:
    """Return the weights without pretrained heads that no graph has, and kernels as matrices.

    A tensor of more than two dimensions takes the shape of its parameter, if it has as many
    values; one of a module whose rows several parameters have is cut, and a batch norm that no
    graph has is made part of its convolution.
    """
    parameters = {p.name: p for each in graphs for p in each.parameters}
    tensors = {}
    for name, values in parted(_folded(weights.tensors, parameters), parameters.values()).items():
        if name not in parameters and name.startswith(_HEADS):
            continue
        shape = parameters[name].shape if name in parameters else values.shape
        fits = values.ndim > 2 and values.size == prod(shape)
        tensors[name] = values.reshape(shape) if fits else values
    return WeightSet(tensors, weights.origin)


def _folded(tensors: Mapping[str, Values], wanted: Mapping[str, Parameter]) -> dict[str, Values]:
    """Return tensors with the batch norms within the convolutions whose biases they become."""
    made = dict(tensors)
    for scale in (name for name in tensors if name.endswith(_NORM) and name not in wanted):
        module = scale.removesuffix(_NORM)
        kernel, bias = f"{module}.convolution.weight", f"{module}.convolution.bias"
        shift = f"{module}.normalization.bias"
        if bias in wanted and bias not in tensors and kernel in tensors and shift in tensors:
            made[kernel] = (made[kernel].T * made.pop(scale)).T
            made[bias] = made.pop(shift)
    return made


# What a backbone's own file must hold; the rest are adapters and heads.
_PARTS = """embeddings embeddings_project encoder transformer embed_tokens layers norm lm_head
    layernorm wte wpe h ln_f embed_positions project_in project_out final_layer_norm embed_in"""
_BACKBONE = frozenset(_PARTS.split())


def _with_heads(weights: WeightSet, graph: LayerGraph, seed: int, task: str) -> WeightSet:
    """Return the weights with the adapters and heads of which they have nothing."""
    given = {_part(name) for name in weights.tensors}
    lacking = {
        parameter.name: _part(parameter.name)
        for parameter in graph.parameters
        if _part(parameter.name) not in {*given, *_BACKBONE}
    }
    if not lacking:
        return weights
    drawn = synthetic_weights(graph, seed, task).tensors
    parts = " and ".join(dict.fromkeys(lacking.values()))
    origin = f"{weights.origin}; {parts} synthetic, seed {seed} for task {task}"
    return WeightSet({**weights.tensors, **{name: drawn[name] for name in lacking}}, origin)


def _part(name: str) -> str:
    """Return the part of the model that a parameter is named after; LoRA is one of its own."""
    return "lora" if ".lora_" in name else name.partition(".")[0]


def merge(shared: WeightSet, own: WeightSet, graph: LayerGraph) -> WeightSet:
    """Return the shared tensors with a task's own, as ``load_task_weights`` says."""
    _check_equal(shared, own, graph)
    origin = ", ".join(part.origin for part in (shared, own) if part.tensors)
    roles = {parameter.name: parameter.role for parameter in graph.parameters}
    tasks = {name: own.tensors[name] for name in own.tensors if roles.get(name) is Role.TASK}
    return WeightSet({**own.tensors, **shared.tensors, **tasks}, origin)


def _check_equal(first: WeightSet, second: WeightSet, graph: LayerGraph) -> None:
    """Check that what tasks share is the same in two sets."""
    names = [p.name for p in graph.parameters if p.role is not Role.TASK]
    both = first.tensors.keys() & second.tensors.keys()
    pairs = ((n, first.tensors[n], second.tensors[n]) for n in names if n in both)
    different = [n for n, one, other in pairs if not (one is other or np.array_equal(one, other))]
    report(
        f"{first.origin}; {second.origin}",
        ("that tasks share, but with other values", different, "share one or adapt with 'full'"),
    )
