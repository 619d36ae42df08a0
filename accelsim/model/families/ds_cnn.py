"""DS-CNN: keyword spotting by depthwise convolutions over a spectrogram.

Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers", 2017, as in MLPerf Tiny:
mlcommons/tiny, benchmark/training/keyword_spotting/keras_model.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from accelsim.model.builder import GraphBuilder
from accelsim.model.families.base import Size
from accelsim.model.families.vision import Vision


class DsCnn(Vision):
    """Hyperparameters of a DS-CNN: pairs of a 3 x 3 depthwise and a pointwise convolution."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "ds-cnn": {"image_height": 49, "image_width": 10, "channels": 1, "width": 64, "layers": 4}
    }
    usual: ClassVar[Mapping[str, Any]] = {"batch_norm": "folded", "tf_padding": True}

    family: Annotated[Literal["ds_cnn"], Field(description="structure and parameter names")]
    width: Annotated[Size, Field(description="channels of all convolutions")]

    def add_layers(self, graph: GraphBuilder) -> str:
        """Place the first convolution, the pairs and the mean pixel."""
        graph.enter("stem")
        window = self.window((self.image_height, self.image_width), (10, 4), 2)
        square, channels = (self.width, self.width), (self.width, self.channels)
        hidden = self.convolution(graph, "convolution", "stem", None, channels, window)
        picture = window.made
        for layer in range(self.layers):
            graph.enter("pair", layer, layer=layer)
            for name, size, groups in (("depthwise", 3, self.width), ("pointwise", 1, 1)):
                at = (
                    f"layer.{layer}.{name}",
                    hidden,
                    square,
                    self.window(picture, (size, size), 1),
                )
                hidden = self.convolution(graph, name, *at, groups=groups)
        return self.mean_pixel(graph, hidden, picture)
