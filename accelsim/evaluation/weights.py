"""The weights of a case: loaded or drawn, compressed, and measured for placement."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.errors import ConfigError
from accelsim.evaluation.graphs import adaptation_of, task_graph
from accelsim.inputs.memo import Memo
from accelsim.memory.storage import Measured
from accelsim.model.graph import LayerGraph
from accelsim.weights.compression import CompressedModel, compress
from accelsim.weights.settings import CaseWeights
from accelsim.weights.synthetic import synthetic_weights
from accelsim.weights.tasks import load_task_weights
from accelsim.weights.weight_set import WeightSet
from accelsim.workload.schema import Case, Workload


def original_weights(
    workload: Workload, case: Case, graphs: Mapping[str, LayerGraph]
) -> dict[str, WeightSet]:
    """Return the weights of each task's graph of a case, before compression; no entry where its
    model has none.

    Raises ConfigError for files that are wrong.
    """
    found: dict[str, WeightSet] = {}
    for model in workload.config.networks:
        of_model = workload.config.name_of_model
        mine = {task: graph for task, graph in graphs.items() if of_model(task) == model}
        if mine and (chosen := case.config.weights_of(model)):
            found |= _weights_of_model(workload, case, chosen, mine)
    return found


def _weights_of_model(
    workload: Workload, case: Case, chosen: CaseWeights, graphs: Mapping[str, LayerGraph]
) -> dict[str, WeightSet]:
    if chosen.shared or chosen.tasks:
        folder, files = workload.path.parent, (chosen.shared, chosen.tasks)
        adaptations = {task: adaptation_of(workload.config, case, task) for task in graphs}
        return load_task_weights(*files, graphs, folder, chosen.seed, adaptations)
    assert chosen.seed is not None
    return {task: synthetic_weights(graphs[task], chosen.seed, task) for task in graphs}


def compressed_weights(
    workload: Workload, case: Case, memo: Memo | None = None
) -> dict[str, CompressedModel]:
    """Return the compressed weights of each task of a case whose model has weights.

    Raises ConfigError for files that are wrong and bits that no number format fits.
    """
    config, memo = workload.config, memo or Memo()
    graphs = {t: task_graph(config, case, t, config.longest(t), memo) for t in config.tasks}
    sets = original_weights(workload, case, graphs)
    return {task: _compressed(workload, case, task, graphs[task], sets[task]) for task in sets}


def _compressed(
    workload: Workload, case: Case, task: str, graph: LayerGraph, weights: WeightSet
) -> CompressedModel:
    config, model = case.config, workload.config.name_of_model(task)
    chosen, own = config.weights_of(model), config.models.get(model)
    assert chosen is not None
    try:
        return compress(graph, weights, config.storage_of(model), chosen.numbers, chosen.prune_over)
    except ConfigError as error:
        of = f".models.{model}" if own and own.storage else ""
        raise ConfigError(f"cases.{case.name}{of}.{error}") from None


def measured_sizes(models: dict[str, CompressedModel]) -> Measured:
    """Return the non-zeros of every masked tensor, by task and name."""
    return {
        task: {name: tensor.nonzeros for name, tensor in model.tensors.items() if tensor.masked}
        for task, model in models.items()
    }


def weights_origin(models: dict[str, CompressedModel]) -> str:
    """Return where the weights of all tasks come from, each source once."""
    sources = (model.origin.replace(f" for task {task}", "") for task, model in models.items())
    return "; ".join(dict.fromkeys(sources))
