"""What a schema knows at a key path, for the hints of error messages."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from accelsim.inputs.paths import KeyPath
from accelsim.inputs.plugins import loaded_plugins

_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
    "null": "null",
}


def known_keys(kind: type[BaseModel], path: KeyPath, given: Any = None) -> list[str]:
    """Return the keys that the schema knows at a path, over all branches of its unions.

    A branch that has another name than the one ``given`` there, such as another ``pattern``, does
    not count.
    """
    parts = [part for part in _parts_at(kind, path) if not _is_another(part, given)]
    return sorted({key for part in parts for key in part.get("properties", {})})


def _is_another(part: Any, given: Any) -> bool:
    if not isinstance(given, dict):
        return False
    properties = part.get("properties", {}).items()
    return any(
        "const" in known and given.get(key, known["const"]) != known["const"]
        for key, known in properties
    )


def expectation(kind: type[BaseModel], path: KeyPath) -> str:
    """Return what belongs at a path: ``a quantity such as '1 GHz'``, ``'serial' or ...``."""
    found = dict.fromkeys(text for part in _parts_at(kind, path) if (text := _expected(part)))
    return " or ".join(found) or "a value"


def allows_null(kind: type[BaseModel], path: KeyPath) -> bool:
    """Return whether null may stand at a path."""
    return any(part.get("type") == "null" for part in _parts_at(kind, path))


def _expected(part: Any) -> str:
    if part.get("examples"):
        return f"a value such as '{part['examples'][0]}'"
    if "enum" in part:
        *most, last = map(repr, part["enum"])
        return f"{', '.join(most)} or {last}" if most else last
    if "const" in part:
        return repr(part["const"])
    if "properties" in part:
        return f"a mapping with {', '.join(part.get('required') or part['properties'])}"
    return "a mapping" if part.get("type") == "object" else _TYPES.get(part.get("type"), "")


@lru_cache(maxsize=16)
def _schema(kind: type[BaseModel], plugins: tuple[str, ...]) -> dict[str, Any]:
    return kind.model_json_schema()


def _parts_at(kind: type[BaseModel], path: KeyPath) -> list[Any]:
    schema = _schema(kind, loaded_plugins())
    parts = _resolve(schema, schema)
    for step in path:
        parts = [part for node in _below(parts, step) for part in _resolve(node, schema)]
    return parts


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
