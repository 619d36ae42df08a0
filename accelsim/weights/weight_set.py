"""The values of a model's parameters, where they come from, and whether they fit a graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import ConfigError
from accelsim.model.graph import LayerGraph
from accelsim.model.tensors import format_shape

Values = NDArray[np.float32]

# Names in one line of a message [ours]: the tensors of two layers, enough to see a pattern.
_NAMES = 32


@dataclass(frozen=True, eq=False)
class WeightSet:
    """Parameter name -> float32 values in the parameter's shape; not changed after loading.

    ``origin`` says where the values come from, to be printed with every result.
    """

    tensors: Mapping[str, Values]
    origin: str


def check_weights(weights: WeightSet, graph: LayerGraph) -> None:
    """Check that the tensors are those of a graph, in its shapes.

    Raises ConfigError that names all missing, extra and misshapen tensors.
    """
    wanted = {parameter.name: parameter.shape for parameter in graph.parameters}
    given = {name: values.shape for name, values in weights.tensors.items()}
    missing = [f"{n} ({format_shape(s)})" for n, s in wanted.items() if n not in given]
    extra = [f"{n} ({format_shape(s)})" for n, s in given.items() if n not in wanted]
    misshapen = [
        f"{name} ({format_shape(given[name])}, expected {format_shape(shape)})"
        for name, shape in wanted.items()
        if name in given and given[name] != shape
    ]
    report(
        weights.origin,
        ("missing", missing, "give a file that has them, or a seed to draw what is a task's own"),
        ("not in the model", extra, "remove them, or choose the model they belong to"),
        ("of another shape", misshapen, "choose the model with the sizes of the file"),
    )


def check_finite(weights: WeightSet) -> None:
    """Check that no value is NaN or infinite. Raises ConfigError with the tensors and counts."""
    nan = _count(weights, np.isnan)
    infinite = _count(weights, np.isinf)
    report(
        weights.origin,
        ("with NaN", nan, "repair the checkpoint"),
        ("with infinite values as float32", infinite, "repair the checkpoint"),
    )


def _count(weights: WeightSet, test: np.ufunc) -> list[str]:
    counts = {name: int(test(values).sum()) for name, values in weights.tensors.items()}
    return [
        f"{name} ({count} of {weights.tensors[name].size})"
        for name, count in counts.items()
        if count
    ]


def report(where: str, *problems: tuple[str, Iterable[str], str]) -> None:
    """Raise ConfigError with a line for each problem that names any tensors.

    A problem is (what they are, their names, what to do).
    """
    lines = []
    for what, found, advice in problems:
        names = list(found)
        if names:
            more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
            count = f"{len(names)} tensor{'s' if len(names) > 1 else ''} {what}"
            lines.append(f"{where}: {count}: {', '.join(names[:_NAMES])}{more}; {advice}")
    if lines:
        raise ConfigError("\n".join(lines))
