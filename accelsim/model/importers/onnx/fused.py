"""Fused nodes, of onnxruntime's optimizers and of late opsets, as the nodes that they stand for.

What they compute: onnxruntime, docs/ContribOperators.md, and the operator pages of ONNX.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from accelsim.model.importers.onnx import fused_attention
from accelsim.model.importers.onnx.integers import number
from accelsim.model.importers.onnx.pieces import MICROSOFT, Parts
from accelsim.model.importers.onnx.recurrent import recurrent
from accelsim.model.importers.onnx.values import Constant, Inputs, UnsupportedError

# -- functions, norms, products ----------------------------------------------------------------


def _biased_gelu(p: Parts) -> Any:
    form = "tanh" if p.node.op_type == "FastGelu" else "none"
    return p("Gelu", p.total(*p.inputs), approximate=form)


def _quick_gelu(p: Parts) -> Any:
    (value,) = p.inputs
    alpha = p.constant(np.float32(p.own.get("alpha", 1.702)))
    return p("Mul", value, p("Sigmoid", p("Mul", value, alpha)))


def _activated(p: Parts, value: Any) -> Any:
    """Return the function that a fused product ends in."""
    kind, told = p.own.get("activation", b"").decode(), p.own.get("activation_params", [])
    if kind == "Clip":
        low, high = (p.constant(np.float32(each)) for each in told)
        return p("Clip", value, low, high)
    names = {"LeakyRelu": ["alpha"], "HardSigmoid": ["alpha", "beta"]}.get(kind, [])
    return p(kind, value, **dict(zip(names, told, strict=False))) if kind else value


def _fused_product(p: Parts) -> Any:
    kind = p.node.op_type.removeprefix("Fused")
    own = {name: each for name, each in p.own.items() if not name.startswith("activation")}
    if kind == "Gemm":
        return _activated(p, p(kind, *p.inputs, **own))
    *given, added = p.given(4)
    made = p(kind, *given[: 2 + (given[2] is not None)], **own)
    return _activated(p, p.total(made, added))


def _fused_matmul(p: Parts) -> Any:
    sides = []
    for value, side in zip(p.inputs, "AB", strict=True):
        first, *batch, last = range(len(value.shape))
        if not p.own.get(f"transBatch{side}"):
            *batch, first = first, *batch
        ends = [last, first] if p.own.get(f"trans{side}") else [first, last]
        usual = [*batch, *ends] == sorted([*batch, *ends])
        sides.append(value if usual else p.turned(value, *batch, *ends))
    alpha = p.own.get("alpha", 1.0)
    made = p("MatMul", *sides)
    return made if alpha == 1 else p("Mul", made, p.constant(np.float32(alpha)))


def _skipped_norm(p: Parts) -> list[Any]:
    simple = "Simplified" in p.node.op_type
    value, skip, scale, shift, bias = p.given(5)
    vectors, bias = ([scale], shift) if simple else ([scale, shift], bias)
    total = p.total(p.total(value, bias), skip)
    kind = "SimplifiedLayerNormalization" if simple else "LayerNormalization"
    made = p(kind, total, *vectors, axis=-1, epsilon=p.own.get("epsilon", 1e-12))
    return [made, None, None, total]


def _embedded(p: Parts) -> list[Any]:
    """Return the norm of the sum of rows of words, places and segments, and lengths of masks."""
    if p.node.op_type.startswith("Q"):
        words, segments, *stored, mask = p.inputs[:8]
        read = [
            number(each, scale, zero, 0)
            for each, scale, zero in zip(stored, p.inputs[8:13], p.inputs[13:18], strict=True)
        ]
        tables, (scale, shift), places = read[:3], read[3:], None
    else:
        words, segments, *tables, scale, shift, mask, places = p.given(9)
    places = places or p.constant(np.arange(words.shape[-1])[None])
    pairs = zip(tables, (words, places, segments), strict=True)
    total = p.total(*(p("Gather", table, each) for table, each in pairs if table))
    made = p("LayerNormalization", total, scale, shift, epsilon=p.own.get("epsilon", 1e-12))
    lengths = mask and p.constant(p.read(mask).sum(axis=-1).astype(np.int32), mask)
    return [made, lengths or p.constant(np.zeros(1, np.int32)), total]


def _group_norm(p: Parts) -> Any:
    """Return the norm of groups of channels; until opset 20 scale and shift are of groups."""
    value, scale, shift = p.inputs
    groups, (batch, channels, *pixels) = p.own["num_groups"], value.shape
    ones = [p.constant(np.full(groups, each, np.float32)) for each in (1, 0)]
    epsilon = p.own.get("epsilon", 1e-5)
    grouped = p.shaped(value, batch, groups, -1)
    normal = p("InstanceNormalization", grouped, *ones, epsilon=epsilon)
    ends = [
        p.constant(np.repeat(array, channels // array.size).reshape(-1, *[1] * len(pixels)), each)
        for each in (scale, shift)
        for array in (p.read(each),)
    ]
    scaled = p("Mul", p.shaped(normal, *value.shape), ends[0])
    return p("Add", scaled, ends[1])


def _einsum(p: Parts) -> Any:
    """Return a product of two: transposed, seen as matrices, multiplied, seen as it is wanted."""
    spelled = p.own["equation"].decode().replace(" ", "")
    terms, _, wanted = spelled.partition("->")
    first, second = terms.split(",") if terms.count(",") == 1 else ("", "")
    plain = first and second and wanted and "." not in spelled
    if not plain or any(len(set(term)) < len(term) for term in (first, second, wanted)):
        raise UnsupportedError(f"equation {spelled}, expected a product of two")
    sizes = {
        letter: size
        for term, each in zip((first, second), p.inputs, strict=True)
        for letter, size in zip(term, each.shape, strict=True)
    }
    both = [letter for letter in first if letter in second]
    batch, inner = ([e for e in both if (e in wanted) == kept] for kept in (True, False))
    left, right = ([e for e in term if e not in both] for term in (first, second))
    if not inner or not {*left, *right} <= set(wanted):
        raise UnsupportedError(f"equation {spelled}, expected a product of two")

    def matrix(value: Any, term: str, *groups: Sequence[str]) -> Any:
        order = [term.index(letter) for letter in (*batch, *groups[0], *groups[1])]
        value = value if order == sorted(order) else p.turned(value, *order)
        ends = [prod(sizes[letter] for letter in group) for group in groups]
        return p.shaped(value, *(sizes[letter] for letter in batch), *ends)

    made = p(
        "MatMul", matrix(p.inputs[0], first, left, inner), matrix(p.inputs[1], second, inner, right)
    )
    letters = [*batch, *left, *right]
    made = p.shaped(made, *(sizes[letter] for letter in letters))
    order = [letters.index(letter) for letter in wanted]
    return made if order == sorted(order) else p.turned(made, *order)


# -- integers ----------------------------------------------------------------------------------


def _integer_matmul(p: Parts) -> Any:
    dynamic = p.node.op_type == "DynamicQuantizeMatMul"
    chosen = (1, 2, 3, 4) if dynamic else (1, 3, 5, 6)
    weight, scale, zero, bias = (p.given(7)[at] for at in chosen)
    value = p("DynamicQuantizeLinear", p.inputs[0]) if dynamic else p.inputs[0]
    return p.total(p("MatMul", value, number(weight, scale, zero, -1)), bias)


def _blocks(p: Parts, given: Sequence[Constant | None], bits: int, size: int, width: int) -> Any:
    """Return rows of ``width`` values from packed integers, scales and zero points of blocks.

    The lowest bits are the first.
    """
    packed, scales, zeros = (None if each is None else p.read(each) for each in given)

    assert packed is not None
    assert scales is not None
    blocks, rows = -(-width // size), packed.shape[0]

    def unpacked(each: Any) -> Any:
        shifts = np.arange(0, 8, bits, dtype=np.uint8)
        found = (each.reshape(rows, -1)[..., None] >> shifts) & np.uint8((1 << bits) - 1)
        return found.reshape(rows, -1)

    values = unpacked(packed).astype(np.float32).reshape(rows, blocks, -1)[..., :size]
    middle: Any = 1 << (bits - 1)
    if zeros is not None:
        middle = unpacked(zeros) if zeros.dtype == np.uint8 else zeros.reshape(rows, -1)
        middle = middle[:, :blocks, None].astype(np.float32)
    found = (values - middle) * scales.reshape(rows, blocks, 1).astype(np.float32)
    return found.reshape(rows, -1)[:, :width]


def _block_matmul(p: Parts) -> Any:
    value, packed, scales, zeros, order, bias = p.given(6)
    if order is not None:
        raise UnsupportedError("its groups are in an order of their own")
    depth, outputs = p.own["K"], p.own["N"]
    how = (p.own.get("bits", 4), p.own["block_size"], depth)
    read: Callable[[], Any] = lambda: _blocks(p, (packed, scales, zeros), *how).T  # noqa: E731
    weight = replace(packed, shape=(depth, outputs), read=read)
    return p.total(p("MatMul", value, weight), bias)


def _block_rows(p: Parts) -> Any:
    table, numbers, scales, zeros = p.given(4)
    rows, width = table.shape
    bits, size = p.own.get("bits", 4), p.own.get("block_size", 128)
    p.refuse("gather_axis", 0)
    packed = table.value.dtype == "uint8"
    if not packed:
        return p("Gather", number(table, scales, zeros, p.own.get("quantize_axis", 1)), numbers)
    width *= 8 // bits
    read: Callable[[], Any] = lambda: _blocks(p, (table, scales, zeros), bits, size, width)  # noqa: E731
    return p("Gather", replace(table, shape=(rows, width), read=read), numbers)


Make = Callable[[Parts], Any]
_OWN: Mapping[str, Make] = {
    **dict.fromkeys(("GRU", "LSTM", "RNN"), recurrent),
    "Attention": fused_attention.attention,
    "Einsum": _einsum,
    "GroupNormalization": _group_norm,
    "RotaryEmbedding": fused_attention.rotary,
}
_OF_MICROSOFT: Mapping[str, Make] = {
    **dict.fromkeys(("Attention", "QAttention"), fused_attention.packed_attention),
    **dict.fromkeys(("BiasGelu", "FastGelu", "Gelu"), _biased_gelu),
    **dict.fromkeys(("DynamicQuantizeMatMul", "MatMulIntegerToFloat"), _integer_matmul),
    **dict.fromkeys(("EmbedLayerNormalization", "QEmbedLayerNormalization"), _embedded),
    **dict.fromkeys(("FusedConv", "FusedGemm"), _fused_product),
    **dict.fromkeys(
        ("QuantizeLinear", "DequantizeLinear"), lambda p: p(p.node.op_type, *p.inputs, **p.own)
    ),
    **dict.fromkeys(("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"), _skipped_norm),
    "FusedMatMul": _fused_matmul,
    "GatherBlockQuantized": _block_rows,
    "GroupQueryAttention": fused_attention.grouped_attention,
    "MatMulNBits": _block_matmul,
    "MultiHeadAttention": fused_attention.heads_attention,
    "QuickGelu": _quick_gelu,
    "RotaryEmbedding": fused_attention.rotary,
}
FUSED: Mapping[str, Mapping[str, Make]] = {"": _OWN, "ai.onnx": _OWN, MICROSOFT: _OF_MICROSOFT}


def parts_of(node: Any, inputs: Inputs, run: Callable[..., list[Any]]) -> list[Any] | None:
    """Return what a fused node makes, made of its parts by ``run``; None for one that is none."""
    make = FUSED.get(node.domain, {}).get(node.op_type)
    if make is None:
        return None
    made = make(Parts(node, inputs, run))
    return made if isinstance(made, list) else [made]
