"""GPT-2: pre-norm layers, learned positions, a head that shares the table of tokens.

Radford et al., "Language Models are Unsupervised Multitask Learners", 2019, table 2 (layers,
width). Heads, vocabulary, positions and activation: config.json of openai-community/gpt2,
gpt2-medium, gpt2-large and gpt2-xl on Hugging Face. Its ``Conv1D`` weights are stored
transposed there, those of queries, keys and values as one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from accelsim.model.builder import GraphBuilder
from accelsim.model.families.decoder import Decoder
from accelsim.model.families.huggingface import HuggingFace
from accelsim.model.operators import ADD
from accelsim.model.tensors import Role

# Tensors of a checkpoint, with or without the prefix of a model with a head.
_TENSOR = re.compile(
    r"(transformer\.)?(?P<name>(?P<module>h\.\d+\.(attn|mlp)\.c_\w+)\.(?P<part>weight|bias)"
    r"|(h\.\d+|wte|wpe|ln_f)\.[\w.]+)"
)
_MASK = re.compile(r"h\.\d+\.attn\.(masked_)?bias")


def _preset(layers: int, hidden: int, heads: int) -> dict[str, Any]:
    sizes = {"layers": layers, "hidden_size": hidden, "heads": heads, "vocabulary_size": 50_257}
    return {**sizes, "maximum_positions": 1024, "tied_embeddings": True}


class Gpt2(Decoder):
    """Hyperparameters of a GPT-2; ``intermediate_size`` is four times the hidden size."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "gpt2": _preset(12, 768, 12),
        "gpt2-medium": _preset(24, 1024, 16),
        "gpt2-large": _preset(36, 1280, 20),
        "gpt2-xl": _preset(48, 1600, 25),
    }
    usual: ClassVar[Mapping[str, Any]] = {"activation": "gelu_new", **Decoder.usual}
    table = "wte"
    huggingface = HuggingFace(
        types=("gpt2",),
        keys={
            "vocabulary_size": "vocab_size",
            "hidden_size": "n_embd",
            "layers": "n_layer",
            "heads": "n_head",
            "maximum_positions": "n_positions",
            "activation": "activation_function",
            "norm_epsilon": "layer_norm_epsilon",
            "tied_embeddings": "tie_word_embeddings",
        },
        signs={"n_ctx": 1024},
        defaults={
            "activation_function": "gelu_new",
            "layer_norm_epsilon": 1e-5,
            "tie_word_embeddings": True,
        },
        demands={
            "add_cross_attention": False,
            "scale_attn_by_inverse_layer_idx": False,
            "scale_attn_weights": True,
        },
    )

    family: Annotated[Literal["gpt2"], Field(description="structure and parameter names")]

    @classmethod
    def complete(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters with usual ones, and the width of the feed-forward network."""
        hidden = given.get("hidden_size")
        wide = {"intermediate_size": 4 * hidden} if isinstance(hidden, int) else {}
        return super().complete({**wide, **given})

    @classmethod
    def translate(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters of a configuration."""
        inner = {"intermediate_size": config["n_inner"]} if "n_inner" in config else {}
        return {**super().translate(config), **inner}

    @classmethod
    def adopt(cls, name: str, values: Any) -> Mapping[str, Any]:
        """Transpose matrices, and take queries, keys and values apart; masks are no parameters."""
        match = _TENSOR.fullmatch(name)
        if match is None:
            return {name: values}
        own, module = match["name"], match["module"]
        if module is None:
            return {} if _MASK.fullmatch(own) else {own: values}
        turned = values.T if values.ndim == 2 else values
        if not module.endswith("c_attn"):
            return {own: turned}
        third = len(turned) // 3
        return {
            f"{module}.{part}.{match['part']}": turned[number * third : (number + 1) * third]
            for number, part in enumerate(("query", "key", "value"))
        }

    def add_embedding(self, graph: GraphBuilder) -> str:
        """Place the look-ups and their sum."""
        role, width = Role.EMBEDDING, self.hidden_size
        graph.enter("embedding")
        token = graph.gather("token", self.table, (self.vocabulary_size, width), role)
        position = graph.gather("position", "wpe", (self.maximum_positions, width), role)
        return graph.place("add", ADD, token, position)

    def add_layer(
        self, graph: GraphBuilder, layer: int, hidden: str, heads: int, masked: bool
    ) -> str:
        """Place attention and feed-forward network, each behind a norm."""
        prefix, width, inner = f"h.{layer}.", self.hidden_size, self.intermediate_size
        normal = self.norm(graph, "attention_layer_norm", f"{prefix}ln_1", hidden)
        query, key, value = (
            graph.part(name, f"{prefix}attn.c_attn", normal, (width, width), Role.BACKBONE)
            for name in ("query", "key", "value")
        )
        context = graph.attention(query, key, value, heads, causal=True)
        output = graph.linear("output", f"{prefix}attn.c_proj", context, (width, width))
        middle = graph.place("attention_add", ADD, output, hidden)
        normal = self.norm(graph, "ffn_layer_norm", f"{prefix}ln_2", middle)
        wide = graph.linear("ffn1", f"{prefix}mlp.c_fc", normal, (inner, width))
        wide = graph.function(self.activation, wide)
        narrow = graph.linear("ffn2", f"{prefix}mlp.c_proj", wide, (width, inner))
        return graph.place("ffn_add", ADD, narrow, middle)

    def add_classifier(self, graph: GraphBuilder, module: str, hidden: str, classes: int) -> str:
        """Place the last norm and the head."""
        return self.add_head(graph, self.norm(graph, "layer_norm", "ln_f", hidden))
