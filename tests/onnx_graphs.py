"""Small ONNX graphs for tests. Import it behind ``pytest.importorskip("onnx")``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx

from accelsim.evaluation.examine import evaluate
from accelsim.evaluation.point import Point, Row


def made(nodes: list[Any], shape: list[Any], *tensors: Any, opset: int = 17, kind: int = 1) -> Any:
    """Return a model of one input x, whose output is that of the last node."""
    helper = onnx.helper
    begin = helper.make_tensor_value_info("x", kind, shape)
    end = helper.make_tensor_value_info(nodes[-1].output[0], 1, None)
    graph = helper.make_graph(nodes, "g", [begin], [end], list(tensors))
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets)


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    """Return a node; names of inputs and outputs are parted by blanks, ``-`` is none.

    Those of onnxruntime begin with ``ms.``.
    """
    domain = "com.microsoft" if kind.startswith("ms.") else ""
    kind = kind.removeprefix("ms.")
    ends = [["" if each == "-" else each for each in part.split()] for part in (inputs, outputs)]
    name = f"n_{ends[1][0]}"
    return onnx.helper.make_node(kind, *ends, name=name, domain=domain, **attributes)


def tensor(name: str, values: Any) -> Any:
    """Return an initializer."""
    return onnx.numpy_helper.from_array(np.asarray(values), name)


def drawn(name: str, *shape: int) -> Any:
    """Return an initializer of normal values, of a stream of its name."""
    seed = sum(name.encode())
    return tensor(name, np.random.default_rng(seed).normal(0, 0.5, shape).astype(np.float32))


def numbers(*values: int) -> Any:
    """Return integers of a shape or of axes."""
    return np.array(values, np.int64)


def saved(folder: Path, model: Any) -> Path:
    """Return the file of a model, or of bytes."""
    file = folder / "m.onnx"
    file.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return file


WORKLOAD = """
name: imported
model: {{onnx: m.onnx}}
tasks: {{words: {{}}}}
requests: {{pattern: round_robin, rounds: 1, sentences_per_task: 1}}
cases:
  npu:
    hardware: hwconfigs/systolic_npu.yaml
    adaptation: {{method: head}}
    storage: &dense {{embedding: &d {{format: dense, bits: 8}}, backbone: *d, task: *d}}
    weights: {weights}
  edgebert: {{hardware: {edgebert}, adaptation: {{method: head}}, storage: *dense}}
"""


def evaluated(folder: Path, edgebert: str, weights: str = "null") -> Row:
    """Return the row of a workload of the folder's ``m.onnx`` on both accelerators."""
    text = WORKLOAD.format(edgebert=edgebert, weights=weights)
    (folder / "w.yaml").write_text(text)
    return evaluate(Point(folder / "w.yaml"))
