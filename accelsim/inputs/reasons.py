"""What pydantic found, in the words of someone who writes a machine or a workload."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from accelsim.inputs.document import describe
from accelsim.inputs.paths import KeyPath, suggest
from accelsim.inputs.plugins import loaded_plugins

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}

_NOTHING = ("none", "no", "off", "nil", "nothing", "false")
# Words that YAML 1.1 read as truth values.
_WORDS = {word: "; write true" for word in ("yes", "y", "on", "true")} | {
    word: "; write false" for word in ("no", "n", "off", "false")
}


def reason(data: Any, kind: type[BaseModel], path: KeyPath, problem: Any) -> str:
    """Return what is wrong at a path of the data, what was expected, and what to do."""
    name, given = problem["type"], problem["input"]
    if name == "extra_forbidden":
        return f"unknown key; {_hint(data, kind, path)}"
    if name == "missing":
        return f"this key is missing; expected {expectation(kind, path)}"
    if name in _EXPECTED:
        advice, word = _advice(name, given), given.strip().lower() if isinstance(given, str) else ""
        # Null leaves a thing out, where a word says so and the schema allows it.
        if not advice and word in _NOTHING and allows_null(kind, path):
            advice = "; write null for none"
        return f"expected {_EXPECTED[name]}, got {describe(given)}{advice}"
    if name == "literal_error":
        return _choice(problem["ctx"]["expected"], given)
    if name.startswith("union_tag"):
        key = problem["ctx"]["discriminator"].strip("'")
        known = expectation(kind, (*path, key))
        wrong = _choice(known, given[key]) if key in given else f"expected {known}"
        return f"{key}: {wrong}"
    if name == "too_short":
        return "this is empty; expected at least one entry"
    message = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if name.startswith(("value_error", "quantity")):
        return message
    return f"{message[:1].lower()}{message[1:]}, got {describe(given)}"


def guess_key(data: Any, kind: type[BaseModel], path: KeyPath) -> str | None:
    """Return the key that the unknown last key of a path was probably meant to be."""
    present = value_at(data, path[:-1])
    known = known_keys(kind, path[:-1], present)
    # A key that is still to be given is the likelier one.
    for candidates in ([key for key in known if key not in present], known):
        close = difflib.get_close_matches(str(path[-1]), candidates, n=1, cutoff=0.5)
        if close:
            return close[0]
    return None


def _hint(data: Any, kind: type[BaseModel], path: KeyPath) -> str:
    guess = guess_key(data, kind, path)
    if guess not in (None, path[-1]):
        return f"did you mean '{guess}'?"
    known = known_keys(kind, path[:-1], value_at(data, path[:-1]))
    if path[-1] in known:
        return f"other kinds of '{path[-2]}' have it, this one does not; remove it"
    return f"known keys: {', '.join(known)}"


def value_at(data: Any, path: KeyPath) -> Any:
    """Return what stands at a path that is there."""
    for key in path:
        data = data[key]
    return data


def _choice(expected: str, given: Any) -> str:
    hint = ""
    if isinstance(given, str):
        guess = suggest(given, re.findall(r"'([^']*)'", expected), "")
        hint = f"; {guess}" if guess.startswith("did you mean") else ""
    return f"expected {expected}, got {describe(given)}{hint}"


def _advice(name: str, given: Any) -> str:
    if name == "string_type" and isinstance(given, (int, float)):
        return "; put it in quotes"
    if name == "list_type" and isinstance(given, str) and given:
        return f"; write [{given}]"
    if name == "bool_type" and isinstance(given, str):
        return _WORDS.get(given.strip().lower(), "")
    return _number_advice(name, given) if name in ("int_type", "float_type") else ""


def _number_advice(name: str, given: Any) -> str:
    if isinstance(given, float) and given.is_integer():
        return f"; write {int(given)}"
    plain = given.strip().replace("_", "") if isinstance(given, str) else ""
    pattern = r"[-+]?[0-9]+" if name == "int_type" else r"[-+]?[0-9]*\.?[0-9]+"
    return f"; write {plain}" if re.fullmatch(pattern, plain) else ""


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
    known = part.get("properties", {}).items() if isinstance(given, dict) else ()
    named = {key: each["const"] for key, each in known if "const" in each}
    return any(given.get(key, name) != name for key, name in named.items())


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
