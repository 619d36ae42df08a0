"""What pydantic found, in the words of someone who writes a machine or a workload."""

from __future__ import annotations

import difflib
import re
from typing import Any

from pydantic import BaseModel

from accelsim.inputs.document import describe
from accelsim.inputs.paths import KeyPath, suggest
from accelsim.inputs.schema_keys import allows_null, expectation, known_keys

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
        advice = _advice(name, given) or _null_advice(kind, path, given)
        return f"expected {_EXPECTED[name]}, got {describe(given)}{advice}"
    if name == "literal_error":
        return _choice(problem["ctx"]["expected"], given)
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
    if name in ("int_type", "float_type"):
        return _number_advice(name, given)
    return ""


def _null_advice(kind: type[BaseModel], path: KeyPath, given: Any) -> str:
    """Return that null leaves a thing out, where a word says so and the schema allows it."""
    meant = isinstance(given, str) and given.strip().lower() in _NOTHING
    return "; write null for none" if meant and allows_null(kind, path) else ""


def _number_advice(name: str, given: Any) -> str:
    if isinstance(given, float) and given.is_integer():
        return f"; write {int(given)}"
    plain = given.strip().replace("_", "") if isinstance(given, str) else ""
    pattern = r"[-+]?[0-9]+" if name == "int_type" else r"[-+]?[0-9]*\.?[0-9]+"
    if re.fullmatch(pattern, plain):
        return f"; write {plain}"
    return ""
