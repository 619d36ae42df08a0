"""The cases of a workload: designs, and what they have otherwise for one of several models."""

from __future__ import annotations

from typing import Any

from pydantic import Field, PositiveFloat

from accelsim.errors import ConfigError
from accelsim.inputs.paths import suggest
from accelsim.inputs.validation import ConfigModel
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.sections import HomeConfig, PlacementConfig
from accelsim.memory.storage import StorageConfig
from accelsim.model.adaptations import AdaptationConfig
from accelsim.policies.service import ServiceChanges
from accelsim.weights.settings import CaseWeights


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
        own: AdaptationConfig = self._own("adaptation", model)
        return own

    def storage_of(self, model: str) -> StorageConfig:
        """Return how the parameters of a model are stored."""
        own: StorageConfig = self._own("storage", model)
        return own

    def weights_of(self, model: str) -> CaseWeights | None:
        """Return the weights of a model, if it has any."""
        own: CaseWeights | None = self._own("weights", model)
        return own

    def _own(self, key: str, model: str) -> Any:
        return getattr(self.models.get(model), key, None) or getattr(self, key)

    def swaps(self, model: str) -> bool:
        """Say whether a model may make room for others."""
        return model in self.models and self.models[model].swapped

    def placement_of(self, model: str, machine: HardwareConfig) -> PlacementConfig:
        """Return a model's homes on a machine. Raises ConfigError for an unknown memory."""
        found = machine.placement
        if (own := self.models.get(model)) is None:
            return found
        known = [*machine.memories, *(["dram"] if machine.dram else [])]
        given = {role: getattr(own.placement, role) for role in ModelHomes.model_fields}
        homes: dict[str, HomeConfig] = {r: home for r, home in given.items() if home is not None}
        for role, home in homes.items():
            for part, memory in home:
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
