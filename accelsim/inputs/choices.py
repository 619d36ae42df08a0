"""A key of a configuration that chooses one of the classes of a registry."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, cast

from pydantic import GetJsonSchemaHandler, create_model
from pydantic_core import core_schema

from accelsim.inputs.document import Document, Place, describe
from accelsim.inputs.paths import suggest
from accelsim.inputs.plugins import Registry
from accelsim.inputs.validation import ConfigModel, RuleError, validate

Base = TypeVar("Base", bound=ConfigModel)


class Choice(Generic[Base]):
    """Says that a field holds one of a registry's ConfigModels: ``Annotated[Base, Choice(...)]``.

    In YAML it is a mapping such as ``{name: fifo}``, whose ``key`` is the registry's unless given.
    A wrong one gives one message with the names of all, at the key's place; the JSON Schema lists
    all, plug-ins too.
    """

    def __init__(self, registry: Registry[Base], key: str = "") -> None:
        self.registry = registry
        self.key = key or registry.key

    def options(self) -> Iterable[str]:
        """Return the names that may be chosen."""
        return self.registry.all()

    def pick(self, given: dict[str, Any]) -> Base:
        """Return the value of a mapping. Raises RuleError when it chooses nothing known."""
        # Its ValidationError becomes part of that of the field's owner, place by place.
        return self.kind(given).model_validate(given)

    def kind(self, given: dict[str, Any]) -> type[Base]:
        """Return the class that a mapping chooses. Raises RuleError for none that is known."""
        key = self.registry.key
        name = given.get(key)
        if isinstance(name, str) and (found := self.registry.get(name)):
            return found
        raise unknown(given, key, self.registry.all())

    def make(self, where: str, /, **given: Any) -> Base:
        """Return a value put together in Python, told of as ``where``.

        Raises ConfigError for what is wrong with it.
        """
        noun = self.registry.noun.replace(" ", "_")
        field: Any = (Annotated[Any, self], ...)
        owner = create_model("Owner", __base__=ConfigModel, **{noun: field})
        document = Document({noun: given}, {(): Place(where, None)}, Path(where))
        read: Base = getattr(validate(document, owner), noun)
        return read

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        """Look the class up when a value is read: a plug-in may have been loaded since."""
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return one branch for each class."""
        known = self.registry.all().values()
        return {"oneOf": [dict(handler(each.__pydantic_core_schema__)) for each in known]}

    def _read(self, value: object) -> Base:
        if self.registry.holds(value):
            return cast(Base, value)
        if not isinstance(value, dict):
            known = list(self.options())
            example = f"{{{self.key}: {value if value in known else known[0]}}}"
            raise ValueError(f"expected a mapping such as {example}, got {describe(value)}")
        return self.pick(value)


def unknown(given: dict[str, Any], key: str, known: Iterable[str]) -> RuleError:
    """Return the error for a mapping that lacks a key, or gives it nothing known."""
    *most, last = map(repr, sorted(known))
    expected = f"{', '.join(most)} or {last}" if most else last
    if key not in given:
        return RuleError(((key,), f"this key is missing; expected {expected}"))
    return RuleError(((key,), f"expected {expected}, got {_told(given[key], known)}"))


def _told(given: object, known: Iterable[str]) -> str:
    """Return what was given, and the known name that it is close to."""
    hint = suggest(given, known, "") if isinstance(given, str) else ""
    return describe(given) + (f"; {hint}" if hint.startswith("did you mean") else "")
