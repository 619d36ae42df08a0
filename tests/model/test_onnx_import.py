"""Networks from ONNX files: what they are, and one message where they are of no use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accelsim.errors import ConfigError
from accelsim.evaluation.examine import evaluate
from accelsim.evaluation.point import Point
from accelsim.model.importers.onnx_file import read_graph

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

REFERENCE = Path(__file__).parents[1] / "reference"
# Multiply-accumulates and weights without biases: zigzag_onnx.txt.
GRAPHS = {"zigzag_resnet8": (12_501_632, 77_360), "zigzag_ds_cnn": (2_656_768, 22_016)}


@pytest.mark.parametrize("name", GRAPHS)
def test_published_graphs_have_their_counts(name: str) -> None:
    graph = read_graph(REFERENCE / f"{name}.onnx", {})
    weights = sum(p.elements for p in graph.parameters if len(p.shape) == 2)
    assert (graph.macs, weights) == GRAPHS[name]


def made(nodes: list[Any], shape: list[Any], *tensors: Any, opset: int = 13) -> Any:
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    ends = [
        helper.make_tensor_value_info("x", kind, shape),
        helper.make_tensor_value_info(nodes[-1].output[0], kind, None),
    ]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], list(tensors))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def node(kind: str, inputs: str, output: str, **attributes: Any) -> Any:
    return onnx.helper.make_node(kind, inputs.split(), [output], name=f"n_{output}", **attributes)


def tensor(name: str, *shape: int) -> Any:
    import numpy as np

    return onnx.numpy_helper.from_array(np.ones(shape, np.float32), name)


def saved(folder: Path, model: Any) -> Path:
    file = folder / "m.onnx"
    file.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return file


def test_one_weight_of_two_products_is_one_parameter(tmp_path: Path) -> None:
    nodes = [node("MatMul", "x w", "a"), node("Relu", "a", "b"), node("MatMul", "b w", "y")]
    graph = read_graph(saved(tmp_path, made(nodes, [1, 8], tensor("w", 8, 8))), {})
    assert graph.macs == 2 * 64
    assert graph.parameter_count() == 64


def test_dynamic_axes_take_the_shape_that_is_given(tmp_path: Path) -> None:
    pads = {"pads": [1, 1, 1, 1], "strides": [2, 2]}
    file = saved(
        tmp_path,
        made([node("Conv", "x w", "y", **pads)], ["n", 3, "h", "w"], tensor("w", 4, 3, 3, 3)),
    )
    assert read_graph(file, {"x": [1, 3, 8, 6]}).macs == 4 * 3 * 4 * 27
    with pytest.raises(ConfigError, match=r"input 'x' has axes without a value; give all, such as"):
        read_graph(file, {})


def external(location: str) -> Any:
    large = tensor("w", 8, 8)
    large.ClearField("raw_data")
    large.data_location = onnx.TensorProto.EXTERNAL
    entry = large.external_data.add()
    entry.key, entry.value = "location", location
    return made([node("MatMul", "x w", "y")], [1, 8], large)


def claiming(*dims: int) -> Any:
    large = tensor("w", 8, 8)
    large.dims[:] = dims
    return made([node("MatMul", "x w", "y")], [1, 8], large)


BROKEN = {
    "nodes": lambda: made([node("Relu", "x", "a"), node("LSTM", "a", "b"), node("Erf", "b", "y")],
                          [1, 8]),
    "opset": lambda: made([node("Relu", "x", "y")], [1, 8], opset=3),
    "truncated": lambda: claiming(8, 8).SerializeToString()[:-40],
    "cycle": lambda: made([node("Add", "x z", "y"), node("Relu", "y", "z")], [1, 8]),
    "outside": lambda: external("../../etc/passwd"),
    "missing": lambda: external("weights.bin"),
    "claim": lambda: claiming(1 << 20, 1 << 20),
    "mismatch": lambda: made([node("Conv", "x w", "y")], [1, 3, 8, 8], tensor("w", 4, 5, 3, 3)),
    "text": lambda: b"model: resnet",
    "empty": lambda: b"",
}  # fmt: skip
MESSAGES = {
    "nodes": "2 nodes are not supported: n_b (LSTM), n_y (Erf)",
    "opset": "expected an opset of 7 to ",
    "truncated": "cannot be read as ONNX: it is truncated, damaged or of another kind",
    "cycle": "node 'n_y' reads 'z', which nothing before it makes; the graph is cyclic or damaged",
    "outside": "tensor 'w': its data lies outside the folder of the file",
    "missing": "tensor 'w': its data is missing; put 'weights.bin' beside it",
    "claim": "tensor 'w' claims the shape (1048576, 1048576); it is damaged",
    "mismatch": "node 'n_y' (Conv): ",
    "text": "cannot be read as ONNX: it is truncated, damaged or of another kind",
    "empty": "expected an opset of 7 to ",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_gives_no_network_is_one_message(name: str, tmp_path: Path) -> None:
    file = saved(tmp_path, BROKEN[name]())
    with pytest.raises(ConfigError) as caught:
        read_graph(file, {})
    assert str(caught.value).startswith(f"{file}: {MESSAGES[name]}")
    assert "\n" not in str(caught.value)


def test_a_workload_runs_an_onnx_file(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes((REFERENCE / "zigzag_ds_cnn.onnx").read_bytes())
    (tmp_path / "w.yaml").write_text("""
name: keywords
model: {onnx: m.onnx}
tasks: {words: {}}
requests: {pattern: round_robin, rounds: 1, sentences_per_task: 1}
cases:
  npu:
    hardware: hwconfigs/systolic_npu.yaml
    adaptation: {method: head}
    storage: &dense {embedding: &d {format: dense, bits: 8}, backbone: *d, task: *d}
  edgebert: {hardware: hwconfigs/adapter_mixed.yaml, adaptation: {method: head}, storage: *dense}
""")
    row = evaluate(Point(tmp_path / "w.yaml"))
    assert row.status == "ok", row.reason
