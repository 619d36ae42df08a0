"""Kinds of nodes that are understood, and what makes an operator of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from accelsim.model.importers.onnx import integers, products, resized, rows, views
from accelsim.model.importers.onnx.elements import elements
from accelsim.model.importers.onnx.fused import FUSED
from accelsim.model.importers.onnx.moved import elsewhere
from accelsim.model.importers.onnx.pieces import MICROSOFT
from accelsim.model.importers.onnx.placer import Placer
from accelsim.model.importers.onnx.values import (
    FOLDED,
    FUNCTIONS,
    REDUCTIONS,
    WORKED_OUT_TOGETHER,
    Inputs,
    Own,
)

Maker = Callable[[Placer, Any, Own, Inputs], Any]
MAKERS: Mapping[str, Maker] = {
    **dict.fromkeys([*WORKED_OUT_TOGETHER, *FUNCTIONS, "Sum"], elements),
    **dict.fromkeys(REDUCTIONS, rows.reduce),
    **dict.fromkeys(("Identity", "Dropout"), views.identity),
    **dict.fromkeys(("MatMulInteger", "ConvInteger"), integers.integer_product),
    **dict.fromkeys(("QLinearConv", "QLinearMatMul", "QGemm"), integers.linear_product),
    **dict.fromkeys(
        [f"QLinear{each}" for each in ("Add", "Concat", "LeakyRelu", "Mul", "Sigmoid", "Softmax")],
        integers.linear_function,
    ),
    **dict.fromkeys(("QLinearAveragePool", "QLinearGlobalAveragePool"), integers.linear_pool),
    **dict.fromkeys(("AveragePool", "MaxPool", "GlobalAveragePool", "GlobalMaxPool"), rows.pool),
    **dict.fromkeys(
        ("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"), rows.layer_norm
    ),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth", "Tile"), elsewhere),
    **dict.fromkeys(("Resize", "Upsample"), resized.resize),
    "ConvTranspose": resized.conv_transpose,
    "InstanceNormalization": resized.instance_norm,
    "BatchNormalization": rows.batch_norm,
    "Concat": views.concat,
    "Conv": products.conv,
    "DequantizeLinear": integers.dequantised,
    "DynamicQuantizeLinear": views.quantised,
    "Expand": views.expand,
    "Flatten": views.flatten,
    "Gather": views.gather,
    "Gemm": products.gemm,
    "MatMul": products.matmul,
    "Pad": views.pad,
    "QuantizeLinear": integers.quantised,
    "Reshape": views.reshape,
    "Slice": views.cut,
    "Split": views.split,
    "Squeeze": views.squeeze,
    "Transpose": views.transpose,
    "Unsqueeze": views.unsqueeze,
}


OWN_DOMAIN = ("", "ai.onnx")
_PLAIN = frozenset({*MAKERS, *FOLDED, "Constant", "If", "Shape", "Size"})
REASONS = {
    "com.microsoft.nchwc": "it holds pictures as one processor's blocks; save the optimised graph "
    "at ORT_ENABLE_EXTENDED"
}


def is_supported(node: Any) -> bool:
    """Say whether nodes of this kind may be operators, or worked out."""
    kind, domain = node.op_type, node.domain
    if domain in OWN_DOMAIN:
        return kind in _PLAIN or kind in FUSED[domain]
    ranged = domain == MICROSOFT and kind.startswith("Q") and kind in MAKERS
    return ranged or kind in FUSED.get(domain, {})
