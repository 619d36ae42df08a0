"""Configuration values that hold for all tasks, or one for each: ``2 s`` or ``{MNLI: 2 s}``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Discriminator, Field, Tag

from accelsim.errors import ConfigError
from accelsim.inputs.quantities import SimulatedSeconds
from accelsim.inputs.validation import RuleError
from accelsim.model.tasks import find_task

Value = TypeVar("Value")


def known_tasks(given: dict[str, Value]) -> dict[str, Value]:
    """Return a mapping with the tasks' own spelling. Raises RuleError for unknown and twice."""
    values: dict[str, Value] = {}
    wrong = []
    for key, value in given.items():
        try:
            name = find_task(key).name
        except ConfigError as error:
            wrong.append(((key,), str(error)))
            continue
        if name in values:
            wrong.append(((key,), f"task {name} stands twice; name every task once"))
        values[name] = value
    if wrong:
        raise RuleError(*wrong)
    return values


def _shape(value: object) -> str:
    return "per_task" if isinstance(value, dict) else "one"


PositiveSeconds = Annotated[SimulatedSeconds, Field(gt=0)]
PositiveSecondsPerTask = Annotated[
    Annotated[PositiveSeconds, Tag("one")]
    | Annotated[dict[str, PositiveSeconds], AfterValidator(known_tasks), Tag("per_task")],
    Discriminator(_shape),
]
SecondsPerTask = Annotated[
    Annotated[SimulatedSeconds, Tag("one")]
    | Annotated[dict[str, SimulatedSeconds], AfterValidator(known_tasks), Tag("per_task")],
    Discriminator(_shape),
]


def value_of(task: str, given: Value | dict[str, Value]) -> Value:
    """Return the value for a task."""
    return given[task] if isinstance(given, dict) else given


def unequal_tasks(given: Mapping[str, object], tasks: Iterable[str]) -> Iterator[str]:
    """Yield what is wrong with a mapping that should name exactly the tasks of the workload."""
    wanted = list(tasks)
    missing = [task for task in wanted if task not in given]
    if missing:
        yield f"there is no entry for {', '.join(missing)}; name every task of the workload"
    other = [task for task in given if task not in wanted]
    if other:
        known = ", ".join(wanted)
        yield f"{', '.join(other)}: not among the workload's tasks, which are {known}; remove it"
