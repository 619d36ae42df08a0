"""GPT-NeoX and Pythia: attention and feed-forward network side by side, rotary positions.

Black et al., "GPT-NeoX-20B: An Open-Source Autoregressive Language Model", 2022; Biderman et al.,
"Pythia: A Suite for Analyzing Large Language Models Across Training and Scaling", ICML 2023.
Sizes: config.json of EleutherAI/pythia-{70m,160m} on Hugging Face. The rows of queries, keys
and values of each head stand together in one matrix.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from accelsim.errors import ConfigError
from accelsim.model.builder import GraphBuilder
from accelsim.model.families.decoder import Decoder, check_turned, rotary_of, rotary_tables
from accelsim.model.families.huggingface import SIZES, HuggingFace
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ADD, ROTARY
from accelsim.model.tensors import Role

# Constants that old checkpoints hold.
_CONSTANT = re.compile(r"layers\.\d+\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)")

_HEADS = {"embed_out.weight": "lm_head.weight"}


def _preset(layers: int, hidden: int, heads: int) -> dict[str, Any]:
    sizes = {"layers": layers, "hidden_size": hidden, "heads": heads, "vocabulary_size": 50_304}
    more = {"intermediate_size": 4 * hidden, "maximum_positions": 2048, "tied_embeddings": False}
    return {**sizes, **more}


class GptNeox(Decoder):
    """Hyperparameters of a GPT-NeoX; where not ``parallel`` the halves of a layer follow.

    ``rotary_scaled`` angles are simulated, but a forward pass of them is refused.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "pythia-70m": _preset(6, 512, 8),
        "pythia-160m": _preset(12, 768, 12),
    }
    usual: ClassVar[Mapping[str, Any]] = {
        "activation": "gelu",
        **Decoder.usual,
        "rotary_base": 1e4,
        "rotary_share": 0.25,
        "rotary_scaled": False,
        "parallel": True,
        "biased": True,
    }
    table = "embed_in"
    huggingface = HuggingFace(
        types=("gpt_neox",),
        keys={
            **SIZES,
            "activation": "hidden_act",
            "norm_epsilon": "layer_norm_eps",
            "tied_embeddings": "tie_word_embeddings",
            "parallel": "use_parallel_residual",
            "biased": "attention_bias",
        },
        signs={"use_parallel_residual": True},
        defaults={
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-5,
            "tie_word_embeddings": False,
            "use_parallel_residual": True,
            "attention_bias": True,
        },
        prefixes=("gpt_neox.",),
    )

    family: Annotated[Literal["gpt_neox"], Field(description="structure and parameter names")]
    parallel: Annotated[bool, Field(description="both halves of a layer read its input")]
    biased: Annotated[bool, Field(description="biases in the attention")]
    rotary_base: Annotated[float, Field(gt=1, description="of the wavelengths of rotary angles")]
    rotary_share: Annotated[float, Field(gt=0, le=1, description="of a head that is turned")]
    rotary_scaled: Annotated[bool, Field(description="angles scaled for long prompts")]

    @classmethod
    def translate(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters of a configuration; rotary angles under either name."""
        rotary = rotary_of(config)
        base = config.get("rotary_emb_base", config.get("rope_theta", 10_000.0))
        share = config.get("rotary_pct", config.get("partial_rotary_factor", 0.25))
        return {
            **super().translate(config),
            "rotary_base": float(rotary.get("rope_theta", base)),
            "rotary_share": rotary.get("partial_rotary_factor", share),
            "rotary_scaled": rotary["type"] != "default",
        }

    @classmethod
    def adopt(cls, name: str, values: Any) -> Mapping[str, Any]:
        """Leave out constants that are no parameters; the head has a new name."""
        return {} if _CONSTANT.fullmatch(name) else {_HEADS.get(name, name): values}

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.check_heads()
        check_turned(self.hidden_size // self.heads, self.turned)
        return self

    @property
    def turned(self) -> int:
        """Columns of a head that rotary positions turn."""
        return int(self.hidden_size // self.heads * self.rotary_share)

    def add_layer(
        self, graph: GraphBuilder, layer: int, hidden: str, heads: int, masked: bool
    ) -> str:
        """Place attention and feed-forward network, each behind a norm."""
        prefix, width, inner = f"layers.{layer}.", self.hidden_size, self.intermediate_size
        role, square = Role.BACKBONE, (width, width)
        normal = self.norm(graph, "attention_layer_norm", f"{prefix}input_layernorm", hidden)
        whole, bias = f"{prefix}attention.query_key_value", self.biased
        query, key, value = (
            graph.part(name, whole, normal, square, role, bias=bias, runs=self.heads)
            for name in ("query", "key", "value")
        )
        query, key = (
            graph.place(f"{name}_rotary", ROTARY, source)
            for name, source in (("query", query), ("key", key))
        )
        context = graph.attention(query, key, value, heads, masked=True)
        output = graph.linear("output", f"{prefix}attention.dense", context, square, bias=bias)
        middle = graph.place("attention_add", ADD, output, hidden)
        module, source = f"{prefix}post_attention_layernorm", hidden if self.parallel else middle
        normal = self.norm(graph, "ffn_layer_norm", module, source)
        wide = graph.linear("ffn1", f"{prefix}mlp.dense_h_to_4h", normal, (inner, width))
        wide = graph.function(self.activation, wide)
        narrow = graph.linear("ffn2", f"{prefix}mlp.dense_4h_to_h", wide, (width, inner))
        return graph.place("ffn_add", ADD, narrow, middle)

    def add_classifier(self, graph: GraphBuilder, module: str, hidden: str, classes: int) -> str:
        """Place the last norm and the head."""
        return self.add_head(graph, self.norm(graph, "layer_norm", "final_layer_norm", hidden))

    def outside(self, graph: LayerGraph, ends: Any) -> dict[str, list[Any]]:
        """Return masks, and cosines and sines of the rotary angles."""
        if self.rotary_scaled:
            raise ConfigError(f"{self.name}: scaled rotary angles are not known to a forward pass")
        size = self.hidden_size // self.heads
        tables = rotary_tables(graph, size, self.turned, self.rotary_base)
        return {**super().outside(graph, ends), **tables}
