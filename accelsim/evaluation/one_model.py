"""One of the models of a chip, with the chip to itself."""

from __future__ import annotations

from dataclasses import replace

from accelsim.evaluation.graphs import machine_of_model
from accelsim.requests.patterns.round_robin import RoundRobin
from accelsim.workload.schema import Case, Workload


def alone(workload: Workload, model: str) -> Workload:
    """Return a workload of one of its models and that one's tasks, each asked once in turn.

    A workload of a single model is returned as it is. Raises ConfigError for a home that a case
    does not have.
    """
    config = workload.config
    if len(config.networks) == 1:
        return workload
    network = config.networks[model]
    tasks = {
        name: task.model_copy(update={"model": None})
        for name, task in config.tasks.items()
        if task.model == model
    }
    cases = {name: _alone(case, model) for name, case in workload.cases.items()}
    changes = {
        "model": network,
        "models": {},
        "tasks": tasks,
        "sequence_length": min(config.sequence_length, network.longest),
        "generate": config.generate if network.generates else None,
        "early_exit": config.early_exit if network.leaves_early else None,
        "attention_spans": {t: s for t, s in config.attention_spans.items() if t in tasks},
        "requests": RoundRobin(pattern="round_robin", rounds=1),
        "cases": {name: case.config for name, case in cases.items()},
    }
    return replace(workload, config=config.model_copy(update=changes), cases=cases)


def _alone(case: Case, model: str) -> Case:
    config = case.config.model_copy(
        update={
            "adaptation": case.config.adaptation_of(model),
            "storage": case.config.storage_of(model),
            "weights": case.config.weights_of(model),
            "models": {},
        }
    )
    return replace(case, config=config, hardware=machine_of_model(case, model))
