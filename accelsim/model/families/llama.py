"""Decoders in the style of Llama: RMS norms, rotary positions, gated feed-forward, shared keys.

Touvron et al., "LLaMA: Open and Efficient Foundation Language Models", 2023, section 2.2; Ainslie
et al., "GQA: Training Generalized Multi-Query Transformer Models", EMNLP 2023 (shared keys and
values). Sizes: config.json of HuggingFaceTB/SmolLM-{135M,360M}, Qwen/Qwen2-0.5B, Qwen2.5-0.5B,
Qwen3-0.6B and TinyLlama/TinyLlama-1.1B on Hugging Face. Qwen2 has biases at queries, keys and
values, Qwen3 a norm of every head of queries and keys; Phi-3 stores products that read the same as
one; SmolLM3 turns no positions in some layers. Gemma adds one to the scales of its norms and
multiplies its embedding by a constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from accelsim.errors import ConfigError
from accelsim.model.builder import GraphBuilder
from accelsim.model.families.base import Count, Size
from accelsim.model.families.decoder import Decoder, check_turned, rotary_of, rotary_tables
from accelsim.model.families.huggingface import SIZES, HuggingFace
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ADD, MULTIPLY, RMS_NORM, ROTARY
from accelsim.model.tensors import Role


def _preset(
    layers: int, hidden: int, heads: int, key_heads: int, inner: int, **others: Any
) -> dict[str, Any]:
    sizes = {"layers": layers, "hidden_size": hidden, "heads": heads, "key_heads": key_heads}
    return {**sizes, "intermediate_size": inner, "tied_embeddings": True, **others}


_SMOL = {"vocabulary_size": 49_152, "maximum_positions": 2048}
_TINY = {"vocabulary_size": 32_000, "maximum_positions": 2048, "tied_embeddings": False}
_QWEN = {"vocabulary_size": 151_936, "query_bias": True, "norm_epsilon": 1e-6, "rotary_base": 1e6}
# The types that read a key for biases; others have none whatever it says.
_BIASED = {
    "attention_bias": ("llama", "qwen3", "gemma", "smollm3"),
    "mlp_bias": ("llama", "smollm3"),
}


class Llama(Decoder):
    """Hyperparameters of a Llama: ``heads`` share keys and values of ``key_heads``.

    ``rotary_scaled`` says that angles are scaled in a way of their own for long prompts,
    ``gemma`` that norms and embedding are Gemma's, whose constant factor is not counted [ours: a
    multiplication an element of the embedding, once a token]. Both change values and no shape:
    such a model is simulated, but its forward pass is refused. ``fused`` products are stored as
    one, side by side.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smollm-135m": _preset(30, 576, 9, 3, 1536, **_SMOL),
        "smollm-360m": _preset(32, 960, 15, 5, 2560, **_SMOL),
        "qwen2-0.5b": _preset(24, 896, 14, 2, 4864, maximum_positions=131_072, **_QWEN),
        "qwen2.5-0.5b": _preset(24, 896, 14, 2, 4864, maximum_positions=32_768, **_QWEN),
        "qwen3-0.6b": {
            **_preset(28, 1024, 16, 8, 3072, maximum_positions=40_960, **_QWEN),
            **{"query_bias": False, "head_norm": True, "head_size": 128},
        },
        "tinyllama-1.1b": _preset(22, 2048, 32, 4, 5632, **_TINY),
    }
    usual: ClassVar[Mapping[str, Any]] = {
        "activation": "silu",
        "rotary_base": 1e4,
        "rotary_share": 1.0,
        "unturned": [],
        **dict.fromkeys(("query_bias", "output_bias", "ffn_bias", "head_norm"), False),
        **dict.fromkeys(("rotary_scaled", "fused", "gemma"), False),
        "sliding_window": None,
        **Decoder.usual,
    }
    table = "embed_tokens"
    huggingface = HuggingFace(
        types=("llama", "qwen2", "mistral", "qwen3", "phi3", "gemma", "smollm3"),
        keys={
            **SIZES,
            "activation": "hidden_act",
            "norm_epsilon": "rms_norm_eps",
            "tied_embeddings": "tie_word_embeddings",
        },
        signs={"mlp_bias": False, "attention_bias": False},
        defaults={"hidden_act": "silu", "rms_norm_eps": 1e-6, "tie_word_embeddings": False},
        defaults_of={
            "mistral": {"num_key_value_heads": 8, "sliding_window": 4096},
            "qwen2": {"num_key_value_heads": 32},
            "qwen3": {"num_key_value_heads": 32, "head_dim": 128},
            "phi3": {"rms_norm_eps": 1e-5},
            "gemma": {"tie_word_embeddings": True, "num_key_value_heads": 16, "head_dim": 256}
            | {"hidden_act": "gelu_pytorch_tanh"},
            "smollm3": {"tie_word_embeddings": True, "num_key_value_heads": 4, "rope_theta": 2e6},
        },
        demands={"use_sliding_window": False, "use_bidirectional_attention": False},
        prefixes=("model.",),
    )

    family: Annotated[Literal["llama"], Field(description="structure and parameter names")]
    key_heads: Annotated[Size, Field(description="heads of keys and values, shared by heads")]
    head_size: Annotated[Size, Field(description="width of a head")]
    query_bias: Annotated[bool, Field(description="biases at queries, keys and values")]
    output_bias: Annotated[bool, Field(description="a bias behind the context, too")]
    ffn_bias: Annotated[bool, Field(description="biases in the feed-forward network")]
    head_norm: Annotated[bool, Field(description="a norm of each head of queries and keys")]
    fused: Annotated[bool, Field(description="one matrix for what reads the same")]
    gemma: Annotated[bool, Field(description="norms that add one, and a scaled embedding")]
    rotary_base: Annotated[float, Field(gt=1, description="of the wavelengths of rotary angles")]
    rotary_scaled: Annotated[bool, Field(description="angles scaled for long prompts")]
    rotary_share: Annotated[float, Field(gt=0, le=1, description="of a head that is turned")]
    unturned: Annotated[list[Count], Field(description="layers without rotary positions")]
    sliding_window: Annotated[
        Size | None, Field(description="tokens that a token sees, itself included; null for all")
    ]

    @classmethod
    def complete(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters with usual ones, and the width of a head."""
        sizes = [given.get("hidden_size"), given.get("heads")]
        # What is no whole number is told later, of its own key.
        hidden, heads = (each if isinstance(each, int) and each > 0 else 1 for each in sizes)
        if None in sizes or "head_size" in given:
            return super().complete(given)
        if hidden % heads and hidden > 1:
            raise ValueError(
                f"hidden_size {hidden} is not divisible by heads {heads}; change one of them or "
                "give head_size (head_dim of a config.json)"
            )
        return super().complete({"head_size": max(1, hidden // heads), **given})

    @classmethod
    def translate(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters of a configuration; rotary angles under either name."""
        rotary = rotary_of(config)
        base = rotary.get("rope_theta", config.get("rope_theta", 10_000.0))
        heads, of = config["num_attention_heads"], config.get("model_type")
        sizes = {"head_size": config["head_dim"]} if "head_dim" in config else {}
        biased, wide = (config.get(key, False) and of in types for key, types in _BIASED.items())
        share = config.get("partial_rotary_factor")
        return {
            **super().translate(config),
            **sizes,
            "key_heads": config.get("num_key_value_heads", heads),
            "query_bias": of == "qwen2" or biased,
            "output_bias": biased,
            "ffn_bias": wide,
            "head_norm": of == "qwen3",
            "fused": of == "phi3",
            "gemma": of == "gemma",
            "rotary_base": float(base),
            "rotary_scaled": rotary["type"] != "default",
            "rotary_share": rotary.get("partial_rotary_factor", share or 1.0)
            if of == "phi3"
            else 1.0,
            "unturned": _unturned(config) if of == "smollm3" else [],
            "sliding_window": config.get("sliding_window") if of in ("mistral", "phi3") else None,
        }

    @property
    def window(self) -> int | None:
        """The sliding window."""
        return self.sliding_window

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.heads % self.key_heads:
            raise ValueError(
                f"heads {self.heads} are not divisible by key_heads {self.key_heads}; as many "
                "heads must share each key"
            )
        check_turned(self.head_size, self.turned)
        return self

    @property
    def turned(self) -> int:
        """Columns of a head that rotary positions turn."""
        return int(self.head_size * self.rotary_share)

    def add_layer(
        self, graph: GraphBuilder, layer: int, hidden: str, heads: int, masked: bool
    ) -> str:
        """Place attention and gated feed-forward network, each behind a norm."""
        prefix, width, inner = f"layers.{layer}.", self.hidden_size, self.intermediate_size
        wide, narrow = heads * self.head_size, self.key_heads * self.head_size

        def linear(
            name: str, module: str, source: str, outputs: int, inputs: int, bias: bool, whole: str
        ) -> str:
            shape, module = (outputs, inputs), prefix + module
            if not self.fused or not whole:
                return graph.linear(name, module, source, shape, Role.BACKBONE, bias=bias)
            return graph.part(name, prefix + whole, source, shape, Role.BACKBONE, bias=bias)

        normal = self._norm(graph, "attention_norm", f"{prefix}input_layernorm", hidden)
        query, key, value = (
            linear(
                *(name, f"self_attn.{name[0]}_proj", normal, outputs, width),
                *(self.query_bias, "self_attn.qkv_proj"),
            )
            for name, outputs in (("query", wide), ("key", narrow), ("value", narrow))
        )
        query = self._positioned(graph, "query", prefix, query, layer)
        key = self._positioned(graph, "key", prefix, key, layer)
        context = graph.attention(
            query, key, value, heads, causal=True, groups=heads // self.key_heads
        )
        output = linear("output", "self_attn.o_proj", context, width, wide, self.output_bias, "")
        middle = graph.place("attention_add", ADD, output, hidden)
        normal = self._norm(graph, "ffn_norm", f"{prefix}post_attention_layernorm", middle)
        both, bias = "mlp.gate_up_proj", self.ffn_bias
        gate = linear("gate", "mlp.gate_proj", normal, inner, width, bias, both)
        gate = graph.function(self.activation, gate)
        up = linear("up", "mlp.up_proj", normal, inner, width, bias, both)
        wider = graph.place("multiply", MULTIPLY, gate, up)
        down = linear("down", "mlp.down_proj", wider, width, inner, bias, "")
        return graph.place("ffn_add", ADD, down, middle)

    def _positioned(
        self, graph: GraphBuilder, name: str, prefix: str, source: str, layer: int
    ) -> str:
        """Place the norm of heads, if there is one, and the rotary positions."""
        if self.head_norm:
            module = f"{prefix}self_attn.{name[0]}_norm"
            source = self._norm(graph, f"{name}_norm", module, source, self.head_size)
        return source if layer in self.unturned else graph.place(f"{name}_rotary", ROTARY, source)

    def _norm(
        self, graph: GraphBuilder, name: str, module: str, source: str, width: int | None = None
    ) -> str:
        own = (Role.BACKBONE, RMS_NORM, ("weight",), self.norm_epsilon, width)
        return graph.norm(name, module, source, *own)

    def add_classifier(self, graph: GraphBuilder, module: str, hidden: str, classes: int) -> str:
        """Place the last norm and the head."""
        return self.add_head(graph, self._norm(graph, "norm", "norm", hidden))

    def outside(self, graph: LayerGraph, ends: Any) -> dict[str, list[Any]]:
        """Return masks, and cosines and sines of the rotary angles."""
        if self.rotary_scaled or self.gemma:
            what = "scaled rotary angles" if self.rotary_scaled else "norms that add one"
            raise ConfigError(f"{self.name}: {what} are not known to a forward pass")
        tables = rotary_tables(graph, self.head_size, self.turned, self.rotary_base)
        return {**super().outside(graph, ends), **tables}


def _unturned(config: Mapping[str, Any]) -> list[int]:
    """Return the layers whose positions are not turned: those listed as 0, or every nth."""
    layers, each = range(config["num_hidden_layers"]), config.get("no_rope_layer_interval", 4)
    listed = config.get("no_rope_layers")
    return [n for n in layers if (not listed[n] if listed else (n + 1) % each == 0)]
