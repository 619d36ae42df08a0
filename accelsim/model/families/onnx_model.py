"""A network from an ONNX file: ``model: {onnx: path}`` of a workload."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from accelsim.errors import ConfigError
from accelsim.model.families.base import OneInput
from accelsim.model.graph import LayerGraph


class OnnxModel(OneInput):
    """The file, by its path and the SHA-256 of its content, and ``shapes`` of inputs.

    All parameters are frozen; tasks need no classes, and one input is one request.
    """

    classifies: ClassVar[bool] = False
    usual: ClassVar[Mapping[str, Any]] = {"layers": 1, "shapes": {}}

    family: Annotated[Literal["onnx"], Field(description="structure and parameter names")]
    path: Annotated[str, Field(description="of the file")]
    digest_of_file: Annotated[str, Field(description="the SHA-256 of its content")]
    shapes: Annotated[
        dict[str, list[Annotated[int, Field(ge=0, le=1_000_000)]]],
        Field(
            description="of inputs with dynamic axes or a first that is not 1; a cache may be empty"
        ),
    ]

    def inputs(self, sequence_length: int) -> str:
        """Say what an input is."""
        return "one input at a time"

    def graph(self, classes: int) -> LayerGraph:
        """Return the graph of the file.

        Raises ConfigError as ``import_onnx``, and for classes that no output has.
        """
        from accelsim.model.importers.onnx.file import import_onnx

        found = import_onnx(Path(self.path), self.shapes)
        widths = sorted({found.graph[name].columns for name in found.ends})
        if classes > 1 and classes not in widths:
            has = " or ".join(map(str, widths))
            raise ConfigError(
                f"{self.path}: classes is {classes}, but the outputs of the file are {has} wide; "
                f"leave classes out of the task, or write {has}"
            )
        return found.graph
