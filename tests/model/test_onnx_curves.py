"""Functions that trained nets have beside the usual ones: values, parameters and prices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import ConfigError
from accelsim.inference.imported import forward_onnx
from accelsim.model.importers.onnx.file import import_onnx

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

from onnx_graphs import drawn, evaluated, made, node, saved, tensor  # noqa: E402

CONV = node("Conv", "x w", "h", pads=[1, 1, 1, 1])
WEIGHT = drawn("w", 6, 6, 3, 3)
MACS, WEIGHTS = 6 * 6 * 9 * 64, 6 * 6 * 9
SELU = {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805}


def ends(low: float, high: float) -> list[Any]:
    return [tensor("low", np.float32(low)), tensor("high", np.float32(high))]


def groups(opset: int, channels: int) -> Any:
    own = [drawn("g", channels), drawn("b", channels)]
    nodes = [CONV, node("GroupNormalization", "h g b", "n", num_groups=3), node("Relu", "n", "y")]
    return made(nodes, [1, 6, 8, 8], WEIGHT, *own, opset=opset)


def curve(*nodes: Any, own: Any = ()) -> Any:
    return made([CONV, *nodes], [1, 6, 8, 8], WEIGHT, *own, opset=18)


# Graphs, the kinds and forms behind the convolution (None: not told), and parameters beside it.
CURVES: dict[str, tuple[Any, list[tuple[str, str]] | None, int]] = {
    "elu": (curve(node("Elu", "h", "y")), [("elu", "")], 0),
    "selu": (curve(node("Selu", "h", "y", **SELU)), [("elu", "selu")], 0),
    "celu": (curve(node("Celu", "h", "y", alpha=1.0)), [("elu", "")], 0),
    "softplus": (curve(node("Softplus", "h", "y")), [("softplus", "")], 0),
    "mish": (curve(node("Mish", "h", "y")), [("silu", "mish")], 0),
    "mish, spelled out": (
        curve(node("Softplus", "h", "a"), node("Tanh", "a", "b"), node("Mul", "h b", "y")),
        [("silu", "mish")], 0),
    "to 1": (curve(node("Clip", "h low high", "y"), own=ends(-1, 1)), [("clip", "")], 2),
    "to 20": (curve(node("Clip", "h low high", "y"), own=ends(0, 20)), [("clip", "")], 2),
    "to 1, twice as much": (
        curve(node("Clip", "h low high", "c"), node("Mul", "c two", "y"),
              own=[*ends(-1, 1), tensor("two", np.float32(2))]),
        [("clip", ""), ("affine", "scale")], 3),
    "to the largest half": (
        curve(node("Clip", "h low high", "c"), node("Relu", "c", "y"), own=ends(-65504, 65504)),
        [("relu", "")], 0),
    "slopes": (
        curve(node("PRelu", "h s", "y"), own=[drawn("s", 6, 1, 1)]), [("prelu", "")], 6),
    "one slope": (
        curve(node("PRelu", "h s", "y"), own=[drawn("s", 1)]), [("prelu", "")], 1),
    "norms of groups, of groups": (groups(18, 3), None, 12),
    "norms of groups, of channels": (groups(21, 6), None, 12),
}  # fmt: skip


def same(file: Path, model: Any, given: Any) -> None:
    from onnx.reference import ReferenceEvaluator

    (found,) = forward_onnx(file, {"x": given}).values()
    (wanted,) = ReferenceEvaluator(model).run(None, {"x": given})
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CURVES)
def test_a_function_is_what_onnx_says(name: str, tmp_path: Path) -> None:
    model, wanted, more = CURVES[name]
    file = saved(tmp_path, model)
    graph = import_onnx(file, {}).graph
    behind = [(each.kind.name, each.form) for each in graph.operators[1:]]
    assert wanted in (None, behind)
    assert (graph.macs, graph.parameter_count()) == (MACS, WEIGHTS + more)
    given = np.random.default_rng(3).normal(0, 3, (1, 6, 8, 8)).astype(np.float32)
    same(file, model, given)


@pytest.mark.parametrize("opset", [12, 13])
def test_logarithms_of_probabilities_are_one_softmax(opset: int, tmp_path: Path) -> None:
    nodes = [node("MatMul", "x w", "h"), node("LogSoftmax", "h", "y", axis=1)]
    model = made(nodes, [1, 8], drawn("w", 8, 5), opset=opset)
    file = saved(tmp_path, model)
    last = import_onnx(file, {}).graph.operators[-1]
    assert (last.kind.name, last.form) == ("softmax", "log")
    same(file, model, np.full((1, 8), 3, np.float32))


@pytest.mark.parametrize("machine", ["edgebert", "gap9"])
def test_every_machine_prices_what_is_new(machine: str, tmp_path: Path) -> None:
    kinds = zip(["Elu", "Softplus", "Mish"], "hab", "abc", strict=True)
    nodes = [*(node(*each) for each in kinds), node("PRelu", "c s", "d")]
    own = [drawn("s", 6, 1, 1), *ends(0, 20)]
    saved(tmp_path, curve(*nodes, node("Clip", "d low high", "y"), own=own))
    row = evaluated(tmp_path, f"hwconfigs/{machine}.yaml", "{numbers: {kind: symmetric}}")
    assert row.status == "ok", row.reason


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (curve(node("Elu", "h", "y", alpha=0.5)), "no operator kind computes it"),
        (curve(node("Clip", "h - high", "y"), own=ends(0, 20)[1:]), "one bound alone"),
        (curve(node("Min", "h high", "y"), own=ends(0, 20)[1:]), "one bound alone"),
        (curve(node("PRelu", "h s", "y"), own=[drawn("s", 8)]), "slopes are of other axes"),
    ],
)
def test_what_no_form_has_is_told(model: Any, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=reason):
        import_onnx(saved(tmp_path, model), {})


@pytest.mark.parametrize("high", [6, 20])
def test_a_convolution_fused_with_bounds_is_both_nodes(high: int, tmp_path: Path) -> None:
    told = {"pads": [1, 1, 1, 1], "activation": "Clip", "activation_params": [0.0, float(high)]}
    fused = made([node("ms.FusedConv", "x w", "y", **told)], [1, 6, 8, 8], WEIGHT, opset=18)
    apart = curve(node("Clip", "h low high", "y"), own=ends(0, high))
    given = 20 * np.random.default_rng(6).standard_normal((1, 6, 8, 8)).astype(np.float32)
    file = saved(tmp_path, fused)
    same(file, apart, given)
    ours, theirs = (import_onnx(saved(tmp_path, each), {}).graph for each in (fused, apart))
    assert [o.kind for o in ours.operators] == [o.kind for o in theirs.operators]
