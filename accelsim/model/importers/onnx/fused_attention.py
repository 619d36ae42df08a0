"""Fused attentions and rotary positions, as products of heads, masks and a softmax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from accelsim.model.importers.onnx.integers import number
from accelsim.model.importers.onnx.pieces import MICROSOFT, Parts
from accelsim.model.importers.onnx.values import Constant, UnsupportedError

_HIDDEN = -1e9  # what is added to scores that do not count


def _heads(p: Parts, value: Any, heads: int) -> Any:
    """Return (1, heads, rows, width of a head)."""
    if len(value.shape) == 4:
        return value
    rows, width = value.shape[-2:]
    return p.turned(p.shaped(value, 1, rows, heads, width // heads), 0, 2, 1, 3)


def _shared(p: Parts, value: Any, heads: int) -> Any:
    """Return heads that are repeated for all that share them."""
    _, own, rows, width = value.shape
    if own == heads:
        return value
    axis = p.shaped(value, 1, own, 1, rows, width)
    repeated = p("Expand", axis, p.numbers(1, own, heads // own, rows, width))
    return p.shaped(repeated, 1, heads, rows, width)


def _attended(p: Parts, given: Sequence[Any], heads: int, masks: Sequence[Any]) -> list[Any]:
    """Return an attention of queries, keys and values, and keys and values with the past.

    ``heads`` are those of queries; keys and values are split, and with the past, already.
    """
    query, key, value = given
    width = query.shape[-1]
    keys, values = (_shared(p, each, heads) for each in (key, value))
    scores = p("MatMul", query, p.turned(keys, 0, 1, 3, 2))
    scale = p.own.get("scale") or width**-0.5
    scores = p("Mul", scores, p.constant(np.float32(scale)))
    for mask in masks:
        scores = p("Add", scores, mask) if mask is not None else scores
    made = p("MatMul", p("Softmax", scores, axis=-1), values)
    return [p.shaped(p.turned(made, 0, 2, 1, 3), 1, query.shape[2], -1), key, value]


def _with_past(p: Parts, value: Any, past: Any) -> Any:
    return value if past is None else p("Concat", past, value, axis=2)


def _causal(p: Parts, query: Any, key: Any, window: int = -1) -> Constant:
    """Return what hides later keys, and those further back than a ``window``."""
    rows, columns = query.shape[2], key.shape[2]
    back = np.arange(columns - rows, columns)[:, None] - np.arange(columns)
    seen = (back >= 0) & (back < (window if window > 0 else columns))
    return p.constant(np.where(seen, 0, _HIDDEN).astype(np.float32))


def _padding(p: Parts, mask: Any, keys: int) -> Constant | None:
    """Return what hides keys: of lengths, or of ones for those that count."""
    if mask is None:
        return None
    values = p.read(mask)
    if values.ndim == 1 and values.size == 1:
        values = np.arange(keys)[None] < values[:, None]
    elif not 2 <= values.ndim <= 3:
        raise UnsupportedError(f"a mask of shape {list(values.shape)}")
    hidden = np.where(values, 0, _HIDDEN).astype(np.float32)
    return p.constant(hidden.reshape(1, 1, -1, keys), replace(mask, outside=True))


def packed_attention(p: Parts) -> list[Any]:
    """Return an attention with its own product of queries, keys and values."""
    quantised = p.node.op_type == "QAttention"
    if quantised:
        value, weight, bias, _, scale, mask, _, zero, past = p.given(9)
        weight, added = number(weight, scale, zero, -1), None
    else:
        value, weight, bias, mask, past, added = p.given(6)
    p.refuse("do_rotary", 0)
    if past is not None:
        raise UnsupportedError("a past of keys and values in one tensor")
    heads = p.own["num_heads"]
    sizes = p.own.get("qkv_hidden_sizes") or [weight.shape[1] // 3] * 3
    split = p.cut(p.total(p("MatMul", value, weight), bias), 2, *sizes)
    given = [_heads(p, each, heads) for each in split]
    masks = [_padding(p, mask, given[1].shape[2]), added]
    masks += [_causal(p, *given[:2])] if p.own.get("unidirectional") else []
    return _attended(p, given, heads, masks)[:1]


def heads_attention(p: Parts) -> list[Any]:
    """Return an attention of queries, keys and values, which may be packed side by side."""
    query, key, value, bias, mask, added, *past = p.given(8)
    heads = p.own["num_heads"]
    if key is None:
        parts = p.cut(query, 3, 1, 1, 1)
        query, key, value = (p.shaped(each, 1, query.shape[1], -1) for each in parts)
    if value is None:
        parts = p.cut(key, 3, 1, 1)
        key, value = (p.shaped(each, 1, key.shape[1], -1) for each in parts)
    given = [query, key, value]
    if bias is not None:
        sizes = [query.shape[-1]] * 2
        sizes.append(bias.elements - sum(sizes))
        vectors = p.cut(bias, 0, *sizes)
        given = [
            p("Add", each, vector) if len(each.shape) == 3 else each
            for each, vector in zip(given, vectors, strict=True)
        ]
    split = [_heads(p, each, heads) for each in given]
    split[1:] = [_with_past(p, *each) for each in zip(split[1:], past, strict=True)]
    masks = [_padding(p, mask, split[1].shape[2]), added]
    masks += [_causal(p, *split[:2])] if p.own.get("unidirectional") else []
    return _attended(p, split, heads, masks)


def grouped_attention(p: Parts) -> list[Any]:
    """Return a causal attention whose heads share keys; the past is as long as its tensors."""
    query, key, value, *past = p.given(5)
    cosines, sines, places, added, sink = p.given(12)[7:]
    heads, kept = p.own["num_heads"], p.own["kv_num_heads"]
    p.refuse("softcap", 0.0)
    p.refuse("smooth_softmax kv_cache_bit_width", 0, -1)
    if sink is not None or len(p.inputs) > 12:
        raise UnsupportedError("sinks of heads, or keys and values of integers")
    if key is None:
        width = query.shape[-1] // (heads + 2 * kept)
        query, key, value = p.cut(query, 2, heads * width, kept * width, kept * width)
    split = [_heads(p, each, n) for each, n in ((query, heads), (key, kept), (value, kept))]
    if p.own.get("do_rotary"):
        begin = past[0].shape[2] if past[0] is not None else 0
        told = places or p.constant(begin + np.arange(query.shape[1])[None])
        how = p.own.get("rotary_interleaved", 0)
        split[:2] = [_rotated(p, each, told, cosines, sines, how) for each in split[:2]]
    split[1:] = [_with_past(p, *each) for each in zip(split[1:], past, strict=True)]
    window = p.own.get("local_window_size", -1)
    return _attended(p, split, heads, [_causal(p, split[0], split[1], window), added])


def attention(p: Parts) -> list[Any]:
    """Return the attention of opset 23."""
    query, key, value, mask, *past = p.given(6)
    p.refuse("softcap", 0.0)
    if len(p.inputs) > 6 or len(p.node.output) > 3:
        raise UnsupportedError("lengths of keys, or scores as an output")
    flat = len(query.shape) == 3
    heads = p.own.get("q_num_heads") or query.shape[1]
    kept = p.own.get("kv_num_heads") or key.shape[1]
    split = [_heads(p, each, n) for each, n in ((query, heads), (key, kept), (value, kept))]
    split[1:] = [_with_past(p, *each) for each in zip(split[1:], past, strict=True)]
    masks = [_causal(p, *split[:2])] if p.own.get("is_causal") else []
    if mask is not None and p.read(mask).dtype == bool:
        mask = p.constant(np.where(p.read(mask), 0, _HIDDEN).astype(np.float32), mask)
    made, *kept_values = _attended(p, split, heads, [*masks, mask])
    return [made if flat else _heads(p, made, heads), *kept_values]


def rotary(p: Parts) -> Any:
    """Return heads with rotary positions, in the shape of the input."""
    microsoft = p.node.domain == MICROSOFT
    value, *tables = p.given(4)
    places, cosines, sines = tables if microsoft else (tables[2], *tables[:2])
    p.refuse("is_packed_batching", 0)
    p.refuse("scale", 1.0)
    flat = len(value.shape) == 3
    heads = p.own.get("num_heads") or (
        value.shape[1] if not flat else value.shape[-1] // (2 * cosines.shape[-1])
    )
    split = _heads(p, value, heads)
    if places is not None and places.elements == 1 and split.shape[2] > 1:
        begin = int(p.read(places).reshape(-1)[0])
        places = p.constant(begin + np.arange(split.shape[2])[None], places)
    how = p.own.get("interleaved", 0)
    made = _rotated(p, split, places, cosines, sines, how)
    return p.shaped(p.turned(made, 0, 2, 1, 3), *value.shape) if flat else made


def _rotated(p: Parts, value: Any, places: Any, cosines: Any, sines: Any, interleaved: int) -> Any:
    """Return heads with their positions; what is wider than the tables stays as it is."""
    if cosines is None or sines is None:
        raise UnsupportedError("rotary positions without tables of cosines and sines")

    def chosen(table: Constant) -> Constant:
        rows = p.read(table)
        rows = rows if places is None else rows[p.read(places).reshape(-1)]
        return p.constant(np.asarray(rows, np.float32).reshape(1, 1, value.shape[2], -1))

    cosines, sines = chosen(cosines), chosen(sines)
    _, heads, rows, width = value.shape
    half = cosines.shape[-1]
    turned, *rest = p.cut(value, 3, 2 * half, width - 2 * half) if width > 2 * half else [value]
    if interleaved:
        pairs = p.shaped(turned, 1, heads, rows, half, 2)
        first, second = (p.shaped(e, 1, heads, rows, half) for e in p.cut(pairs, 4, 1, 1))
    else:
        first, second = p.cut(turned, 3, half, half)
    low = p("Sub", p("Mul", first, cosines), p("Mul", second, sines))
    high = p("Add", p("Mul", first, sines), p("Mul", second, cosines))
    if interleaved:
        sides = [p.shaped(each, 1, heads, rows, half, 1) for each in (low, high)]
        low = p.shaped(p("Concat", *sides, axis=4), 1, heads, rows, 2 * half)
        high = None
    sides = [each for each in (low, high, *rest) if each is not None]
    return p("Concat", *sides, axis=3) if len(sides) > 1 else sides[0]
