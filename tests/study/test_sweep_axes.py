"""Axes, samples and formulas: what a study file may say, and what comes of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.inputs.document import parse_document
from accelsim.inputs.validation import validate
from accelsim.inputs.yaml_text import YamlReader
from accelsim.study.sweep.axes import AxisConfig, flow
from accelsim.study.sweep.expressions import parse
from accelsim.study.sweep.samples import (
    MOST_DIMENSIONS,
    Sample,
    latin_hypercube,
    plain_sobol,
    sobol,
)


def axis(**keys: Any) -> AxisConfig:
    return AxisConfig.model_validate({"path": "requests.rounds", **keys})


def values(**keys: Any) -> list[Any]:
    return [choice.values["x"] for choice in axis(**keys).grid("x")]


def test_ranges_keep_the_way_their_ends_are_written() -> None:
    sizes = values(**{"from": "1 MiB", "to": "16 MiB", "steps": 5, "scale": "log"})
    assert sizes == ["1 MiB", "2 MiB", "4 MiB", "8 MiB", "16 MiB"]
    assert values(**{"from": 1, "to": 9, "steps": 5}) == [1, 3, 5, 7, 9]
    assert values(**{"from": 0.1, "to": 0.3, "steps": 3}) == [0.1, 0.2, 0.3]
    # Whole bytes, as memories take them.
    assert values(**{"from": "1 KiB", "to": "2 KiB", "steps": 4})[1] == "1365 B"
    # Whole numbers that fall together are one value.
    assert values(**{"from": 1, "to": 2, "steps": 5}) == [1, 2]


def test_ends_of_distributions_are_their_5_and_95_percent_points() -> None:
    drawn = axis(**{"from": "1 s", "to": "100 s", "scale": "lognormal"})

    def at(place: float) -> float:
        return float(drawn.at("x", place).values["x"].removesuffix(" s"))

    assert at(0.05) == pytest.approx(1, rel=1e-9)
    assert at(0.95) == pytest.approx(100, rel=1e-9)
    assert at(0.5) == pytest.approx(10, rel=1e-9)
    assert math.isfinite(at(0.0))


def test_weights_say_how_often_a_value_is_drawn() -> None:
    drawn = axis(values=["a", "b", "c"], weights=[1, 0, 3])
    got = [drawn.at("x", place / 100).values["x"] for place in range(100)]
    assert (got.count("a"), got.count("b"), got.count("c")) == (25, 0, 75)
    assert drawn.at("x", math.nextafter(1, 0)).values["x"] == "c"


def test_variants_set_several_paths_and_zips_advance_together() -> None:
    named = AxisConfig.model_validate({"variants": {"big": {"a.b": "1 MiB", "c": {"d": [1]}}}})
    (choice,) = named.grid("size")
    assert choice.values == {"size": "big"}
    assert choice.assignments == ("a.b=1 MiB", 'c={"d": [1]}')
    zipped = AxisConfig.model_validate(
        {"zip": {"p": {"path": "a", "values": [1, 2]}, "q": {"path": ["b", "c"], "values": [3, 4]}}}
    )
    assert [choice.values for choice in zipped.grid("z")] == [{"p": 1, "q": 3}, {"p": 2, "q": 4}]
    assert zipped.grid("z")[1].assignments == ("a=2", "b=4", "c=4")


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.text("ab1 .:#'\"{}é-", max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False)
)
keys = st.text("ab:1", min_size=1)
yaml_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner), max_leaves=5
)


@given(yaml_values)
def test_what_an_axis_sets_is_read_as_the_same_value(value: Any) -> None:
    read = YamlReader(f"[{flow(value)}]", "test").data
    assert read == [value]
    assert repr(read) == repr([value])


@pytest.mark.parametrize(
    ("axes", "told"),
    [
        ("{path: a}", "axes.x: an axis has one of values, from (with to), variants and zip"),
        ("{values: [1]}", "axes.x: path: this key is missing"),
        ("{path: a, values: []}", "axes.x.values: this is empty"),
        ("{path: a, values: [1 GHz, 2 MiB]}", "axes.x.values: '1 GHz' and '2 MiB' have units of"),
        ("{path: a, from: 1 MiB, to: 2 GHz, steps: 2}", "axes.x.to: '1 MiB' and '2 GHz' have"),
        ("{path: a, from: 4, to: 2, steps: 2}", "axes.x.to: an empty range: '2' is not above '4'"),
        ("{path: a, from: 0, to: 2, steps: 2, scale: log}", "axes.x.from: expected more than 0"),
        ("{path: a, from: 1 MiX, to: 2 MiX, steps: 2}", "axes.x.from: unknown unit 'MiX'"),
        ("{path: a, from: 1, to: .inf, steps: 2}", "axes.x.to: expected a finite number"),
        ("{path: a, from: 1, to: 2}", "axes.x.steps: this key is missing"),
        ("{path: 'a..b', values: [1]}", "axes.x.path: 'a..b' is no path"),
        ("{path: a, values: [1], when: y == 2}", "axes.x.when: there is no 'y' before it"),
        ("{path: a, values: [1], when: import os}", "axes.x.when: 'import os' is no formula"),
        ("{path: a, values: [1, 2], weights: [1]}", "axes.x.weights: expected 2 of them"),
        ("{path: a, values: [1], wieghts: [1]}", "unknown key; did you mean 'weights'?"),
        (
            "{zip: {p: {path: a, values: [1, 2]}, q: {path: b, values: [1]}}}",
            "axes.x.zip: axes of a zip have equally many values; these have p 2, q 1",
        ),
    ],
)
def test_what_is_wrong_with_an_axis_is_told_at_its_place(axes: str, told: str) -> None:
    from accelsim.study.sweep.config import StudyConfig

    text = f"name: s\nworkload: w.yaml\naxes:\n  x: {axes}\n"
    with pytest.raises(ConfigError) as caught:
        validate(parse_document(text, Path("s.yaml")), StudyConfig)
    assert str(caught.value).startswith("s.yaml:4: ")
    assert told in str(caught.value)


# scipy.stats.qmc.Sobol(21, scramble=False, bits=32), version 1.17, points 5 and 12345.
SCIPY_5 = [
    0.875,
    0.875,
    0.125,
    0.375,
    0.875,
    0.625,
    0.875,
    0.375,
    0.375,
    0.125,
    0.375,
    0.875,
    0.875,
    0.125,
    0.875,
    0.375,
    0.875,
    0.375,
    0.375,
    0.625,
    0.625,
]
SCIPY_12345 = [
    0.64093017578125,
    0.81341552734375,
    0.16033935546875,
    0.52679443359375,
    0.88848876953125,
    0.05889892578125,
    0.12725830078125,
    0.11334228515625,
    0.80181884765625,
    0.42962646484375,
    0.07427978515625,
    0.59881591796875,
    0.93096923828125,
    0.94183349609375,
    0.03448486328125,
    0.64080810546875,
    0.06256103515625,
    0.05096435546875,
    0.31939697265625,
    0.34344482421875,
    0.19927978515625,
]

# -- samples -------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(0, 6), st.integers(0, 2**32))
def test_a_latin_hypercube_has_a_point_in_every_interval(points: int, axes: int, seed: int) -> None:
    drawn = latin_hypercube(points, axes, seed)
    assert drawn.shape == (points, axes)
    for column in drawn.T:
        assert sorted(np.floor(column * points).astype(int)) == list(range(points))
    assert np.array_equal(drawn, latin_hypercube(points, axes, seed))


def test_sobol_is_that_of_joe_and_kuo() -> None:
    found = plain_sobol(12346, MOST_DIMENSIONS) / 2.0**32
    assert found[5].tolist() == SCIPY_5
    assert found[12345].tolist() == SCIPY_12345


@given(st.integers(1, MOST_DIMENSIONS), st.integers(0, 2**32))
def test_a_shifted_sequence_fills_every_interval_too(axes: int, seed: int) -> None:
    drawn = sobol(64, axes, seed)
    for column in drawn.T:
        assert sorted(np.floor(column * 64).astype(int)) == list(range(64))


def test_a_sample_is_that_of_its_seed() -> None:
    def drawn(**keys: Any) -> list[Any]:
        return list(Sample.model_validate({"points": 8, **keys}).draw(3).tolist())

    for method in ("latin_hypercube", "sobol"):
        assert drawn(method=method, seed=1) == drawn(method=method, seed=1)
        assert drawn(method=method, seed=1) != drawn(method=method, seed=2)


# -- formulas ------------------------------------------------------------------------------------

ROW = {"a.energy": 3.0, "b": 2, "size": "1 MiB", "kind": "rram", "a.b-c": 7, "none": None}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.energy * b ** 2 - 1", 11.0),
        ("-b // 2 + 7 % 4", 2),
        ("min(a.energy, b) if kind == 'rram' else 0", 2),
        ("size / '64 KiB'", 16.0),
        ("size >= '1 MiB' and not b > 3", True),
        ("kind in ['sram', 'stt'] or 1 < b <= 2", True),
        ("figure('a.b-c') + sqrt(4)", 9.0),
        # What has no value has none as a whole.
        ("none + 1", None),
        ("a.missing * 2", None),
        ("b / 0", None),
        ("10.0 ** 1000 * b", None),
        ("9 ** 9 ** 9", None),
        ("kind * 3", None),
        ("log(b - 2)", None),
        ("sqrt(-b) + log10(b - 2) + (b - 5) ** 0.5", None),
        ("-kind", None),
        ("round(a.energy / 7, 1.0)", 0.4),
        ("kind < 3", None),
    ],
)
def test_formulas(text: str, value: object) -> None:
    assert parse(text).value(ROW) == value


@pytest.mark.parametrize(
    "text",
    ["__import__('os')", "a[0]", "(lambda: 1)()", "open('x')", "f'{b}'", "b.__class__()", "x := 1",
     "[i for i in b]", "min(*b)", "min(b, key=b)", "", "b; b", "1 +", "(" * 400 + ")" * 400,
     "b" * 2000, "b'x'", "{1: 2}", "b @ b", "b << 99999999999",
     "min(b)", "max()", "sqrt(b, 2)", "log()", "round(b, 1, 2)"],
)  # fmt: skip
def test_a_formula_holds_nothing_but_arithmetic(text: str) -> None:
    with pytest.raises(ValueError, match=r"no formula|a formula of"):
        parse(text)
