"""What a family of models is: hyperparameters, and the graph that they make."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from accelsim.errors import ConfigError
from accelsim.inputs.validation import ConfigModel
from accelsim.model.builder import GraphBuilder
from accelsim.model.families.huggingface import HuggingFace
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ENTROPY
from accelsim.model.operators.epsilon import known_epsilon
from accelsim.model.tensors import Role

# No published encoder has larger sizes, and the deepest has 1000 layers: Wang et al., "DeepNet:
# Scaling Transformers to 1,000 Layers", 2022. A value beyond is a slip.
Size = Annotated[int, Field(gt=0, le=1_000_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Layers = Annotated[int, Field(gt=0, le=1000)]
Epsilon = Annotated[float, AfterValidator(known_epsilon)]

Exits = Literal["none", "shared", "per_layer"]


class Network(ConfigModel):
    """Hyperparameters of any model; those not given are taken from the preset ``name``.

    ``family`` is a Literal in each subclass, ``presets`` are complete sets of values by name. A
    ``custom`` model has no preset and must give all of them but ``usual`` ones, which a family has
    unless told otherwise. Sizes are in elements. Tasks have classes where the family
    ``classifies``; one that ``generates`` answers with tokens. ``huggingface`` says what
    transformers calls all this, None if it has no such family.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    usual: ClassVar[Mapping[str, Any]] = {}
    huggingface: ClassVar[HuggingFace | None] = None
    classifies: ClassVar[bool] = True
    generates: ClassVar[bool] = False

    name: Annotated[str, Field(description="preset, or custom")]
    family: Annotated[str, Field(description="structure and parameter names")]
    layers: Annotated[Layers, Field(description="number of layers that are alike")]

    @classmethod
    def complete(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters with usual ones, and with those that follow from others."""
        return {**cls.usual, **given}

    @classmethod
    def translate(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters of a configuration of Hugging Face, defaults filled in.

        Raises ValueError for what the family cannot be.
        """
        assert cls.huggingface
        return {ours: config[theirs] for ours, theirs in cls.huggingface.keys.items()}

    @classmethod
    def adopt(cls, name: str, values: Any) -> Mapping[str, Any]:
        """Return the parameters, by our names, that a tensor of a checkpoint of the family holds.

        Another family's are returned as they are.
        """
        return {name: values}

    @property
    @abstractmethod
    def longest(self) -> int:
        """The most tokens of an input; a picture is one."""

    @property
    @abstractmethod
    def attention_heads(self) -> int:
        """Heads that can be switched off."""

    @property
    def leaves_early(self) -> bool:
        """Whether a classifier may stand behind a layer before the last."""
        return False

    @property
    def most_kept(self) -> int:
        """The most tokens that a later one reads."""
        return self.longest

    def inputs(self, sequence_length: int) -> str:
        """Say what an input of so many tokens is."""
        return f"{sequence_length} tokens"

    @abstractmethod
    def build(
        self,
        *,
        sequence_length: int,
        classes: int,
        padding_mask: bool = True,
        exits: Exits = "none",
        attention_spans: Sequence[int] | None = None,
    ) -> LayerGraph:
        """Return the graph of one inference, roles as pretrained: classifiers alone are ``task``.

        ``sequence_length`` is in tokens, ``classes`` the outputs of the classifier.
        """

    def outputs(self, classes: int | None) -> int:
        """Return how many outputs the model has for a task with so many classes."""
        return classes or 1


class OneInput(Network):
    """A network that reads one input at a time, ``reads``; without heads unless told."""

    reads: ClassVar[str] = "input"

    @abstractmethod
    def graph(self, classes: int) -> LayerGraph:
        """Return the graph of one input, with so many outputs of a classifier."""

    def build(
        self,
        *,
        sequence_length: int = 1,
        classes: int = 1,
        padding_mask: bool = True,
        exits: Exits = "none",
        attention_spans: Sequence[int] | None = None,
    ) -> LayerGraph:
        """Return the graph of one input. Raises ConfigError for exits, and for more than one."""
        if sequence_length != 1 or exits != "none" or attention_spans is not None:
            raise ConfigError(
                f"{self.name} reads one {self.reads} at a time, without early exits, attention "
                "spans or virtual tokens; leave them and the sequence length out"
            )
        return self.graph(classes)

    @property
    def longest(self) -> int:
        """One input."""
        return 1

    @property
    def attention_heads(self) -> int:
        """None can be switched off."""
        return 0


class ModelFamily(Network):
    """Hyperparameters of a model that reads tokens.

    ``logits`` is the module that gives them, behind the name of a classifier; ``first_position``
    the row of the table of positions that the first token takes.
    """

    logits: ClassVar[str] = ""
    first_position: ClassVar[int] = 0

    vocabulary_size: Annotated[Size, Field(description="tokens in the vocabulary")]
    hidden_size: Annotated[Size, Field(description="width between the operators of a layer")]
    heads: Annotated[Size, Field(description="attention heads of a layer")]
    maximum_positions: Annotated[Size, Field(description="longest sequence in tokens")]
    type_vocabulary_size: Annotated[
        Count, Field(description="token types (sentence A, B), 0 for a model without")
    ]

    @classmethod
    def translate(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters of a configuration of Hugging Face."""
        found = super().translate(config)
        if cls.first_position:
            found["maximum_positions"] -= cls.first_position
        return found

    @property
    def longest(self) -> int:
        """The positions that it has."""
        return self.maximum_positions

    @property
    def attention_heads(self) -> int:
        """The heads of a layer."""
        return self.heads

    @property
    def leaves_early(self) -> bool:
        """Whether there is a layer before the last."""
        return self.classifies and self.layers > 1

    @property
    def window(self) -> int | None:
        """How many tokens a token sees, itself included; None where it sees all before it."""
        return None

    @property
    def most_kept(self) -> int:
        """The positions, or the window."""
        return self.longest if self.window is None else self.window

    def outside(self, graph: LayerGraph, ends: Any) -> dict[str, list[Any]]:
        """Return what a forward pass gives operators beside look-ups and padding, by their names.

        ``ends`` are the numbers of the last token of each sentence. Raises ConfigError for a model
        whose forward pass is not known.
        """
        return {}

    @abstractmethod
    def add_embedding(self, graph: GraphBuilder) -> str:
        """Place what comes before the layers.

        The look-ups are called ``embedding.token``, ``.position`` and ``.type``: this is how a
        forward pass knows what they look up.
        """

    @abstractmethod
    def add_layer(
        self, graph: GraphBuilder, layer: int, hidden: str, heads: int, masked: bool
    ) -> str:
        """Place one layer, in which so many ``heads`` are on; ``hidden`` is what it reads."""

    def add_classifier(self, graph: GraphBuilder, module: str, hidden: str, classes: int) -> str:
        """Place what gives the logits of the first token."""
        shape = (classes, self.hidden_size)
        return graph.linear("classifier", module + self.logits, hidden, shape, Role.TASK, rows=1)

    def build(
        self,
        *,
        sequence_length: int,
        classes: int,
        padding_mask: bool = True,
        exits: Exits = "none",
        attention_spans: Sequence[int] | None = None,
        kept: int | None = None,
        requests: int = 1,
    ) -> LayerGraph:
        """Return the graph of one inference, roles as pretrained: classifiers alone are ``task``.

        ``sequence_length`` is in tokens, ``classes`` the outputs of the classifier, and
        ``padding_mask`` marks the softmax operators as masked.

        With ``exits`` an exit check follows every encoder layer but the last: pooler, classifier
        and the entropy of its logits, on the first token. ``shared`` checks use the final pooler
        and classifier; ``per_layer`` gives each check a classifier of its own
        (``exits.0.classifier`` behind layer 0) and the final pooler [ours: 11 more poolers of
        albert-base would be more than half as large as the whole model].

        With ``kept``, of a decoder, keys and values are kept for later tokens: 0 of them are there
        before a prompt, and so many before each token that is generated. Where ``requests`` share
        a pass over the weights, ``sequence_length`` is one token of each.

        ``attention_spans`` is the reach in tokens of each head, the same in every layer. A head of
        span 0 is off: it is neither loaded nor computed, though its parameters remain stored. A
        shorter span saves nothing, since EdgeBERT masks the complete product.

        Early exit and attention spans are EdgeBERT's (Tambe et al., MICRO 2021;
        harvard-acc/EdgeBERT, sw/EdgeBERT/transformers: modeling_highway_albert.py,
        adaptive_span.py). An exit there has a pooler and a classifier of its own for each layer,
        or one of both for all layers (``one_class``).

        Raises ConfigError for a sequence that is longer than the model's positions, a size below
        1, exits of a regression or of a single layer, and spans that do not fit the heads.
        """
        self._check_sizes(sequence_length // requests + (kept or 0), classes)
        if exits != "none":
            self._check_exits(classes)
        heads = self._active_heads(attention_spans)
        masked = padding_mask or attention_spans is not None
        graph = GraphBuilder(sequence_length, kept, self.window, requests)
        hidden = self.add_embedding(graph)
        for layer in range(self.layers):
            graph.enter("encoder", layer, layer=layer)
            hidden = self.add_layer(graph, layer, hidden, heads, masked)
            if exits != "none" and layer < self.layers - 1:
                graph.enter("exit", layer)
                module = "classifier" if exits == "shared" else f"exits.{layer}.classifier"
                logits = self.add_classifier(graph, module, hidden, classes)
                graph.place("entropy", ENTROPY, logits, columns=1, depth=classes)
        graph.enter()
        self.add_classifier(graph, "classifier", hidden, classes)
        return graph.build()

    def check_heads(self, key: str = "hidden_size") -> None:
        """Raise ValueError for heads that differ in their width, where all have that of a key."""
        if getattr(self, key) % self.heads:
            raise ValueError(
                f"{key} {getattr(self, key)} is not divisible by heads {self.heads}; every head "
                "must have the same width"
            )

    def _check_sizes(self, sequence_length: int, classes: int) -> None:
        if sequence_length < 1:
            raise ConfigError(f"sequence_length is {sequence_length}, must be 1 token or more")
        if sequence_length > self.maximum_positions:
            raise ConfigError(
                f"sequence_length {sequence_length} is more than the {self.maximum_positions} "
                f"positions of {self.name}; shorten it or raise maximum_positions"
            )
        if classes < 1:
            raise ConfigError(f"classes is {classes}, must be 1 or more (1 for a regression)")

    def _check_exits(self, classes: int) -> None:
        if classes == 1:
            raise ConfigError(
                "a regression (1 class) has no entropy by which a sentence could exit early, got "
                "exits; choose a task with 2 or more classes or exits: none"
            )
        if self.layers == 1:
            raise ConfigError(
                f"{self.name} has 1 encoder layer and so no exit before its end, got exits; "
                "choose 2 or more layers or exits: none"
            )

    def _active_heads(self, spans: Sequence[int] | None) -> int:
        """Return the number of heads with a span above 0."""
        if spans is None:
            return self.heads
        if len(spans) != self.heads:
            raise ConfigError(
                f"attention_spans has {len(spans)} values, but {self.name} has {self.heads} "
                "heads; give each head its span in tokens, 0 to switch it off"
            )
        for head, span in enumerate(spans):
            if span < 0:
                raise ConfigError(
                    f"attention_spans: head {head} has the span {span}, must be 0 (off) or more "
                    "tokens"
                )
        if not any(spans):
            raise ConfigError(
                "attention_spans are all 0, so no token would see another; give at least one head "
                "a span of 1 token or more"
            )
        return sum(span > 0 for span in spans)
