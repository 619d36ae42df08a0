"""Writes onnx_outputs.json: what onnxruntime says of graphs, for inputs that anyone can draw.

Usage: python onnx_outputs.py FOLDER, of inputs/onnx of the reference, with onnx, onnxruntime and
numpy installed. ``zigzag_ds_cnn`` is refused by onnxruntime (an invalid graph): it is ONNX's own
reference that computes it. ``light_squeezenet`` is left out: all of its weights are 0.02, so that
its thousand logits are one number, 6.8e9, whose last place is 512. onnxruntime adds all of them in
one order, NumPy in several: logits agree within 5e-6, and a softmax of what is left between them
says nothing. With drawn weights its softmax agrees within 2e-6.
Made with onnxruntime 1.32.0 and onnx 1.23.2.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

INPUTS = {
    "zigzag_resnet8": ("input_1", [1, 3, 32, 32]),
    "zigzag_ds_cnn": ("input_1", [1, 1, 49, 10]),
    "ch_ppocr_mobile_v2.0_cls_infer": ("x", [1, 3, 48, 192]),
}


def drawn(name: str) -> dict[str, Any]:
    """Return the input of a graph."""
    port, shape = INPUTS[name]
    return {port: np.random.default_rng(15).normal(0, 1, shape).astype(np.float32)}


def main(folder: Path) -> None:
    """Write what the graphs of a folder compute."""
    import onnx
    import onnxruntime
    from onnx.reference import ReferenceEvaluator

    found = {}
    for name in INPUTS:
        file = str(folder / f"{name}.onnx")
        try:
            run = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run
        except onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph:
            run = ReferenceEvaluator(onnx.load(file)).run
        found[name] = np.asarray(run(None, drawn(name))[0]).reshape(-1).tolist()
    Path(__file__).with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
