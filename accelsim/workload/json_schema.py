"""JSON Schemas of machine and workload files, for editors."""

from __future__ import annotations

from typing import Any

from accelsim.machine.schema import HardwareConfig
from accelsim.workload.schema import WorkloadConfig

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def workload_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``workloads/*.yaml``."""
    return {"$schema": _DIALECT, **WorkloadConfig.model_json_schema()}


def hardware_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``hwconfigs/*.yaml``.

    A machine with a ``base`` needs no key of its own, at any depth, so that keys are required at
    the top alone, and there only without a base.
    """
    schema = HardwareConfig.model_json_schema()
    required = schema["required"]
    for part in [schema, *schema["$defs"].values()]:
        part.pop("required", None)
    base = {
        "type": "string",
        "description": "Path of another machine file, relative to this one, to lay this one over.",
        "examples": ["edgebert_overlapped.yaml"],
    }
    return {
        "$schema": _DIALECT,
        **schema,
        "properties": {"base": base, **schema["properties"]},
        "if": {"required": ["base"]},
        "else": {"required": required},
    }
