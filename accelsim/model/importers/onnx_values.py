"""What an ONNX file holds: its graph, constants and values, and shape arithmetic folded away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.extras import installation
from accelsim.inputs.files import read_bytes
from accelsim.model.operators import Window
from accelsim.model.tensors import Shape

_MOST_NODES = 100_000


@dataclass(frozen=True)
class Constant:
    """A value that does not depend on the input; large ones are known by their shape alone."""

    name: str
    shape: Shape
    value: Any = None


@dataclass(frozen=True)
class Value:
    """What an operator makes, None for the input; of a ``shape`` as ONNX has it."""

    operator: str | None
    shape: Shape
    picture: tuple[int, int] = (1, 1)

    @property
    def channels(self) -> int:
        """Values of a pixel."""
        return prod(self.shape) // prod(self.picture)


def load_onnx(path: Path) -> Any:
    """Return the graph of a file, of an opset that the package knows. Raises ConfigError."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise ConfigError(f"{path}: reading ONNX needs a package: {installation('onnx')}") from None
    try:
        model = onnx.load_model_from_string(read_bytes(path))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; name an ONNX file") from None
    except (OSError, ValueError, DecodeError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or "it is truncated, damaged or of another kind"
        raise ConfigError(f"{path}: cannot be read as ONNX: {reason}") from None
    newest = onnx.defs.onnx_opset_version()
    opsets = [each.version for each in model.opset_import if each.domain in ("", "ai.onnx")]
    if not opsets or not 7 <= opsets[0] <= newest:
        given = opsets[0] if opsets else "none"
        raise ConfigError(f"{path}: expected an opset of 7 to {newest}, got {given}; convert it")
    if not model.graph.node or len(model.graph.node) > _MOST_NODES:
        count = len(model.graph.node)
        raise ConfigError(f"{path}: expected a graph of 1 to {_MOST_NODES} nodes, got {count}")
    return model.graph


def _cut(values: Sequence[Any], about: Mapping[str, Any]) -> Any:
    """Return a Slice of one axis."""
    data, start, end, *rest = values
    step = int(rest[1].reshape(-1)[0]) if len(rest) > 1 else 1
    return data[int(start.reshape(-1)[0]) : int(end.reshape(-1)[0]) : step]


FOLDS: Mapping[str, Callable[[Sequence[Any], Mapping[str, Any]], Any]] = {
    "Identity": lambda values, about: values[0],
    "Cast": lambda values, about: values[0],
    "Unsqueeze": lambda values, about: values[0].reshape(-1),
    "Squeeze": lambda values, about: values[0].reshape(-1),
    "Gather": lambda values, about: values[0][values[1].astype(int)],
    "Concat": lambda values, about: [size for each in values for size in each.reshape(-1)],
    "Slice": _cut,
    "Add": lambda values, about: values[0] + values[1],
    "Mul": lambda values, about: values[0] * values[1],
}


def name_of(node: Any) -> str:
    """Return what a message calls a node."""
    return str(node.name or node.output[0])[:100]


def picture_of(shape: Sequence[int]) -> tuple[int, int]:
    """Return height and width of (1, channels, height, width); one pixel for other shapes."""
    return (shape[2], shape[3]) if len(shape) == 4 else (1, 1)


def attributes_of(node: Any) -> dict[str, Any]:
    """Return the values of a node's attributes by name."""
    import onnx

    return {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}


def window_of(picture: tuple[int, int], kernel: Any, about: Mapping[str, Any]) -> Window:
    """Return the window of a node's attributes."""
    stride = tuple(about.get("strides", (1, 1)))
    auto = about.get("auto_pad", b"NOTSET").decode()
    above, left, below, right = about.get("pads", (0, 0, 0, 0))
    if auto.startswith("SAME"):
        around = [
            max(0, (-(-n // s) - 1) * s + k - n)
            for n, s, k in zip(picture, stride, kernel, strict=True)
        ]
        small, large = ([n // 2 for n in around], [n - n // 2 for n in around])
        first, last = (small, large) if auto == "SAME_UPPER" else (large, small)
        above, left, below, right = (*first, *last)
    return Window(picture, kernel, (stride[0], stride[1]), (above, left, below, right))
