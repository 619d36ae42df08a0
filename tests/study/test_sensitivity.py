"""Sensitivity: estimators against Ishigami's function, tornado against what is known exactly."""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from pathlib import Path

import numpy as np
import pytest
from small_workload import MAIN, SMALL

import accelsim
from accelsim.errors import ConfigError
from accelsim.evaluation.point import Point
from accelsim.study.uncertainty.sensitivity import (
    Sensitivity,
    morris_design,
    sensitivity,
    sobol_design,
    whole_blocks,
)

GAIN = "adapter_slc.gain.energy.system"
CASES = ("vanilla_slc", "adapter_slc")
QUANTITIES = """
kind: uncertainty
name: test
quantities:
  read: {figure: RRAM.read_energy, low: 0.5, typical: 1, high: 4, source: a test}
  area: {figure: RRAM.area, low: 0.5, typical: 1, high: 4, source: a test}
  size: {path: cases.adapter_slc.hardware.memories.sram.capacity, values: [SIZES], source: a test}
"""


def effects(folder: Path, *of: str, sizes: str = "64 KiB", **options: object) -> list[Sensitivity]:
    path = folder / "quantities.yaml"
    path.write_text(QUANTITIES.replace("SIZES", sizes))
    return sensitivity(
        MAIN,
        of,
        set=SMALL,
        cases=CASES,
        inputs=[path],
        jobs=0,
        **options,  # type: ignore[arg-type]
    )


def test_a_tornado_goes_to_both_ends_of_each_quantity(tmp_path: Path) -> None:
    (found,) = effects(tmp_path, GAIN)
    low, high = (
        accelsim.evaluate(
            Point(MAIN, (*SMALL, f"hardware.process.factors={{RRAM.read_energy: {by}}}"), CASES)
        )[GAIN]
        for by in (4, 0.5)
    )
    swings = {effect.quantity: effect.figures for effect in found.effects}
    assert swings["read"] == {"low": pytest.approx(low), "high": pytest.approx(high)}
    assert swings["area"] == {"low": found.as_is, "high": found.as_is}
    assert found.effects[0].quantity in ("read", "size")
    assert (found.blocks, found.remaining) == (3, 3)


def test_of_any_formula_over_figures(tmp_path: Path) -> None:
    gain, ratio = effects(tmp_path, GAIN, "vanilla_slc.energy.system / adapter_slc.energy.system")
    assert ratio.as_is == pytest.approx(gain.as_is)
    assert ratio.effects[0].figures == pytest.approx(gain.effects[0].figures)


def test_a_quantity_that_does_not_fit_is_left_out(tmp_path: Path) -> None:
    (found,) = effects(tmp_path, GAIN, sizes="64 KiB, 4 KiB")
    assert {effect.quantity for effect in found.effects} == {"read", "area"}
    assert (found.blocks, found.remaining) == (3, 2)


def test_whole_blocks_are_kept_or_dropped() -> None:
    good = np.array([1, 1, 1, 1, 0, 1, 1, 1, 1], dtype=bool)
    assert whole_blocks(good, 3).tolist() == [True] * 3 + [False] * 3 + [True] * 3
    with pytest.raises(ValueError, match="reshape"):
        whole_blocks(good, 4)


def test_wrong_questions_are_refused(tmp_path: Path) -> None:
    for of, message in (
        ("adapter_slc.energy.sytem", "the files give it no number"),
        ("1 +", "is no formula"),
    ):
        with pytest.raises(ConfigError, match=message):
            effects(tmp_path, of)


# -- SALib -------------------------------------------------------------------------------------

needs_salib = pytest.mark.skipif(
    not __import__("importlib.util").util.find_spec("SALib"),
    reason="SALib comes with the extra 'salib'",
)


def ishigami(places: np.ndarray) -> np.ndarray:
    x, y, z = (2 * pi * places - pi).T
    return np.sin(x) + 7 * np.sin(y) ** 2 + 0.1 * z**4 * np.sin(x)


# Ishigami and Homma (1990) with 7 and 0.1: variances by hand.
VARIANCE = 49 / 8 + 0.1 * pi**4 / 5 + 0.01 * pi**8 / 18 + 1 / 2
FIRST = np.array([(1 + 0.1 * pi**4 / 5) ** 2 / 2, 49 / 8, 0]) / VARIANCE
MIXED = 0.01 * pi**8 * (1 / 18 - 1 / 50) / VARIANCE
TOTAL = FIRST + np.array([MIXED, 0, MIXED])


@needs_salib
def test_sobols_indices_are_those_of_ishigamis_function() -> None:
    design = sobol_design(3, 4096, seed=1)
    found = design.effects(design.places, ishigami(design.places))
    for name, known in (("first", FIRST), ("total", TOTAL)):
        np.testing.assert_allclose([each[name] for each in found], known, atol=0.02)
    assert all(0 < each["confidence"] < 0.08 for each in found)


@needs_salib
def test_whole_blocks_alone_give_the_same_indices() -> None:
    design = sobol_design(3, 4096, seed=1)
    values = ishigami(design.places)
    values[::97] = np.nan
    kept = whole_blocks(~np.isnan(values), design.size)
    assert 0.9 < kept.mean() < 0.96
    found = design.effects(design.places[kept], values[kept])
    np.testing.assert_allclose([each["total"] for each in found], TOTAL, atol=0.03)


@needs_salib
@pytest.mark.parametrize("design", [morris_design, sobol_design])
def test_a_line_has_its_slopes(design: Callable[..., object]) -> None:
    made = design(3, 1024, 1)
    found = made.effects(made.places, made.places @ np.array([3.0, -1.0, 0.0]))  # type: ignore[attr-defined]
    if design is morris_design:
        # Of 5 to 95 % of each.
        assert [each["mean"] for each in found] == pytest.approx([2.7, -0.9, 0])
        assert [each["spread"] for each in found] == pytest.approx([0, 0, 0], abs=1e-9)
    else:
        assert [each["first"] for each in found] == pytest.approx([0.9, 0.1, 0], abs=0.03)


@needs_salib
def test_trajectories_of_a_workload(tmp_path: Path) -> None:
    (found,) = effects(
        tmp_path, GAIN, sizes="4 KiB" + 9 * ", 64 KiB", method="morris", blocks=20, seed=2
    )
    assert 2 <= found.remaining < found.blocks == 20
    assert {effect.quantity for effect in found.effects} == {"read", "area", "size"}


def test_without_salib_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "SALib.sample.sobol", None)
    with pytest.raises(ConfigError, match=r"pip install 'accelsim\[salib\]'; tornado does without"):
        effects(tmp_path, GAIN, method="sobol", blocks=4)
    with pytest.raises(ConfigError, match="even for powers of 2, not for 5"):
        effects(tmp_path, GAIN, method="sobol", blocks=5)
