"""Networks from ONNX files: what they are, and one message where they are of no use."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import ConfigError
from accelsim.inference.imported import forward_onnx
from accelsim.model.families import find_model
from accelsim.model.importers.onnx.file import import_onnx

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

from onnx_graphs import drawn, evaluated, made, node, numbers, saved, tensor  # noqa: E402

REFERENCE = Path(__file__).parents[1] / "reference"
# Multiply-accumulates and weights without biases: zigzag_onnx.txt.
GRAPHS = {"zigzag_resnet8": (12_501_632, 77_360), "zigzag_ds_cnn": (2_656_768, 22_016)}


@pytest.mark.parametrize("name", GRAPHS)
def test_published_graphs_have_their_counts(name: str) -> None:
    graph = import_onnx(REFERENCE / f"{name}.onnx", {}).graph
    weights = sum(p.elements for p in graph.parameters if len(p.shape) == 2)
    assert (graph.macs, weights) == GRAPHS[name]


@pytest.mark.parametrize("name", GRAPHS)
def test_published_graphs_compute_what_onnxruntime_does(name: str) -> None:
    drawn = runpy.run_path(str(REFERENCE / "onnx_outputs.py"))["drawn"](name)
    wanted = json.loads((REFERENCE / "onnx_outputs.json").read_text())[name]
    (found,) = forward_onnx(REFERENCE / f"{name}.onnx", drawn).values()
    assert found.reshape(-1).tolist() == pytest.approx(wanted, rel=1e-4, abs=1e-5)


def test_dynamic_axes_take_the_shape_that_is_given(tmp_path: Path) -> None:
    pads = {"pads": [1, 1, 1, 1], "strides": [2, 2]}
    file = saved(
        tmp_path,
        made([node("Conv", "x w", "y", **pads)], ["n", 3, "h", "w"], drawn("w", 4, 3, 3, 3)),
    )
    assert import_onnx(file, {"x": [1, 3, 8, 6]}).graph.macs == 4 * 3 * 4 * 27
    with pytest.raises(ConfigError, match=r"input 'x' has axes without a value; give all, such as"):
        import_onnx(file, {})


def test_classes_that_no_output_has_are_told() -> None:
    path = REFERENCE / "zigzag_ds_cnn.onnx"
    model = find_model("custom", family="onnx", path=str(path), digest_of_file="0" * 64)
    assert model.build(classes=12).operators
    message = "classes is 10, but the outputs of the file are 12 wide; leave classes out"
    with pytest.raises(ConfigError, match=message):
        model.build(classes=10)


def test_a_first_axis_that_may_be_a_batch_or_rows_is_asked_for(tmp_path: Path) -> None:
    file = saved(tmp_path, made([node("MatMul", "x w", "y")], [5, 4], drawn("w", 4, 3)))
    with pytest.raises(
        ConfigError, match=r"5 on its first axis: .* \{x: \[1, 4\]\} or \{x: \[5, 4\]"
    ):
        import_onnx(file, {})
    assert [import_onnx(file, {"x": [rows, 4]}).graph.macs for rows in (1, 5)] == [12, 60]
    (found,) = forward_onnx(file, {"x": np.ones((5, 4), np.float32)}).values()
    assert found.shape == (5, 3)
    pictures = saved(
        tmp_path, made([node("Conv", "x w", "y")], [2, 3, 4, 4], drawn("w", 4, 3, 1, 1))
    )
    with pytest.raises(ConfigError, match=r"the shape \[2, 3, 4, 4\]; one picture at a time"):
        import_onnx(pictures, {"x": [2, 3, 4, 4]})


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        ({"z": [1, 4]}, "no input is called 'z'; inputs: x"),
        ({"x": [4]}, "has 2 axes, got the shape"),
    ],
)
def test_shapes_that_are_of_no_input_are_told(
    shapes: dict[str, list[int]], told: str, tmp_path: Path
) -> None:
    file = saved(tmp_path, made([node("MatMul", "x w", "y")], [1, 4], drawn("w", 4, 3)))
    with pytest.raises(ConfigError, match=told):
        import_onnx(file, shapes)


def external(location: str, offset: str = "0") -> Any:
    large = drawn("w", 8, 8)
    large.ClearField("raw_data")
    large.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset)):
        entry = large.external_data.add()
        entry.key, entry.value = key, value
    return made([node("MatMul", "x w", "y")], [1, 8], large)


def claiming(*dims: int) -> Any:
    large = drawn("w", 8, 8)
    large.dims[:] = dims
    return made([node("MatMul", "x w", "y")], [1, 8], large)


def recursive() -> Any:
    helper = onnx.helper
    own = helper.make_node("F", ["a"], ["b"], domain="d")
    model = made([helper.make_node("F", ["x"], ["y"], domain="d")], [1, 8])
    opsets = [helper.make_opsetid("d", 1)]
    model.functions.append(helper.make_function("d", "F", ["a"], ["b"], [own], opsets))
    model.opset_import.extend(opsets)
    return model


BROKEN = {
    "functions of themselves": recursive,
    "nodes": lambda: made([node("Relu", "x", "a"), node("Unique", "a", "b"),
                           node("ms.FusedX", "a", "c"), node("Det", "a", "d"),
                           node("CumSum", "a t", "e"), node("Sum", "b c d e", "y")],
                          [1, 8], drawn("w", 8, 8), tensor("t", numbers(2, 2))),
    "functions": lambda: made([node("Relu", "x", "a"), node("Erf", "a", "y")], [1, 8]),
    "outputs": lambda: made([node("Constant", "", "y", value_float=1.0)], [1, 8]),
    "large": lambda: made([node("Expand", "w t", "a"), node("Add", "x a", "y")], [1, 8],
                          drawn("w", 1, 8), tensor("t", numbers(1 << 20, 1 << 20))),
    "short": lambda: external("m.onnx", offset="999999"),
    "opset": lambda: made([node("Relu", "x", "y")], [1, 8], opset=3),
    "truncated": lambda: claiming(8, 8).SerializeToString()[:-40],
    "cycle": lambda: made([node("Add", "x z", "y"), node("Relu", "y", "z")], [1, 8]),
    "name": lambda: made([onnx.helper.make_node("Relu", ["x\na"], ["y"])], [1, 8]),
    "outside": lambda: external("../../etc/passwd"),
    "missing": lambda: external("weights.bin"),
    "claim": lambda: claiming(1 << 20, 1 << 20),
    "mismatch": lambda: made([node("Conv", "x w", "y")], [1, 3, 8, 8], drawn("w", 4, 5, 3, 3)),
    "text": lambda: b"model: resnet",
    "empty": lambda: b"",
}  # fmt: skip
MESSAGES = {
    "functions of themselves": "its functions are damaged: ",
    "nodes": "4 nodes are not supported: n_b (Unique): accelsim has no such operator; n_c "
    "(com.microsoft.FusedX): accelsim has no such operator; n_d (Det): accelsim has no such "
    "operator; n_e (CumSum): is for shapes and constants alone, not for activations",
    "functions": "1 node is not supported: n_y (Erf): no operator kind computes ",
    "outputs": "no output depends on an input; expected a graph that computes one",
    "large": "1 node is not supported: n_a (Expand): it claims 1099511627776 values; the file is ",
    "short": "tensor 'w': 'm.onnx' is shorter than its data; it is truncated",
    "opset": "expected an opset of 7 to ",
    "truncated": "cannot be read as ONNX: it is truncated, damaged or of another kind",
    "cycle": "node 'n_y' reads 'z', which nothing before it makes; the graph is cyclic or damaged",
    "name": "node 'y' reads 'x\\na', which nothing before it makes",
    "outside": "tensor 'w': its data lies outside the folder of the file",
    "missing": "tensor 'w': its data is missing; put 'weights.bin' beside it",
    "claim": "tensor 'w' claims the shape (1048576, 1048576); it is damaged",
    "mismatch": "1 node is not supported: n_y (Conv): weights for 5 channels, got 3",
    "text": "cannot be read as ONNX: it is truncated, damaged or of another kind",
    "empty": "expected an opset of 7 to ",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_gives_no_network_is_one_message(name: str, tmp_path: Path) -> None:
    file = saved(tmp_path, BROKEN[name]())
    with pytest.raises(ConfigError) as caught:
        import_onnx(file, {})
    assert str(caught.value).startswith(f"{file}: {MESSAGES[name]}")
    assert "\n" not in str(caught.value)


def test_a_workload_runs_an_onnx_file(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes((REFERENCE / "zigzag_ds_cnn.onnx").read_bytes())
    row = evaluated(tmp_path, "hwconfigs/adapter_mixed.yaml")
    assert row.status == "ok", row.reason
