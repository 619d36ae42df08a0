"""A deep autoencoder: anomaly detection by what a frame of sound looks like behind a bottleneck.

MLPerf Tiny: mlcommons/tiny, benchmark/training/anomaly_detection/keras_model.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from accelsim.model.builder import GraphBuilder
from accelsim.model.families.base import OneInput, Size
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import MATMUL, RELU
from accelsim.model.tensors import Role


class Autoencoder(OneInput):
    """Hyperparameters of an autoencoder: ``layers`` products on each side, batch norms folded."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "autoencoder": {"frame": 640, "width": 128, "bottleneck": 8, "layers": 4}
    }
    classifies: ClassVar[bool] = False
    reads: ClassVar[str] = "frame"

    family: Annotated[Literal["autoencoder"], Field(description="structure and parameter names")]
    frame: Annotated[Size, Field(description="values of an input")]
    width: Annotated[Size, Field(description="values behind the outer products")]
    bottleneck: Annotated[Size, Field(description="values behind the middle product")]

    def inputs(self, sequence_length: int) -> str:
        """Say what an input is."""
        return f"frames of {self.frame} values"

    def graph(self, classes: int) -> LayerGraph:
        """Return the graph of one frame."""
        graph, hidden = GraphBuilder(1), ""
        widths = [self.width] * self.layers
        sizes = [self.frame, *widths, self.bottleneck, *widths, self.frame]
        for number, (depth, columns) in enumerate(pairwise(sizes)):
            weight = graph.parameter(f"dense.{number}.weight", (columns, depth), Role.BACKBONE)
            bias = graph.parameter(f"dense.{number}.bias", (columns,), Role.BACKBONE)
            size = {"rows": 1, "columns": columns, "depth": depth}
            sources = [hidden] if hidden else []
            made = graph.place(
                f"dense{number}", MATMUL, *sources, **size, parameters=(weight, bias)
            )
            hidden = made
            if number < len(sizes) - 2:
                hidden = graph.place(f"relu{number}", RELU, made)
        return graph.build()
