"""What a machine may have off its chip: a part of the technology table, or the simple one."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import core_schema

from accelsim.machine.components.base import Component
from accelsim.memory.files import technology_kind

if TYPE_CHECKING:
    from accelsim.machine.components.burst_memory import BurstMemoryConfig
    from accelsim.machine.components.dram import DramConfig
    from accelsim.machine.components.simple_dram import SimpleDramConfig

    OffChip = DramConfig | BurstMemoryConfig | SimpleDramConfig

# No registry of kinds: a part has none in the machine's file. Whether the first or the second reads
# it is said by the technology file that it names; the simple one alone says `kind` itself.
_FILES = {
    "DramConfig": "dram",
    "BurstMemoryConfig": "burst_memory",
    "SimpleDramConfig": "simple_dram",
}


def off_chip_kind(value: Any) -> str:
    """Return the name of the class that a value is of, or that the mapping of a file is read as."""
    if isinstance(value, Component):
        return type(value).__name__
    given = value if isinstance(value, dict) else {}
    if "kind" in given:
        return "SimpleDramConfig"
    technology = given.get("technology")
    kind = technology_kind(technology) if isinstance(technology, str) else None
    return "BurstMemoryConfig" if kind == "burst_memory" else "DramConfig"


class _Chosen:
    """Says that a field holds one of the classes: a machine imports its own alone."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(_read)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        kinds = [_class(name).__pydantic_core_schema__ for name in _FILES]
        return {"oneOf": [dict(handler(kind)) for kind in kinds]}


if not TYPE_CHECKING:
    OffChip = Annotated[Component, _Chosen()]


def _class(name: str) -> Any:
    return getattr(importlib.import_module(f"accelsim.machine.components.{_FILES[name]}"), name)


def _read(value: object) -> OffChip:
    if (name := off_chip_kind(value)) not in _FILES:
        raise ValueError(f"expected one of {', '.join(_FILES)}, got {name}")
    read: OffChip = _class(name).model_validate(value)
    return read
