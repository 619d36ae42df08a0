"""Sensitivity: estimators against Ishigami's function, tornado against what is known exactly."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import pi
from pathlib import Path
from typing import Any

import engine_copies
import numpy as np
import pytest
from engine_copies import frozen
from searched import ISHIGAMI_SEED, PLACES, dropped, ishigami
from small_workload import MAIN, SMALL

import accelsim
from accelsim.errors import ConfigError
from accelsim.evaluation.examine import resolve
from accelsim.evaluation.point import Point
from accelsim.report.sensitivity import sensitivity_report
from accelsim.report.table import Chart
from accelsim.study.uncertainty import sensitivity as sensing
from accelsim.study.uncertainty.sensitivity import (
    Effect,
    Method,
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


def test_a_tornado_is_drawn_from_its_table(tmp_path: Path) -> None:
    found = effects(tmp_path, GAIN)
    report = sensitivity_report(resolve(Point(MAIN, SMALL, CASES)), found, [])
    (chart,) = report.pictures
    assert isinstance(chart, Chart)
    drawn = {row[1]: row[2:] for row in chart.table.rows}
    for effect in found[0].effects:
        ends = (found[0].as_is, effect.figures["low"], effect.figures["high"])
        assert drawn.get(effect.quantity, (found[0].as_is,) * 3) == ends
    assert (chart.x, chart.y, chart.low, chart.high) == (("value",), ("name",), "from", "to")
    assert chart.table.columns[2].unit == "x"


@pytest.mark.parametrize(
    ("method", "keys", "drawn"),
    [
        ("morris", ("mean", "absolute", "spread", "confidence"), [1, 1]),
        ("sobol", ("first", "confidence", "total", "total_confidence"), [2]),
    ],
)
def test_effects_are_drawn_with_their_intervals(
    method: Method, keys: tuple[str, ...], drawn: list[int]
) -> None:
    own = dict(zip(keys, (0.5, 0.25, 0.75, 0.125), strict=True))
    found = Sensitivity(method, GAIN, 2.0, (Effect("read", own),), 4, 4)
    report = sensitivity_report(resolve(Point(MAIN, SMALL, CASES)), [found], [])
    charts = [chart for chart in report.pictures if isinstance(chart, Chart)]
    assert [len(chart.table.rows) for chart in charts] == drawn
    first = [row[2:] for row in charts[0].table.rows]
    morris, sobol = [(0.25, 0.125, 0.375)], [(0.5, 0.25, 0.75), (0.75, 0.625, 0.875)]
    assert first == (morris if method == "morris" else sobol)


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
        (
            "adapter_slc.energy.sytem",
            r"there is no figure 'energy\.sytem' of 'adapter_slc'; did you mean 'energy\.",
        ),
        ("1 +", "is no formula"),
    ):
        with pytest.raises(ConfigError, match=message):
            effects(tmp_path, of)


# -- SALib -------------------------------------------------------------------------------------

needs_salib = pytest.mark.skipif(
    not __import__("importlib.util").util.find_spec("SALib"),
    reason="SALib comes with the extra 'salib'",
)


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


# -- copies of SALib's answers, by formula and through our code ----------------------------------


def test_copied_shares_are_those_of_saltelli_and_jansen() -> None:
    known = frozen()["sobol"]
    for places, answer in zip(_kept(known, 5), known["answers"], strict=True):
        blocks, values = places.reshape(-1, 5, 3), ishigami(places).reshape(-1, 5)
        first, *mixed, second = np.moveaxis(blocks, 1, 0)
        for number, each in enumerate(mixed):
            own = first.copy()
            own[:, number] = second[:, number]
            np.testing.assert_array_equal(each, own)
        # Saltelli et al. (2010), table 2: (b) for shares alone, (f), of Jansen, for those in all.
        a, b = values[:, 0], values[:, -1]
        variance = np.var([a, b])
        for number in range(3):
            ab = values[:, 1 + number]
            alone = np.mean((b - values.mean()) * (ab - a)) / variance
            whole = np.mean((a - ab) ** 2) / 2 / variance
            assert answer["found"]["S1"][number] == pytest.approx(alone, abs=1e-9)
            assert answer["found"]["ST"][number] == pytest.approx(whole, abs=1e-9)
        for name, by_hand in (("S1", FIRST), ("ST", TOTAL)):
            off = np.abs(np.array(answer["found"][name]) - by_hand)
            assert (off < 2 * np.array(answer["found"][f"{name}_conf"])).all()


def test_copied_effects_are_those_of_single_steps() -> None:
    known = frozen()["morris"]
    scaled = {**known, "places": 0.05 + 0.9 * np.array(known["places"])}
    for places, answer in zip(_kept(scaled, 4), known["answers"], strict=True):
        found: list[list[float]] = [[], [], []]
        values = ishigami(places).reshape(-1, 4)
        for steps, own in zip(places.reshape(-1, 4, 3), values, strict=True):
            for (before, after), (low, high) in zip(pairwise(steps), pairwise(own), strict=True):
                (moved,) = np.flatnonzero(np.abs(after - before) > 1e-6)
                # Effects are by the 5 to 95 % range.
                found[moved].append((high - low) / ((after - before)[moved] / 0.9))
        each = answer["found"]
        assert each["mu"] == pytest.approx([np.mean(one) for one in found], rel=1e-6)
        assert each["mu_star"] == pytest.approx([np.mean(np.abs(one)) for one in found], rel=1e-6)
        assert each["sigma"] == pytest.approx([np.std(one, ddof=1) for one in found], rel=1e-6)


def _kept(known: dict[str, Any], size: int) -> list[np.ndarray]:
    """Return the places that SALib was asked of: all, and whole blocks where some are missing."""
    places = np.array(known["places"])
    good = np.ones(len(places), dtype=bool)
    good[::17] = False
    return [places, places[whole_blocks(good, size)]]


@pytest.mark.parametrize("method", ["morris", "sobol"])
def test_effects_of_a_design_are_what_salib_said_of_it(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensing, "_salib", engine_copies.salib)
    make = {"morris": morris_design, "sobol": sobol_design}[method]
    design, known = make(3, PLACES[method], ISHIGAMI_SEED), frozen()[method]
    assert design.size == {"morris": 4, "sobol": 5}[method]
    assert len(design.places) == PLACES[method] * design.size
    names = {
        "morris": {"mean": "mu", "absolute": "mu_star", "spread": "sigma",
                   "confidence": "mu_star_conf"},
        "sobol": {"first": "S1", "confidence": "S1_conf", "total": "ST",
                  "total_confidence": "ST_conf"},
    }[method]  # fmt: skip
    for kept, answer in zip((slice(None), dropped(design)), known["answers"], strict=True):
        places = design.places[kept]
        found = design.effects(places, ishigami(places))
        for own, theirs in names.items():
            assert [each[own] for each in found] == answer["found"][theirs]


def test_without_salib_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "SALib.sample.sobol", None)
    with pytest.raises(ConfigError, match=r"pip install .*\[salib\]'; tornado does without"):
        effects(tmp_path, GAIN, method="sobol", blocks=4)
    with pytest.raises(ConfigError, match="even for powers of 2, not for 5"):
        effects(tmp_path, GAIN, method="sobol", blocks=5)
