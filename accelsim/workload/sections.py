"""The sections of a workload, and what follows from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from accelsim.inputs.document import describe
from accelsim.inputs.plugin_key import Plugins
from accelsim.inputs.quantities import Count, PositiveInt
from accelsim.model.families import ModelConfig, Network
from accelsim.policies.service import PadTo, ServiceConfig
from accelsim.requests import RequestsConfig
from accelsim.requests.generation import GenerateConfig
from accelsim.workload.cases import CaseConfig, PublishedGains
from accelsim.workload.tasks import Tasks

_FOLDER_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
Spans = Annotated[list[Count], Field(min_length=1)]


class WorkloadSections(ServiceConfig):
    """What stands in a workload's file, each section right by itself, and what follows."""

    name: str
    description: str = ""
    model: ModelConfig | None = None
    models: dict[str, ModelConfig] = Field(default_factory=dict)
    sequence_length: PositiveInt = 1
    pad_to: PadTo = "sequence_length"
    generate: GenerateConfig | None = None
    attention_spans: dict[str, Spans] = Field(default_factory=dict)
    tasks: Tasks
    requests: RequestsConfig
    cases: Annotated[dict[str, CaseConfig], Field(min_length=1)]
    published: PublishedGains | None = None
    plugins: Plugins = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if not _FOLDER_NAME.fullmatch(name):
            advice = "expected up to 100 letters, digits, '_', '-' and '.', not beginning with '.'"
            raise ValueError(f"{describe(name)} cannot name the folder of the results; {advice}")
        return name

    @model_validator(mode="before")
    @classmethod
    def _null_is_left_out(cls, data: Any) -> Any:
        """Leave cases out that are null; who has one for its baseline has none."""
        cases = data.get("cases") if isinstance(data, dict) else None
        if not isinstance(cases, dict) or None not in cases.values():
            return data
        gone = [name for name, case in cases.items() if case is None]
        kept = {name: case for name, case in cases.items() if name not in gone}
        for name, case in kept.items():
            if isinstance(case, dict) and case.get("baseline") in gone:
                kept[name] = {**case, "baseline": None}
        return {**data, "cases": kept}

    @property
    def pinned(self) -> tuple[str, ...]:
        """The tasks that stay on the chip."""
        return tuple(name for name, task in self.tasks.items() if task.pinned)

    @property
    def networks(self) -> Mapping[str, Network]:
        """The models by name; that of ``model`` has none."""
        return {"": self.model} if self.model else self.models

    def name_of_model(self, task: str) -> str:
        """Return the name of a task's model, '' where it has none."""
        return self.tasks[task].model or next(iter(self.networks))

    def model_of(self, task: str) -> Network:
        """Return the model of a task."""
        return self.networks[self.name_of_model(task)]

    @property
    def depths(self) -> Mapping[str, int]:
        """The layers that sentences may leave early, by task: of several models those that can."""
        several = len(self.networks) > 1
        found = {task: self.model_of(task) for task in self.tasks}
        return {t: m.layers for t, m in found.items() if m.leaves_early or not several}

    def longest(self, task: str) -> int:
        """Return the tokens of a task's longest input; a picture is one."""
        return min(self.sequence_length, self.model_of(task).longest)

    def outputs_of(self, task: str) -> int:
        """Return how many outputs its model has in a task."""
        return self.model_of(task).outputs(self.tasks[task].classes)

    def service_of(self, case: CaseConfig) -> ServiceConfig:
        """Return how the requests of a case are served."""
        return case.applied_to(self)
