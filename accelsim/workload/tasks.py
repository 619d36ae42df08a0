"""The tasks of a workload: GLUE's by their name, and any others that say what they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import core_schema

from accelsim.inputs.document import describe
from accelsim.inputs.paths import KeyPath, suggest
from accelsim.inputs.validation import ConfigModel, RuleError
from accelsim.model.adaptations import AdaptationConfig
from accelsim.model.tasks import GLUE_TASKS, glue_task, spelled

# Reports have a line of this name beside those of the tasks.
_TAKEN = ("all",)


class TaskConfig(ConfigModel):
    """A task.

    ``classes`` are the outputs of its classifier, 1 for a regression; those of GLUE's tasks are
    known, and a language model needs none. ``adaptation`` are keys of the cases' adaptations that
    this task has otherwise, such as ``{bottleneck: 16}``, where a case's method has them. What a
    ``pinned`` task has on the chip makes no room for other tasks once it is there. ``model`` names
    one of several.
    """

    model: str | None = None
    classes: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    adaptation: dict[str, Any] = Field(default_factory=dict)
    pinned: bool = False

    def adapted(self, adaptation: AdaptationConfig) -> AdaptationConfig:
        """Return a case's adaptation for this task. Raises ValidationError for a wrong value."""
        kind = type(adaptation)
        changes = {key: own for key, own in self.adaptation.items() if key in kind.model_fields}
        if not changes:
            return adaptation
        return kind.model_validate({**adaptation.model_dump(), **changes})


def known_task(name: str) -> TaskConfig:
    """Return a task of GLUE."""
    found = glue_task(name)
    assert found is not None, name
    return TaskConfig(classes=found.classes)


def wrong_adaptations(
    name: str, task: TaskConfig, cases: Iterable[AdaptationConfig]
) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with a task's changes of the cases' adaptations."""
    adaptations = {each.digest: each for each in cases}
    known = {key for each in adaptations.values() for key in type(each).model_fields} - {"method"}
    path = ("tasks", name, "adaptation")
    for key in task.adaptation:
        if key not in known:
            hint = suggest(key, sorted(known), "known keys")
            yield (*path, key), f"no case's adaptation has this key; {hint}"
    for each in adaptations.values():
        try:
            task.adapted(each)
        except ValidationError as error:
            # Of several forms of a value the first is told.
            first = error.errors()[0]
            text = first["msg"][:1].lower() + first["msg"][1:]
            yield (*path, *first["loc"][:1]), f"{text}, got {describe(first['input'])}"


class _NamesOrMapping:
    """Says that tasks may be a list of names or a mapping, and that GLUE's need no classes."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Return the schema of the mapping, which a list becomes."""
        return core_schema.no_info_before_validator_function(_as_mapping, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return both forms."""
        mapping = handler(schema)
        each = mapping["additionalProperties"]
        mapping["additionalProperties"] = {"anyOf": [each, {"type": "null"}]}
        names = {"type": "array", "items": {"type": "string"}, "minItems": 1}
        return {"anyOf": [names, mapping]}


Tasks = Annotated[dict[str, TaskConfig], Field(min_length=1), _NamesOrMapping()]


def _as_mapping(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f"expected a list, got {describe(value)}; write [{value}]")
    if not isinstance(value, (list, dict)):
        return value
    pairs = value.items() if isinstance(value, dict) else ((name, None) for name in value)
    steps = list(value) if isinstance(value, dict) else range(len(value))
    found: dict[str, Any] = {}
    wrong: list[tuple[KeyPath, str]] = []
    for step, (name, given) in zip(steps, pairs, strict=True):
        problems = list(_wrong_name(name, given, found))
        wrong += (((step,), text) for text in problems)
        if not problems:
            found[spelled(name)] = _settings(name, given)
    if wrong:
        raise RuleError(*wrong)
    return found


def _settings(name: str, given: Any) -> Any:
    known = glue_task(name)
    if known and (given is None or isinstance(given, dict)):
        return {"classes": known.classes, **(given or {})}
    return given


def _wrong_name(name: Any, given: Any, found: dict[str, Any]) -> Iterator[str]:
    if not isinstance(name, str):
        yield f"expected text, got {describe(name)}; put it in quotes"
    elif not (0 < len(name) <= 100 and name.isprintable() and name == name.strip()):
        yield f"{describe(name)} cannot name a task; expected up to 100 printable characters"
    elif name.lower() in _TAKEN:
        yield f"'{name}' stands for all tasks in reports; give this one another name"
    elif name.lower() in (other.lower() for other in found):
        yield f"task {spelled(name)} stands twice; name every task once"
    elif given is None and not glue_task(name):
        hint = suggest(name, (task.name for task in GLUE_TASKS), "known tasks")
        own = f"tasks: {{{name}: {{classes: 2}}}}"
        yield f"unknown task '{name}'; {hint}; or say what it is, {own}"
