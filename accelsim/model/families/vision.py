"""What models of pictures have in common: convolutions, batch norms, a classifier on the mean.

A picture is a matrix of a row a pixel and a column a channel; one request is one picture. A
convolution of one pixel is a plain product. A batch norm scales and shifts each channel; folded,
it is part of the weights and of a bias.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from accelsim.model.builder import GraphBuilder
from accelsim.model.families.base import OneInput, Size
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import AFFINE, AVERAGE_POOL, RELU, Window
from accelsim.model.operators.window import Pair
from accelsim.model.tensors import Role


class Vision(OneInput):
    """Hyperparameters of a model of pictures.

    ``tf_padding`` pads as TensorFlow does, below and right first; otherwise all around.
    """

    reads: ClassVar[str] = "picture"

    image_height: Annotated[Size, Field(description="pixels from top to bottom")]
    image_width: Annotated[Size, Field(description="pixels from left to right")]
    channels: Annotated[Size, Field(description="values of a pixel")]
    batch_norm: Annotated[
        Literal["folded", "separate"], Field(description="part of the weights, or a function")
    ]
    tf_padding: Annotated[bool, Field(description="padding as TensorFlow's")]

    def inputs(self, sequence_length: int) -> str:
        """Say what a picture is."""
        return f"pictures of {self.image_height} x {self.image_width} x {self.channels}"

    @property
    def tokens(self) -> int:
        """Rows that a look-up makes."""
        return 1

    @abstractmethod
    def add_layers(self, graph: GraphBuilder) -> str:
        """Place all up to what the classifier reads, one row; return its name."""

    def graph(self, classes: int) -> LayerGraph:
        """Return the graph of one picture."""
        graph = GraphBuilder(self.tokens)
        hidden = self.add_layers(graph)
        graph.enter()
        self.add_classifier(graph, hidden, classes)
        return graph.build()

    def add_classifier(self, graph: GraphBuilder, hidden: str, classes: int) -> str:
        """Place what gives the logits."""
        shape = (classes, graph.width(hidden))
        return graph.linear("classifier", "classifier", hidden, shape, Role.TASK)

    def window(self, picture: Pair, kernel: Pair, stride: int) -> Window:
        """Return a window that keeps the size of the picture, but for the stride."""
        around = [
            max(0, -(-n // stride) * stride - stride + k - n)
            for n, k in zip(picture, kernel, strict=True)
        ]
        above, left = (n // 2 for n in around)
        padding = (above, left, around[0] - above, around[1] - left)
        if not self.tf_padding:
            (above, left) = ((k - 1) // 2 for k in kernel)
            padding = (above, left, above, left)
        return Window(picture, kernel, (stride, stride), padding)

    def convolution(
        self,
        graph: GraphBuilder,
        name: str,
        module: str,
        source: str | None,
        channels: tuple[int, int],
        window: Window,
        *,
        groups: int = 1,
        relu: str | None = "",
    ) -> str:
        """Place a convolution of (outputs, inputs), its batch norm, and a ReLU of a form.

        Both are called so in their ``module``: ``convolution`` and ``normalization``.
        """
        folded, inner = self.batch_norm == "folded", f"{module}.convolution"
        if source is not None and window.kernel == window.stride == (1, 1) and groups == 1:
            made = graph.linear(name, inner, source, channels, Role.BACKBONE, bias=folded)
        else:
            sizes: dict[str, Any] = {"bias": folded, "groups": groups}
            made = graph.convolution(name, inner, source, channels, window, **sizes)
        if not folded:
            norm = f"{module}.normalization"
            made = graph.norm(f"{name}_norm", norm, made, Role.BACKBONE, AFFINE)
        return made if relu is None else graph.place(f"{name}_relu", RELU, made, form=relu)

    def mean_pixel(self, graph: GraphBuilder, source: str, picture: Pair) -> str:
        """Place the mean of all pixels."""
        graph.enter()
        return graph.pool("mean", AVERAGE_POOL, source, Window(picture, picture, picture))
