"""Configuration values that hold for all tasks, or one for each: ``2 s`` or ``{MNLI: 2 s}``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, TypeVar

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from accelsim.inputs.paths import KeyPath, suggest
from accelsim.inputs.quantities import SimulatedSeconds
from accelsim.inputs.validation import ConfigModel, RuleError
from accelsim.model.tasks import spelled

Value = TypeVar("Value")


def spelled_tasks(given: dict[str, Value]) -> dict[str, Value]:
    """Return a mapping with GLUE's spelling of its tasks. Raises RuleError for one given twice."""
    found: dict[str, Value] = {}
    for task, value in given.items():
        if spelled(task) in found:
            message = f"task {spelled(task)} stands twice; name every task once"
            raise RuleError(((task,), message))
        found[spelled(task)] = value
    return found


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
            "tasks": core_schema.no_info_after_validator_function(spelled_tasks, tasks),
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


def other_tasks(
    model: ConfigModel, keys: Iterable[str], tasks: tuple[str, ...]
) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with mappings that may only name tasks of the workload."""
    for key in keys:
        given = getattr(model, key)
        for task in given if isinstance(given, dict) else ():
            if task not in tasks:
                hint = suggest(task, tasks, "its tasks")
                yield (key, task), f"not among the workload's tasks; {hint}"


def unequal_tasks(
    model: ConfigModel, keys: Iterable[str], tasks: tuple[str, ...]
) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with mappings that should name exactly the tasks of the workload."""
    for key in keys:
        given = getattr(model, key)
        wrong = list(other_tasks(model, [key], tasks))
        yield from wrong
        # A misspelt task is one problem, not an unknown one and a missing one.
        if not isinstance(given, dict) or wrong:
            continue
        if missing := [task for task in tasks if task not in given]:
            message = f"there is no entry for {', '.join(missing)}; name every task of the workload"
            yield (key,), message
