"""MobileNetV1: depthwise convolutions, each followed by a pointwise one.

Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
2017, table 1. Structure and names: ``MobileNetV1ForImageClassification`` of Hugging Face
transformers. The small one is MLPerf Tiny's of visual wake words: mlcommons/tiny,
benchmark/training/visual_wake_words/vww_model.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from accelsim.model.builder import GraphBuilder
from accelsim.model.families.huggingface import PICTURE, HuggingFace
from accelsim.model.families.vision import Vision
from accelsim.model.operators.window import Pair

# Widths behind the pointwise convolutions, as shares of 1024, and the strides before them.
_WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)


class MobileNet(Vision):
    """Hyperparameters of a MobileNetV1: ``width_multiplier`` times the published channels."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "mobilenet-v1": {"image_height": 224, "image_width": 224, "channels": 3},
        "mobilenet-v1-vww": {
            "image_height": 96,
            "image_width": 96,
            "channels": 3,
            "width_multiplier": 0.25,
        },
    }
    usual: ClassVar[Mapping[str, Any]] = {
        "batch_norm": "folded",
        "tf_padding": True,
        "width_multiplier": 1.0,
        "relu6": True,
        "layers": len(_WIDTHS),
    }
    huggingface = HuggingFace(
        types=("mobilenet_v1",),
        keys={**PICTURE, "width_multiplier": "depth_multiplier", "tf_padding": "tf_padding"},
        signs={"tf_padding": True, "depth_multiplier": 1.0},
        defaults={
            "num_channels": 3,
            "depth_multiplier": 1.0,
            "image_size": 224,
            "tf_padding": True,
        },
        demands={"hidden_act": "relu6", "layer_norm_eps": 0.001, "min_depth": 8},
        prefixes=("mobilenet_v1.",),
        known_by=r"(^|\.)mobilenet_v1\.|conv_stem\.convolution",
        batch_norm_epsilon=1e-3,
    )

    family: Annotated[Literal["mobilenet"], Field(description="structure and parameter names")]
    layers: Annotated[Literal[13], Field(description="pairs of convolutions")]
    width_multiplier: Annotated[float, Field(gt=0, le=16, description="of all channels")]
    relu6: Annotated[bool, Field(description="activations end at 6")]

    @classmethod
    def translate(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters of a configuration."""
        found = super().translate(config)
        return {**found, "width_multiplier": float(found["width_multiplier"])}

    def add_layers(self, graph: GraphBuilder) -> str:
        """Place the first convolution, the pairs and the mean pixel."""
        form, inner = "6" if self.relu6 else "", self._channels(32)
        graph.enter("stem")
        window = self.window((self.image_height, self.image_width), (3, 3), 2)
        stem = ("conv_stem", None, (inner, self.channels), window)
        hidden = self.convolution(graph, "convolution", *stem, relu=form)
        picture: Pair = window.made
        for layer, (width, stride) in enumerate(zip(_WIDTHS, _STRIDES, strict=True)):
            graph.enter(f"pair{layer}", layer, layer=layer)
            out, one = self._channels(width), self.window(picture, (3, 3), stride)
            for number, name, pair, window, groups in (
                (2 * layer, "depthwise", (inner, inner), one, inner),
                (2 * layer + 1, "pointwise", (out, inner), self.window(one.made, (1, 1), 1), 1),
            ):
                at = (f"layer.{number}", hidden, pair, window)
                hidden = self.convolution(graph, name, *at, groups=groups, relu=form)
            picture, inner = one.made, out
        return self.mean_pixel(graph, hidden, picture)

    def _channels(self, published: int) -> int:
        return max(8, int(published * self.width_multiplier))
