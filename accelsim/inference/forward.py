"""The forward pass of an encoder, adapted or not: from tokens and weights to logits.

The layer graph is evaluated operator by operator, so what is computed here is what is mapped
onto a machine elsewhere, with the same names of parameters. Equal to ``eval()`` of
``AlbertForSequenceClassification`` and ``BertForSequenceClassification`` of Hugging Face
transformers up to the rounding of float32.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.errors import ConfigError
from accelsim.inference.data import Sentences, check_sentences
from accelsim.inputs.memo import Memo
from accelsim.model.adaptations import Adaptation
from accelsim.model.families import Exits, ModelFamily
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ENTROPY, Operator
from accelsim.model.operators.base import Array
from accelsim.model.tensors import format_shape

# Tokens that go through the encoder together [ours]: 128 of them multiply 15 % faster than 64, more
# gain little, and the widest activation of ALBERT-base, 1024 x 3072 values of 4 B, takes 12.6 MB.
_BATCH = 1024


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
    model: ModelFamily,
    adaptation: Adaptation | None,
    weights: Mapping[str, NDArray[np.floating]],
    tokens: ArrayLike,
    mask: ArrayLike | None = None,
    token_types: ArrayLike | None = None,
    *,
    exits: bool = False,
    capture: bool = False,
    attention_spans: Sequence[int] = (),
    memo: Memo | None = None,
) -> ForwardResult:
    """Return the logits of sentences.

    ``weights`` maps the names of the adapted graph's parameters to arrays; others are left
    alone. The number of classes is that of the classifier's last weight. ``adaptation`` None and
    ``full`` compute the same. ``tokens`` are integers (batch, sequence); ``mask`` of the same
    shape is True (or 1) for real tokens, None where all are; ``token_types`` are 0 unless given.
    ``exits`` applies the pooler and the classifier after every layer (one shared exit [ours];
    the exit after the last layer is ``logits``); ``capture`` keeps the layers' outputs. With
    ``attention_spans``, one a head, a token sees those at most so many tokens away, and a head of
    span 0 gives nothing. A ``memo`` finds the graph again.

    Raises ConfigError for a weight that is missing or misshapen, for inputs that do not fit the
    model, and for exits of a regression.
    """
    sentences = Sentences.of(tokens, mask, token_types)
    check_sentences(model, sentences)
    sentences = sentences.behind(adaptation.virtual_tokens if adaptation else 0)
    graph = _build(model, adaptation, weights, sentences, memo, exits=exits)
    parameters = take_weights(graph, weights)
    count = max(1, _BATCH // sentences.tokens.shape[1])
    chunks = [sentences.part(start, count) for start in range(0, len(sentences), count)]
    with np.errstate(over="ignore", invalid="ignore"):
        results = [
            _run(model, graph, parameters, chunk, attention_spans, capture) for chunk in chunks
        ]
    logits = _join([result.exits for result in results])
    hidden = _join([result.hidden for result in results])
    return ForwardResult(logits[-1], hidden, logits if exits else ())


def _build(
    model: ModelFamily,
    adaptation: Adaptation | None,
    weights: Mapping[str, NDArray[np.floating]],
    sentences: Sentences,
    memo: Memo | None,
    *,
    exits: bool,
) -> LayerGraph:
    classes = _classes(model, weights)
    checks: Exits = "shared" if exits and model.layers > 1 else "none"
    length = sentences.tokens.shape[1]

    def build() -> LayerGraph:
        graph = model.build(sequence_length=length, classes=classes, exits=checks)
        return graph if adaptation is None else adaptation.apply(graph)

    key = (model.digest, adaptation and adaptation.digest, length, classes, checks)
    return memo.get("graph", ("forward", key), build) if memo else build()


def _classes(model: ModelFamily, weights: Mapping[str, NDArray[np.floating]]) -> int:
    """Return how many outputs the classifier has."""
    if not model.classifies:
        return 1
    head = f"classifier{model.logits}.weight"
    if head not in weights:
        raise ConfigError(
            f"the weights have no '{head}' (classes x hidden size); add the classifier of a task"
        )
    return len(weights[head])


def take_weights(
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


def _run(
    model: ModelFamily,
    graph: LayerGraph,
    parameters: Mapping[str, Array],
    sentences: Sentences,
    spans: Sequence[int],
    capture: bool,
) -> ForwardResult:
    """Return the result of a chunk, with the logits behind every layer that has any."""
    mask = [] if sentences.mask.all() else [sentences.mask]
    mask += [_within(spans, sentences.tokens.shape[1])] if spans else []
    outside: dict[str, list[NDArray[Any]]] = {o.name: mask for o in graph.operators if o.masked}
    outside |= _looked_up(model, sentences, graph)
    last = sentences.mask.shape[1] - 1 - sentences.mask[:, ::-1].argmax(axis=1)
    for name, given in model.outside(graph, last).items():
        outside[name] = [*outside.get(name, ()), *given]
    ends = {graph.layer_operators(n)[-1].name for n in range(graph.layers)}
    checks = {graph.predecessors(o)[0].name for o in graph.operators if o.kind is ENTROPY}
    hidden, logits = [], []
    for operator, value in evaluate_graph(graph, parameters, outside):
        if capture and operator.name in ends:
            hidden.append(value)
        if operator.name in checks or operator is graph.operators[-1]:
            logits.append(value[:, 0])
    return ForwardResult(logits[-1], tuple(hidden), tuple(logits))


def evaluate_graph(
    graph: LayerGraph,
    parameters: Mapping[str, Array],
    outside: Mapping[str, Sequence[NDArray[Any]]],
    state: Mapping[str, Array] | None = None,
    read_as: Mapping[str, Callable[[Array], Array]] | None = None,
) -> Iterator[tuple[Operator, Array]]:
    """Yield every operator with its value, in order.

    ``parameters`` are by name; ``outside`` is what an operator takes from outside the graph, by
    the operator's name, ``state`` what it kept from earlier runs, and ``read_as`` what it does to
    its first operand. A value is held until its last reader has it, and may be changed before the
    next is asked for. Raises ConfigError for an operator that has nothing to read, or no state.
    """
    readers = Counter(producer for producer, _ in graph.edges)
    values: dict[str, Array] = {}
    for operator in graph.operators:
        below = [producer.name for producer in graph.predecessors(operator)]
        operands = [*(values[name] for name in below), *outside.get(operator.name, ())]
        _check_inputs(operator, operands, state or {})
        if read_as and operator.name in read_as:
            operands[0] = read_as[operator.name](operands[0])
        mine = [parameters[parameter.name] for parameter in operator.parameters]
        values[operator.name] = operator.kind.compute(operator, operands, mine, state or {})
        yield operator, values[operator.name]
        readers.subtract(below)
        for name in below:
            if not readers[name]:
                del values[name]


def _check_inputs(
    operator: Operator, operands: Sequence[object], state: Mapping[str, Array]
) -> None:
    if not operands:
        raise ConfigError(
            f"operator '{operator.name}' ({operator.kind}) reads from outside the graph, but no "
            "value was given for it; expected one of this name"
        )
    if operator.kind.state(operator) and operator.name not in state:
        raise ConfigError(
            f"operator '{operator.name}' ({operator.kind}) keeps state from one run to the next, "
            "which a forward pass of whole sentences does not have"
        )


def _within(spans: Sequence[int], tokens: int) -> NDArray[np.bool_]:
    """Return which tokens each head lets each token see, (heads, tokens, tokens)."""
    position, reach = np.arange(tokens), np.array(spans)[:, None, None]
    return (abs(position[:, None] - position) <= reach) & (reach > 0)


def _looked_up(
    model: ModelFamily, sentences: Sentences, graph: LayerGraph
) -> dict[str, list[NDArray[Any]]]:
    """Return what the embedding operators look up, (batch or 1, sequence); no virtual tokens."""
    return {
        "embedding.token": [sentences.tokens[:, -graph["embedding.token"].rows :]],
        "embedding.position": [model.first_position + np.arange(sentences.tokens.shape[1])[None]],
        "embedding.type": [sentences.token_types],
    }
