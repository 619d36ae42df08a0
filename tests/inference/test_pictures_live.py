"""MLPerf Tiny's networks written by hand in PyTorch; skipped where it is not installed.

Hugging Face has no ResNet-8, DS-CNN or autoencoder, and these pad as TensorFlow does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from accelsim.inference.one_input import forward_inputs, random_inputs
from accelsim.model.families import find_model

torch = pytest.importorskip("torch")


class Plain:
    """The weights of a model, and what makes a network of them."""

    def __init__(self, weights: dict[str, Any]) -> None:
        """Take the weights by name."""
        self.weights = weights

    def named(self, name: str) -> tuple[Any, Any]:
        """Return the weight and bias of a module."""
        return tuple(torch.tensor(self.weights[f"{name}.{part}"]) for part in ("weight", "bias"))

    def convolution(self, name: str, value: Any, kernel: tuple[int, int], stride: int = 1) -> Any:
        """Return a convolution as TensorFlow pads it; of one group a channel where it is so."""
        weight, bias = self.named(name)
        inputs = weight.shape[1] // (kernel[0] * kernel[1])
        groups = value.shape[1] // inputs
        around = []
        for size, taps in zip(reversed(value.shape[2:]), reversed(kernel), strict=True):
            more = max(0, -(-size // stride) * stride - stride + taps - size)
            around += [more // 2, more - more // 2]
        padded = torch.nn.functional.pad(value, around)
        shaped = weight.reshape(-1, inputs, *kernel)
        return torch.nn.functional.conv2d(padded, shaped, bias, stride, groups=groups)

    def classified(self, value: Any) -> Any:
        """Return the logits of the mean pixel."""
        weight, bias = self.named("classifier")
        return value.mean(dim=(2, 3)) @ weight.T + bias


def ds_cnn(net: Plain, value: Any) -> Any:
    value = net.convolution("stem.convolution", value, (10, 4), 2).relu()
    for layer in range(4):
        for name, size in (("depthwise", 3), ("pointwise", 1)):
            value = net.convolution(f"layer.{layer}.{name}.convolution", value, (size, size)).relu()
    return net.classified(value)


def resnet_8(net: Plain, value: Any) -> Any:
    value = net.convolution("embedder.embedder.convolution", value, (3, 3)).relu()
    for stage in range(3):
        module, stride = f"encoder.stages.{stage}.layers.0.", 2 if stage else 1
        made = net.convolution(f"{module}layer.0.convolution", value, (3, 3), stride).relu()
        made = net.convolution(f"{module}layer.1.convolution", made, (3, 3))
        if stage:
            value = net.convolution(f"{module}shortcut.convolution", value, (1, 1), stride)
        value = (made + value).relu()
    return net.classified(value)


def autoencoder(net: Plain, value: Any) -> Any:
    value = value.reshape(len(value), -1)
    for number in range(10):
        weight, bias = net.named(f"dense.{number}")
        value = value @ weight.T + bias
        value = value.relu() if number < 9 else value
    return value


@pytest.mark.parametrize(
    ("preset", "network"),
    [("ds-cnn", ds_cnn), ("resnet-8", resnet_8), ("autoencoder", autoencoder)],
)
def test_outputs_are_those_of_torch(preset: str, network: Any) -> None:
    model = find_model(preset)
    graph = model.build(sequence_length=1, classes=12)
    source = np.random.default_rng(5)
    weights = {
        each.name: (source.standard_normal(each.shape) / each.shape[-1] ** 0.5).astype(np.float32)
        for each in graph.parameters
    }
    inputs = random_inputs(model, graph, count=3, seed=2)
    found = forward_inputs(graph, weights, inputs).logits
    (first,) = {name for each in inputs.outside for name in each}
    rows = np.concatenate([each[first][0] for each in inputs.outside]).swapaxes(1, 2)
    sides = (getattr(model, "image_height", 1), getattr(model, "image_width", rows.shape[2]))
    pictures = torch.tensor(rows.reshape(*rows.shape[:2], *sides).copy())
    net = Plain(weights)
    expected = network(net, pictures).numpy()
    assert np.abs(expected[0] - expected[1]).max() > 0.01
    assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
