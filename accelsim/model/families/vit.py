"""ViT and DeiT: an encoder of picture patches, and a class token before them.

Dosovitskiy et al., "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale",
ICLR 2021, table 1; Touvron et al., "Training data-efficient image transformers & distillation
through attention", ICML 2021, table 1 (DeiT without distillation is a ViT; with it, the classifier
of its second token is left out, as in ``DeiTForImageClassification``). Structure and names:
``ViTForImageClassification`` of Hugging Face transformers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from accelsim.model.builder import GraphBuilder
from accelsim.model.families.base import Epsilon, Size
from accelsim.model.families.huggingface import PICTURE, HuggingFace
from accelsim.model.families.vision import Vision
from accelsim.model.operators import ADD, GATHER, PREPEND, Window
from accelsim.model.operators.activations import Activation
from accelsim.model.tensors import Parameter, Role


def _preset(layers: int, hidden: int, heads: int) -> dict[str, Any]:
    sizes = {"layers": layers, "hidden_size": hidden, "heads": heads, "patch_size": 16}
    sizes |= {"intermediate_size": 4 * hidden}
    return {**sizes, "image_height": 224, "image_width": 224, "channels": 3}


# Files keep the names of older versions of transformers.
_LAYER = r"^encoder\.layer\.(\d+)\."
_RENAMED = {
    _LAYER + r"attention\.attention\.([qkv])\w+": r"layers.\1.attention.\2_proj",
    _LAYER + r"attention\.output\.dense": r"layers.\1.attention.o_proj",
    _LAYER + r"intermediate\.dense": r"layers.\1.mlp.fc1",
    _LAYER + r"output\.dense": r"layers.\1.mlp.fc2",
    _LAYER + "layernorm": r"layers.\1.layernorm",
    r"^cls_classifier\.": "classifier.",
}


class Vit(Vision):
    """Hyperparameters of a ViT, whose classifier reads the class token."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "vit-tiny": _preset(12, 192, 3),
        "vit-small": _preset(12, 384, 6),
        "vit-base": _preset(12, 768, 12),
        "deit-tiny": _preset(12, 192, 3),
        "deit-small": _preset(12, 384, 6),
        "deit-base": _preset(12, 768, 12),
    }
    usual: ClassVar[Mapping[str, Any]] = {
        "activation": "gelu",
        "norm_epsilon": 1e-12,
        "batch_norm": "folded",
        "tf_padding": False,
        "distillation_token": False,
    }
    huggingface = HuggingFace(
        types=("vit", "deit"),
        keys={
            "layers": "num_hidden_layers",
            "hidden_size": "hidden_size",
            "heads": "num_attention_heads",
            "intermediate_size": "intermediate_size",
            "activation": "hidden_act",
            "norm_epsilon": "layer_norm_eps",
            **PICTURE,
            "patch_size": "patch_size",
        },
        signs={"qkv_bias": True},
        defaults={"hidden_act": "gelu", "layer_norm_eps": 1e-12, "num_channels": 3},
        demands={"qkv_bias": True},
        prefixes=("vit.", "deit."),
        left_out=("distillation_classifier.",),
        known_by=r"(^|\.)(vit|deit)\.|\.layernorm_before\.",
        renamed=_RENAMED,
    )

    family: Annotated[Literal["vit"], Field(description="structure and parameter names")]
    hidden_size: Annotated[Size, Field(description="width between the operators of a layer")]
    heads: Annotated[Size, Field(description="attention heads of a layer")]
    intermediate_size: Annotated[Size, Field(description="width inside the feed-forward network")]
    patch_size: Annotated[Size, Field(description="pixels of the side of a patch")]
    activation: Annotated[Activation, Field(description="function inside the feed-forward network")]
    norm_epsilon: Annotated[Epsilon, Field(description="added to the variance of a norm")]
    distillation_token: Annotated[bool, Field(description="a second token before the patches")]

    @classmethod
    def translate(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters of a configuration; a ``deit`` is one that was distilled."""
        distilled = config["model_type"] == "deit"
        width = config.get("head_dim", 0) * config["num_attention_heads"]
        if width not in (0, config["hidden_size"]):
            raise ValueError(
                f"head_dim: heads are {width} wide together; expected hidden_size "
                f"{config['hidden_size']}, for which the family vit is built"
            )
        return {**super().translate(config), "distillation_token": distilled}

    @model_validator(mode="after")
    def _check(self) -> Vit:
        sides = (self.image_height, self.image_width)
        if any(side % self.patch_size for side in sides) or self.hidden_size % self.heads:
            raise ValueError(
                f"patch_size {self.patch_size} must divide {sides[0]} x {sides[1]} pixels, and "
                f"heads {self.heads} hidden_size {self.hidden_size}"
            )
        return self

    @property
    def tokens(self) -> int:
        """The patches, and the learned tokens before them."""
        learned = 2 if self.distillation_token else 1
        return learned + self.image_height * self.image_width // self.patch_size**2

    def add_layers(self, graph: GraphBuilder) -> str:
        """Place the embedding, the layers and the last norm."""
        hidden = self._embedding(graph)
        for layer in range(self.layers):
            graph.enter("encoder", layer, layer=layer)
            hidden = self._layer(graph, f"layers.{layer}.", hidden)
        graph.enter()
        return self._norm(graph, "layer_norm", "layernorm", hidden)

    def _embedding(self, graph: GraphBuilder) -> str:
        graph.enter("embedding")
        side, width = (self.patch_size, self.patch_size), self.hidden_size
        window = Window((self.image_height, self.image_width), side, side)
        module, channels = "embeddings.patch_embeddings.projection", (width, self.channels)
        patches = graph.convolution("patches", module, None, channels, window, bias=True)
        rows, count = patches, self.tokens
        learned = ("cls", "distillation") if self.distillation_token else ("cls",)
        for number, name in reversed([*enumerate(learned)]):
            first = Parameter(f"embeddings.{name}_token", (width,), Role.BACKBONE)
            moved = Window((count - number - 1, 1), (1, 1))
            rows = graph.place(
                "class" if name == "cls" else name,
                PREPEND,
                rows,
                rows=count - number,
                parameters=(first,),
                window=moved,
            )
        table = Parameter("embeddings.position_embeddings", (self.tokens, width), Role.EMBEDDING)
        sizes = {"rows": self.tokens, "columns": width, "depth": 1}
        position = graph.place("position", GATHER, **sizes, parameters=(table,))
        return graph.place("add", ADD, rows, position)

    def _layer(self, graph: GraphBuilder, prefix: str, hidden: str) -> str:
        width, inner = self.hidden_size, self.intermediate_size
        normal = self._norm(graph, "attention_layer_norm", f"{prefix}layernorm_before", hidden)
        query, key, value = (
            graph.linear(name, f"{prefix}attention.{name[0]}_proj", normal, (width, width))
            for name in ("query", "key", "value")
        )
        context = graph.attention(query, key, value, self.heads)
        output = graph.linear("output", f"{prefix}attention.o_proj", context, (width, width))
        middle = graph.place("attention_add", ADD, output, hidden)
        normal = self._norm(graph, "ffn_layer_norm", f"{prefix}layernorm_after", middle)
        wide = graph.linear("ffn1", f"{prefix}mlp.fc1", normal, (inner, width))
        wide = graph.function(self.activation, wide)
        narrow = graph.linear("ffn2", f"{prefix}mlp.fc2", wide, (width, inner))
        return graph.place("ffn_add", ADD, narrow, middle)

    def _norm(self, graph: GraphBuilder, name: str, module: str, source: str) -> str:
        return graph.norm(name, module, source, Role.BACKBONE, epsilon=self.norm_epsilon)

    def add_classifier(self, graph: GraphBuilder, hidden: str, classes: int) -> str:
        """Place the classifier of the class token."""
        shape = (classes, self.hidden_size)
        return graph.linear("classifier", "classifier", hidden, shape, Role.TASK, rows=1)
