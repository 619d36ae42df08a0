"""Policies are found, not listed: a new one is one new file in the folder of its kind."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import reduce
from inspect import isabstract
from operator import or_
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field

from accelsim.inputs.document import describe
from accelsim.inputs.paths import suggest
from accelsim.inputs.validation import ConfigModel, RuleError


def discover(
    package: str, folders: Iterable[str], base: type[ConfigModel], key: str
) -> dict[str, type[ConfigModel]]:
    """Return the policies of a package by name, in the order of the names of their files.

    ``package`` and ``folders`` are its ``__name__`` and ``__path__``. A policy is a concrete
    subclass of ``base`` that stands in a file of the package; its field ``key`` is the Literal of
    its name. Raises TypeError when a policy has no such field, or two have the same name.
    """
    found: dict[str, type[ConfigModel]] = {}
    for file in sorted(pkgutil.iter_modules(folders), key=lambda each: each.name):
        module = importlib.import_module(f"{package}.{file.name}")
        for value in vars(module).values():
            if _is_policy(value, base, module.__name__):
                name = _name_of(value, key)
                if name in found:
                    raise TypeError(f"{module.__name__}: there are two policies named '{name}'")
                found[name] = value
    return found


def _is_policy(value: Any, base: type[ConfigModel], module: str) -> bool:
    # A policy that a file imports, to build on it, belongs to the other file.
    return (
        isinstance(value, type)
        and issubclass(value, base)
        and not isabstract(value)
        and value.__module__ == module
    )


def _name_of(policy: type[ConfigModel], key: str) -> str:
    names = get_args(policy.model_fields[key].annotation)
    if len(names) != 1:
        raise TypeError(f"{policy.__module__}.{policy.__name__}: {key} must be a Literal of one")
    return str(names[0])


def _told(given: object, known: Iterable[str]) -> str:
    """Return what was given, and the known name that it is close to."""
    hint = suggest(given, known, "") if isinstance(given, str) else ""
    return describe(given) + (f"; {hint}" if hint.startswith("did you mean") else "")


def choice(policies: dict[str, type[ConfigModel]], key: str) -> Any:
    """Return the type of a ConfigModel's field that holds one of the policies, told by ``key``.

    In YAML it is a mapping such as ``{name: fifo}``. A wrong one gives one message with the names
    of all policies, at the key's place; the JSON Schema lists all.
    """

    def check(value: object) -> object:
        if isinstance(value, tuple(policies.values())):
            return value
        if not isinstance(value, dict):
            example = f"{{{key}: {value if value in list(policies) else next(iter(policies))}}}"
            raise ValueError(f"expected a mapping such as {example}, got {describe(value)}")
        if key not in value:
            raise RuleError(((key,), f"this key is missing; expected {expected}"))
        if value[key] not in list(policies):
            raise RuleError(((key,), f"expected {expected}, got {_told(value[key], policies)}"))
        return value

    *most, last = map(repr, policies)
    expected = f"{', '.join(most)} or {last}"
    kinds = reduce(or_, policies.values())
    return Annotated[kinds, Field(discriminator=key), BeforeValidator(check)]
