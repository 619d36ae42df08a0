"""Adaptations of a pretrained model to tasks, one file each.

A new adaptation is one new file here: a subclass of Adaptation with a ``method`` of its own.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import core_schema

from accelsim.inputs.choices import Choice
from accelsim.inputs.plugins import Registry
from accelsim.model.adaptations.base import Adaptation as Adaptation

ADAPTATIONS = Registry(__name__, Adaptation, "accelsim.adaptations", "adaptation", key="method")


class _AdaptationChoice(Choice[Adaptation]):
    """An adaptation: a method and its keys, or a file of PEFT, which a workload puts in place."""

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return one branch for each method, and one for a file."""
        found = super().__get_pydantic_json_schema__(schema, handler)
        path = {"type": "string", "description": "adapter_config.json of PEFT, or its folder"}
        found["oneOf"].append({"title": "peft", "properties": {"peft": path}, "required": ["peft"]})
        return found


_ADAPTATION = _AdaptationChoice(ADAPTATIONS)
AdaptationConfig = Annotated[Adaptation, _ADAPTATION]


def find_adaptation(method: str, *, where: str = "in Python", **keys: Any) -> Adaptation:
    """Return the adaptation of a method, with keys that stand in a place.

    Raises ConfigError for what is wrong with them.
    """
    return _ADAPTATION.make(where, method=method, **keys)
