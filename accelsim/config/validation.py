"""From a document to a frozen, validated value; all problems of a file in one error."""

from __future__ import annotations

import difflib
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from accelsim.config.document import Document, KeyPath, format_path
from accelsim.errors import ConfigError


class ConfigModel(BaseModel):
    """Base of all configuration values: frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Model = TypeVar("Model", bound=BaseModel)


def validate(document: Document, kind: type[Model]) -> Model:
    """Return the document as a value of ``kind``.

    Raises ConfigError with one line for each problem: ``file:line: path: what is wrong``.
    """
    try:
        return kind.model_validate(document.data)
    except ValidationError as error:
        lines = [_describe(document, kind, problem) for problem in error.errors()]
        raise ConfigError("\n".join(dict.fromkeys(lines))) from None


def _describe(document: Document, kind: type[BaseModel], problem: Any) -> str:
    path = _path_in(document.data, problem["loc"])
    return f"{document.place(path)}: {format_path(path)}: {_reason(document, kind, path, problem)}"


def _path_in(data: Any, location: tuple[Any, ...]) -> KeyPath:
    """Drop the steps of a pydantic location that name a union's branch, not a key."""
    path: list[str | int] = []
    for position, step in enumerate(location):
        last = position == len(location) - 1
        if isinstance(data, dict) and (step in data or last):
            path.append(step)
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            path.append(step)
            data = data[step]
    return tuple(path)


def _reason(document: Document, kind: type[BaseModel], path: KeyPath, problem: Any) -> str:
    reason = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        known = _known_keys(kind, path[:-1])
        close = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}"
        return f"unknown key; {hint}"
    if problem["type"] == "missing":
        return "this key is missing"
    if problem["type"].startswith(("value_error", "quantity")):
        return reason
    return f"{reason[:1].lower()}{reason[1:]}, got {problem['input']!r}"


def _known_keys(kind: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys that the schema knows at a path, over all branches of its unions."""
    schema = kind.model_json_schema()
    nodes = [schema]
    for step in path:
        nodes = [below for node in nodes for below in _below(_resolve(node, schema), step)]
    return sorted({key for node in nodes for part in _resolve(node, schema) for key in _keys(part)})


def _resolve(node: Any, schema: Any) -> list[Any]:
    if "$ref" in node:
        return _resolve(schema["$defs"][node["$ref"].rsplit("/", 1)[-1]], schema)
    branches = node.get("anyOf", []) + node.get("oneOf", []) + node.get("allOf", [])
    return [node, *(part for branch in branches for part in _resolve(branch, schema))]


def _below(parts: list[Any], step: str | int) -> list[Any]:
    found = []
    for part in parts:
        if isinstance(step, int):
            found += [part["items"]] if "items" in part else []
        elif step in part.get("properties", {}):
            found.append(part["properties"][step])
        elif isinstance(part.get("additionalProperties"), dict):
            found.append(part["additionalProperties"])
    return found


def _keys(part: Any) -> list[str]:
    return list(part.get("properties", {}))
