"""The forward pass of ALBERT, adapter-ALBERT and BERT: from tokens and weights to logits.

The layer graph is evaluated operator by operator, so what is computed here is what is mapped
onto a machine elsewhere, with the same names of parameters. Equal to ``eval()`` of
``AlbertForSequenceClassification`` and ``BertForSequenceClassification`` of Hugging Face
transformers up to the rounding of float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.errors import ConfigError
from accelsim.inference.data import Sentences, check_sentences
from accelsim.model.adaptation import adapt
from accelsim.model.encoder import build_encoder
from accelsim.model.graph import LayerGraph
from accelsim.model.hyperparameters import AdaptationConfig, ModelConfig
from accelsim.model.operators import Operator
from accelsim.model.operators.base import Array
from accelsim.model.tensors import format_shape

# Sentences that go through the encoder together [ours]: larger matrices gain no speed, and the
# widest activation of ALBERT-base, 8 x 128 x 3072 values of 4 B, takes 12.6 MB.
_BATCH = 8

_HEAD = ("pooler", "pooler.tanh", "classifier")


@dataclass(frozen=True, eq=False)
class ForwardResult:
    """What a forward pass gives.

    ``logits`` is (batch, classes). ``hidden`` holds the output of each encoder layer, (batch,
    sequence, hidden size), where it was captured; ``exits`` the logits (batch, classes) of an
    exit after each layer, where asked for. Both are empty otherwise. Values that leave the range
    of float32 become infinite or NaN, without a warning.
    """

    logits: Array
    hidden: tuple[Array, ...] = ()
    exits: tuple[Array, ...] = ()


def forward(
    model: ModelConfig,
    adaptation: AdaptationConfig | None,
    weights: Mapping[str, NDArray[np.floating]],
    tokens: ArrayLike,
    mask: ArrayLike | None = None,
    token_types: ArrayLike | None = None,
    *,
    exits: bool = False,
    capture: bool = False,
) -> ForwardResult:
    """Return the logits of sentences.

    ``weights`` maps the names of ``build_encoder`` and ``adapt`` to arrays; others are left
    alone. The number of classes is that of ``classifier.weight``. ``adaptation`` None and
    ``full`` compute the same. ``tokens`` are integers (batch, sequence); ``mask`` of the same
    shape is True (or 1) for real tokens, None where all are; ``token_types`` are 0 unless given.
    ``exits`` applies the pooler and the classifier after every layer (one shared exit [ours];
    the exit after the last layer is ``logits``); ``capture`` keeps the layers' outputs.

    Raises ConfigError for a weight that is missing or misshapen, and for inputs that do not fit
    the model.
    """
    sentences = Sentences.of(tokens, mask, token_types)
    check_sentences(model, sentences)
    graph = _build(model, adaptation, weights, sentences)
    parameters = _take_weights(graph, weights)
    chunks = [sentences.part(start, _BATCH) for start in range(0, len(sentences), _BATCH)]
    with np.errstate(over="ignore", invalid="ignore"):
        run = _Run(graph, parameters, exits, capture)
        results = [run.forward(chunk) for chunk in chunks]
    return ForwardResult(
        np.concatenate([result.logits for result in results]),
        _join([result.hidden for result in results]),
        _join([result.exits for result in results]),
    )


def _build(
    model: ModelConfig,
    adaptation: AdaptationConfig | None,
    weights: Mapping[str, NDArray[np.floating]],
    sentences: Sentences,
) -> LayerGraph:
    classifier = weights.get("classifier.weight")
    if classifier is None:
        raise ConfigError(
            "the weights have no 'classifier.weight' (classes x hidden size); add the classifier "
            "of a task"
        )
    length = sentences.tokens.shape[1]
    graph = build_encoder(model, sequence_length=length, classes=len(classifier))
    return graph if adaptation is None else adapt(graph, adaptation)


def _take_weights(
    graph: LayerGraph, weights: Mapping[str, NDArray[np.floating]]
) -> dict[str, Array]:
    """Return the parameters of the graph as float32; one error names all that do not fit."""
    problems = []
    for parameter in graph.parameters:
        found = weights.get(parameter.name)
        shape = format_shape(parameter.shape)
        if found is None:
            problems.append(f"the weights have no '{parameter.name}' ({shape})")
        elif found.shape != parameter.shape:
            problems.append(
                f"weight '{parameter.name}' is {format_shape(found.shape)}, expected {shape}"
            )
    if problems:
        raise ConfigError("\n".join(problems))
    return {p.name: np.asarray(weights[p.name], dtype=np.float32) for p in graph.parameters}


def _join(parts: list[tuple[Array, ...]]) -> tuple[Array, ...]:
    return tuple(np.concatenate(layer) for layer in zip(*parts, strict=True))


@dataclass(frozen=True, eq=False)
class _Run:
    """A graph with its parameters, ready for chunks of sentences."""

    graph: LayerGraph
    parameters: Mapping[str, Array]
    exits: bool
    capture: bool

    def forward(self, sentences: Sentences) -> ForwardResult:
        hidden: list[Array] = []
        first_tokens: list[Array] = []
        for output in self._layers(sentences):
            first_tokens.append(output[:, :1])
            if self.capture:
                hidden.append(output)
        wanted = first_tokens if self.exits else first_tokens[-1:]
        logits = [self._classify(value) for value in wanted]
        return ForwardResult(logits[-1], tuple(hidden), tuple(logits) if self.exits else ())

    def _layers(self, sentences: Sentences) -> Iterator[Array]:
        """Yield the output of each encoder layer."""
        numbers = _looked_up(sentences)
        mask = None if sentences.mask.all() else sentences.mask
        ends = {self.graph.layer_operators(n)[-1].name for n in range(self.graph.layers)}
        values: dict[str, Array] = {}
        for operator in self.graph.operators:
            if operator.name in _HEAD:
                continue
            operands = [values[below.name] for below in self.graph.predecessors(operator)]
            value = self._compute(operator, operands or [numbers[operator.name]], mask)
            values[operator.name] = value
            if operator.name in ends:
                # The next layer reads nothing else: the memory of this one is free.
                values = {operator.name: value}
                yield value

    def _classify(self, value: Array) -> Array:
        """Return the logits (batch, classes) of first tokens (batch, 1, hidden size)."""
        for name in _HEAD:
            if name in self.graph:
                value = self._compute(self.graph[name], [value], None)
        return value[:, 0]

    def _compute(
        self,
        operator: Operator,
        operands: list[NDArray[Any]],
        mask: NDArray[np.bool_] | None,
    ) -> Array:
        parameters = [self.parameters[parameter.name] for parameter in operator.parameters]
        outside = [mask] if operator.masked and mask is not None else []
        return operator.kind.compute(operator, [*operands, *outside], parameters, {})


def _looked_up(sentences: Sentences) -> dict[str, NDArray[np.int64]]:
    """Return what the embedding operators look up, (batch or 1, sequence)."""
    positions = np.arange(sentences.tokens.shape[1])[None]
    return {
        "embedding.token": sentences.tokens,
        "embedding.position": positions,
        "embedding.type": sentences.token_types,
    }
