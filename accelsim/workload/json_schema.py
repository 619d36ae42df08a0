"""JSON Schemas of machine, workload and technology files, for editors."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from accelsim.machine.schema import HardwareConfig
from accelsim.memory.burst_memory import BurstMemoryTechnology
from accelsim.memory.dram import DramTechnology
from accelsim.memory.macro import MacroFile
from accelsim.memory.technology import TechnologyFile
from accelsim.workload.schema import WorkloadConfig

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def workload_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``workloads/*.yaml``."""
    return {"$schema": DIALECT, **WorkloadConfig.model_json_schema()}


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
        "$schema": DIALECT,
        **schema,
        "properties": {"base": base, **schema["properties"]},
        "if": {"required": ["base"]},
        "else": {"required": required},
    }


def technology_schema() -> dict[str, Any]:
    """Return the JSON Schema of technologies that a machine's memories or its dram take."""
    kinds: Any = Annotated[
        TechnologyFile | MacroFile | DramTechnology | BurstMemoryTechnology,
        Field(discriminator="kind"),
    ]
    return {"$schema": DIALECT, **TypeAdapter(kinds).json_schema()}
