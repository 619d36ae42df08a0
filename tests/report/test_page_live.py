"""The page in a real browser: Debian's Chromium, driven by playwright, of the extra ``live``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_workload import MAIN, SMALL

from accelsim.cli.main import run_command_line
from accelsim.report.page import page as page_of
from accelsim.report.page import plotly_script
from accelsim.report.study_charts import study_charts
from accelsim.report.table import Column, Report, Table

CHROMIUM = shutil.which("chromium")
pytest.importorskip("plotly", reason="the script of charts comes with plotly, of the extra plot")
pytest.importorskip("jinja2", reason="pages are made by jinja2, of the extra plot")
api = pytest.importorskip("playwright.sync_api", reason="a browser is driven by playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
QUICK = [part for text in SMALL for part in ("--set", text)]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
TITLES = {
    "Gain over the baseline: right of 1 the design is better", "By block", "Layer by layer",
    "By operator", "By task", "What the memories hold", "Area", "Roofline", "Power",
    "Utilisation: share of each step for which a port is booked", "Distribution by task",
}  # fmt: skip
# What a chart of bars shows: the sum of its marks that are not labels.
DRAWN = """title => {
    const chart = window.accelsim.charts.find(one => one.title === title);
    const plot = chart.figure.querySelector('.plot');
    return plot.data.filter(trace => !trace.totals && !trace.guide).map(trace => ({
        name: trace.name, x: Array.from(trace.x), y: trace.y, of: trace.customdata}));
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    assert run_command_line(["run", MAIN, *QUICK, "--quiet", "--report", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def opened(browser: Any, folder: Path) -> Iterator[Any]:
    """A page of 1400 pixels that has drawn its charts; nothing was complained of or asked for."""
    yield from _opened(browser, folder, width=1400, scheme="light")


def _opened(browser: Any, folder: Path, width: int, scheme: str) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    told: list[str] = []
    page.on("console", lambda one: told.append(one.text) if one.type == "error" else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: told.append(request.url))
    url = (folder / "results.html").as_uri()
    page.goto(url)
    page.wait_for_function("document.body.dataset.ready !== undefined", timeout=120_000)
    yield page
    assert [text for text in told if not text.startswith("data:")] == [url]
    page.close()


@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_chart_is_drawn_and_fits(browser: Any, folder: Path, width: int, scheme: str) -> None:
    for page in _opened(browser, folder, width, scheme):
        assert set(page.evaluate("window.accelsim.charts.map(one => one.title)")) == TITLES
        assert page.locator(".plot .main-svg").count() >= len(TITLES)
        marks = page.evaluate(
            "Object.fromEntries(window.accelsim.charts.map(one => [one.title,"
            " one.figure.querySelectorAll('.plot .trace, .plot .hm').length]))"
        )
        assert all(marks.values()), marks
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ink = page.evaluate("getComputedStyle(document.querySelector('.plot .ytick text')).fill")
        assert (sum(map(int, ink[4:-1].split(","))) > 384) is (scheme == "dark")


def test_bars_are_the_figures_of_the_results(opened: Any, folder: Path) -> None:
    cases = json.loads((folder / "results.json").read_text())["cases"]
    for title in ("By block", "Layer by layer", "By operator", "By task"):
        shown: dict[str, float] = {}
        for trace in opened.evaluate(DRAWN, title):
            for joules, (_, design, _) in zip(trace["x"], trace["of"], strict=True):
                shown[design] = shown.get(design, 0.0) + joules
        assert list(shown) == list(cases)
        for design, joules in shown.items():
            assert joules == pytest.approx(cases[design]["energy"]["total_J"], rel=1e-4), title


# Of a chart that is no bars: what is drawn along both axes, in the units of its axes, by series.
PUT = """title => {
    const chart = window.accelsim.charts.find(one => one.title === title);
    const [trace] = chart.figure.querySelector('.plot').data;
    if (trace.lines) return trace.lines.map((line, n) => [line.name, Array.from(trace.z[n])]);
    return chart.figure.querySelector('.plot').data.filter(one => !one.guide)
        .map(one => [one.name, Array.from(one.y)]);
}"""


def test_points_areas_and_rows_are_the_figures_of_the_results(opened: Any, folder: Path) -> None:
    """``results.json`` keeps the tables behind the charts, in SI."""
    kept = json.loads((folder / "results.json").read_text())["report"]
    for title in ("Roofline", "Power", "Distribution by task", *(t for t in TITLES if "Util" in t)):
        (chart,) = (one for one in kept["pictures"] if one.get("title") == title)
        table = kept["tables"][chart["table"]]
        cells = {
            column["key"]: values if isinstance(values, list)
            else [values["texts"][of] for of in values["of"]]
            for column, values in zip(table["columns"], table["values"], strict=True)
        }  # fmt: skip
        unit = {column["key"]: column["unit"] for column in table["columns"]}[chart["y"][0]]
        first = cells[chart["choice"]][0]
        wanted: dict[str, list[float]] = {}
        for choice, name, value in zip(
            cells[chart["choice"]], cells[chart["series"]], cells[chart["y"][0]], strict=True
        ):
            if choice == first:
                wanted.setdefault(name, []).append(value * (100 if unit == "%" else 1))
        drawn = {name: pytest.approx(values) for name, values in opened.evaluate(PUT, title)}
        assert wanted == drawn, title


def test_boxes_of_designs_choose_for_charts_and_tables(opened: Any, folder: Path) -> None:
    cases = json.loads((folder / "results.json").read_text())["cases"]
    out = ["vanilla_slc", "adapter_slc"]
    for name in out:
        opened.locator("#filters label", has_text=name).locator("input").uncheck()
    opened.wait_for_timeout(500)
    shown: dict[str, float] = {}
    for trace in opened.evaluate(DRAWN, "Area"):
        for area, (design, _) in zip(trace["x"], trace["of"], strict=True):
            shown[design] = shown.get(design, 0.0) + area
    assert shown == {
        name: pytest.approx(sum(case["area_mm2"].values()))
        for name, case in cases.items()
        if name not in out
    }
    drawn = [name for name, _ in opened.evaluate(PUT, next(t for t in TITLES if "Gain" in t))]
    assert drawn == ["adapter_mixed over vanilla_mixed", "paper"]
    heads = opened.locator("th:visible, h2:visible, td:visible").all_inner_texts()
    assert any(text.startswith("adapter_mixed") for text in heads)
    assert not any(text.startswith(tuple(out)) for text in heads)
    # What comes after the designs stays.
    assert opened.locator("p.end:visible").count() == opened.locator("p.end").count()


def test_a_design_has_one_colour_on_all_pages(browser: Any, folder: Path, tmp_path: Path) -> None:
    """Whichever designs ran, and in whichever order."""
    wanted = ["--cases", "adapter_slc,vanilla_slc", "--report", "--quiet", "--out", str(tmp_path)]
    assert run_command_line(["run", MAIN, *QUICK, *wanted]) == 0
    colours = []
    for place in (folder, tmp_path):
        for page in _opened(browser, place, 1400, "light"):
            colours.append(
                page.evaluate(
                    "Object.fromEntries(window.accelsim.charts"
                    ".find(one => one.title === 'Distribution by task')"
                    ".figure.querySelector('.plot').data.map(one => [one.name, one.line.color]))"
                )
            )
    assert len(colours[0]) == len(set(colours[0].values())) == 4
    assert colours[1].items() <= colours[0].items()
    assert len(colours[1]) == 2


def test_ticks_are_round_on_logarithmic_axes(opened: Any) -> None:
    for title in ("Roofline", next(t for t in TITLES if "Gain" in t)):
        ticks = opened.evaluate(
            "title => window.accelsim.charts.find(one => one.title === title).figure"
            ".querySelector('.plot').layout.xaxis.tickvals",
            title,
        )
        assert len(ticks) >= 3
        assert {float(f"{tick:e}".split("e")[0]) for tick in ticks} <= {1.0, 2.0, 5.0}


def test_a_bar_filters_the_other_charts_and_the_keyboard_does_too(opened: Any) -> None:
    def layers() -> set[str]:
        return {
            place for trace in opened.evaluate(DRAWN, "Layer by layer") for place in trace["y"][0]
        }

    assert "layer 1" in layers()
    plot = opened.locator("figure", has_text="Layer by layer").first.locator(".plot")
    plot.focus()
    plot.press("ArrowRight")
    plot.press("Enter")
    opened.wait_for_function("window.accelsim.kept.has('layer')")
    (kept,) = opened.evaluate("[...window.accelsim.kept.get('layer')]")
    opened.wait_for_timeout(500)
    assert layers() == {kept}
    spoken = opened.locator("figure", has_text="Layer by layer").first.locator(".live")
    assert kept in spoken.inner_text()
    plot.press("Escape")
    opened.wait_for_timeout(500)
    assert "layer 1" in layers()


def test_a_table_stands_behind_each_chart(opened: Any) -> None:
    for details in opened.locator("figure details.data").all():
        details.locator("summary").click()
        details.locator("tbody tr").first.wait_for()


def test_what_is_folded_is_open_on_paper(opened: Any) -> None:
    shut = "document.querySelectorAll('details:not(.data):not([open])').length"
    before = opened.evaluate(shut)
    assert before
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.evaluate(shut) == 0
    opened.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.evaluate(shut) == before


@pytest.fixture
def study(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """A page of 200 points: a scatter and parallel axes of one table."""
    columns = (Column("n", "n", "1"), Column("energy", "energy", "J"), Column("time", "time", "s"))
    rows = tuple((n, 1e-3 * (n * 37 % 200 + 1), 1e-6 * (n * 71 % 200 + 1)) for n in range(200))
    data = Table("", columns, rows)
    drawn = tuple(study_charts(data, ("n",), {"energy": 1, "time": 1}))
    found = Report("results", "study", (), data, {}, pictures=drawn)
    (tmp_path / "results.html").write_text(page_of(found, plotly_script()))
    yield from _opened(browser, tmp_path, width=1400, scheme="light")


Spot = tuple[float, float]


def _drag(page: Any, box: dict[str, float], start: Spot, end: Spot) -> None:
    """Drag between places of a box, given as shares of its size."""
    spots = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*spots[0])
    page.mouse.down()
    page.mouse.move(*spots[1], steps=8)
    page.mouse.up()
    page.wait_for_timeout(500)


def test_what_is_brushed_in_one_chart_filters_the_other(study: Any) -> None:
    scatter, parallel = study.locator(".plot").all()
    _drag(study, scatter.locator(".nsewdrag").bounding_box(), (0.01, 0.01), (0.5, 0.99))
    (chosen,) = study.evaluate("[...window.accelsim.brushed.values()].map(rows => [...rows])")
    assert 60 < len(chosen) < 140
    shown = study.evaluate("window.accelsim.charts[1].figure.querySelector('.plot').data[0]")
    assert sorted(shown["customdata"]) == sorted(chosen)
    study.locator("#filters button", has_text="rows chosen").click()
    study.wait_for_timeout(500)
    axis = parallel.locator(".axis-brush .background").first
    axis.scroll_into_view_if_needed()
    _drag(study, axis.bounding_box(), (0.5, 0.9), (0.5, 0.5))
    (chosen,) = study.evaluate("[...window.accelsim.brushed.values()].map(rows => [...rows])")
    # The lower part of the first axis, which is the number of the row.
    assert 40 < len(chosen) < 140
    assert max(chosen) - min(chosen) == len(chosen) - 1
    marks = study.evaluate(
        "window.accelsim.charts[0].figure.querySelector('.plot').data"
        ".flatMap(trace => Array.from(trace.customdata))"
    )
    assert sorted(marks) == sorted(chosen)


def test_names_of_users_are_shown_as_they_stand(browser: Any, tmp_path: Path) -> None:
    name = "<b>x</b><script>alert(1)</script>"
    text = (Path(MAIN).read_text()).replace("adapter_mixed:", f'"{name}":')
    text = text.replace("hwconfigs/" + f'"{name}":', "hwconfigs/adapter_mixed.yaml")
    path = tmp_path / "w.yaml"
    path.write_text(text.replace("../hwconfigs", str(Path("hwconfigs").resolve())))
    assert (
        run_command_line(["run", str(path), *QUICK, "--quiet", "--report", "--out", str(tmp_path)])
        == 0
    )
    for page in _opened(browser, tmp_path, 1400, "light"):
        assert page.locator("script").count() == 4
        assert page.locator("svg b, body b").count() == 0
