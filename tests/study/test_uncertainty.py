"""Bands: what is drawn, what comes of it, and what it follows, against what is known exactly."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_workload import MAIN, SMALL

import accelsim
from accelsim.cli.main import run_command_line
from accelsim.errors import ConfigError
from accelsim.evaluation.examine import examine, resolve
from accelsim.evaluation.point import Point
from accelsim.report.run import run_report
from accelsim.report.table import Chart, Table
from accelsim.report.uncertainty import banded, uncertainty_report
from accelsim.study.uncertainty.bands import Uncertainty, rank_shares, uncertainty
from accelsim.study.uncertainty.quantities import Space, load_space

CASES = ("vanilla_slc", "adapter_slc")
READ = "{figure: RRAM.read_energy, low: 0.5, typical: 1, high: 4, source: a test}"


def file(folder: Path, **quantities: str) -> Path:
    lines = [f"  {name}: {text}" for name, text in quantities.items()]
    path = folder / "quantities.yaml"
    path.write_text("\n".join(["kind: uncertainty", "name: test", "quantities:", *lines]))
    return path


def bands(path: Path, points: int = 40, *more: str) -> Uncertainty:
    return uncertainty(
        MAIN, points, set=(*SMALL, *more), cases=CASES, inputs=[path], jobs=0, seed=3
    )


def space(path: Path | None = None, *more: str, workload: str = MAIN) -> Space:
    found = resolve(Point(workload, more))
    return load_space(found) if path is None else load_space(found, [path])


# -- what is drawn -----------------------------------------------------------------------------


ENDS = st.tuples(*[st.floats(0.01, 10)] * 3).map(sorted)


@given(ENDS, st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_low_typical_and_high_are_its_quantiles(
    ends: list[float], one: float, other: float
) -> None:
    low, typical, high = ends
    quantity = _quantity(low, typical, high)
    for place, value in ((0.05, low), (0.5, typical), (0.95, high)):
        assert quantity.at(place) == pytest.approx(value, rel=1e-9)
    lower, upper = sorted((one, other))
    assert quantity.at(lower) <= quantity.at(upper)


def _quantity(low: float, typical: float, high: float):
    from accelsim.study.uncertainty.quantities import Quantity

    return Quantity("x", "RRAM.area", (), (), (low, typical, high), "", (), (), "a test")


def test_half_lie_below_a_typical_one_where_low_is_zero() -> None:
    quantity = _quantity(0.0, 2.0, 6.0)
    assert [quantity.at(place) for place in (0.0, 0.25, 0.5, 0.75)] == [0.0, 1.0, 2.0, 4.0]
    nothing = _quantity(0.0, 0.0, 1.0)
    assert [nothing.at(place) for place in (0.1, 0.5, 0.75)] == [0.0, 0.0, 0.5]


@pytest.mark.parametrize("workload", sorted(Path("workloads").glob("*.yaml")), ids=lambda p: p.name)
def test_the_shipped_quantities_go_with_every_shipped_workload(workload: Path) -> None:
    found = space(workload=str(workload))
    assert all(quantity.source for quantity in found.quantities)
    for place in (0.01, 0.99):
        assert resolve(Point(workload, found.assignments([place] * len(found.quantities))))


def test_typical_factors_of_one_change_no_figure(tmp_path: Path) -> None:
    path = file(
        tmp_path, read=READ, mac="{figure: logic.mac.energy}", host="{figure: logic.host.energy}"
    )
    found = space(path, *SMALL)
    base = Point(MAIN, SMALL, CASES)
    made = resolve(Point(MAIN, SMALL, CASES))
    middle = load_space(made, [path]).assignments([0.5] * len(found.quantities))
    assert accelsim.evaluate(base.with_assignments(*middle)).figures == (
        accelsim.evaluate(base).figures
    )


def test_factors_of_the_machine_itself_are_multiplied(tmp_path: Path) -> None:
    own = "hardware.process.factors={RRAM.read_energy: 3, RRAM.area: 2}"
    (text, *_) = space(file(tmp_path, read=READ), own).assignments([0.95])
    factors = json.loads(text.partition("=")[2])
    assert factors["RRAM.area"] == 2
    assert factors["RRAM.read_energy"] == pytest.approx(12, rel=1e-9)


def test_technologies_without_a_quantity_are_told(tmp_path: Path) -> None:
    assert space(file(tmp_path, read=READ)).taken_as_sure == ("SRAM_htree",)
    assert space().taken_as_sure == ()


def test_what_is_set_is_sure(tmp_path: Path) -> None:
    heat = "{path: hardware.process.temperature, values: [300 K, 350 K], source: a test}"
    path = file(tmp_path, read=READ, heat=heat)
    assert [each.name for each in space(path).quantities] == ["read", "heat"]
    set_here = space(path, "hardware.process.temperature=300 K")
    assert [each.name for each in set_here.quantities] == ["read"]


# -- what comes of it --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def read_alone(tmp_path_factory: pytest.TempPathFactory) -> Uncertainty:
    return bands(file(tmp_path_factory.mktemp("read"), read=READ))


def test_a_linear_figure_has_the_band_of_its_quantity(read_alone: Uncertainty) -> None:
    """Energy is linear in a price, so bands are known from two points without any sample."""
    name = "adapter_slc.energy.system"
    factors = np.array(read_alone.columns()["read"])
    one, two = (
        accelsim.evaluate(
            Point(MAIN, (*SMALL, f"hardware.process.factors={{RRAM.read_energy: {by}}}"), CASES)
        )[name]
        for by in (1, 2)
    )
    exact = one + (two - one) * (factors - 1)
    np.testing.assert_allclose(read_alone.samples[name], exact, rtol=1e-9)
    band = read_alone.bands[name]
    assert band.as_is == one
    assert band.middle == pytest.approx(np.quantile(exact, 0.5), rel=1e-9)
    assert band.low < one < band.high < one + 3.5 * (two - one)


def test_a_gain_is_that_of_each_point(read_alone: Uncertainty) -> None:
    before, after = (read_alone.samples[f"{case}.energy.system"] for case in CASES)
    gains = read_alone.samples["adapter_slc.gain.energy.system"]
    np.testing.assert_allclose(gains, before / after, rtol=1e-12)


def test_bands_are_drawn_by_unit_and_with_what_they_follow(read_alone: Uncertainty) -> None:
    charts = [c for c in uncertainty_report(read_alone, []).pictures if isinstance(c, Chart)]
    *bands, follows = charts
    assert [chart.kind for chart in charts] == ["points"] * len(bands) + ["bars"]
    assert len({chart.table.columns[2].unit for chart in bands}) == len(bands)
    seen = 0
    for case, short, *ends in (row for chart in bands for row in chart.table.rows):
        band = read_alone.bands[f"{str(case).removesuffix(' as it is')}.{short}"]
        as_is = str(case).endswith(" as it is")
        assert ends == ([band.as_is, None, None] if as_is else [band.middle, band.low, band.high])
        seen += ".gain." in f"{case}.{short}"
    assert seen >= 4
    assert {row[2] for row in follows.table.rows} == {"read"}


def test_one_quantity_explains_all(read_alone: Uncertainty) -> None:
    (only,) = read_alone.influences("adapter_slc.energy.system")
    assert (only.quantity, only.correlation) == ("read", pytest.approx(1))
    assert only.share == pytest.approx(1)
    (nothing,) = read_alone.influences("adapter_slc.area.system")
    assert (nothing.correlation, nothing.share) == (0, 0)


def test_prices_alone_share_one_simulation_and_seeds_decide(read_alone: Uncertainty) -> None:
    times = read_alone.samples["adapter_slc.time.run"]
    assert len(set(times)) == 1
    assert len(set(read_alone.columns()["read"])) == 40


def test_points_that_do_not_fit_are_left_out_and_told(tmp_path: Path) -> None:
    small = (
        "{path: cases.adapter_slc.hardware.memories.sram.capacity, "
        "values: [128 KiB, 4 KiB], weights: [3, 1], source: a test}"
    )
    found = bands(file(tmp_path, read=READ, small=small))
    assert (found.left_out, len(found.places)) == (10, 30)
    assert "memory 'sram' has" in found.reason
    assert set(found.columns()["small"]) == {0.0}
    assert "10 of 40 points have no figures" in uncertainty_report(found, []).notes[0]
    with pytest.raises(ConfigError, match=r"15 of 20 points have figures, too few: case 'adapter"):
        bands(tmp_path / "quantities.yaml", 20)


def test_a_run_tells_bands_beside_its_gains(read_alone: Uncertainty) -> None:
    report = run_report(examine(read_alone.row.point), [], read_alone)
    band = read_alone.bands["adapter_slc.gain.energy.system"]
    assert report.document["bands"]["adapter_slc.gain.energy.system"]["p95"] == band.high
    gains = next(part for part in report.sections if isinstance(part, Table))
    assert banded(band) in [cell for row in gains.rows for cell in row]
    assert banded(band) == f"{band.as_is:.2f}x ({band.low:.2f} to {band.high:.2f})"
    assert "(5 to 95 %)" in " ".join(getattr(part, "text", "") for part in report.verdict)
    (chart,) = (part for part in report.sections if isinstance(part, Chart))
    drawn = {row[:2]: row[2:] for row in chart.table.rows}
    ends = (band.as_is, band.low, band.high, "adapter_slc")
    assert drawn["adapter_slc over vanilla_slc", "energy, system, a round"] == ends
    assert (chart.low, chart.high) == ("low", "high")


# -- what matters ------------------------------------------------------------------------------


@lru_cache
def _inputs() -> np.ndarray:
    return np.random.default_rng(1).random((400, 3))


def test_shares_add_up_to_what_is_explained() -> None:
    inputs = _inputs()
    shares = rank_shares(inputs, np.exp(3 * inputs[:, 0] + inputs[:, 1]))
    assert sum(share for _, share in shares) == pytest.approx(0.98, abs=0.02)
    first, second, third = (share for _, share in shares)
    assert first > 5 * second > 20 * abs(third)


def test_correlations_are_spearmans() -> None:
    """Equal values have their mean rank; 0.8207 by hand from the ranks, as textbooks have it."""
    inputs = np.array([[86, 97, 99, 100, 101, 103, 106, 110, 112, 113]], dtype=float).T
    output = np.array([2, 20, 28, 27, 50, 29, 7, 17, 6, 12], dtype=float)
    ((correlation, _),) = rank_shares(inputs, output)
    assert correlation == pytest.approx(-29 / 165)
    tied = np.array([1.0, 1.0, 2.0, 3.0])
    ((correlation, _),) = rank_shares(np.array([[1.0, 2.0, 3.0, 4.0]]).T, tied)
    assert correlation == pytest.approx(4.5 / np.sqrt(5 * 4.5))


def test_nothing_follows_what_does_not_vary() -> None:
    assert rank_shares(_inputs(), np.ones(400)) == [(0, 0)] * 3


# -- wrong input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        ("{figure: RRAM.area, low: 2, typical: 1, high: 3, source: s}", "must ascend from 0"),
        ("{figure: RRAM.area, low: 1, typical: 2, source: s}", "go together; write all three"),
        ("{figure: RRAM.area, low: 1, typical: 2, high: 3}", "source: this key is missing"),
        ("{figure: RRAM.area, source: s}", "expected low, typical and high, or values"),
        ("{low: 1, typical: 2, high: 3, source: s}", "expected one of figure and path"),
        ("{path: a.b, low: 1 us, typical: 2 ms, high: 3 s, source: s}", "must have one unit"),
        ("{path: a.b, low: few, typical: 2, high: 3, source: s}", "'few' is neither a number"),
        ("{path: a.b, values: [1, 2], weights: [1], source: s}", "one for each of values"),
        ('{figure: "", low: 1, typical: 2, high: 3, source: s}', r"yaml:\d+: .*wrong\.figure: "),
        ('{path: "", low: 1, typical: 2, high: 3, source: s}', r"yaml:\d+: .*wrong: "),
        ("{figure: logic.leakage}", "has no range of it; write low to high"),
        ("{figure: STT.area, low: 1, typical: 2, high: 3, source: s}", "nothing of the workload"),
    ],
)
def test_a_wrong_quantity_is_refused(quantity: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        space(file(tmp_path, wrong=quantity))


def test_the_command_tells_bands_and_what_matters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = [word for text in SMALL for word in ("--set", text)]
    options = ["--points", "30", "--jobs", "0", "--cases", ",".join(CASES), "--out", str(tmp_path)]
    assert run_command_line(["uncertainty", MAIN, *small, *options]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "adapter_slc over vanilla_slc (5 to 95 %): " in printed
    found = json.loads((tmp_path / "uncertainty.json").read_text())
    band = found["bands"]["adapter_slc.gain.energy.system"]
    assert f"; {band['as_is']:.2f}x (" in printed
    assert "energy (system), most by sram_leakage" in printed
    assert band["p5"] < band["p50"] < band["p95"]


def test_more_quantities_than_sobol_knows_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^--method: sobol knows 21 dimensions, not [0-9]+; use"):
        uncertainty(MAIN, 32, method="sobol", jobs=0)
