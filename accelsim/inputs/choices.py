"""A key of a configuration that chooses one of the classes of a registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import core_schema

from accelsim.inputs.document import describe
from accelsim.inputs.paths import suggest
from accelsim.inputs.validation import RuleError

if TYPE_CHECKING:
    from accelsim.inputs.plugins import Registry


@dataclass(frozen=True, eq=False)
class Choice:
    """Says that a field holds one of a registry's ConfigModels: ``Annotated[Base, Choice(...)]``.

    In YAML it is a mapping such as ``{name: fifo}``. A wrong one gives one message with the names
    of all, at the key's place; the JSON Schema lists all, plug-ins too.
    """

    registry: Registry[Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        """Look the class up when a value is read: a plug-in may have been loaded since."""
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return one branch for each class."""
        known = self.registry.all().values()
        return {"oneOf": [handler(each.__pydantic_core_schema__) for each in known]}

    def _read(self, value: object) -> object:
        known, key = self.registry.all(), self.registry.key
        if isinstance(value, tuple(known.values())):
            return value
        if not isinstance(value, dict):
            example = f"{{{key}: {value if value in list(known) else next(iter(known))}}}"
            raise ValueError(f"expected a mapping such as {example}, got {describe(value)}")
        *most, last = map(repr, known)
        expected = f"{', '.join(most)} or {last}" if most else last
        if key not in value:
            raise RuleError(((key,), f"this key is missing; expected {expected}"))
        name = value[key]
        if name not in list(known):
            raise RuleError(((key,), f"expected {expected}, got {_told(name, known)}"))
        # Its ValidationError becomes part of that of the field's owner, place by place.
        return known[name].model_validate(value)


def _told(given: object, known: Iterable[str]) -> str:
    """Return what was given, and the known name that it is close to."""
    hint = suggest(given, known, "") if isinstance(given, str) else ""
    return describe(given) + (f"; {hint}" if hint.startswith("did you mean") else "")
