"""ResNet: convolutions with residual sums.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1. Structure and names:
``ResNetForImageClassification`` of Hugging Face transformers, which strides in the 3 x 3
convolution; sizes: config.json of microsoft/resnet-{18,26,34,50}. ResNet-8: mlcommons/tiny,
benchmark/training/image_classification/keras_model.py, whose shortcuts have no norm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from accelsim.model.builder import GraphBuilder
from accelsim.model.families.base import Size
from accelsim.model.families.huggingface import PICTURE, HuggingFace
from accelsim.model.families.vision import Vision
from accelsim.model.operators import ADD, MAX_POOL, RELU, Window
from accelsim.model.operators.window import Pair

Sizes = Annotated[list[Size], Field(min_length=1, max_length=16)]
_PICTURE = {"image_height": 224, "image_width": 224, "channels": 3}
_REDUCTION = 4  # of a bottleneck


def _preset(kind: str, depths: list[int], *widths: int) -> dict[str, Any]:
    sizes = {"block": kind, "depths": depths, "widths": list(widths), "stem_width": 64}
    return {**_PICTURE, **sizes, "stem": "imagenet"}


class ResNet(Vision):
    """Hyperparameters of a ResNet: ``depths`` blocks of ``widths`` channels a stage.

    ``stem``: ``imagenet`` is a 7 x 7 convolution and a pooling, each of stride 2; ``cifar`` one
    3 x 3 convolution. The first block of each stage but the first strides by 2.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "resnet-8": {
            "image_height": 32,
            "image_width": 32,
            "channels": 3,
            "block": "basic",
            "depths": [1, 1, 1],
            "widths": [16, 32, 64],
            "stem_width": 16,
            "stem": "cifar",
            "tf_padding": True,
            "norm_shortcuts": False,
        },
        "resnet-18": _preset("basic", [2, 2, 2, 2], 64, 128, 256, 512),
        "resnet-26": _preset("bottleneck", [2, 2, 2, 2], 256, 512, 1024, 2048),
        "resnet-34": _preset("basic", [3, 4, 6, 3], 64, 128, 256, 512),
        "resnet-50": _preset("bottleneck", [3, 4, 6, 3], 256, 512, 1024, 2048),
    }
    usual: ClassVar[Mapping[str, Any]] = {
        "batch_norm": "folded",
        "tf_padding": False,
        "norm_shortcuts": True,
    }
    huggingface = HuggingFace(
        types=("resnet",),
        keys={
            **PICTURE,
            "stem_width": "embedding_size",
            "widths": "hidden_sizes",
            "depths": "depths",
            "block": "layer_type",
        },
        signs={"layer_type": "bottleneck", "downsample_in_first_stage": False},
        defaults={"num_channels": 3, "embedding_size": 64, "image_size": 224},
        demands={
            "hidden_act": "relu",
            "downsample_in_first_stage": False,
            "downsample_in_bottleneck": False,
        },
        prefixes=("resnet.",),
        known_by=r"(^|\.)resnet\.|embedder\.embedder\.",
        renamed={r"^classifier\.1\.": "classifier."},
    )

    family: Annotated[Literal["resnet"], Field(description="structure and parameter names")]
    block: Annotated[Literal["basic", "bottleneck"], Field(description="two 3 x 3, or 1, 3, 1")]
    depths: Annotated[Sizes, Field(description="blocks of each stage")]
    widths: Annotated[Sizes, Field(description="channels behind each stage")]
    stem_width: Annotated[Size, Field(description="channels behind the stem")]
    stem: Annotated[Literal["imagenet", "cifar"], Field(description="before the stages")]
    norm_shortcuts: Annotated[bool, Field(description="batch norms of shortcuts, too")]

    @classmethod
    def complete(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters with usual ones, and the number of blocks."""
        depths = given.get("depths")
        known = isinstance(depths, list) and all(isinstance(each, int) for each in depths)
        return super().complete({**({"layers": sum(depths)} if known and depths else {}), **given})

    @classmethod
    def translate(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters of a configuration."""
        return {**super().translate(config), "stem": "imagenet"}

    @model_validator(mode="after")
    def _check_stages(self) -> ResNet:
        if len(self.depths) != len(self.widths):
            raise ValueError(
                f"depths has {len(self.depths)} numbers and widths {len(self.widths)}; give both "
                "one a stage"
            )
        if self.layers != sum(self.depths):
            raise ValueError(f"layers {self.layers} is not the sum of depths; leave it out")
        return self

    def add_layers(self, graph: GraphBuilder) -> str:
        """Place stem, stages and the mean pixel."""
        hidden, picture = self._stem(graph)
        width, layer = self.stem_width, 0
        for stage, (depth, out) in enumerate(zip(self.depths, self.widths, strict=True)):
            for number in range(depth):
                graph.enter(f"stage{stage}", layer, layer=layer)
                stride = 2 if stage and not number else 1
                module = f"encoder.stages.{stage}.layers.{number}."
                hidden, picture = self._block(graph, module, hidden, picture, (out, width), stride)
                width, layer = out, layer + 1
        return self.mean_pixel(graph, hidden, picture)

    def _stem(self, graph: GraphBuilder) -> tuple[str, Pair]:
        graph.enter("stem")
        picture, wide = (self.image_height, self.image_width), self.stem == "imagenet"
        window = self.window(picture, (7, 7) if wide else (3, 3), 2 if wide else 1)
        stem = ("embedder.embedder", None, (self.stem_width, self.channels), window)
        hidden = self.convolution(graph, "convolution", *stem)
        if not wide:
            return hidden, window.made
        pooled = self.window(window.made, (3, 3), 2)
        return graph.pool("pool", MAX_POOL, hidden, pooled), pooled.made

    def _block(
        self,
        graph: GraphBuilder,
        module: str,
        hidden: str,
        picture: Pair,
        channels: tuple[int, int],
        stride: int,
    ) -> tuple[str, Pair]:
        """Place one block, with a shortcut where its output is of another shape."""
        (out, width), made, size = channels, hidden, picture
        inner = out // _REDUCTION if self.block == "bottleneck" else out
        kernels = (1, 3, 1) if self.block == "bottleneck" else (3, 3)
        for number, kernel in enumerate(kernels):
            last = number == len(kernels) - 1
            strides = stride if number == (1 if len(kernels) == 3 else 0) else 1
            window = self.window(size, (kernel, kernel), strides)
            pair = (out if last else inner, graph.width(made))
            at = (f"{module}layer.{number}", made, pair, window)
            made = self.convolution(graph, f"conv{number}", *at, relu=None if last else "")
            size = window.made
        if stride != 1 or out != width:
            window = Window(picture, (1, 1), (stride, stride))
            hidden = self._shortcut(graph, module, hidden, channels, window)
        return graph.place("relu", RELU, graph.place("add", ADD, made, hidden)), size

    def _shortcut(
        self, graph: GraphBuilder, module: str, hidden: str, channels: tuple[int, int], at: Window
    ) -> str:
        inner = f"{module}shortcut"
        if self.norm_shortcuts:
            return self.convolution(graph, "shortcut", inner, hidden, channels, at, relu=None)
        inner = f"{inner}.convolution"
        return graph.convolution("shortcut", inner, hidden, channels, at, bias=True)
