"""OPT: GPT-2's layers with ReLU, positions from the third row on, or norms behind each half.

Zhang et al., "OPT: Open Pre-trained Transformer Language Models", 2022. Sizes: config.json of
facebook/opt-125m and opt-350m (whose norms stand behind the residual sums, and whose embedding is
narrower than its layers) on Hugging Face.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from accelsim.model.builder import GraphBuilder
from accelsim.model.families.base import Size
from accelsim.model.families.decoder import Decoder
from accelsim.model.families.huggingface import SIZES, HuggingFace
from accelsim.model.operators import ADD
from accelsim.model.tensors import Role


def _preset(layers: int, hidden: int, heads: int, **others: Any) -> dict[str, Any]:
    sizes = {"layers": layers, "hidden_size": hidden, "heads": heads, "vocabulary_size": 50_272}
    more = {"intermediate_size": 4 * hidden, "maximum_positions": 2048, "tied_embeddings": True}
    return {**sizes, **more, **others}


class Opt(Decoder):
    """Hyperparameters of an OPT; where ``norms_behind``, there is no norm before the head."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "opt-125m": _preset(12, 768, 12),
        "opt-350m": _preset(24, 1024, 16, embedding_size=512, norms_behind=True),
    }
    usual: ClassVar[Mapping[str, Any]] = {
        "activation": "relu",
        **Decoder.usual,
        "norms_behind": False,
        "last_norm": True,
        "biased": True,
    }
    table = "embed_tokens"
    first_position = 2
    huggingface = HuggingFace(
        types=("opt",),
        keys={
            **SIZES,
            "intermediate_size": "ffn_dim",
            "activation": "activation_function",
            "tied_embeddings": "tie_word_embeddings",
            "biased": "enable_bias",
        },
        signs={"do_layer_norm_before": True},
        defaults={"activation_function": "relu", "tie_word_embeddings": True, "enable_bias": True},
        demands={"layer_norm_elementwise_affine": True},
        prefixes=("model.decoder.", "decoder."),
    )

    family: Annotated[Literal["opt"], Field(description="structure and parameter names")]
    embedding_size: Annotated[Size, Field(description="width of the table of tokens")]
    norms_behind: Annotated[bool, Field(description="norms behind the residual sums")]
    last_norm: Annotated[bool, Field(description="a norm before the head, unless norms_behind")]
    biased: Annotated[bool, Field(description="biases at all products of the layers")]

    @classmethod
    def complete(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters with usual ones; the embedding is as wide as the layers."""
        follows = {"embedding_size": given["hidden_size"]} if "hidden_size" in given else {}
        return super().complete({**follows, **given})

    @classmethod
    def translate(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters of a configuration, which counts positions of tokens alone."""
        found = super().translate(config)
        return {
            **found,
            "maximum_positions": found["maximum_positions"] + cls.first_position,
            "embedding_size": config.get("word_embed_proj_dim", config["hidden_size"]),
            "norms_behind": not config.get("do_layer_norm_before", True),
            "last_norm": not config.get("_remove_final_layer_norm", False),
        }

    def add_embedding(self, graph: GraphBuilder) -> str:
        """Place the look-ups and their sum, a wider embedding first."""
        role, width, narrow = Role.EMBEDDING, self.hidden_size, self.embedding_size
        graph.enter("embedding")
        token = graph.gather("token", self.table, (self.vocabulary_size, narrow), role)
        if narrow != width:
            shape = (width, narrow)
            token = graph.linear("project_in", "project_in", token, shape, role, bias=False)
        rows = self.maximum_positions + self.first_position
        position = graph.gather("position", "embed_positions", (rows, width), role)
        return graph.place("add", ADD, token, position)

    def add_layer(
        self, graph: GraphBuilder, layer: int, hidden: str, heads: int, masked: bool
    ) -> str:
        """Place attention and feed-forward network, with a norm before or behind each."""
        prefix, width, inner = f"layers.{layer}.", self.hidden_size, self.intermediate_size

        def linear(name: str, module: str, source: str, outputs: int, inputs: int) -> str:
            shape, module = (outputs, inputs), prefix + module
            return graph.linear(name, module, source, shape, bias=self.biased)

        def norm(name: str, module: str, source: str, here: bool) -> str:
            return self.norm(graph, name, prefix + module, source) if here else source

        before, names = not self.norms_behind, ("attention_layer_norm", "self_attn_layer_norm")
        normal = norm(*names, hidden, before)
        query, key, value = (
            linear(name, f"self_attn.{name[0]}_proj", normal, width, width)
            for name in ("query", "key", "value")
        )
        context = graph.attention(query, key, value, heads, masked=True)
        output = linear("output", "self_attn.out_proj", context, width, width)
        middle = norm(*names, graph.place("attention_add", ADD, output, hidden), not before)
        names = ("ffn_layer_norm", "final_layer_norm")
        wide = linear("ffn1", "fc1", norm(*names, middle, before), inner, width)
        wide = graph.function(self.activation, wide)
        narrow = linear("ffn2", "fc2", wide, width, inner)
        return norm(*names, graph.place("ffn_add", ADD, narrow, middle), not before)

    def add_classifier(self, graph: GraphBuilder, module: str, hidden: str, classes: int) -> str:
        """Place the last norm, a narrower embedding and the head."""
        if self.last_norm and not self.norms_behind:
            hidden = self.norm(graph, "layer_norm", "final_layer_norm", hidden)
        if self.embedding_size != self.hidden_size:
            shape = (self.embedding_size, self.hidden_size)
            module, role = "project_out", Role.EMBEDDING
            hidden = graph.linear("project_out", module, hidden, shape, role, bias=False)
        return self.add_head(graph, hidden, self.embedding_size)
