"""Kinds of nodes that are understood, and what makes an operator of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from accelsim.model.importers import (
    onnx_integers,
    onnx_products,
    onnx_resized,
    onnx_rows,
    onnx_views,
)
from accelsim.model.importers.onnx_elements import elements
from accelsim.model.importers.onnx_fused import FUSED
from accelsim.model.importers.onnx_moved import elsewhere
from accelsim.model.importers.onnx_pieces import MICROSOFT
from accelsim.model.importers.onnx_placer import Placer
from accelsim.model.importers.onnx_values import (
    FOLDED,
    FUNCTIONS,
    REDUCTIONS,
    WORKED_OUT_TOGETHER,
)

Maker = Callable[[Placer, Any, Mapping[str, Any], Sequence[Any]], Any]
MAKERS: Mapping[str, Maker] = {
    **dict.fromkeys([*WORKED_OUT_TOGETHER, *FUNCTIONS, "Sum"], elements),
    **dict.fromkeys(REDUCTIONS, onnx_rows.reduce),
    **dict.fromkeys(("Identity", "Dropout"), onnx_views.identity),
    **dict.fromkeys(("MatMulInteger", "ConvInteger"), onnx_integers.integer_product),
    **dict.fromkeys(("QLinearConv", "QLinearMatMul", "QGemm"), onnx_integers.linear_product),
    **dict.fromkeys(
        [f"QLinear{each}" for each in ("Add", "Concat", "LeakyRelu", "Mul", "Sigmoid", "Softmax")],
        onnx_integers.linear_function,
    ),
    **dict.fromkeys(("QLinearAveragePool", "QLinearGlobalAveragePool"), onnx_integers.linear_pool),
    **dict.fromkeys(
        ("AveragePool", "MaxPool", "GlobalAveragePool", "GlobalMaxPool"), onnx_rows.pool
    ),
    **dict.fromkeys(
        ("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"),
        onnx_rows.layer_norm,
    ),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth", "Tile"), elsewhere),
    **dict.fromkeys(("Resize", "Upsample"), onnx_resized.resize),
    "ConvTranspose": onnx_resized.conv_transpose,
    "InstanceNormalization": onnx_resized.instance_norm,
    "BatchNormalization": onnx_rows.batch_norm,
    "Concat": onnx_views.concat,
    "Conv": onnx_products.conv,
    "DequantizeLinear": onnx_integers.dequantised,
    "DynamicQuantizeLinear": onnx_views.quantised,
    "Expand": onnx_views.expand,
    "Flatten": onnx_views.flatten,
    "Gather": onnx_views.gather,
    "Gemm": onnx_products.gemm,
    "MatMul": onnx_products.matmul,
    "Pad": onnx_views.pad,
    "QuantizeLinear": onnx_integers.quantised,
    "Reshape": onnx_views.reshape,
    "Slice": onnx_views.cut,
    "Split": onnx_views.split,
    "Squeeze": onnx_views.squeeze,
    "Transpose": onnx_views.transpose,
    "Unsqueeze": onnx_views.unsqueeze,
}


OWN_DOMAIN = ("", "ai.onnx")
_PLAIN = frozenset({*MAKERS, *FOLDED, "Constant", "If", "Shape", "Size"})
REASONS = {
    "com.microsoft.nchwc": "it holds pictures as one processor's blocks; save the optimised graph "
    "at ORT_ENABLE_EXTENDED",
}


def is_supported(node: Any) -> bool:
    """Say whether nodes of this kind may be operators, or worked out."""
    kind, domain = node.op_type, node.domain
    if domain in OWN_DOMAIN:
        return kind in _PLAIN or ("", kind) in FUSED
    ranged = domain == MICROSOFT and kind.startswith("Q") and kind in MAKERS
    return ranged or (domain, kind) in FUSED
