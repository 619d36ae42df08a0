"""The weights of several tasks: what they share and what each has of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from accelsim.errors import ConfigError
from accelsim.inputs.paths import suggest
from accelsim.model.graph import LayerGraph
from accelsim.model.tensors import Role
from accelsim.weights.files import load_weights
from accelsim.weights.settings import WeightFiles
from accelsim.weights.weight_set import WeightSet, check_weights, report


def load_task_weights(
    files: WeightFiles, graphs: Mapping[str, LayerGraph], folder: Path
) -> dict[str, WeightSet]:
    """Return the weights of each task, checked against the task's graph.

    ``graphs`` maps tasks to their adapted graphs; relative paths start at ``folder``. A task's
    file takes the place of the shared one for parameters of role ``task``; any other parameter
    must be equal wherever it stands. Raises ConfigError as ``load_weights`` and
    ``check_weights`` do, for a task that is unknown, and for shared parameters that differ.
    """
    for task in files.tasks:
        if task not in graphs:
            raise ConfigError(
                f"weights.tasks.{task}: no such task in the workload; "
                f"{suggest(task, graphs, 'tasks')}"
            )
    shared = load_weights([folder / path for path in files.shared])
    sets: dict[str, WeightSet] = {}
    for task, graph in graphs.items():
        sets[task] = _load_task(task, files, shared, graph, folder)
        check_weights(sets[task], graph)
        _check_equal(next(iter(sets.values())), sets[task], graph)
    return sets


def _load_task(
    task: str, files: WeightFiles, shared: WeightSet, graph: LayerGraph, folder: Path
) -> WeightSet:
    if task in files.tasks:
        return merge(shared, load_weights(folder / files.tasks[task]), graph)
    if not files.shared:
        raise ConfigError(
            f"weights.tasks: no file for task {task}, and none is shared; name one for each task"
        )
    return shared


def merge(shared: WeightSet, own: WeightSet, graph: LayerGraph) -> WeightSet:
    """Return the shared tensors with a task's own, as ``load_task_weights`` says."""
    _check_equal(shared, own, graph)
    origin = ", ".join(part.origin for part in (shared, own) if part.tensors)
    return WeightSet({**own.tensors, **shared.tensors, **_task_tensors(own, graph)}, origin)


def _task_tensors(own: WeightSet, graph: LayerGraph) -> dict[str, np.ndarray]:
    names = {p.name for p in graph.parameters if p.role is Role.TASK}
    return {name: values for name, values in own.tensors.items() if name in names}


def _check_equal(first: WeightSet, second: WeightSet, graph: LayerGraph) -> None:
    """Check that what tasks share is the same in two sets."""
    different = [
        parameter.name
        for parameter in graph.parameters
        if parameter.role is not Role.TASK
        and parameter.name in first.tensors
        and parameter.name in second.tensors
        and not _same(first, second, parameter.name)
    ]
    report(
        f"{first.origin}; {second.origin}",
        ("that tasks share, but with other values", different, "share one or adapt with 'full'"),
    )


def _same(first: WeightSet, second: WeightSet, name: str) -> bool:
    one, other = first.tensors[name], second.tensors[name]
    return one is other or np.array_equal(one, other)
