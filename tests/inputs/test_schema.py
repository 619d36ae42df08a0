from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from accelsim.cli.schema import schema
from accelsim.inputs.shipped import shipped_folder


def written(kind: str) -> Any:
    result = CliRunner().invoke(schema, [kind])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def branches(node: Any, root: Any) -> list[Any]:
    """Return a node of the schema with all that it may be instead."""
    if "$ref" in node:
        return branches(root["$defs"][node["$ref"].split("/")[-1]], root)
    others = [*node.get("anyOf", []), *node.get("oneOf", [])]
    return [node, *(one for other in others for one in branches(other, root))]


def unknown_keys(data: Any, node: Any, root: Any) -> list[str]:
    """Return the keys of the data that an editor with the schema would mark."""
    options = branches(node, root)
    if isinstance(data, list):
        return [
            key
            for item in data
            for key in unknown_keys(item, next(o["items"] for o in options if "items" in o), root)
        ]
    if not isinstance(data, dict):
        return []
    properties: dict[str, Any] = {}
    rest = None
    for option in options:
        properties |= option.get("properties", {})
        rest = rest or option.get("additionalProperties") or None
    found = []
    for key, value in data.items():
        below = properties.get(key, rest)
        # Further keys of a machine are components, which are mappings.
        component = node is root and key not in properties
        misplaced = component and not isinstance(value, dict)
        found += [key] if below is None or misplaced else unknown_keys(value, below, root)
    return found


FILES = [
    (kind, path)
    for kind, folder in (("hardware", "hwconfigs"), ("workload", "workloads"))
    for path in sorted(shipped_folder(folder).glob("*.yaml"))
]


@pytest.mark.parametrize(("kind", "path"), FILES, ids=lambda value: getattr(value, "name", value))
def test_the_keys_of_shipped_files_are_all_in_the_schema(kind: str, path: Path) -> None:
    root = written(kind)
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert unknown_keys(data, root, root) == []
    assert unknown_keys({**data, "nmae": 1}, root, root) == ["nmae"]
    section = {"hardware": "clock", "workload": "requests"}[kind]
    assert unknown_keys({**data, section: {"x": 1}}, root, root) == ["x"]


def test_quantities_are_text_with_an_example() -> None:
    frequency = written("hardware")["$defs"]["OperatingPoint"]["properties"]["frequency"]
    assert frequency == {"examples": ["1 GHz"], "title": "Frequency", "type": "string"}
    idle = written("workload")["$defs"]["RoundRobin"]["properties"]["idle_between_rounds"]
    assert (idle["type"], idle["default"]) == ("string", "0 s")


def test_a_machine_needs_its_keys_only_without_a_base() -> None:
    root = written("hardware")
    assert root["if"] == {"required": ["base"]}
    assert "clock" in root["else"]["required"]
    assert not any("required" in part for part in [root, *root["$defs"].values()])
    assert "cases" in written("workload")["required"]


def test_another_kind_is_refused() -> None:
    result = CliRunner().invoke(schema, ["trace"])
    assert result.exit_code == 2
    assert "'trace' is not one of 'hardware', 'workload'" in result.stderr


def test_importing_the_command_loads_nothing_heavy() -> None:
    code = (
        "import sys, accelsim.cli.schema; "
        "print(sorted({'rich', 'pydantic', 'yaml', 'numpy', 'networkx'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
