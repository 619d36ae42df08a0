"""The graph of an ALBERT or BERT encoder with a classifier, before adaptation.

Structure and parameter names follow ``AlbertForSequenceClassification`` and
``BertForSequenceClassification`` of Hugging Face transformers, without the prefixes ``albert.``
and ``bert.``. Dropout is left out: it does nothing at inference.

Early exit and attention spans are EdgeBERT's (Tambe et al., MICRO 2021; harvard-acc/EdgeBERT,
sw/EdgeBERT/transformers: modeling_highway_albert.py, adaptive_span.py). An exit there has a pooler
and a classifier of its own for each layer, or one of both for all layers (``one_class``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from accelsim.errors import ConfigError
from accelsim.model.graph import LayerGraph
from accelsim.model.hyperparameters import ModelConfig
from accelsim.model.operators import (
    ADD,
    ATTENTION_CONTEXT,
    ATTENTION_SCORES,
    ENTROPY,
    GATHER,
    GELU,
    LAYER_NORM,
    MATMUL,
    SOFTMAX,
    TANH,
    Operator,
    OperatorKind,
)
from accelsim.model.tensors import Parameter, Role

_LAYER_PREFIX = {
    "albert": "encoder.albert_layer_groups.{}.albert_layers.0.",
    "bert": "encoder.layer.{}.",
}
_LAYER_MODULES = {
    "albert": {
        "query": "attention.query",
        "key": "attention.key",
        "value": "attention.value",
        "output": "attention.dense",
        "attention_layer_norm": "attention.LayerNorm",
        "ffn1": "ffn",
        "ffn2": "ffn_output",
        "ffn_layer_norm": "full_layer_layer_norm",
    },
    "bert": {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "output": "attention.output.dense",
        "attention_layer_norm": "attention.output.LayerNorm",
        "ffn1": "intermediate.dense",
        "ffn2": "output.dense",
        "ffn_layer_norm": "output.LayerNorm",
    },
}
# Source: `hidden_act` in config.json of albert-*-v2 (gelu_new, the tanh form) and bert-*-uncased
# (gelu), the defaults of AlbertConfig and BertConfig.
_GELU_FORM = {"albert": "tanh", "bert": ""}
_POOLER_MODULE = {"albert": "pooler", "bert": "pooler.dense"}


Exits = Literal["none", "shared", "per_layer"]


def build_encoder(
    model: ModelConfig,
    *,
    sequence_length: int,
    classes: int,
    padding_mask: bool = True,
    exits: Exits = "none",
    attention_spans: Sequence[int] | None = None,
) -> LayerGraph:
    """Return the graph of one inference, roles as pretrained: classifiers alone are ``task``.

    ``sequence_length`` is in tokens, ``classes`` the outputs of the classifier, and
    ``padding_mask`` marks the softmax operators as masked.

    With ``exits`` an exit check follows every encoder layer but the last: pooler, classifier and
    the entropy of its logits, on the first token. ``shared`` checks use the final pooler and
    classifier; ``per_layer`` gives each check a classifier of its own (``exits.0.classifier``
    behind layer 0) and the final pooler [ours: 11 more poolers of albert-base would be more than
    half as large as the whole model].

    ``attention_spans`` is the reach in tokens of each head, the same in every layer. A head of
    span 0 is off: it is neither loaded nor computed, though its parameters remain stored. A
    shorter span saves nothing, since EdgeBERT masks the complete product.

    Raises ConfigError for a sequence that is longer than the model's positions, a size below 1,
    exits of a regression or of a single layer, and spans that do not fit the heads.
    """
    _check_sizes(model, sequence_length, classes)
    if exits != "none":
        _check_exits(model, classes)
    active = _active_heads(model, attention_spans)
    masked = padding_mask or attention_spans is not None
    builder = _EncoderBuilder(model, sequence_length, active, masked)
    hidden = builder.add_embedding()
    for layer in range(model.layers):
        hidden = builder.add_layer(layer, hidden)
        if exits != "none" and layer < model.layers - 1:
            builder.add_exit(layer, hidden, classes, own=exits == "per_layer")
    builder.add_head(hidden, classes)
    return LayerGraph(builder.operators, builder.edges, sequence_length=sequence_length)


def _check_sizes(model: ModelConfig, sequence_length: int, classes: int) -> None:
    if sequence_length < 1:
        raise ConfigError(f"sequence_length is {sequence_length}, must be 1 token or more")
    if sequence_length > model.maximum_positions:
        raise ConfigError(
            f"sequence_length {sequence_length} is more than the {model.maximum_positions} "
            f"positions of {model.name}; shorten it or raise maximum_positions"
        )
    if classes < 1:
        raise ConfigError(f"classes is {classes}, must be 1 or more (1 for a regression)")


def _check_exits(model: ModelConfig, classes: int) -> None:
    if classes == 1:
        raise ConfigError(
            "a regression (1 class) has no entropy by which a sentence could exit early, got "
            "exits; choose a task with 2 or more classes or exits: none"
        )
    if model.layers == 1:
        raise ConfigError(
            f"{model.name} has 1 encoder layer and so no exit before its end, got exits; choose "
            "2 or more layers or exits: none"
        )


def _active_heads(model: ModelConfig, spans: Sequence[int] | None) -> int:
    """Return the number of heads with a span above 0."""
    if spans is None:
        return model.heads
    if len(spans) != model.heads:
        raise ConfigError(
            f"attention_spans has {len(spans)} values, but {model.name} has {model.heads} heads; "
            "give each head its span in tokens, 0 to switch it off"
        )
    for head, span in enumerate(spans):
        if span < 0:
            raise ConfigError(
                f"attention_spans: head {head} has the span {span}, must be 0 (off) or more tokens"
            )
    if not any(spans):
        raise ConfigError(
            "attention_spans are all 0, so no token would see another; give at least one head a "
            "span of 1 token or more"
        )
    return sum(span > 0 for span in spans)


class _EncoderBuilder:
    """Collects operators and edges; every method returns the name of what it placed last."""

    def __init__(
        self, model: ModelConfig, sequence_length: int, active_heads: int, masked: bool
    ) -> None:
        self.model = model
        self.tokens = sequence_length
        self.heads = active_heads
        self.masked = masked
        self.operators: list[Operator] = []
        self.edges: list[tuple[str, str]] = []
        self._parameters: dict[str, Parameter] = {}

    def add_embedding(self) -> str:
        model = self.model
        tables = [
            self._gather("token", "word_embeddings", model.vocabulary_size),
            self._gather("position", "position_embeddings", model.maximum_positions),
            self._gather("type", "token_type_embeddings", model.type_vocabulary_size),
        ]
        width = model.embedding_size
        total = self._elementwise("embedding.add", ADD, width, *tables)
        norm = self._layer_norm(
            "embedding.layer_norm", "embeddings.LayerNorm", width, total, Role.EMBEDDING
        )
        if model.family == "bert":
            return norm
        name, module = "embedding.projection", "encoder.embedding_hidden_mapping_in"
        shape = (model.hidden_size, width)
        return self._matmul(name, module, self.tokens, shape, norm, Role.EMBEDDING)

    def add_layer(self, layer: int, hidden: str) -> str:
        context, width = self._add_attention(layer, hidden), self.model.hidden_size
        shape = (width, width)
        output = self._linear(layer, "output", context, shape, (width, self._attended))
        attended = self._close(layer, "attention", output, hidden)
        inner_width = self.model.intermediate_size
        inner = self._linear(layer, "ffn1", attended, (inner_width, width))
        form, name = _GELU_FORM[self.model.family], f"encoder.{layer}.gelu"
        gelu = self._elementwise(name, GELU, inner_width, inner, layer=layer, form=form)
        ffn = self._linear(layer, "ffn2", gelu, (width, inner_width))
        return self._close(layer, "ffn", ffn, attended)

    def add_head(self, hidden: str, classes: int) -> str:
        return self._classify("", "classifier", hidden, classes)

    def add_exit(self, layer: int, hidden: str, classes: int, *, own: bool) -> str:
        module = f"exits.{layer}.classifier" if own else "classifier"
        logits = self._classify(f"exit.{layer}.", module, hidden, classes)
        entropy = Operator(f"exit.{layer}.entropy", ENTROPY, 1, 1, classes)
        return self._place(entropy, logits)

    def _classify(self, prefix: str, module: str, hidden: str, classes: int) -> str:
        """Place pooler and classifier on the first token; the pooler is the same everywhere."""
        width, first = self.model.hidden_size, hidden
        if self.model.pooler:
            name, pooler = f"{prefix}pooler", _POOLER_MODULE[self.model.family]
            pooled = self._matmul(name, pooler, 1, (width, width), hidden, Role.BACKBONE)
            tanh = Operator(f"{name}.tanh", TANH, 1, width, width)
            first = self._place(tanh, pooled)
        return self._matmul(f"{prefix}classifier", module, 1, (classes, width), first, Role.TASK)

    @property
    def _attended(self) -> int:
        """Width of all heads that are on."""
        return self.heads * (self.model.hidden_size // self.model.heads)

    def _add_attention(self, layer: int, hidden: str) -> str:
        tokens, heads, hidden_size = self.tokens, self.heads, self.model.hidden_size
        width = hidden_size // self.model.heads
        shape, used = (hidden_size, hidden_size), (self._attended, hidden_size)
        query, key, value = (
            self._linear(layer, part, hidden, shape, used) for part in ("query", "key", "value")
        )
        name = f"encoder.{layer}.scores"
        scores = Operator(name, ATTENTION_SCORES, tokens, tokens, width, heads, layer=layer)
        self._place(scores, query, key)
        softmax = self._place(self._softmax(layer), scores.name)
        name = f"encoder.{layer}.context"
        context = Operator(name, ATTENTION_CONTEXT, tokens, width, tokens, heads, layer=layer)
        return self._place(context, softmax, value)

    def _softmax(self, layer: int) -> Operator:
        return Operator(
            f"encoder.{layer}.softmax",
            SOFTMAX,
            self.tokens,
            self.tokens,
            self.tokens,
            self.heads,
            layer=layer,
            masked=self.masked,
        )

    def _close(self, layer: int, half: str, output: str, residual: str) -> str:
        """Place the residual addition and layer norm that close one half of a layer."""
        name, width = f"encoder.{layer}.{half}", self.model.hidden_size
        kind = ADD
        total = self._elementwise(f"{name}_add", kind, width, output, residual, layer=layer)
        module = self._layer_module(layer, f"{half}_layer_norm")
        return self._layer_norm(
            f"{name}_layer_norm", module, width, total, Role.BACKBONE, layer=layer
        )

    def _linear(
        self,
        layer: int,
        part: str,
        source: str,
        shape: tuple[int, int],
        used: tuple[int, int] | None = None,
    ) -> str:
        """Place a matmul of a layer: (outputs, inputs) stored, and used where it is less."""
        module, name = self._layer_module(layer, part), f"encoder.{layer}.{part}"
        rows, role = self.tokens, Role.BACKBONE
        return self._matmul(name, module, rows, shape, source, role, layer=layer, used=used)

    def _layer_module(self, layer: int, part: str) -> str:
        stored = 0 if self.model.shared_layers else layer
        family = self.model.family
        return _LAYER_PREFIX[family].format(stored) + _LAYER_MODULES[family][part]

    def _gather(self, name: str, table: str, entries: int) -> str:
        width = self.model.embedding_size
        weight = self._parameter(f"embeddings.{table}.weight", (entries, width), Role.EMBEDDING)
        kind, name = GATHER, f"embedding.{name}"
        return self._place(Operator(name, kind, self.tokens, width, 1, parameters=(weight,)))

    def _matmul(
        self,
        name: str,
        module: str,
        rows: int,
        shape: tuple[int, int],
        source: str,
        role: Role,
        layer: int | None = None,
        used: tuple[int, int] | None = None,
    ) -> str:
        weight = self._parameter(f"{module}.weight", shape, role)
        bias = self._parameter(f"{module}.bias", shape[:1], role)
        columns, depth = used or shape
        matmul = Operator(
            name,
            MATMUL,
            rows,
            columns,
            depth,
            parameters=(weight, bias),
            layer=layer,
            partial=(columns, depth) != shape,
        )
        return self._place(matmul, source)

    def _layer_norm(
        self,
        name: str,
        module: str,
        width: int,
        source: str,
        role: Role,
        layer: int | None = None,
    ) -> str:
        scale = self._parameter(f"{module}.weight", (width,), role)
        shift = self._parameter(f"{module}.bias", (width,), role)
        kind, both = LAYER_NORM, (scale, shift)
        norm = Operator(name, kind, self.tokens, width, width, parameters=both, layer=layer)
        return self._place(norm, source)

    def _elementwise(
        self, name: str, kind: OperatorKind, width: int, *sources: str, **options: Any
    ) -> str:
        operator = Operator(name, kind, self.tokens, width, width, **options)
        return self._place(operator, *sources)

    def _place(self, operator: Operator, *sources: str) -> str:
        self.operators.append(operator)
        self.edges.extend((source, operator.name) for source in sources)
        return operator.name

    def _parameter(self, name: str, shape: tuple[int, ...], role: Role) -> Parameter:
        """Return the one parameter of a name: layers that share it hold the same object."""
        if name not in self._parameters:
            self._parameters[name] = Parameter(name, shape, role)
        return self._parameters[name]
