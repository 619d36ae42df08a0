"""Convolutions and poolings: their sizes, their values, and the machines that run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from accelsim.errors import ConfigError
from accelsim.evaluation.examine import evaluate
from accelsim.evaluation.point import Point
from accelsim.model.families import find_model
from accelsim.model.operators import AVERAGE_POOL, CONVOLUTION, MAX_POOL, Operator, Window
from accelsim.model.tensors import Parameter, Role

SIDES = st.integers(1, 3)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    kernel, padding = (draw(SIDES), draw(SIDES)), tuple(draw(st.integers(0, 2)) for _ in range(4))
    picture = (kernel[0] + draw(st.integers(0, 4)), kernel[1] + draw(st.integers(0, 4)))
    return Window(picture, kernel, (draw(SIDES), draw(SIDES)), padding)


def naive(window: Window, picture: Any) -> Any:
    """Return (pixels made, channels, taps), pixel by pixel; padding is NaN."""
    above, left, _, _ = window.padding
    high, wide = window.made
    found = np.full((high * wide, picture.shape[-1], window.taps), np.nan)
    for row, column in np.ndindex(high, wide):
        for tap, (down, right) in enumerate(np.ndindex(*window.kernel)):
            y, x = row * window.stride[0] + down - above, column * window.stride[1] + right - left
            if 0 <= y < window.picture[0] and 0 <= x < window.picture[1]:
                value = picture[y * window.picture[1] + x]
                found[row * wide + column, :, tap] = value
    return found


@settings(max_examples=40)
@given(windows(), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2))
def test_convolutions_and_poolings_do_what_they_say(
    window: Window, groups: int, inputs: int, outputs: int
) -> None:
    generator = np.random.default_rng(3)
    channels, made = groups * inputs, groups * outputs
    picture = generator.normal(size=(1, window.pixels, channels)).astype(np.float32)
    taken = naive(window, picture[0])
    weight = generator.normal(size=(made, inputs * window.taps)).astype(np.float32)
    own = Parameter("w", weight.shape, Role.BACKBONE)
    sizes: Any = {"rows": window.rows, "window": window}
    operator = Operator(
        "c", CONVOLUTION, columns=made, depth=weight.shape[1], parameters=(own,), groups=groups,
        **sizes,
    )  # fmt: skip
    assert operator.macs == window.rows * made * inputs * window.taps
    found = CONVOLUTION.compute(operator, [picture], [weight], {})[0]
    zeros = np.nan_to_num(taken)
    for column in range(made):
        first = column // outputs * inputs
        part = zeros[:, first : first + inputs].reshape(window.rows, -1)
        assert_allclose(found[:, column], part @ weight[column], rtol=1e-4, atol=1e-5)
    pooled = Operator("p", MAX_POOL, columns=channels, depth=channels, **sizes)
    greatest = MAX_POOL.compute(pooled, [picture], [], {})[0]
    assert_allclose(greatest, np.where(np.isnan(taken), -np.inf, taken).max(axis=-1), rtol=1e-6)
    mean = Operator("p", AVERAGE_POOL, columns=channels, depth=channels, **sizes)
    found = AVERAGE_POOL.compute(mean, [picture], [], {})[0]
    assert_allclose(found, zeros.mean(axis=-1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"rows": 5}, "a convolution has a window, 5 rows are what it makes, and depth 9 is a "),
        ({"window": None}, "a convolution has a window, 4 rows are what it makes, and depth 9 is "),
        ({"groups": 2}, "3 columns are not divisible by 2 groups"),
    ],
)
def test_sizes_that_do_not_go_with_the_window_are_refused(
    sizes: dict[str, Any], message: str
) -> None:
    weight = Parameter("w", (3, 9), Role.BACKBONE)
    right: Any = {"rows": 4, "columns": 3, "depth": 9, "parameters": (weight,)}
    right["window"] = Window((4, 4), (3, 3))
    with pytest.raises(ConfigError, match=f"^operator 'x': {message}"):
        Operator("x", CONVOLUTION, **{**right, **sizes})


WORKLOAD = """
name: vision
model: MODEL
tasks: {first: {classes: 10}, second: {classes: 5}}
requests: {pattern: round_robin, rounds: 1, sentences_per_task: 1}
cases:
  npu:
    hardware: hwconfigs/systolic_npu.yaml
    adaptation: {method: full}
    storage: &dense {embedding: &d {format: dense, bits: 8}, backbone: *d, task: *d}
  edgebert: {hardware: hwconfigs/adapter_mixed.yaml, adaptation: {method: full}, storage: *dense}
"""
SMALL = {
    "resnet-8": "{name: resnet-8, image_height: 12, image_width: 12, batch_norm: separate}",
    "bottleneck": "{name: resnet-26, image_height: 32, image_width: 32, stem_width: 8, "
    "widths: [16, 32], depths: [1, 1]}",
    "mobilenet": "{name: mobilenet-v1-vww, image_height: 32, image_width: 32, "
    "width_multiplier: 0.125}",
    "mobilenet-v2": "{name: mobilenet-v2, image_height: 32, image_width: 32, expansion: 1, "
    "width_multiplier: 0.125}",
    "ds-cnn": "{name: ds-cnn, width: 16, layers: 2}",
    "vit": "{name: vit-tiny, image_height: 32, image_width: 32, hidden_size: 48, layers: 2}",
    "autoencoder": "{name: autoencoder, frame: 64, width: 32}",
}


@pytest.mark.parametrize("name", SMALL)
def test_every_family_runs_on_both_machines(name: str, tmp_path: Path) -> None:
    """All work of the graph is done once: `Accelerator.infer` compares operator by operator."""
    file = tmp_path / "w.yaml"
    file.write_text(WORKLOAD.replace("MODEL", SMALL[name]))
    room = [f"hardware.memories.{memory}.capacity=2 MiB" for memory in ("sram",)]
    row = evaluate(Point(file, room))
    assert row.status == "ok", row.reason
    # A smaller memory of activations sends pixels to DRAM and does the same work.
    tight = evaluate(Point(file, (*room, "hardware.memories.activation_sram.capacity=8 KiB")))
    assert tight.status == "ok", tight.reason


def test_pictures_have_no_length_and_no_exits(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    text = WORKLOAD.replace("MODEL", "{name: resnet-8}\nsequence_length: 128")
    file.write_text(text)
    message = "sequence_length: resnet-8 reads one picture at a time, got 128; leave this key out"
    with pytest.raises(ConfigError, match=message):
        evaluate(Point(file))
    with pytest.raises(ConfigError, match=r"^resnet-8 reads one picture at a time, without "):
        find_model("resnet-8").build(classes=10, exits="shared")
