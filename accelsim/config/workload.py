"""The schema of a workload: ``workloads/*.yaml``. Which tasks run, in which cases, how often.

A case is a machine and a model with its adaptation and storage. A case with a ``baseline`` is
compared with that other case.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from accelsim.config.document import Document, override, read_document
from accelsim.config.hardware import HardwareConfig, hardware_document
from accelsim.config.quantities import Seconds
from accelsim.config.shipped import find_input
from accelsim.config.validation import ConfigModel, validate
from accelsim.errors import ConfigError
from accelsim.memory.storage import StorageConfig
from accelsim.model.hyperparameters import AdaptationConfig, ModelConfig
from accelsim.model.tasks import find_task

PositiveInt = Annotated[int, Field(gt=0)]


class RequestsConfig(ConfigModel):
    """Requests: every round asks ``sentences_per_task`` times for each task, in order.

    A sentence is asked for when the one before is done. Between rounds the device may be idle,
    with the chip's supply on or off.
    """

    pattern: Literal["round_robin"] = "round_robin"
    rounds: PositiveInt
    sentences_per_task: PositiveInt = 1
    idle_between_rounds: Seconds = 0.0
    power_off_when_idle: bool = False


class CaseConfig(ConfigModel):
    """One design: ``hardware`` is a machine file, relative to the workload file."""

    hardware: str
    adaptation: AdaptationConfig
    storage: StorageConfig
    baseline: str | None = None


class PublishedGains(ConfigModel):
    """Gains that a publication reports, to print beside the computed ones."""

    source: str
    area: float | None = None
    energy: float | None = None
    latency: float | None = None


class WorkloadConfig(ConfigModel):
    """One workload."""

    name: str
    description: str = ""
    model: ModelConfig
    sequence_length: PositiveInt
    tasks: Annotated[list[str], Field(min_length=1)]
    requests: RequestsConfig
    cases: Annotated[dict[str, CaseConfig], Field(min_length=1)]
    published: PublishedGains | None = None

    @field_validator("tasks")
    @classmethod
    def _known_tasks(cls, tasks: list[str]) -> list[str]:
        try:
            names = [find_task(task).name for task in tasks]
        except ConfigError as error:
            raise ValueError(str(error)) from None
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"task {min(twice)} stands twice; name every task once")
        return names

    @model_validator(mode="after")
    def _check_cases(self) -> WorkloadConfig:
        for name, case in self.cases.items():
            if case.baseline is not None and case.baseline not in self.cases:
                known = ", ".join(self.cases)
                raise ValueError(
                    f"cases.{name}.baseline: there is no case '{case.baseline}'; cases: {known}"
                )
            if case.baseline == name:
                raise ValueError(f"cases.{name}.baseline: a case is not its own baseline")
        if self.sequence_length > self.model.maximum_positions:
            raise ValueError(
                f"sequence_length {self.sequence_length} is more than the "
                f"{self.model.maximum_positions} positions of {self.model.name}"
            )
        return self


@dataclass(frozen=True)
class Case:
    """A case with its machine."""

    name: str
    config: CaseConfig
    hardware: HardwareConfig
    digest: str


@dataclass(frozen=True)
class Workload:
    """A workload with the machines of its cases, and digests of all that it was made from."""

    config: WorkloadConfig
    cases: dict[str, Case]
    digest: str
    path: Path
    overrides: tuple[str, ...]


def load_workload(path: Path | str, overrides: tuple[str, ...] = ()) -> Workload:
    """Return a workload with its machines.

    Overrides are ``path=value``: ``requests.rounds=5`` changes the workload,
    ``hardware.dram.devices=2`` every machine, and ``cases.adapter.hardware.dram.devices=2`` one.
    Raises ConfigError with one line for each problem.
    """
    found = find_input(Path(path))
    document = read_document(found)
    own = [text for text in overrides if _hardware_scope(text) is None]
    for assignment in own:
        document = override(document, assignment)
    config = validate(document, WorkloadConfig)
    _check_override_cases(overrides, config)
    cases = {
        name: _load_case(name, case, document, overrides) for name, case in config.cases.items()
    }
    digest = _digest([document.data, *(case.digest for case in cases.values())])
    return Workload(config, cases, digest, found, overrides)


def _load_case(name: str, case: CaseConfig, document: Document, overrides: tuple[str, ...]) -> Case:
    path = document.path.parent / case.hardware
    if not path.is_file():
        raise document.error(
            ("cases", name, "hardware"),
            f"no such file '{path}'; the path is relative to the workload file",
        )
    scoped = [(_hardware_scope(text), text) for text in overrides]
    mine = tuple(rest for scope, text in scoped if scope for rest in _rest(scope, name, text))
    machine = hardware_document(path, mine)
    return Case(name, case, validate(machine, HardwareConfig), _digest([machine.data]))


def _hardware_scope(assignment: str) -> tuple[str | None] | None:
    """Return (None,) for all machines, (case,) for one machine, None for the workload itself."""
    steps = assignment.partition("=")[0].strip().split(".")
    if steps[0] == "hardware" and len(steps) > 1:
        return (None,)
    if len(steps) > 3 and steps[0] == "cases" and steps[2] == "hardware":
        return (steps[1],)
    return None


def _rest(scope: tuple[str | None], case: str, assignment: str) -> list[str]:
    if scope[0] is None:
        return [assignment.strip().removeprefix("hardware.")]
    return [assignment.split(".hardware.", 1)[1]] if scope[0] == case else []


def _check_override_cases(overrides: tuple[str, ...], config: WorkloadConfig) -> None:
    for assignment in overrides:
        scope = _hardware_scope(assignment)
        if scope and scope[0] is not None and scope[0] not in config.cases:
            known = ", ".join(config.cases)
            raise ConfigError(f"--set {assignment}: no case '{scope[0]}'; cases: {known}")


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
