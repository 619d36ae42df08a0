"""Charts: marks lie in the frame, in the order of their values."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.report.charts import chart_svg
from accelsim.report.table import Axis, Chart, Mark

numbers = st.just(0.0) | st.floats(1e-12, 1e12) | st.just(math.inf)
points = st.tuples(st.floats(0, 1e9), numbers).map(lambda pair: Mark(*pair))
marks = st.lists(points, min_size=1, max_size=12)


def drawn(chart: Chart) -> list[tuple[float, float]]:
    root = ElementTree.fromstring(chart_svg(chart))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    spots = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in root.iter("circle")]
    assert all(0 <= x <= width and 0 <= y <= height for x, y in spots)
    for line in root.iter("line"):
        assert all(0 <= float(line.attrib[end]) <= width for end in ("x1", "x2"))
        assert all(0 <= float(line.attrib[end]) <= height for end in ("y1", "y2"))
    return spots


@pytest.mark.parametrize("logarithmic", [False, True])
@given(marks)
def test_marks_lie_in_the_frame_in_order(logarithmic: bool, found: list[Mark]) -> None:
    series = {"one": tuple(found), "two": tuple(found)}
    spots = drawn(Chart("", Axis("across"), Axis("up", logarithmic), series))
    assert len(spots) == 2 * len(found)
    assert spots[: len(found)] == spots[len(found) :]
    for (x, y), mark in zip(spots, found, strict=False):
        for (other_x, other_y), other in zip(spots, found, strict=False):
            if mark.x < other.x:
                assert x <= other_x
            if mark.y < other.y:
                assert y >= other_y


def test_zero_has_a_place_of_its_own_below_the_decades() -> None:
    chart = Chart("", Axis(""), Axis("", logarithmic=True), {"": (Mark(1, 0.0), Mark(1, 1e-3))})
    (_, zero), (_, smallest) = drawn(chart)
    assert zero - smallest > 20


def test_decades_are_equally_far_apart() -> None:
    powers = tuple(Mark(10.0**n, 1.0) for n in range(-3, 3))
    spots = drawn(Chart("", Axis("", logarithmic=True), Axis(""), {"": powers}))
    gaps = [after[0] - before[0] for before, after in pairwise(spots)]
    assert gaps == pytest.approx([gaps[0]] * len(gaps), abs=0.2)


def test_intervals_reach_from_low_to_high() -> None:
    three = (Mark(1, 2.0, 1.0, 4.0), Mark(2, 1.0), Mark(3, 4.0))
    svg = chart_svg(Chart("", Axis(""), Axis(""), {"": three}))
    root = ElementTree.fromstring(svg)
    (interval,) = [line for line in root.iter("line") if line.attrib["class"] == "c0"]
    heights = [c.attrib["cy"] for c in root.iter("circle")]
    assert [interval.attrib["y1"], interval.attrib["y2"]] == heights[1:]
