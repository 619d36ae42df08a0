"""Configuration values that hold for all tasks, or one for each: ``2 s`` or ``{MNLI: 2 s}``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, TypeVar

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from accelsim.errors import ConfigError
from accelsim.inputs.paths import KeyPath
from accelsim.inputs.quantities import SimulatedSeconds
from accelsim.inputs.validation import ConfigModel, RuleError
from accelsim.model.tasks import find_task

Value = TypeVar("Value")


def find_tasks(given: Iterable[str], places: Iterable[str | int]) -> list[str]:
    """Return the tasks' own spelling. Raises RuleError, with places, for unknown and twice."""
    names: list[str] = []
    wrong = []
    for task, place in zip(given, places, strict=True):
        try:
            name = find_task(task).name
        except ConfigError as error:
            wrong.append(((place,), str(error)))
            continue
        if name in names:
            wrong.append(((place,), f"task {name} stands twice; name every task once"))
        names.append(name)
    if wrong:
        raise RuleError(*wrong)
    return names


def known_tasks(given: dict[str, Value]) -> dict[str, Value]:
    """Return a mapping with the tasks' own spelling. Raises RuleError as ``find_tasks`` does."""
    return dict(zip(find_tasks(given, given), given.values(), strict=True))


class PerTask:
    """Says that a field holds one value for all tasks, or a mapping from tasks to values.

    ``one`` is the type of the value for all, ``each`` that of a mapping's, the same unless given.
    A mapping with one of the ``keys`` is a value, not one by task.
    """

    def __init__(self, one: Any, each: Any = None, keys: tuple[str, ...] = ()) -> None:
        self._one, self._each, self._keys = one, each or one, keys

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Return the schema of a union that tells its branches apart by the keys."""
        each = handler.generate_schema(self._each)
        tasks = core_schema.dict_schema(core_schema.str_schema(), each)
        branches = {
            "one": handler.generate_schema(self._one),
            "tasks": core_schema.no_info_after_validator_function(known_tasks, tasks),
        }
        return core_schema.tagged_union_schema(branches, self._branch)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the union; no task is called like a key of a value."""
        found = handler(schema)
        found["oneOf"][-1]["propertyNames"] = {"not": {"enum": list(self._keys)}}
        return found

    def _branch(self, value: object) -> str:
        return "tasks" if isinstance(value, dict) and not value.keys() & set(self._keys) else "one"


PositiveSeconds = Annotated[SimulatedSeconds, Field(gt=0)]
PositiveSecondsPerTask = Annotated[float | dict[str, float], PerTask(PositiveSeconds)]
SecondsPerTask = Annotated[float | dict[str, float], PerTask(SimulatedSeconds)]


def value_of(task: str, given: Value | dict[str, Value]) -> Value:
    """Return the value for a task."""
    return given[task] if isinstance(given, dict) else given


def unequal_tasks(
    model: ConfigModel, keys: Iterable[str], tasks: tuple[str, ...]
) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with mappings that should name exactly the tasks of the workload."""
    for key in keys:
        given = getattr(model, key)
        if not isinstance(given, dict):
            continue
        if missing := [task for task in tasks if task not in given]:
            message = f"there is no entry for {', '.join(missing)}; name every task of the workload"
            yield (key,), message
        if other := [task for task in given if task not in tasks]:
            known = f"not among the workload's tasks, which are {', '.join(tasks)}"
            yield (key,), f"{', '.join(other)}: {known}; remove it"
