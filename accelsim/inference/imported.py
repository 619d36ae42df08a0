"""The forward pass of a network from an ONNX file, operator by operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from numpy.typing import ArrayLike

from accelsim.inference.forward import evaluate_graph
from accelsim.model.importers.onnx.file import import_onnx
from accelsim.model.operators.base import Array


def forward_onnx(
    path: Path, inputs: Mapping[str, ArrayLike], parameters: Mapping[str, Array] | None = None
) -> dict[str, Array]:
    """Return the outputs of a file by name, of arrays for its inputs by name.

    ``parameters``, by name, take the place of the file's own: those with faults. Raises ConfigError
    as ``import_onnx``.
    """
    imported = import_onnx(path, {}, inputs)
    held = {**imported.parameters(), **(parameters or {})}
    outside: Mapping[str, Sequence[Array]] = imported.outside
    kept = {}
    for operator, value in evaluate_graph(
        imported.graph, held, outside, imported.state, imported.read_as
    ):
        name = operator.name
        if name in imported.rounded:
            value[...] = imported.rounded[name](value)
        if name in imported.ends:
            kept[name] = value
    return imported.outputs(kept)
