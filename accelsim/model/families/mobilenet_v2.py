"""MobileNetV2: a depthwise convolution between a widening and a narrowing one, residual sums.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, table 2.
Structure and names: ``MobileNetV2ForImageClassification`` of Hugging Face transformers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from accelsim.model.builder import GraphBuilder
from accelsim.model.families.huggingface import PICTURE, HuggingFace
from accelsim.model.families.vision import Vision
from accelsim.model.operators import ADD
from accelsim.model.operators.window import Pair

# Channels behind the stem and behind each bottleneck, and the strides of these.
_WIDTHS = (16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320)
_STRIDES = (2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)


class MobileNetV2(Vision):
    """Hyperparameters of a MobileNetV2: ``width_multiplier`` times the published channels."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "mobilenet-v2": {"image_height": 224, "image_width": 224, "channels": 3}
    }
    usual: ClassVar[Mapping[str, Any]] = {
        "batch_norm": "folded",
        "tf_padding": True,
        "width_multiplier": 1.0,
        "expansion": 6,
        "layers": len(_STRIDES),
    }
    huggingface = HuggingFace(
        types=("mobilenet_v2",),
        keys={
            **PICTURE,
            "width_multiplier": "depth_multiplier",
            "expansion": "expand_ratio",
            "tf_padding": "tf_padding",
        },
        signs={"finegrained_output": True},
        defaults={
            "num_channels": 3,
            "depth_multiplier": 1.0,
            "expand_ratio": 6,
            "image_size": 224,
            "tf_padding": True,
        },
        demands={
            "hidden_act": "relu6",
            "layer_norm_eps": 0.001,
            "min_depth": 8,
            "depth_divisible_by": 8,
            "finegrained_output": True,
            "first_layer_is_expansion": True,
            "output_stride": 32,
        },
        prefixes=("mobilenet_v2.",),
        known_by=r"(^|\.)mobilenet_v2\.|conv_stem\.first_conv",
        batch_norm_epsilon=1e-3,
    )

    family: Annotated[Literal["mobilenet_v2"], Field(description="structure and parameter names")]
    layers: Annotated[Literal[16], Field(description="bottlenecks")]
    width_multiplier: Annotated[float, Field(gt=0, le=16, description="of all channels")]
    expansion: Annotated[int, Field(gt=0, le=64, description="widening inside a bottleneck")]

    @classmethod
    def translate(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters of a configuration."""
        found = super().translate(config)
        whole = int(config["expand_ratio"])
        if whole != config["expand_ratio"]:
            raise ValueError(f"expand_ratio is {config['expand_ratio']}; expected a whole number")
        multiplier = float(found["width_multiplier"])
        return {**found, "width_multiplier": multiplier, "expansion": whole}

    def add_layers(self, graph: GraphBuilder) -> str:
        """Place the stem, the bottlenecks, the last convolution and the mean pixel."""
        widths = [_whole(width * self.width_multiplier) for width in _WIDTHS]
        graph.enter("stem")
        window, first = self.window((self.image_height, self.image_width), (3, 3), 2), "conv_stem."
        channels = (_whole(32 * self.width_multiplier), self.channels)
        stem = (f"{first}first_conv", None, channels, window)
        hidden = self.convolution(graph, "first", *stem, relu="6")
        hidden, picture = self._narrow(graph, first, hidden, window.made, widths[0], 1)
        for layer, (width, stride) in enumerate(zip(widths[1:], _STRIDES, strict=True)):
            graph.enter(f"bottleneck{layer}", layer, layer=layer)
            module, before = f"layer.{layer}.", graph.width(hidden)
            sizes, one = (_whole(before * self.expansion), before), self.window(picture, (1, 1), 1)
            expand = (f"{module}expand_1x1", hidden, sizes, one)
            wide = self.convolution(graph, "expand", *expand, relu="6")
            made, picture = self._narrow(graph, module, wide, picture, width, stride)
            alike = stride == 1 and width == before
            hidden = graph.place("add", ADD, hidden, made) if alike else made
        graph.enter()
        # As published, the last convolution is not narrowed.
        sizes = (max(1280, _whole(1280 * self.width_multiplier)), widths[-1])
        one = self.window(picture, (1, 1), 1)
        hidden = self.convolution(graph, "last", "conv_1x1", hidden, sizes, one, relu="6")
        return self.mean_pixel(graph, hidden, picture)

    def _narrow(
        self, graph: GraphBuilder, module: str, source: str, picture: Pair, width: int, stride: int
    ) -> tuple[str, Pair]:
        """Place a depthwise convolution and a narrowing one without an activation."""
        wide, window = graph.width(source), self.window(picture, (3, 3), stride)
        at = (f"{module}conv_3x3", source, (wide, wide), window)
        deep = self.convolution(graph, "depthwise", *at, groups=wide, relu="6")
        reduce = (f"{module}reduce_1x1", deep, (width, wide), self.window(window.made, (1, 1), 1))
        return self.convolution(graph, "reduce", *reduce, relu=None), window.made


def _whole(channels: float) -> int:
    """Return the multiple of 8 that is nearest, and not below nine tenths."""
    wanted = round(channels)
    found = max(8, (wanted + 4) // 8 * 8)
    return found + 8 if found < 0.9 * wanted else found
