"""The graph of a task in a case, and the machine that its model sees."""

from __future__ import annotations

from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.memo import Memo
from accelsim.machine.schema import HardwareConfig
from accelsim.model.adaptations import Adaptation
from accelsim.model.families import Exits
from accelsim.model.graph import LayerGraph
from accelsim.workload.schema import Case, WorkloadConfig


def machine_of_model(case: Case, model: str) -> HardwareConfig:
    """Return a case's machine with the homes that a model has there.

    Raises ConfigError for a home that it does not have.
    """
    hardware = case.hardware
    try:
        homes = case.config.placement_of(model, hardware)
    except ConfigError as error:
        raise ConfigError(f"cases.{case.name}.{error}") from None
    same = homes is hardware.placement
    return hardware if same else hardware.model_copy(update={"placement": homes})


def adaptation_of(workload: WorkloadConfig, case: Case, task: str) -> Adaptation:
    """Return the adaptation of a case, as a task has it."""
    model = workload.name_of_model(task)
    return workload.tasks[task].adapted(case.config.adaptation_of(model))


def task_graph(
    workload: WorkloadConfig,
    case: Case,
    task: str,
    tokens: int,
    memo: Memo | None = None,
    kept: int = 0,
    requests: int = 1,
) -> LayerGraph:
    """Return the graph of one inference of a task in a case, of so many tokens.

    Where tokens are generated, so many are ``kept`` of those before. Where ``requests`` share a
    pass the tokens are one of each.
    """
    service, classes = workload.service_of(case.config), workload.outputs_of(task)
    early_exit, spans = service.early_exit, tuple(workload.attention_spans.get(task, ()))
    # The entropy of one output says nothing: a regression runs all layers.
    leaves = early_exit and classes > 1 and task in workload.depths
    exits: Exits = early_exit.heads if early_exit and leaves else "none"
    model, adaptation = workload.model_of(task), adaptation_of(workload, case, task)

    generates = workload.generate and model.generates
    keeps: dict[str, Any] = {"kept": kept, "requests": requests} if generates else {}

    longest, memo = tokens + adaptation.virtual_tokens, memo or Memo()

    def build() -> LayerGraph:
        return model.build(
            sequence_length=longest,
            classes=classes,
            exits=exits,
            attention_spans=spans or None,
            **keeps,
        )

    def adapt() -> LayerGraph:
        try:
            return adaptation.apply(memo.get("graph", (*key, longest), build))
        except ConfigError as error:
            own = workload.name_of_model(task)
            of = f".models.{own}" if own in case.config.models else ""
            raise ConfigError(f"cases.{case.name}{of}.adaptation: {error}") from None

    key = (model.digest, classes, exits, spans, *keeps.values())
    return memo.get("graph", (*key, tokens, adaptation.digest), adapt)
