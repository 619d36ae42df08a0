"""The forward pass of networks that read one input at a time: a picture, a frame, an ONNX graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import ConfigError
from accelsim.inference.forward import ForwardResult, evaluate_graph, take_weights
from accelsim.model.families import Network
from accelsim.model.families.onnx_model import OnnxModel
from accelsim.model.families.vision import Vision
from accelsim.model.graph import LayerGraph
from accelsim.model.importers.onnx.file import import_onnx
from accelsim.model.operators import GATHER
from accelsim.model.operators.base import Array, Operator

# Sides of the patches [pixels] whose normal values a random picture is the sum of, so that pictures
# differ in more than noise, which the mean over all pixels takes away [ours].
_PATCHES = (1, 4, 16)


# What operators take from outside a graph, by their names: values, or numbers of rows of a table.
Outside = Mapping[str, Sequence[NDArray[Any]]]


@dataclass(frozen=True, eq=False)
class OneInputs:
    """Inputs of one network.

    Each of ``outside`` is what operators of the network take from outside its graph, by their
    names, a batch of one; ``state`` what they kept. ``labels`` is int64 (inputs,), None where
    nobody labelled them; ``origin`` says where they come from, in words for a report.
    """

    outside: Sequence[Outside]
    origin: str
    labels: NDArray[np.int64] | None = None
    state: Mapping[str, Array] | None = None
    mask: None = None

    def __len__(self) -> int:
        return len(self.outside)

    def part(self, start: int, count: int) -> OneInputs:
        """Return up to ``count`` inputs from number ``start``, counted from 0."""
        chosen = slice(start, start + count)
        labels = None if self.labels is None else self.labels[chosen]
        return replace(self, outside=self.outside[chosen], labels=labels)


def random_inputs(model: Network, graph: LayerGraph, *, count: int, seed: int) -> OneInputs:
    """Return pictures or other inputs of random values of mean 0 and deviation 1.

    Input n comes from a stream of its own, so the first do not depend on how many there are; tokens
    of an ONNX graph are uniformly random. Raises ConfigError for a count below 1.
    """
    if count < 1:
        raise ConfigError(f"sentences is {count}, must be 1 or more")
    known, state = _known(model, graph)
    drawn = [_drawn(graph, known, np.random.default_rng([seed, n])) for n in range(count)]
    origin = f"{count} random inputs (pictures of nothing), seed {seed}"
    return OneInputs(drawn, origin, state=state)


def labelled_inputs(path: Path, model: Network, graph: LayerGraph, classes: int) -> OneInputs:
    """Return pictures of an npz: ``pixel_values`` (pictures, channels, height, width), ``label``.

    Raises ConfigError for a file that is none, other shapes, and labels that are no class.
    """
    known, state = _known(model, graph)
    places = {o.name: o.kind.inputs(o)[0] for o in _readers(graph, known)}
    try:
        # NumPy leaves a damaged file open that it opened itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            pixels, labels = archive["pixel_values"], archive["label"]
    except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile) as error:
        raise ConfigError(
            f"{path}: cannot be read: {error}; expected an npz of pixel_values and label"
        ) from None
    wrong = labels.shape != pixels.shape[:1] or labels.dtype.kind not in "iu" or not labels.shape
    if wrong or not len(labels) or labels.min() < 0 or labels.max() >= classes:
        raise ConfigError(f"{path}: label: expected a class from 0 to {classes - 1} a picture")
    sound = pixels.ndim == 4 and pixels.size and pixels.dtype.kind in "fiu"
    rows = pixels.reshape(*pixels.shape[:2], -1).swapaxes(1, 2) if sound else np.zeros((1, 1, 0))
    if {rows.shape[1:]} != {*places.values()}:
        expected = " and ".join(
            f"{n} pixels x {channels} channels" for n, channels in places.values()
        )
        raise ConfigError(f"{path}: pixel_values have shape {pixels.shape}, expected {expected}")
    outside = [
        {**known, **{name: [row[None]] for name in places}} for row in rows.astype(np.float32)
    ]
    told = f"{len(rows)} labelled pictures of {path}"
    return OneInputs(outside, told, labels.astype(np.int64), state)


def forward_inputs(
    graph: LayerGraph, weights: Mapping[str, NDArray[np.floating]], inputs: OneInputs
) -> ForwardResult:
    """Return the logits of inputs, and the outputs of all layers.

    ``logits`` is what nothing in the graph reads, a row an input; of a graph without layers it is
    that of its one layer, too. Raises ConfigError for a weight that is missing or misshapen.
    """
    parameters = take_weights(graph, weights)
    with np.errstate(all="ignore"):
        results = [_run(graph, parameters, each, inputs.state) for each in inputs.outside]
    logits = np.concatenate([made for made, _ in results])
    hidden = zip(*(layers for _, layers in results), strict=True)
    return ForwardResult(logits, tuple(np.concatenate(layer) for layer in hidden))


def _run(
    graph: LayerGraph,
    parameters: Mapping[str, Array],
    outside: Outside,
    state: Mapping[str, Array] | None,
) -> tuple[Array, list[Array]]:
    """Return the logits of one input, and what each layer makes."""
    ends = {graph.layer_operators(n)[-1].name for n in range(graph.layers)}
    layers, made = [], []
    for operator, value in evaluate_graph(graph, parameters, outside, state):
        if operator.name in ends:
            layers.append(value)
        if not graph.successors(operator):
            made.append(value.reshape(1, -1))
    logits: Array = np.concatenate(made, axis=1)
    return logits, layers or [logits[:, None]]


def _known(model: Network, graph: LayerGraph) -> tuple[Outside, Mapping[str, Array] | None]:
    """Return what operators read of every input alike, and their state."""
    if isinstance(model, OnnxModel):
        imported = import_onnx(Path(model.path), model.shapes)
        given = imported.outside.items()
        # Of its inputs of activations nothing is known yet.
        known = {n: arrays for n, arrays in given if not any(each is None for each in arrays)}
        return known, imported.state
    if isinstance(model, Vision) and "embedding.position" in graph:
        return {"embedding.position": [np.arange(model.tokens)[None]]}, None
    return {}, None


def _readers(graph: LayerGraph, known: Mapping[str, Any]) -> Iterator[Operator]:
    """Yield the operators that read the input."""
    yield from (o for o in graph.operators if not graph.predecessors(o) and o.name not in known)


def _drawn(graph: LayerGraph, known: Outside, source: np.random.Generator) -> Outside:
    """Return one input. What operators read of one shape is the same."""
    found, values = dict(known), dict[tuple[int, ...], Array]()
    for name, arrays in known.items():
        operator = graph[name]
        if operator.kind is GATHER and not any(np.any(each) for each in arrays):
            rows = operator.parameters[0].shape[0]
            found[name] = [source.integers(rows, size=each.shape) for each in arrays]
    for operator in _readers(graph, known):
        shape = operator.kind.inputs(operator)[0]
        if shape not in values:
            values[shape] = _picture(operator, shape, source)
        found[operator.name] = [values[shape]]
    return found


def _picture(operator: Operator, shape: tuple[int, ...], source: np.random.Generator) -> Array:
    rows, channels = shape
    height, width = operator.window.picture if operator.window else (rows, 1)
    total = np.zeros((height, width, channels), np.float32)
    for side in _PATCHES:
        coarse = source.standard_normal((-(-height // side), -(-width // side), channels))
        total += coarse.repeat(side, 0).repeat(side, 1)[:height, :width]
    return (total / np.float32(len(_PATCHES) ** 0.5)).reshape(1, rows, channels)
