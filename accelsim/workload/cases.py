"""The cases of a workload: designs, and what they have otherwise for one of several models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat

from accelsim.errors import ConfigError
from accelsim.inputs.paths import KeyPath, suggest
from accelsim.inputs.validation import ConfigModel
from accelsim.machine.schema import HardwareConfig, HomeConfig, PlacementConfig
from accelsim.memory.storage import StorageConfig
from accelsim.model.adaptations import AdaptationConfig
from accelsim.policies.service import ServiceChanges
from accelsim.weights.settings import CaseWeights

if TYPE_CHECKING:
    from accelsim.workload.schema import WorkloadConfig


class ModelHomes(ConfigModel):
    """Homes of a model's roles that take the place of the machine's."""

    embedding: HomeConfig | None = None
    backbone: HomeConfig | None = None
    task: HomeConfig | None = None


class ModelCase(ConfigModel):
    """What a case has otherwise for one of several models.

    One that is ``swapped`` need not have room beside the others: where a memory does not hold all,
    its parameters make room and are loaded again from their cold home when one of its tasks runs.
    """

    adaptation: AdaptationConfig | None = None
    storage: StorageConfig | None = None
    weights: CaseWeights | None = None
    placement: ModelHomes = ModelHomes()
    swapped: bool = False


class CaseConfig(ServiceChanges):
    """One design: ``hardware`` is a machine file, relative to the workload file.

    With ``weights`` the density of every tensor is measured; without, it is as stated.
    ``policy``, ``idle``, ``residency`` and ``early_exit`` take the place of the workload's, and
    ``models``, by name, that of adaptation, storage, weights and the machine's homes.
    """

    hardware: str
    adaptation: AdaptationConfig
    storage: StorageConfig
    models: dict[str, ModelCase] = Field(default_factory=dict)
    weights: CaseWeights | None = None
    baseline: str | None = None

    def adaptation_of(self, model: str) -> AdaptationConfig:
        """Return the adaptation of a model."""
        own = self.models.get(model)
        return own.adaptation if own and own.adaptation else self.adaptation

    def storage_of(self, model: str) -> StorageConfig:
        """Return how the parameters of a model are stored."""
        own = self.models.get(model)
        return own.storage if own and own.storage else self.storage

    def weights_of(self, model: str) -> CaseWeights | None:
        """Return the weights of a model, if it has any."""
        own = self.models.get(model)
        return own.weights if own and own.weights else self.weights

    def swaps(self, model: str) -> bool:
        """Say whether a model may make room for others."""
        own = self.models.get(model)
        return bool(own and own.swapped)

    def placement_of(self, model: str, machine: HardwareConfig) -> PlacementConfig:
        """Return the homes of a model on the case's machine.

        Raises ConfigError for a memory that it does not have.
        """
        found = machine.placement
        if (own := self.models.get(model)) is None:
            return found
        known = [*machine.memories, *(["dram"] if machine.dram else [])]
        given = {role: getattr(own.placement, role) for role in ModelHomes.model_fields}
        homes = {role: home for role, home in given.items() if home is not None}
        for role, home in homes.items():
            for part in HomeConfig.model_fields:
                memory = getattr(home, part)
                if memory is not None and memory not in known:
                    hint = suggest(memory, known, "known memories")
                    where = f"models.{model}.placement.{role}.{part}"
                    raise ConfigError(f"{where}: there is no memory '{memory}'; {hint}")
        return found.model_copy(update=homes) if homes else found


class PublishedGains(ConfigModel):
    """Gains that a publication reports, to print beside the computed ones."""

    source: str
    area: PositiveFloat | None = None
    energy: PositiveFloat | None = None
    latency: PositiveFloat | None = None


def wrong_models(workload: WorkloadConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with the names of models; without a model nothing else can be told."""
    models = workload.models
    if workload.model is not None and models:
        yield ("models",), "stands beside 'model'; keep one of them"
    elif workload.model is None and not models:
        yield ("model",), "this key is missing; expected a model, or several by name in 'models'"
    wanted = "there is one model; leave this key out, or name the models in 'models'"
    for name, task in workload.tasks.items():
        path = ("tasks", name, "model")
        if task.model is None and len(models) > 1:
            yield path, f"this key is missing; expected one of {', '.join(models)}"
        elif task.model is not None and task.model not in models:
            hint = suggest(task.model, models, "models") if models else wanted
            yield path, f"there is no model '{task.model}'; {hint}"
    used = {task.model for task in workload.tasks.values()}
    for name in models if len(models) > 1 else ():
        if name not in used:
            yield ("models", name), "no task names this model; leave it out, or give it a task"
    for case, config in workload.cases.items():
        for name in config.models:
            if name not in models:
                hint = suggest(name, models, "models") if models else wanted
                yield ("cases", case, "models", name), f"there is no model '{name}'; {hint}"
            elif config.swaps(name) and len(models) < 2:
                yield (
                    ("cases", case, "models", name, "swapped"),
                    "there is no other model to make room for; leave it out",
                )


def wrong_choices(workload: WorkloadConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield what several models cannot have in common: one's chunks and files of weights."""
    first, *others = workload.networks
    if others and workload.generate and workload.generate.prompt_chunk:
        yield (
            ("generate", "prompt_chunk"),
            "is known for one model alone; leave it out, or run the models apart",
        )
    for name, case in workload.cases.items() if others else ():
        for key in ("shared", "tasks"):
            if case.weights and getattr(case.weights, key):
                where = f"cases.{name}.models.{first}.weights.{key}"
                yield (
                    ("cases", name, "weights", key),
                    f"files hold the weights of one model; name them in {where}, and those of "
                    "others likewise",
                )
