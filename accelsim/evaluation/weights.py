"""The weights of a case: loaded or drawn, compressed, and measured for placement."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.errors import ConfigError
from accelsim.evaluation.design import adaptation_of, task_graph
from accelsim.inputs.memo import Memo
from accelsim.memory.storage import Measured
from accelsim.model.graph import LayerGraph
from accelsim.weights.compression import CompressedModel, compress
from accelsim.weights.synthetic import synthetic_weights
from accelsim.weights.tasks import load_task_weights
from accelsim.weights.weight_set import WeightSet
from accelsim.workload.schema import Case, Workload


def original_weights(
    workload: Workload, case: Case, graphs: Mapping[str, LayerGraph]
) -> dict[str, WeightSet]:
    """Return the weights of each task's graph of a case that has weights, before compression.

    Raises ConfigError for files that are wrong.
    """
    chosen = case.config.weights
    assert chosen is not None
    if chosen.shared or chosen.tasks:
        folder, files = workload.path.parent, (chosen.shared, chosen.tasks)
        factors = {task: adaptation_of(workload.config, case, task).factor for task in graphs}
        return load_task_weights(*files, graphs, folder, chosen.seed, factors)
    assert chosen.seed is not None
    return {task: synthetic_weights(graphs[task], chosen.seed, task) for task in graphs}


def compressed_weights(
    workload: Workload, case: Case, memo: Memo | None = None
) -> dict[str, CompressedModel]:
    """Return the compressed weights of each task of a case that has weights.

    Raises ConfigError for files that are wrong and bits that no number format fits.
    """
    config, chosen = workload.config, case.config.weights
    assert chosen is not None
    length, memo = config.sequence_length, memo or Memo()
    graphs = {task: task_graph(config, case, task, length, memo) for task in config.tasks}
    sets = original_weights(workload, case, graphs)
    try:
        return {
            task: compress(
                graphs[task], sets[task], case.config.storage, chosen.numbers, chosen.prune_over
            )
            for task in graphs
        }
    except ConfigError as error:
        raise ConfigError(f"cases.{case.name}.{error}") from None


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
