"""What ONNX graphs spell out is recognised, and computes what ONNX's own reference does."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

from onnx_graphs import drawn, evaluated, made, node, numbers, saved, tensor  # noqa: E402

from accelsim.errors import ConfigError  # noqa: E402
from accelsim.inference.imported import forward_onnx  # noqa: E402
from accelsim.model.importers.onnx.file import Imported, import_onnx  # noqa: E402

TOKENS, WIDTH, HEADS, INNER, WORDS = 6, 8, 2, 16, 11


def agrees(folder: Path, model: Any, given: np.ndarray[Any, Any]) -> Imported:
    """Check that a graph computes what ONNX's reference does; return what it was read as."""
    from onnx.reference import ReferenceEvaluator

    file = saved(folder, model)
    (found,) = forward_onnx(file, {"x": given}).values()
    (wanted,) = ReferenceEvaluator(model).run(None, {"x": given})
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    return import_onnx(file, {})


def kinds(imported: Imported) -> Counter[str]:
    return Counter(operator.kind.name for operator in imported.graph.operators)


def picture(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).normal(0, 2, shape).astype(np.float32)


SCALARS = {
    "two": 2.0, "half": 0.5, "one": 1.0, "root2": 2**0.5, "cube": 3.0, "c": 0.044715,
    "k": (2 / np.pi) ** 0.5, "three": 3.0, "six": 6.0, "zero": 0.0, "q": 1.702, "eps": 1e-5,
}  # fmt: skip
FUNCTIONS: dict[str, tuple[str, str, list[tuple[str, str, str]]]] = {
    "erf": ("gelu", "", [("Div", "h root2", "a"), ("Erf", "a", "b"), ("Add", "b one", "c1"),
                         ("Mul", "h c1", "d"), ("Mul", "d half", "y")]),
    "erf, halved first": ("gelu", "", [("Mul", "h half", "a"), ("Div", "h root2", "b"),
                                       ("Erf", "b", "c1"), ("Add", "one c1", "d"),
                                       ("Mul", "d a", "y")]),
    "tanh": ("gelu", "tanh", [("Pow", "h cube", "a"), ("Mul", "c a", "b"), ("Add", "h b", "d"),
                              ("Mul", "d k", "e"), ("Tanh", "e", "f"), ("Add", "f one", "g"),
                              ("Mul", "h half", "i"), ("Mul", "i g", "y")]),
    "silu": ("silu", "", [("Sigmoid", "h", "a"), ("Mul", "h a", "y")]),
    "quick": ("silu", "1.702", [("Mul", "h q", "a"), ("Sigmoid", "a", "b"), ("Mul", "b h", "y")]),
    "hard": ("silu", "hard", [("Add", "h three", "a"), ("Clip", "a zero six", "b"),
                              ("Mul", "h b", "d"), ("Div", "d six", "y")]),
    "relu6": ("relu", "6", [("Clip", "h zero six", "y")]),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_is_spelled_out_is_one_operator(name: str, tmp_path: Path) -> None:
    kind, form, steps = FUNCTIONS[name]
    nodes = [node("MatMul", "x w", "h"), *(node(*step) for step in steps)]
    scalars = [tensor(key, np.float32(value)) for key, value in SCALARS.items()]
    imported = agrees(
        tmp_path, made(nodes, [1, 5, 8], drawn("w", 8, 8), *scalars), picture(1, 5, 8)
    )
    assert kinds(imported) == {"matmul": 1, kind: 1}
    assert imported.graph.operators[-1].form == form


def norm(source: str, to: str, shift: str = "") -> list[Any]:
    """Return the nodes of a layer norm that is spelled out."""
    steps = [
        ("ReduceMean", source, "mean"), ("Sub", f"{source} {to}mean", "centred"),
        ("Pow", f"{to}centred two", "square"), ("ReduceMean", f"{to}square", "variance"),
        ("Add", f"{to}variance eps", "sum"), ("Sqrt", f"{to}sum", "root"),
        ("Div", f"{to}centred {to}root", "normal"), ("Mul", f"{to}normal {to}g", "scaled"),
    ]  # fmt: skip
    axes = {"axes": [-1]}
    made = [
        node(kind, inputs, f"{to}{out}", **(axes if kind == "ReduceMean" else {}))
        for kind, inputs, out in steps
    ]
    return [*made, node("Add", f"{to}scaled {to}b", to)]


def transformer() -> Any:
    """Return a layer over tokens: fused queries, keys and values, a causal mask, tied logits."""
    attention = [
        node("MatMul", "n1 wqkv", "m"), node("Add", "bqkv m", "qkv"),
        node("Split", "qkv thirds", "q k v", axis=2),
        *(node("Reshape", f"{each} heads", f"{each}h") for each in "qkv"),
        node("Transpose", "qh", "qt", perm=[0, 2, 1, 3]),
        node("Transpose", "kh", "kt", perm=[0, 2, 3, 1]),
        node("Transpose", "vh", "vt", perm=[0, 2, 1, 3]),
        node("MatMul", "qt kt", "s"), node("Div", "s root", "ss"),
        node("Where", "seen ss low", "sm"), node("Softmax", "sm", "p", axis=-1),
        node("MatMul", "p vt", "ctx"), node("Transpose", "ctx", "ct", perm=[0, 2, 1, 3]),
        node("Reshape", "ct flat", "cf"), node("MatMul", "cf wo", "o"), node("Add", "e o", "r1"),
    ]  # fmt: skip
    inner = [
        node("MatMul", "n2 w1", "u"), node("Add", "u b1", "uu"),
        node("Div", "uu root2", "g1"), node("Erf", "g1", "g2"), node("Add", "g2 one", "g3"),
        node("Mul", "uu g3", "g4"), node("Mul", "g4 half", "g5"),
        node("MatMul", "g5 w2", "f"), node("Add", "r1 f", "r2"),
    ]  # fmt: skip
    nodes = [
        node("Shape", "x", "shape"), node("Gather", "shape at", "length"),
        node("Unsqueeze", "length none", "l1"), node("Concat", "b1s l1 split", "heads", axis=0),
        node("Gather", "words x", "tok"), node("Add", "tok places", "e"),
        *norm("e", "n1"), *attention, *norm("r1", "n2"), *inner,
        node("Transpose", "words", "wt", perm=[1, 0]), node("MatMul", "r2 wt", "y"),
    ]  # fmt: skip
    seen = np.tril(np.ones((TOKENS, TOKENS), bool))[None, None]
    tensors = [
        drawn("words", WORDS, WIDTH), drawn("places", 1, TOKENS, WIDTH),
        drawn("wqkv", WIDTH, 3 * WIDTH), drawn("bqkv", 3 * WIDTH), drawn("wo", WIDTH, WIDTH),
        drawn("w1", WIDTH, INNER), drawn("b1", INNER), drawn("w2", INNER, WIDTH),
        *(drawn(f"{n}{each}", WIDTH) for n in ("n1", "n2") for each in "gb"),
        tensor("seen", seen), tensor("low", np.float32(-3e38)),
        tensor("thirds", numbers(*[WIDTH] * 3)), tensor("at", numbers(1)[0]),
        tensor("none", numbers(0)), tensor("b1s", numbers(1)),
        tensor("split", numbers(HEADS, WIDTH // HEADS)), tensor("flat", numbers(0, 0, WIDTH)),
        tensor("root", np.float32((WIDTH // HEADS) ** 0.5)),
        *(tensor(key, np.float32(value)) for key, value in SCALARS.items() if key not in "qk"),
    ]  # fmt: skip
    return made(nodes, [1, TOKENS], *tensors, kind=7)


def test_a_transformer_that_is_spelled_out_is_understood(tmp_path: Path) -> None:
    tokens = np.array([[3, 1, 4, 1, 5, 9]])
    imported = agrees(tmp_path, transformer(), tokens)
    assert kinds(imported) == {
        "gather": 2, "add": 3, "layer_norm": 2, "matmul": 7, "attention_scores": 1, "softmax": 1,
        "attention_context": 1, "gelu": 1,
    }  # fmt: skip
    graph = imported.graph
    weights = 4 * WIDTH * WIDTH + 2 * WIDTH * INNER + WORDS * WIDTH
    assert graph.macs == TOKENS * weights + 2 * TOKENS * TOKENS * WIDTH
    vectors = TOKENS * WIDTH + 3 * WIDTH + INNER + 4 * WIDTH
    assert graph.parameter_count() == weights + vectors  # the words are tied to the logits


def test_one_weight_of_twelve_nodes_is_one_parameter_also_as_copies(tmp_path: Path) -> None:
    shared = [node("MatMul", f"h{n} w", f"h{n + 1}") for n in range(12)]
    nodes = [node("Relu", "x", "h0"), *shared, node("MatMul", "h12 copy", "y")]
    weight = drawn("w", 8, 8)
    copy = tensor("copy", onnx.numpy_helper.to_array(weight))
    graph = agrees(tmp_path, made(nodes, [1, 8], weight, copy), picture(1, 8)).graph
    assert (graph.macs, graph.parameter_count()) == (13 * 64, 64)


def pictures() -> dict[str, tuple[list[Any], list[Any]]]:
    conv = node("Conv", "x w", "h", pads=[1, 1, 1, 1])
    gate = [
        node("GlobalAveragePool", "h", "m"), node("Conv", "m u", "s"),
        node("HardSigmoid", "s", "g"), node("Mul", "h g", "y"),
    ]  # fmt: skip
    weights = [drawn("w", 6, 3, 3, 3), drawn("u", 6, 6, 1, 1)]
    ceil = {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}
    inside = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    joined = [
        conv,
        node("Conv", "h u", "a"),
        node("Relu", "h", "b"),
        node("Concat", "a b", "y", axis=1),
    ]
    around = [node("Pad", "x edge", "p"), node("Conv", "p w", "y", strides=[2, 2])]
    spread = {"dilations": [2, 1], "pads": [2, 1, 1, 0], "strides": [1, 2]}
    turned = [
        conv, node("Transpose", "h", "t", perm=[0, 2, 3, 1]), node("Reshape", "t flat", "f"),
        node("MatMul", "f v", "y"),
    ]  # fmt: skip
    return {
        "gate of channels": ([conv, *gate], weights),
        "side by side": (joined, weights),
        "largest, to the edge": ([conv, node("MaxPool", "h", "y", **ceil)], weights),
        "mean without edges": ([conv, node("AveragePool", "h", "y", **inside)], weights),
        "leaky": ([conv, node("LeakyRelu", "h", "y", alpha=0.1)], weights),
        "spread windows": (
            [node("Conv", "x w", "h", **spread), node("MaxPool", "h", "y", kernel_shape=[2, 2],
                                                      dilations=[2, 1])], weights
        ),
        "zeros around": (around, [*weights, tensor("edge", numbers(0, 0, 0, 0, 0, 0, 1, 1))]),
        "flat in another order": (
            turned, [*weights, drawn("v", 6 * 49, 4), tensor("flat", numbers(1, 6 * 49))]
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", pictures())
def test_pictures_compute_what_the_reference_does(name: str, tmp_path: Path) -> None:
    nodes, tensors = pictures()[name]
    used = {each for one in nodes for each in one.input}
    given = [each for each in tensors if each.name in used]
    agrees(tmp_path, made(nodes, [1, 3, 7, 7], *given), picture(1, 3, 7, 7))


def test_windows_of_a_line_may_be_spread(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x w", "h", dilations=[3], pads=[6, 0], group=2), node("Conv", "h u", "y"),
    ]  # fmt: skip
    model = made(nodes, [1, 4, 20], drawn("w", 6, 2, 3), drawn("u", 5, 6, 1))
    imported = agrees(tmp_path, model, picture(1, 4, 20))
    assert imported.graph.macs == 20 * 6 * 2 * 3 + 20 * 5 * 6


HEAD_NORMS = {"both": (1, 1), "scale alone": (1, 0), "nothing": (0, 0)}


@pytest.mark.parametrize("shared", HEAD_NORMS)
@pytest.mark.parametrize("width", [8, 4])
def test_a_norm_may_be_of_heads_and_without_parameters(
    width: int, shared: str, tmp_path: Path
) -> None:
    scale, shift = HEAD_NORMS[shared]
    steps = norm("h", "n")[: 7 + scale + shift]
    steps[-1].output[0] = "last"
    back = node("Reshape", "last flat", "y")
    nodes = [node("MatMul", "x w", "m"), node("Reshape", "m heads", "h"), *steps, back]
    tensors = [
        drawn("w", 8, 8), drawn("ng", width), drawn("nb", width), tensor("flat", numbers(1, 5, 8)),
        tensor("heads", numbers(1, 5, 8 // width, width)),
        *(tensor(key, np.float32(SCALARS[key])) for key in ("two", "eps")),
    ]  # fmt: skip
    if (width, scale) == (4, 0):
        with pytest.raises(ConfigError, match="no operator kind computes"):
            import_onnx(saved(tmp_path, made(nodes, [1, 5, 8], *tensors)), {})
        return
    imported = agrees(tmp_path, made(nodes, [1, 5, 8], *tensors), picture(1, 5, 8))
    assert kinds(imported) == {"matmul": 1, "layer_norm": 1}
    sizes = [each.shape for each in imported.graph.operators[-1].parameters]
    assert sizes == [(width,)] * (scale + shift)


def integers() -> dict[str, tuple[list[Any], list[Any]]]:
    whole = np.random.default_rng(2).integers(-127, 127, (8, 6)).astype(np.int8)
    scale = tensor("s", np.float32(0.02))
    per_output = tensor("so", np.linspace(0.01, 0.03, 6).astype(np.float32))
    weight, none = tensor("w", whole), tensor("z", np.int8(0))
    plain = [node("DequantizeLinear", "w so", "f", axis=1), node("MatMul", "x f", "y")]
    dynamic = [
        node("DynamicQuantizeLinear", "x", "q qs qz"), node("MatMulInteger", "q w qz z", "i"),
        node("Cast", "i", "c", to=1), node("Mul", "qs s", "t"), node("Mul", "c t", "y"),
    ]  # fmt: skip
    linear = [
        node("QuantizeLinear", "x xs xz", "q"), node("QLinearMatMul", "q xs xz w s z ys yz", "i"),
        node("DequantizeLinear", "i ys yz", "y"),
    ]  # fmt: skip
    ends = [tensor("xs", np.float32(0.05)), tensor("xz", np.int8(3))]
    ends += [tensor("ys", np.float32(0.1)), tensor("yz", np.int8(-5))]
    return {
        "weights alone": (plain, [weight, per_output]),
        "dynamic": (dynamic, [weight, scale, none]),
        "static": (linear, [weight, scale, none, *ends]),
    }


@pytest.mark.parametrize("name", integers())
def test_integers_stand_for_numbers(name: str, tmp_path: Path) -> None:
    nodes, tensors = integers()[name]
    imported = agrees(tmp_path, made(nodes, [1, 8], *tensors, opset=19), picture(1, 8))
    assert kinds(imported) == {"matmul": 1}
    scales = next(each for each in tensors if each.name in ("s", "so"))
    whole, scale = onnx.numpy_helper.to_array(tensors[0]), onnx.numpy_helper.to_array(scales)
    (found,) = imported.parameters().values()
    np.testing.assert_allclose(found, (whole * scale).T, rtol=1e-6)


def test_a_convolution_of_integers_rounds_as_the_reference_does(tmp_path: Path) -> None:
    whole = np.random.default_rng(4).integers(-127, 127, (4, 3, 3, 3)).astype(np.int8)
    nodes = [
        node("QuantizeLinear", "x xs xz", "q"), node("DequantizeLinear", "q xs xz", "a"),
        node("DequantizeLinear", "w ws", "f", axis=0), node("Conv", "a f", "b"),
        node("QuantizeLinear", "b ys yz", "c"), node("DequantizeLinear", "c ys yz", "d"),
        node("MaxPool", "d", "e", kernel_shape=[2, 2], strides=[2, 2]),
        node("DynamicQuantizeLinear", "e", "i is iz"), node("ConvInteger", "i u iz", "g"),
        node("Cast", "g", "h", to=1), node("Mul", "h is", "y"),
    ]  # fmt: skip
    tensors = [
        tensor("w", whole), tensor("ws", np.linspace(0.01, 0.02, 4).astype(np.float32)),
        tensor("xs", np.float32(0.05)), tensor("xz", np.uint8(120)), tensor("ys", np.float32(0.2)),
        tensor("yz", np.uint8(0)), tensor("u", whole.reshape(27, 4, 1, 1)),
    ]  # fmt: skip
    model = made(nodes, [1, 3, 6, 6], *tensors, opset=19)
    imported = agrees(tmp_path, model, picture(1, 3, 6, 6))
    assert kinds(imported) == {"convolution": 1, "matmul": 1, "relu": 1, "max_pool": 1}


def test_a_range_that_begins_at_zero_is_a_relu(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", "x w", "h"), node("QuantizeLinear", "h s z", "q"),
        node("DequantizeLinear", "q s z", "y"),
    ]  # fmt: skip
    ends = [tensor("s", np.float32(0.1)), tensor("z", np.uint8(0))]
    imported = import_onnx(saved(tmp_path, made(nodes, [1, 8], drawn("w", 8, 4), *ends)), {})
    assert kinds(imported) == {"matmul": 1, "relu": 1}


@pytest.mark.parametrize("name", ["tokens", "gate of channels", "spread windows"])
def test_imported_graphs_run_on_both_accelerators(name: str, tmp_path: Path) -> None:
    nodes, tensors = pictures().get(name, ([], []))
    saved(tmp_path, made(nodes, [1, 3, 7, 7], *tensors[:2]) if nodes else transformer())
    row = evaluated(tmp_path, "hwconfigs/edgebert.yaml", "{numbers: {kind: symmetric}}")
    assert row.status == "ok", row.reason


def test_scores_without_a_scale_are_an_attention(tmp_path: Path) -> None:
    """T5 has its scale in the weights."""
    split = [("Reshape", f"{n} shape", f"{n}h") for n in "qkv"]
    nodes = [
        *(node("MatMul", f"x w{n}", n) for n in "qkv"),
        *(node(*each) for each in split),
        node("Transpose", "qh", "qt", perm=[0, 2, 1, 3]),
        node("Transpose", "kh", "kt", perm=[0, 2, 3, 1]),
        node("Transpose", "vh", "vt", perm=[0, 2, 1, 3]),
        node("MatMul", "qt kt", "s"),
        node("Softmax", "s", "p", axis=-1),
        node("MatMul", "p vt", "c"),
    ]
    tensors = [*(drawn(f"w{n}", 8, 8) for n in "qkv"), tensor("shape", numbers(1, 5, 2, 4))]
    imported = agrees(tmp_path, made(nodes, [1, 5, 8], *tensors), picture(1, 5, 8))
    assert kinds(imported) == {
        "matmul": 3, "attention_scores": 1, "softmax": 1, "attention_context": 1,
    }  # fmt: skip


def test_a_constant_behind_a_function_without_an_operator_is_told_as_such(tmp_path: Path) -> None:
    nodes = [node("MatMul", "x w", "h"), node("Softsign", "h", "e"), node("Add", "e one", "y")]
    file = saved(tmp_path, made(nodes, [1, 5, 8], drawn("w", 8, 8), tensor("one", np.float32(1))))
    with pytest.raises(ConfigError, match=r"1 node is not supported: .*no operator kind computes"):
        import_onnx(file, {})
