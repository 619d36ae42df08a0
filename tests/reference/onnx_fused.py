"""Writes onnx_fused.json: what onnxruntime says of fused nodes and of integers.

Usage: PYTHONPATH=tests python tests/reference/onnx_fused.py, with onnx, onnxruntime and accelsim
installed. Made with onnxruntime 1.32.0 and onnx 1.23.2.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from onnx_graphs import drawn, made, node, numbers, tensor

ROWS, WIDTH, HEADS, KEPT, HEAD = 5, 32, 2, 1, 16
SQUARE, ONES = WIDTH * WIDTH, np.ones((1, ROWS), np.int32)
Given = dict[str, np.ndarray[Any, Any]]
Graph = tuple[Any, Given, int, int]  # with its inputs, multiply-accumulates and parameters


def product(name: str, width: int = WIDTH) -> Any:
    """Return the product of x with a weight, h of the name."""
    return node("MatMul", f"x w{name}", name)


def heads(kept: int = HEADS) -> tuple[list[Any], list[Any]]:
    """Return products of queries, keys and values, and their weights."""
    tensors = [drawn("wq", WIDTH, WIDTH)]
    tensors += [drawn(f"w{each}", WIDTH, kept * HEAD) for each in "kv"]
    return [product(each) for each in "qkv"], tensors


def tables() -> list[Any]:
    """Return cosines and sines of rotary positions, and positions."""
    angles = np.arange(9)[:, None] * 10.0 ** -np.arange(HEAD // 2)
    found = [tensor("cos", np.cos(angles).astype(np.float32))]
    return [*found, tensor("sin", np.sin(angles).astype(np.float32)),
            tensor("at", numbers(*range(2, 2 + ROWS))[None])]  # fmt: skip


def attention(kind: str, inputs: str, *more: Any, kept: int = HEADS, **own: Any) -> Graph:
    """Return an attention behind products."""
    nodes, tensors = heads(kept)
    nodes.append(node(kind, inputs, "y", **own))
    total = kept * HEAD * WIDTH * 2 + SQUARE
    macs = ROWS * total + 2 * ROWS * ROWS * WIDTH
    model = made(nodes, [1, ROWS, WIDTH], *tensors, *more, opset=23)
    return model, {}, macs, total + WIDTH * 3 * (inputs == "q k v b")


def packed(inputs: str = "x w b", **own: Any) -> Graph:
    """Return an attention with its own product."""
    nodes = [node("ms.Attention", inputs, "y", num_heads=HEADS, **own)]
    tensors = [drawn("w", WIDTH, 3 * WIDTH), drawn("b", 3 * WIDTH), tensor("mask", ONES * 3)]
    model = made(nodes, [1, ROWS, WIDTH], *tensors)
    return model, {}, ROWS * 3 * SQUARE + 2 * ROWS * ROWS * WIDTH, 3 * SQUARE + 3 * WIDTH


def scaled() -> Graph:
    """Return a product with a factor and turned weights."""
    nodes = [node("ms.FusedMatMul", "x w", "y", alpha=0.5, transB=1)]
    return made(nodes, [1, ROWS, WIDTH], drawn("w", 9, WIDTH)), {}, ROWS * 9 * WIDTH, 9 * WIDTH


def behind(kind: str, inputs: str, *vectors: str, **own: Any) -> Graph:
    """Return a function of the product h."""
    tensors = [drawn(each, WIDTH) for each in vectors]
    model = made(
        [product("h"), node(kind, inputs, "y", **own)],
        [1, ROWS, WIDTH],
        drawn("wh", WIDTH, WIDTH),
        *tensors,
    )
    return model, {}, ROWS * SQUARE, SQUARE + len(vectors) * WIDTH


def turned(kind: str, inputs: str, **own: Any) -> Graph:
    """Return rotary positions of a product."""
    nodes = [product("h"), node(kind, inputs, "y", **own)]
    model = made(nodes, [1, ROWS, WIDTH], drawn("wh", WIDTH, WIDTH), *tables(), opset=23)
    return model, {}, ROWS * SQUARE, SQUARE


def grouped(**own: Any) -> Graph:
    """Return an attention of shared keys."""
    lengths = [tensor("last", np.array([ROWS - 1], np.int32)), tensor("n", np.int32(ROWS))]
    inputs = "q k v - - last n cos sin"
    return attention("ms.GroupQueryAttention", inputs, *lengths, *tables()[:2], kept=KEPT,
                     num_heads=HEADS, kv_num_heads=KEPT, **own)  # fmt: skip


def convolution(**own: Any) -> Graph:
    """Return a convolution that adds a picture and ends in a function."""
    edges = {"pads": [1, 1, 1, 1]}
    nodes = [
        node("Conv", "x u", "h", **edges),
        node("ms.FusedConv", "x w b h", "y", **edges, **own),
    ]
    model = made(nodes, [1, 3, 4, 4], drawn("u", 6, 3, 3, 3), drawn("w", 6, 3, 3, 3), drawn("b", 6))
    return model, {}, 2 * 16 * 6 * 27, 2 * 6 * 27 + 6


def blocks(bits: int) -> Graph:
    """Return a product of packed weights with scales of blocks; the last block is half empty."""
    stream, depth, size = np.random.default_rng(bits), 40, 16
    rows = [stream.integers(0, 256, shape).astype(np.uint8) for shape in
            ((WIDTH, 3, size * bits // 8), (WIDTH * -(-3 * bits // 8),))]  # fmt: skip
    tensors = [tensor("w", rows[0]), tensor("z", rows[1])]
    tensors.append(tensor("s", stream.random(3 * WIDTH).astype(np.float32)))
    own = {"K": depth, "N": WIDTH, "bits": bits, "block_size": size}
    nodes = [node("ms.MatMulNBits", "x w s z", "y", **own)]
    weights = depth * WIDTH
    return made(nodes, [1, ROWS, depth], *tensors), {}, ROWS * weights, weights


def words() -> Graph:
    """Return the embeddings of a BERT."""
    nodes = [
        node("ms.EmbedLayerNormalization", "x - words places - g b", "h n"),
        node("MatMul", "h w", "y"),
    ]
    tensors = [drawn("words", 11, WIDTH), drawn("places", 7, WIDTH), drawn("w", WIDTH, WIDTH)]
    vectors = [drawn("g", WIDTH), drawn("b", WIDTH)]
    model = made(nodes, [1, ROWS], *tensors, *vectors, kind=6)
    tokens = np.array([[3, 1, 4, 1, 5]], np.int32)
    return model, {"x": tokens}, ROWS * SQUARE, SQUARE + 20 * WIDTH


def products() -> Graph:
    """Return a layer of dense products that Keras spells as sums over named axes."""
    nodes = [
        node("Einsum", "x wq", "q", equation="abc,cde->abde"), node("Relu", "q", "r"),
        node("Einsum", "r wo", "y", equation="abde,dec->abc"),
    ]  # fmt: skip
    tensors = [drawn("wq", WIDTH, HEADS, HEAD), drawn("wo", HEADS, HEAD, WIDTH)]
    return made(nodes, [1, ROWS, WIDTH], *tensors), {}, 2 * ROWS * SQUARE, 2 * SQUARE


GRAPHS: dict[str, Callable[[], Graph]] = {
    "attention": packed,
    "attention, causal": lambda: packed(unidirectional=1),
    "attention, some keys": lambda: packed("x w b mask"),
    "heads": lambda: attention("ms.MultiHeadAttention", "q k v", num_heads=HEADS),
    "heads, biased": lambda: attention(
        "ms.MultiHeadAttention", "q k v b", drawn("b", 3 * WIDTH), num_heads=HEADS
    ),
    "shared keys": grouped,
    "shared keys, turned": lambda: grouped(do_rotary=1, rotary_interleaved=1),
    "shared keys, near ones": lambda: grouped(do_rotary=1, local_window_size=2),
    "opset 23": lambda: attention(
        "Attention", "q k v", kept=KEPT, q_num_heads=HEADS, kv_num_heads=KEPT, is_causal=1
    ),
    "turned": lambda: turned("ms.RotaryEmbedding", "h at cos sin"),
    "turned, opset 23": lambda: turned("RotaryEmbedding", "h cos sin at", num_heads=HEADS),
    "turned in part": lambda: turned("ms.RotaryEmbedding", "h at cos sin", interleaved=1,
                                     num_heads=1, rotary_embedding_dim=HEAD),
    "biased gelu": lambda: behind("ms.BiasGelu", "h b", "b"),
    "fast gelu": lambda: behind("ms.FastGelu", "h b", "b"),
    "quick gelu": lambda: behind("ms.QuickGelu", "h"),
    "skipped norm": lambda: behind("ms.SkipLayerNormalization", "h x g b c", *"gbc"),
    "skipped norm, no shift": lambda: behind("ms.SkipLayerNormalization", "h x g", "g"),
    "skipped RMS norm": lambda: behind("ms.SkipSimplifiedLayerNormalization", "h x g", "g",
                                       epsilon=1e-5),
    "scaled product": scaled,
    "convolution": lambda: convolution(activation="Relu"),
    "convolution, clipped": lambda: convolution(
        activation="Clip", activation_params=[0.0, 6.0]
    ),
    "blocks of 4 bits": lambda: blocks(4),
    "blocks of 8 bits": lambda: blocks(8),
    "words": words,
    "named axes": products,
}  # fmt: skip


def inputs(name: str) -> tuple[Any, Given, int, int]:
    """Return a graph with its inputs and counts."""
    model, given, macs, parameters = GRAPHS[name]()
    shape = [each.dim_value for each in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(sum(name.encode())).normal(0, 1, shape).astype(np.float32)
    return model, given or {"x": x}, macs, parameters


def some(output: np.ndarray[Any, Any]) -> list[float]:
    """Return some values of an output, of all rows."""
    return [round(float(each), 7) for each in output.reshape(-1)[::11]]


def main() -> None:
    """Write what the graphs compute."""
    import onnxruntime

    found = {}
    for name in GRAPHS:
        model, given, *_ = inputs(name)
        model.ir_version = 10
        run = onnxruntime.InferenceSession(model.SerializeToString()).run
        found[name] = some(run(None, given)[0])
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(each)}" for name, each in found.items())
    Path(__file__).with_suffix(".json").write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
