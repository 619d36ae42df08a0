"""The graph of an ALBERT or BERT encoder with a classifier, before adaptation.

Structure and parameter names follow ``AlbertForSequenceClassification`` and
``BertForSequenceClassification`` of Hugging Face transformers, without the prefixes ``albert.``
and ``bert.``. Dropout is left out: it does nothing at inference.
"""

from __future__ import annotations

from accelsim.errors import ConfigError
from accelsim.model.graph import LayerGraph
from accelsim.model.hyperparameters import ModelConfig
from accelsim.model.operators import Operator, OperatorKind
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
_POOLER_MODULE = {"albert": "pooler", "bert": "pooler.dense"}


def build_encoder(
    model: ModelConfig, *, sequence_length: int, classes: int, padding_mask: bool = True
) -> LayerGraph:
    """Return the graph of one inference, roles as pretrained: the classifier alone is ``task``.

    ``sequence_length`` is in tokens, ``classes`` the outputs of the classifier, and
    ``padding_mask`` marks the softmax operators as masked. Raises ConfigError for a sequence
    that is longer than the model's positions, or a size below 1.
    """
    if sequence_length < 1:
        raise ConfigError(f"sequence_length is {sequence_length}, must be 1 token or more")
    if sequence_length > model.maximum_positions:
        raise ConfigError(
            f"sequence_length {sequence_length} is more than the {model.maximum_positions} "
            f"positions of {model.name}; shorten it or raise maximum_positions"
        )
    if classes < 1:
        raise ConfigError(f"classes is {classes}, must be 1 or more (1 for a regression)")
    builder = _EncoderBuilder(model, sequence_length, padding_mask)
    hidden = builder.add_embedding()
    for layer in range(model.layers):
        hidden = builder.add_layer(layer, hidden)
    builder.add_head(hidden, classes)
    return LayerGraph(builder.operators, builder.edges, sequence_length=sequence_length)


class _EncoderBuilder:
    """Collects operators and edges; every method returns the name of what it placed last."""

    def __init__(self, model: ModelConfig, sequence_length: int, padding_mask: bool) -> None:
        self.model = model
        self.tokens = sequence_length
        self.padding_mask = padding_mask
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
        total = self._elementwise("embedding.add", OperatorKind.ADD, width, *tables)
        norm = self._layer_norm(
            "embedding.layer_norm", "embeddings.LayerNorm", width, total, Role.EMBEDDING
        )
        if model.family == "bert":
            return norm
        module = "encoder.embedding_hidden_mapping_in"
        sizes = (self.tokens, model.hidden_size, width)
        return self._matmul("embedding.projection", module, sizes, norm, Role.EMBEDDING)

    def add_layer(self, layer: int, hidden: str) -> str:
        output = self._linear(layer, "output", self._add_attention(layer, hidden))
        attended = self._close(layer, "attention", output, hidden)
        inner = self._linear(layer, "ffn1", attended, self.model.intermediate_size)
        name, width = f"encoder.{layer}.gelu", self.model.intermediate_size
        gelu = self._elementwise(name, OperatorKind.GELU, width, inner, layer=layer)
        ffn = self._linear(layer, "ffn2", gelu, depth=self.model.intermediate_size)
        return self._close(layer, "ffn", ffn, attended)

    def add_head(self, hidden: str, classes: int) -> str:
        width, first = self.model.hidden_size, hidden
        if self.model.pooler:
            module = _POOLER_MODULE[self.model.family]
            pooled = self._matmul("pooler", module, (1, width, width), hidden, Role.BACKBONE)
            first = self._place(Operator("pooler.tanh", OperatorKind.TANH, 1, width, width), pooled)
        return self._matmul("classifier", "classifier", (1, classes, width), first, Role.TASK)

    def _add_attention(self, layer: int, hidden: str) -> str:
        tokens, heads = self.tokens, self.model.heads
        width = self.model.hidden_size // heads
        query, key, value = (self._linear(layer, n, hidden) for n in ("query", "key", "value"))
        kind, name = OperatorKind.ATTENTION_SCORES, f"encoder.{layer}.scores"
        scores = Operator(name, kind, tokens, tokens, width, heads, layer=layer)
        self._place(scores, query, key)
        softmax = self._place(self._softmax(layer), scores.name)
        kind, name = OperatorKind.ATTENTION_CONTEXT, f"encoder.{layer}.context"
        context = Operator(name, kind, tokens, width, tokens, heads, layer=layer)
        return self._place(context, softmax, value)

    def _softmax(self, layer: int) -> Operator:
        return Operator(
            f"encoder.{layer}.softmax",
            OperatorKind.SOFTMAX,
            self.tokens,
            self.tokens,
            self.tokens,
            self.model.heads,
            layer=layer,
            masked=self.padding_mask,
        )

    def _close(self, layer: int, half: str, output: str, residual: str) -> str:
        """Place the residual addition and layer norm that close one half of a layer."""
        name, width = f"encoder.{layer}.{half}", self.model.hidden_size
        kind = OperatorKind.ADD
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
        columns: int | None = None,
        depth: int | None = None,
    ) -> str:
        """Place a matmul of a layer, hidden size to hidden size unless told otherwise."""
        hidden = self.model.hidden_size
        sizes = (self.tokens, columns or hidden, depth or hidden)
        module, name = self._layer_module(layer, part), f"encoder.{layer}.{part}"
        return self._matmul(name, module, sizes, source, Role.BACKBONE, layer=layer)

    def _layer_module(self, layer: int, part: str) -> str:
        stored = 0 if self.model.shared_layers else layer
        family = self.model.family
        return _LAYER_PREFIX[family].format(stored) + _LAYER_MODULES[family][part]

    def _gather(self, name: str, table: str, entries: int) -> str:
        width = self.model.embedding_size
        weight = self._parameter(f"embeddings.{table}.weight", (entries, width), Role.EMBEDDING)
        kind, name = OperatorKind.GATHER, f"embedding.{name}"
        return self._place(Operator(name, kind, self.tokens, width, 1, parameters=(weight,)))

    def _matmul(
        self,
        name: str,
        module: str,
        sizes: tuple[int, int, int],
        source: str,
        role: Role,
        layer: int | None = None,
    ) -> str:
        rows, columns, depth = sizes
        weight = self._parameter(f"{module}.weight", (columns, depth), role)
        bias = self._parameter(f"{module}.bias", (columns,), role)
        kind, both = OperatorKind.MATMUL, (weight, bias)
        matmul = Operator(name, kind, rows, columns, depth, parameters=both, layer=layer)
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
        kind, both = OperatorKind.LAYER_NORM, (scale, shift)
        norm = Operator(name, kind, self.tokens, width, width, parameters=both, layer=layer)
        return self._place(norm, source)

    def _elementwise(
        self, name: str, kind: OperatorKind, width: int, *sources: str, layer: int | None = None
    ) -> str:
        return self._place(Operator(name, kind, self.tokens, width, width, layer=layer), *sources)

    def _place(self, operator: Operator, *sources: str) -> str:
        self.operators.append(operator)
        self.edges.extend((source, operator.name) for source in sources)
        return operator.name

    def _parameter(self, name: str, shape: tuple[int, ...], role: Role) -> Parameter:
        """Return the one parameter of a name: layers that share it hold the same object."""
        return self._parameters.setdefault(name, Parameter(name, shape, role))
