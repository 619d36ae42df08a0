"""What ONNX graphs only move is one copy, priced as such; windows of a picture have attentions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

from onnx_graphs import drawn, evaluated, made, node, numbers, saved, tensor  # noqa: E402
from test_onnx_forms import agrees, kinds, picture  # noqa: E402

from accelsim.model.importers.onnx.file import import_onnx  # noqa: E402

# Pictures of 6 channels and 8 x 8 pixels go in.
Graph = tuple[list[Any], list[Any]]
CONV = node("Conv", "x w", "h", pads=[1, 1, 1, 1])
WEIGHTS = [drawn("w", 6, 6, 3, 3), drawn("u", 4, 6, 1, 1)]


def shuffled() -> Graph:
    nodes = [
        CONV, node("Relu", "h", "r"), node("Split", "r", "a b", axis=1),
        node("Conv", "b v", "c"), node("Concat", "a c", "j", axis=1), node("Reshape", "j two", "k"),
        node("Transpose", "k", "t", perm=[0, 2, 1, 3, 4]), node("Reshape", "t one", "s"),
        node("Conv", "s u", "y"),
    ]  # fmt: skip
    shapes = [tensor("two", numbers(1, 2, 3, 8, 8)), tensor("one", numbers(1, 6, 8, 8))]
    return nodes, [*WEIGHTS, drawn("v", 3, 3, 1, 1), *shapes]


def enlarged() -> Graph:
    twice = tensor("twice", np.array([1, 1, 2, 2], np.float32))
    nodes = [CONV, node("Resize", "h - twice", "e", mode="nearest"), node("Conv", "e u", "y")]
    return nodes, [*WEIGHTS, twice]


def blocks() -> Graph:
    nodes = [
        CONV, node("SpaceToDepth", "h", "s", blocksize=2), node("Conv", "s v", "c"),
        node("DepthToSpace", "c", "d", blocksize=2, mode="CRD"), node("Relu", "d", "y"),
    ]  # fmt: skip
    return nodes, [WEIGHTS[0], drawn("v", 8, 24, 1, 1)]


def transposed(size: int, cut: int, more: int) -> Graph:
    own = {"strides": [2, 2], "pads": [cut] * 4, "output_padding": [more] * 2}
    nodes = [CONV, node("ConvTranspose", "h t b", "e", **own), node("Conv", "e u", "y")]
    return nodes, [*WEIGHTS, drawn("t", 6, 6, size, size), drawn("b", 6)]


def blurred(how: str) -> Graph:
    scales = tensor("scales", np.array([1, 1, 2, 3], np.float32))
    own = {"mode": "linear", "coordinate_transformation_mode": how}
    return [CONV, node("Resize", "h - scales", "y", **own)], [WEIGHTS[0], scales]


def normal() -> Graph:
    nodes = [
        CONV, node("Reshape", "h groups", "g"), node("InstanceNormalization", "g one none", "i"),
        node("Reshape", "i whole", "n"), node("Mul", "n scale", "s"), node("Add", "s shift", "a"),
        node("InstanceNormalization", "a p q", "y"),
    ]  # fmt: skip
    ends = [tensor("groups", numbers(1, 2, -1)), tensor("whole", numbers(1, 6, 8, 8))]
    ends += [tensor("one", np.ones(2, np.float32)), tensor("none", np.zeros(2, np.float32))]
    ends += [drawn("scale", 6, 1, 1), drawn("shift", 6, 1, 1), drawn("p", 6), drawn("q", 6)]
    return nodes, [WEIGHTS[0], *ends]


def heads() -> Graph:
    """Return boxes of two sizes below each other, as detectors give them."""
    nodes = [
        CONV, node("MaxPool", "h", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "h u", "a"), node("Conv", "p u", "b"),
        node("Reshape", "a flat", "c"), node("Reshape", "b flat", "d"),
        node("Concat", "c d", "j", axis=2), node("Transpose", "j", "y", perm=[0, 2, 1]),
    ]  # fmt: skip
    return nodes, [*WEIGHTS, tensor("flat", numbers(1, 4, -1))]


def turned() -> Graph:
    """Return a product along the pixels, as mixers have it."""
    nodes = [
        CONV, node("Reshape", "h flat", "f"), node("MatMul", "f v", "m"),
        node("Transpose", "m", "t", perm=[0, 2, 1]), node("MatMul", "t z", "y"),
    ]  # fmt: skip
    return nodes, [WEIGHTS[0], tensor("flat", numbers(1, 6, 64)), drawn("v", 64, 5),
                   drawn("z", 6, 3)]  # fmt: skip


def windows() -> Graph:
    """Return an attention of windows of 4 x 4 pixels that are shifted by two."""

    def roll(source: str, to: str, first: str, rest: str) -> list[Any]:
        steps = []
        for axis in (1, 2):
            end = to if axis == 2 else f"{to}1"
            steps += [
                node("Slice", f"{source} {first} far axis{axis}", f"{end}a"),
                node("Slice", f"{source} none {rest} axis{axis}", f"{end}b"),
                node("Concat", f"{end}a {end}b", end, axis=axis),
            ]
            source = end
        return steps

    parted = [0, 1, 3, 2, 4, 5]
    nodes = [
        CONV, node("Transpose", "h", "t", perm=[0, 2, 3, 1]), *roll("t", "r", "two", "two"),
        node("Reshape", "r cut", "c"), node("Transpose", "c", "ct", perm=parted),
        node("Reshape", "ct windows", "n"), node("MatMul", "n wqkv", "m"),
        node("Reshape", "m three", "q3"), node("Transpose", "q3", "qt", perm=[2, 0, 3, 1, 4]),
        *(node("Gather", f"qt at{n}", name, axis=0) for n, name in enumerate("qkv")),
        node("Mul", "q scale", "qs"), node("Transpose", "k", "kt", perm=[0, 1, 3, 2]),
        node("MatMul", "qs kt", "s"), node("Add", "s bias", "sb"), node("Reshape", "sb per", "sp"),
        node("Add", "sp mask", "sm"), node("Reshape", "sm all", "sa"),
        node("Softmax", "sa", "p", axis=-1), node("MatMul", "p v", "o"),
        node("Transpose", "o", "ot", perm=[0, 2, 1, 3]), node("Reshape", "ot windows", "of"),
        node("MatMul", "of wo", "z"), node("Reshape", "z uncut", "zc"),
        node("Transpose", "zc", "zt", perm=parted), node("Reshape", "zt whole", "zw"),
        *roll("zw", "b", "back", "back"), node("Add", "t b", "y"),
    ]  # fmt: skip
    hidden = np.where(np.random.default_rng(4).random((1, 4, 1, 16, 16)) < 0.3, -100, 0)
    told = {
        "far": [99], "none": [0], "two": [2], "back": [-2], "axis1": [1], "axis2": [2],
        "cut": [1, 2, 4, 2, 4, 6], "windows": [4, 16, 6], "three": [4, 16, 3, 2, 3],
        "per": [1, 4, 2, 16, 16], "all": [4, 2, 16, 16], "uncut": [1, 2, 2, 4, 4, 6],
        "whole": [1, 8, 8, 6],
    }  # fmt: skip
    return nodes, [
        WEIGHTS[0], drawn("wqkv", 6, 18), drawn("wo", 6, 6), drawn("bias", 1, 2, 16, 16),
        tensor("mask", hidden.astype(np.float32)), tensor("scale", np.float32(3**-0.5)),
        *(tensor(name, numbers(*sizes)) for name, sizes in told.items()),
        *(tensor(f"at{n}", np.int64(n)) for n in range(3)),
    ]  # fmt: skip


GRAPHS: dict[str, tuple[Callable[[], Graph], int]] = {
    # what is moved: halves and the shuffle; pixels; blocks twice; boxes; pixels
    "shuffled": (shuffled, 2), "enlarged": (enlarged, 1), "blocks": (blocks, 2),
    "two of two": (lambda: transposed(2, 0, 0), 1), "four of two": (lambda: transposed(4, 1, 0), 1),
    "three of two": (lambda: transposed(3, 1, 1), 1), "groups": (normal, 4),
    "blurred": (lambda: blurred("half_pixel"), 0),
    "blurred to the corners": (lambda: blurred("align_corners"), 0),
    "heads": (heads, 1), "turned": (turned, 2),
    # windows, queries, keys and values side by side, the way back of each, and of the picture
    "windows": (windows, 6),
}  # fmt: skip


def model(name: str) -> Any:
    nodes, tensors = GRAPHS[name][0]()
    return made(nodes, [1, 6, 8, 8], *tensors)


@pytest.mark.parametrize("name", GRAPHS)
def test_what_is_moved_computes_what_the_reference_does(name: str, tmp_path: Path) -> None:
    imported = agrees(tmp_path, model(name), picture(1, 6, 8, 8) / 10)
    assert kinds(imported)["rearrange"] == GRAPHS[name][1]


@pytest.mark.parametrize("name", ["two of two", "four of two", "three of two"])
def test_nothing_is_multiplied_by_zeros_between_pixels(name: str, tmp_path: Path) -> None:
    graph = import_onnx(saved(tmp_path, model(name)), {}).graph
    size = {"two": 2, "four": 4, "three": 3}[name.split()[0]]
    around = 64 * 6 * 6 * 9 + 256 * 4 * 6
    assert graph.macs == around + 64 * 6 * 6 * size**2


def test_windows_multiply_their_own_tokens_alone(tmp_path: Path) -> None:
    graph = import_onnx(saved(tmp_path, model("windows")), {}).graph
    scores = [each for each in graph.operators if each.kind.name == "attention_scores"]
    assert [(each.batch, each.macs) for each in scores] == [(4 * 2, 4 * 2 * 16 * 16 * 3)]
    (bias,) = [each for each in graph.operators if each.kind.name == "score_bias"]
    assert [each.shape for each in bias.parameters] == [(2 * 16, 16)]


@pytest.mark.parametrize("name", GRAPHS)
def test_what_is_moved_runs_on_both_accelerators(name: str, tmp_path: Path) -> None:
    saved(tmp_path, model(name))
    row = evaluated(tmp_path, "hwconfigs/edgebert.yaml", "{numbers: {kind: symmetric}}")
    assert row.status == "ok", row.reason


STEPS, WIDTH = 5, 3
GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}
CELLS = {
    "GRU": {"linear_before_reset": 1}, "GRU, reset first": {}, "LSTM": {}, "RNN": {},
    "LSTM, both ways": {"direction": "bidirectional"}, "GRU, backward": {"direction": "reverse"},
}  # fmt: skip


@pytest.mark.parametrize("name", CELLS)
def test_recurrent_nodes_are_their_steps(name: str, tmp_path: Path) -> None:
    kind, ways = name.split(",")[0], 2 if "both" in name else 1
    size = GATES[kind] * WIDTH
    tensors = [
        drawn("w", ways, size, 4), drawn("r", ways, size, WIDTH), drawn("b", ways, 2 * size),
        drawn("z", WIDTH, 2), tensor("zeros", np.zeros((ways, 1, WIDTH), np.float32)),
    ]  # fmt: skip
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node(kind, "t w r b - zeros", "s l", hidden_size=WIDTH, **CELLS[name]),
        node("MatMul", "s z", "y"),
    ]
    imported = agrees(tmp_path, made(nodes, [1, STEPS, 4], *tensors), picture(1, STEPS, 4))
    work = ways * (STEPS * size * 4 + (STEPS - 1) * size * WIDTH + STEPS * WIDTH * 2)
    assert imported.graph.macs == work
    weights = [p for p in imported.graph.parameters if p.shape == (WIDTH, WIDTH)]
    assert len(weights) == ways * GATES[kind]
    row = evaluated(tmp_path, "hwconfigs/edgebert.yaml", "{numbers: {kind: symmetric}}")
    assert row.status == "ok", row.reason
