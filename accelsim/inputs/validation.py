"""From a document to a frozen, validated value; all problems of a file in one error."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from accelsim.errors import ConfigError
from accelsim.inputs.contracts import Contract, settle
from accelsim.inputs.document import Document, Override, Place
from accelsim.inputs.paths import KeyPath, format_path
from accelsim.inputs.plugins import is_outside
from accelsim.inputs.quantities import WORKED_OUT
from accelsim.inputs.reasons import guess_key, known_keys, reason, value_at


class ConfigModel(Contract, BaseModel):
    """Base of all configuration values: frozen, unknown keys refused, numbers finite."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Refuse a default that is not of its type, where a plug-in gives one."""
        for name in vars(cls).get("__annotations__", ()) if is_outside(cls) else ():
            field = cls.model_fields.get(name)
            if field and not field.is_required() and field.default_factory is None:
                settle(cls, name, field.default, field.annotation, cls.__module__)

    @cached_property
    def digest(self) -> str:
        """A name of the content: equal values have equal ones, others do not."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        """Compare the fields: what was worked out is no part of a value, and may hold it."""
        if type(other) is not type(self):
            return NotImplemented
        same = all(self.__dict__[n] == other.__dict__[n] for n in type(self).model_fields)
        return same and self.__pydantic_extra__ == other.__pydantic_extra__

    def __repr__(self) -> str:
        own, further = self.__dict__, self.__pydantic_extra__ or {}
        names = ", ".join([f"{name}={own[name]!r}" for name in type(self).model_fields])
        return f"{type(self).__name__}({names}{further or ''})"

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields changed; nothing that was worked out goes with it."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    def checked(self) -> Self:
        """Return the value validated anew, as a copy may hold anything. Raises ValidationError."""
        fields = type(self).model_fields.items()
        own = {field.alias or name: checked(getattr(self, name)) for name, field in fields}
        return type(self).model_validate(own, context=WORKED_OUT)

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        own = type(self).model_fields.keys()
        return {**state, "__dict__": {k: v for k, v in state["__dict__"].items() if k in own}}


def checked(value: Any) -> Any:
    """Return a value, or the values in a mapping, validated anew. Raises ValidationError."""
    if isinstance(value, dict):
        return {key: checked(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(checked, value))
    return value.checked() if isinstance(value, ConfigModel) else value


class RuleError(ValueError):
    """Rules between several keys that do not hold, raised by a validator of a ConfigModel.

    ``problems`` are pairs of a key path below the validated value and what is wrong there. A
    plain ValueError does for one problem: its line is that of the key its message begins with.
    """

    def __init__(self, *problems: tuple[KeyPath, str]) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "; ".join(f"{format_path(path)}: {message}" for path, message in self.problems)


Model = TypeVar("Model", bound=BaseModel)


def override(document: Document, change: Override, kind: type[BaseModel]) -> Document:
    """Return a document of a ``kind`` with a change, sections that it lacks included.

    Raises ConfigError for a path that the document lacks and the kind does not know.
    """
    return change.apply(document, lambda path, given: known_keys(kind, path, given))


def validate(
    document: Document, kind: type[Model], known: Mapping[str, Any] = MappingProxyType({})
) -> Model:
    """Return the document as a value of ``kind``; ``known`` are values of some of its keys.

    Raises ConfigError with one line for each problem: ``file:line: path: what is wrong``, in the
    order of the file.
    """
    try:
        return kind.model_validate({**document.data, **known} if known else document.data)
    except ValidationError as error:
        problems = [(_path_in(document.data, each), each) for each in error.errors()]
        unknown = (path for path, problem in problems if problem["type"] == "extra_forbidden")
        renamed = {(*path[:-1], guess_key(document.data, kind, path)) for path in unknown}
        found = [
            (place.file, place.line or 0, f"{place}: {format_path(at)}: {' '.join(text.split())}")
            for path, problem in problems
            # A misspelt key is one problem, not an unknown key and a missing one.
            if not (problem["type"] == "missing" and path in renamed)
            for place, at, text in _describe(document, kind, path, problem)
        ]
        raise ConfigError("\n".join(dict.fromkeys(text for *_, text in sorted(found)))) from None


def _describe(
    document: Document, kind: type[BaseModel], path: KeyPath, problem: Any
) -> Iterator[tuple[Place, KeyPath, str]]:
    broken = problem.get("ctx", {}).get("error")
    if isinstance(broken, RuleError):
        for below, message in broken.problems:
            yield document.place((*path, *below)), (*path, *below), message
        return
    message = reason(document.data, kind, path, problem)
    about: KeyPath = ()
    if problem["type"] == "value_error" and isinstance(problem["input"], dict):
        # The input may have been filled from a preset: only a key of the file has a line.
        given = value_at(document.data, path)
        about = _key_in_question(message, given, known_keys(kind, path))
    yield document.place((*path, *about)), path, message


def _key_in_question(message: str, data: dict[str, Any], known: list[str]) -> KeyPath:
    """Return the first key given of those that a message is about, if it begins with a key."""
    words = re.findall(r"[\w.]+", message)
    if not words or words[0] not in known:
        return ()
    return next(((word,) for word in words if word in data), ())


def _path_in(data: Any, problem: Any) -> KeyPath:
    """Drop the steps of a pydantic location that name a union's branch, not a key."""
    path: list[str | int] = []
    for position, step in enumerate(problem["loc"], 1):
        listed = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if listed or (isinstance(data, dict) and step in data):
            data = data[step]
            path.append(step)
        elif problem["type"] == "missing" and position == len(problem["loc"]):
            path.append(step)
    return tuple(path)
