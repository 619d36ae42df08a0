"""Fused nodes and integers of ONNX graphs compute what onnxruntime does; structure is told."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import ConfigError
from accelsim.inference.imported import forward_onnx
from accelsim.model.importers.onnx.file import import_onnx

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

from onnx_graphs import drawn, made, node, numbers, saved, tensor  # noqa: E402

SCRIPT = Path(__file__).parents[1] / "reference" / "onnx_fused.py"
WANTED = json.loads(SCRIPT.with_suffix(".json").read_text())


@pytest.fixture(scope="module")
def graphs() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


@pytest.mark.parametrize("name", WANTED)
def test_fused_nodes_are_what_they_stand_for(
    name: str, graphs: dict[str, Any], tmp_path: Path
) -> None:
    model, given, macs, parameters = graphs["inputs"](name)
    file = saved(tmp_path, model)
    imported = import_onnx(file, {})
    assert (imported.graph.macs, imported.graph.parameter_count()) == (macs, parameters)
    (found,) = forward_onnx(file, given).values()
    assert graphs["some"](found) == pytest.approx(WANTED[name], rel=1e-4, abs=1e-4)


def branch(name: str, *nodes: Any) -> Any:
    helper = onnx.helper
    return helper.make_graph(list(nodes), name, [], [helper.make_tensor_value_info(name, 1, None)])


def sparse(*places: int) -> Any:
    values = tensor("w", np.arange(1, len(places) + 1, dtype=np.float32))
    return onnx.helper.make_sparse_tensor(values, tensor("", np.array(places)), [8, 4])


def with_sparse(*places: int) -> Any:
    model = made([node("MatMul", "x w", "y")], [1, 8])
    model.graph.sparse_initializer.append(sparse(*places))
    return model


def choosing(condition: Any, *nodes: Any) -> Any:
    ways = {
        "then_branch": branch("a", node("MatMul", "h u", "a")),
        "else_branch": branch("b", node("Relu", "h", "b")),
    }
    tensors = [drawn("w", 8, 4), drawn("u", 4, 4), *condition]
    chosen = onnx.helper.make_node("If", ["c"], ["y"], name="chosen", **ways)
    return made([node("MatMul", "x w", "h"), *nodes, chosen], [1, 8], *tensors)


STRUCTURES = {
    "the branch that is taken": (choosing([tensor("c", np.array(True))]), 48, 48),
    "the other branch": (choosing([tensor("c", np.array(False))]), 32, 32),
    "few values that are not 0": (with_sparse(0, 7, 31), 32, 32),
    "a scaled branch": (
        made(
            [node("MatMul", "x w", "h"), node("MatMul", "x a", "l"), node("MatMul", "l b", "m"),
             node("Mul", "m two", "n"), node("Add", "h n", "y")],
            [1, 8], drawn("w", 8, 4), drawn("a", 8, 2), drawn("b", 2, 4),
            tensor("two", np.float32(2)),
        ), 56, 56,
    ),
    "zeros around before the axes are turned": (
        made(
            [node("Pad", "x edge", "p"), node("Transpose", "p", "t", perm=[0, 3, 1, 2]),
             node("Conv", "t w", "y", strides=[2, 2])],
            [1, 6, 6, 3], drawn("w", 4, 3, 3, 3), tensor("edge", numbers(0, 0, 0, 0, 0, 1, 1, 0)),
        ), 9 * 4 * 27, 4 * 27,
    ),
    "a product with factors": (
        made([node("Gemm", "x w b", "y", alpha=0.5, beta=2.0)], [1, 8], drawn("w", 8, 4),
             drawn("b", 4)), 32, 36,
    ),
    "a norm whose scale is multiplied into a number of rows": (
        made(
            [node("MatMul", "x w", "h"), node("ReduceMean", "h", "m", axes=[1]),
             node("Sub", "h m", "c"), node("Mul", "c c", "s"),
             node("ReduceMean", "s", "v", axes=[1]), node("Add", "v e", "ve"),
             node("Sqrt", "ve", "d"), node("Reciprocal", "d", "r"),
             node("Mul", "r g", "rg"), node("Mul", "h rg", "t"), node("Mul", "m rg", "u"),
             node("Sub", "b u", "bu"), node("Add", "t bu", "y")],
            [1, 8], drawn("w", 8, 4), drawn("g", 4), drawn("b", 4), tensor("e", np.float32(1e-6)),
        ), 32, 40,
    ),
    "numbers for all elements before and behind a curve, and a norm of it": (
        made(
            [node("MatMul", "x w", "h"), node("Mul", "s h", "a"), node("Add", "a t", "b"),
             node("HardSwish", "b", "c"), node("Mul", "c t", "d"), node("Add", "d s", "e"),
             node("Sigmoid", "e", "f"), node("Mul", "e f", "i"),
             node("ReduceMean", "i", "m", axes=[1]), node("Sub", "i m", "n"),
             node("Mul", "n n", "o"), node("ReduceMean", "o", "v", axes=[1]),
             node("Add", "v eps", "ve"), node("Sqrt", "ve", "r"), node("Div", "n r", "q"),
             node("Mul", "q g", "z"), node("Add", "z k", "y")],
            [1, 8], drawn("w", 8, 4), drawn("g", 4), drawn("k", 4), tensor("s", np.float32(1.3)),
            tensor("t", np.float32(0.7)), tensor("eps", np.float32(1e-5)),
        ), 32, 32 + 8 + 3,
    ),
    "a tied table with a factor": (
        made([node("Cast", "x", "i", to=7), node("Gather", "t i", "r"), node("Mul", "r s", "h"),
              node("Transpose", "t", "u"), node("MatMul", "h u", "y")],
             [1, 3], drawn("t", 5, 4), tensor("s", np.float32(3)), kind=6), 60, 21,
    ),
    "ones for each token": (
        made([node("Cast", "x", "i", to=7), node("OneHot", "i five ends", "o", axis=-1),
              node("MatMul", "o w", "y")],
             [1, 3], drawn("w", 5, 4), tensor("five", np.int64(5)),
             tensor("ends", np.array([0, 1], np.float32)), kind=6), 60, 20,
    ),
    "a scaled table": (
        made([node("Cast", "x", "i", to=7), node("Gather", "t i", "r"), node("Mul", "r s", "y")],
             [1, 3], drawn("t", 5, 4), tensor("s", np.float32(3)), kind=6), 0, 20,
    ),
    "a norm without shifts": (
        made([node("LayerNormalization", "x g", "y")], [1, 3, 8], drawn("g", 8)), 0, 8,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STRUCTURES)
def test_structures_compute_what_the_reference_does(name: str, tmp_path: Path) -> None:
    from onnx.reference import ReferenceEvaluator

    model, macs, parameters = STRUCTURES[name]
    file = saved(tmp_path, model)
    graph = import_onnx(file, {}).graph
    assert (graph.macs, graph.parameter_count()) == (macs, parameters)
    shape = [each.dim_value for each in model.graph.input[0].type.tensor_type.shape.dim]
    tokens = model.graph.input[0].type.tensor_type.elem_type == 6
    drawn_values = np.random.default_rng(3).normal(0, 1, shape)
    given = {"x": abs(drawn_values).astype(np.int32 if tokens else np.float32)}
    (found,) = forward_onnx(file, given).values()
    dense = model
    if model.graph.sparse_initializer:  # which the reference cannot read
        weight = np.zeros(32, np.float32)
        weight[[0, 7, 31]] = 1, 2, 3
        dense = made(list(model.graph.node), [1, 8], tensor("w", weight.reshape(8, 4)))
    (wanted,) = ReferenceEvaluator(dense).run(None, given)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_an_empty_cache_is_none(graphs: dict[str, Any], tmp_path: Path) -> None:
    model, given, macs, parameters = graphs["inputs"]("heads")
    model.graph.node[-1].input.extend(["", "", "", "past_k", "past_v"])
    shape = [1, graphs["HEADS"], "past", graphs["HEAD"]]
    for name in ("past_k", "past_v"):
        model.graph.input.append(onnx.helper.make_tensor_value_info(name, 1, shape))
        given[name] = np.zeros((1, graphs["HEADS"], 0, graphs["HEAD"]), np.float32)
    file = saved(tmp_path, model)
    graph = import_onnx(file, {name: list(each.shape) for name, each in given.items()}).graph
    assert (graph.macs, graph.parameter_count()) == (macs, parameters)
    (found,) = forward_onnx(file, given).values()
    assert graphs["some"](found) == pytest.approx(WANTED["heads"], rel=1e-4, abs=1e-4)


def test_a_table_of_integers_is_whole_whatever_rows_are_read(tmp_path: Path) -> None:
    nodes = [
        node("Gather", "words x", "e"), node("DequantizeLinear", "e s", "a"),
        node("Gather", "places at", "f"), node("DequantizeLinear", "f s", "b"),
        node("Add", "a b", "y"),
    ]  # fmt: skip
    words, places = np.arange(88, dtype=np.int8), np.arange(40, 96, dtype=np.int8)
    tensors = [
        tensor("words", words.reshape(11, 8)), tensor("places", places.reshape(7, 8)),
        tensor("at", np.arange(3)[None]), tensor("s", np.float32(0.1)),
    ]  # fmt: skip
    file = saved(tmp_path, made(nodes, [1, 3], *tensors, kind=7))
    assert import_onnx(file, {}).graph.parameter_count() == 18 * 8
    (found,) = forward_onnx(file, {"x": np.array([[2, 0, 5]])}).values()
    wanted = (words.reshape(11, 8)[[2, 0, 5]] + places.reshape(7, 8)[:3].astype(int)) * 0.1
    np.testing.assert_allclose(found[0], wanted, rtol=1e-5)


def twice(*more: Any) -> Any:
    model = made([node("MatMul", "x w", "y"), *more], [1, 8], drawn("w", 8, 4))
    return model


def doubled() -> Any:
    model = twice()
    model.graph.initializer.append(drawn("w", 8, 4))
    return model


def other(domain: str) -> Any:
    model = twice(node("Relu", "y", "z"))
    model.graph.node[1].domain = domain
    model.graph.output[0].name = "z"
    return model


REFUSED = {
    "two of a name": (doubled, "2 tensors have the name 'w'; it is damaged: give each its own"),
    "a node that makes an input": (
        lambda: twice(node("Relu", "y", "x")), "2 tensors have the name 'x'"),
    "places outside": (lambda: with_sparse(0, 32), "tensor 'w': its places lie outside its shape"),
    "blocks of one processor": (
        lambda: other("com.microsoft.nchwc"),
        "n_z (com.microsoft.nchwc.Relu): it holds pictures as one processor's blocks; save the "
        "optimised graph at ORT_ENABLE_EXTENDED"),
    "a known name of a foreign domain": (
        lambda: other("my"), "n_z (my.Relu): accelsim has no such operator"),
    "what activations choose": (
        lambda: choosing([], node("Relu", "h", "c")),
        "chosen (If): its condition depends on activations"),
    "an input that is missing": (
        lambda: made([node("ms.FusedMatMul", "x -", "y")], [1, 8]),
        "node 'n_y' (FusedMatMul): an input is missing, or an activation where a constant is"),
    "a row that no table has": (
        lambda: made([node("Gather", "t five", "r"), node("Relu", "r", "y")], [1, 3],
                     drawn("t", 5, 4), tensor("five", np.array([[5]]))),
        "it looks up what a table of 5 rows does not have"),
    "capped scores": (
        lambda: runpy.run_path(str(SCRIPT))["grouped"](softcap=5.0)[0],
        "n_y (com.microsoft.GroupQueryAttention): softcap 5.0, expected 0.0"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_one_message(name: str, tmp_path: Path) -> None:
    build, text = REFUSED[name]
    with pytest.raises(ConfigError) as caught:
        import_onnx(saved(tmp_path, build()), {})
    assert text in str(caught.value)
