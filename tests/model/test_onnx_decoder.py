"""Decoders that ONNX spells out: rotary positions, heads that share keys, and a cache."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

from onnx_graphs import drawn, node, numbers, saved, tensor  # noqa: E402

from accelsim.inference.imported import forward_onnx  # noqa: E402
from accelsim.model.importers.onnx.file import import_onnx  # noqa: E402

TOKENS, PAST, HEADS, KEPT, WIDTH = 3, 4, 4, 2, 8
LONG = HEADS * WIDTH
TURNS = {
    "halves": (list(range(4, 8)) + list(range(4)), [-1] * 4 + [1] * 4, 8),
    "neighbours": ([1, 0, 3, 2, 5, 4, 7, 6], [-1, 1] * 4, 8),
    "part": ([2, 3, 0, 1, 4, 5, 6, 7], [-1, -1, 1, 1, 0, 0, 0, 0], 4),
}


def rotary(source: str, turn: str) -> list[Any]:
    """Return nodes that choose each partner by itself, negate it where it is, and add."""
    partners, signs, _ = TURNS[turn]
    nodes = []
    for at, partner in enumerate(partners):
        nodes.append(node("Gather", f"{source} c{partner}", f"{source}p{at}", axis=3))
        if signs[at] < 0:
            nodes.append(node("Neg", f"{source}p{at}", f"{source}m{at}"))
    names = [f"{source}{'m' if sign < 0 else 'p'}{at}" for at, sign in enumerate(signs)]
    return [
        *nodes, node("Concat", " ".join(names), f"{source}r", axis=-1),
        node("Mul", f"{source} cos", f"{source}x"), node("Mul", f"{source}r sin", f"{source}y"),
        node("Add", f"{source}x {source}y", f"{source}t"),
    ]  # fmt: skip


def decoder(turn: str) -> Any:
    """Return one attention of a decoder, with keys and values that were kept."""
    rows, columns = np.arange(PAST, PAST + TOKENS)[:, None], np.arange(WIDTH) % 4
    angles = rows * 0.3**columns
    sines = np.where(columns + np.arange(WIDTH) < TURNS[turn][2] * 2, np.sin(angles), 0)
    turned = np.arange(WIDTH) < TURNS[turn][2]
    cosines, sines = np.where(turned, np.cos(angles), 1), np.where(turned, sines, 0)
    seen = np.tril(np.ones((TOKENS, PAST + TOKENS)), PAST)
    nodes = []
    for each, heads in (("q", HEADS), ("k", KEPT), ("v", KEPT)):
        nodes += [
            node("MatMul", f"x w{each}", f"{each}0"),
            node("Reshape", f"{each}0 by{heads}", f"{each}1"),
            node("Transpose", f"{each}1", each, perm=[0, 2, 1, 3]),
        ]
    nodes += [*rotary("q", turn), *rotary("k", turn)]
    for each, source in (("k", "kt"), ("v", "v")):
        nodes += [
            node("Concat", f"past_{each} {source}", f"{each}c", axis=2),
            node("Unsqueeze", f"{each}c two", f"{each}u"),
            node("Expand", f"{each}u times", f"{each}e"),
            node("Reshape", f"{each}e all", f"{each}a"),
        ]
    nodes += [
        node("Transpose", "ka", "kT", perm=[0, 1, 3, 2]), node("MatMul", "qt kT", "s"),
        node("Mul", "s scale", "ss"), node("Add", "ss mask", "sm"),
        node("Softmax", "sm", "p", axis=-1), node("MatMul", "p va", "c"),
        node("Transpose", "c", "ct", perm=[0, 2, 1, 3]), node("Reshape", "ct flat", "cf"),
        node("MatMul", "cf wo", "y"),
    ]  # fmt: skip
    tensors = [
        drawn("wq", LONG, LONG), drawn("wk", LONG, KEPT * WIDTH), drawn("wv", LONG, KEPT * WIDTH),
        drawn("wo", LONG, LONG), tensor("cos", cosines.astype(np.float32)[None, None]),
        tensor("sin", sines.astype(np.float32)[None, None]), tensor("two", numbers(2)),
        tensor("mask", np.where(seen, 0, -1e9).astype(np.float32)[None, None]),
        tensor("scale", np.float32(WIDTH**-0.5)), tensor("flat", numbers(0, 0, LONG)),
        tensor("times", numbers(1, KEPT, HEADS // KEPT, PAST + TOKENS, WIDTH)),
        tensor("all", numbers(1, HEADS, PAST + TOKENS, WIDTH)),
        *(tensor(f"by{heads}", numbers(0, 0, heads, WIDTH)) for heads in (HEADS, KEPT)),
        *(tensor(f"c{at}", numbers(at)) for at in range(WIDTH)),
    ]  # fmt: skip
    helper = onnx.helper
    shapes = {"x": [1, TOKENS, LONG], **{f"past_{e}": [1, KEPT, PAST, WIDTH] for e in "kv"}}
    ends = [helper.make_tensor_value_info(name, 1, shape) for name, shape in shapes.items()]
    outputs = [helper.make_tensor_value_info(name, 1, None) for name in ("y", "kc")]
    graph = helper.make_graph(nodes, "g", ends, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


@pytest.mark.parametrize("turn", TURNS)
def test_a_decoder_that_is_spelled_out_is_understood(turn: str, tmp_path: Path) -> None:
    from onnx.reference import ReferenceEvaluator

    model = decoder(turn)
    file, random = saved(tmp_path, model), np.random.default_rng(3)
    given = {
        each.name: random.normal(0, 1, [d.dim_value for d in each.type.tensor_type.shape.dim])
        .astype(np.float32)
        for each in model.graph.input
    }  # fmt: skip
    found = forward_onnx(file, given)
    wanted = ReferenceEvaluator(model).run(None, given)
    for name, values in zip(("y", "kc"), wanted, strict=True):
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-5)
    graph = import_onnx(file, {}).graph
    assert Counter(operator.kind.name for operator in graph.operators) == {
        "matmul": 4, "rotary": 2, "kv_cache": 2, "attention_scores": 1, "softmax": 1,
        "attention_context": 1,
    }  # fmt: skip
    weights = 2 * LONG * LONG + 2 * LONG * KEPT * WIDTH
    assert graph.parameter_count() == weights
    assert graph.macs == TOKENS * (weights + 2 * (PAST + TOKENS) * LONG)


def test_heads_that_are_turned_by_what_is_no_rotary_position_are_told(tmp_path: Path) -> None:
    from accelsim.errors import ConfigError

    model = decoder("halves")
    for each in model.graph.node:
        if each.output[0] == "kp3":
            each.input[1] = "c6"
    with pytest.raises(ConfigError, match="1 node is not supported: n_"):
        import_onnx(saved(tmp_path, model), {})


def test_a_part_of_heads_in_turn_and_an_input_added_behind(tmp_path: Path) -> None:
    """Queries, keys and values of a head stand side by side, and the residual is the input."""
    helper = onnx.helper
    nodes = [
        node("MatMul", "x w", "h"), node("Reshape", "h by", "r"),
        node("Transpose", "r", "t", perm=[0, 2, 1, 3]),
        node("Split", "t thirds", "q k v", axis=3), node("Mul", "q scale", "qs"),
        node("Transpose", "k", "kT", perm=[0, 1, 3, 2]), node("MatMul", "qs kT", "s"),
        node("Softmax", "s", "p", axis=-1), node("MatMul", "p v", "c"),
        node("Transpose", "c", "ct", perm=[0, 2, 1, 3]), node("Reshape", "ct flat", "cf"),
        node("Add", "cf x", "a"), node("LayerNormalization", "a g b", "n"), node("Relu", "n", "y"),
    ]  # fmt: skip
    tensors = [
        drawn("w", LONG, 3 * LONG), drawn("g", LONG), drawn("b", LONG),
        tensor("by", numbers(0, 0, HEADS, 3 * WIDTH)), tensor("thirds", numbers(*[WIDTH] * 3)),
        tensor("scale", np.float32(WIDTH**-0.5)), tensor("flat", numbers(0, 0, LONG)),
    ]  # fmt: skip
    begin = helper.make_tensor_value_info("x", 1, [1, TOKENS, LONG])
    end = helper.make_tensor_value_info("y", 1, None)
    graph = helper.make_graph(nodes, "g", [begin], [end], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    from onnx.reference import ReferenceEvaluator

    given = {"x": np.random.default_rng(4).normal(0, 1, (1, TOKENS, LONG)).astype(np.float32)}
    (found,) = forward_onnx(saved(tmp_path, model), given).values()
    (wanted,) = ReferenceEvaluator(model).run(None, given)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
