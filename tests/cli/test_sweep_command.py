"""``accelsim sweep``, ``accelsim study`` and ``run --sweep`` as a user meets them."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import pytest
from small_workload import MAIN, SMALL

from accelsim.cli.main import run_command_line
from accelsim.inputs.plugins import plugins_put_back
from accelsim.report.saved import restored
from accelsim.report.table import Chart

QUICK = [part for text in SMALL for part in ("--set", text)]
STUDY = f"""\
name: mine
description: two lengths
workload: {MAIN}
cases: [vanilla_slc, adapter_slc]
axes:
  length: {{path: hardware.bus.length, values: [1 mm, 2 mm]}}
  bottleneck: {{path: cases.adapter_slc.adaptation.bottleneck, values: [8, 1000000]}}
columns: {{edp: adapter_slc.energy.request * adapter_slc.latency.request}}
quantiles: [edp]
"""
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "mine.yaml").write_text(STUDY)


def sweep(*arguments: str) -> int:
    return run_command_line(["sweep", "mine.yaml", *QUICK, "--jobs", "0", *arguments])


def words(capsys: Captured) -> str:
    return " ".join(capsys.readouterr().out.replace("─", "").split())


def read(path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(Path(path).read_text().splitlines()))


def test_a_study_is_shown_goes_on_and_is_exported(capsys: Captured) -> None:
    assert sweep("--out", "o", "--write", "csv,json") == 0
    shown = words(capsys)
    assert "4 of 4 points: 4 ok (2 of the ok without a case that does not fit)" in shown
    assert "2 ok CapacityError 1 case 'adapter_slc':" in shown
    assert "3 simulations made" not in shown
    assert "2 simulations made, 4 saved" in shown
    assert "Quantiles over rows figure rows 5 % 50 % 95 % edp 2 " in shown
    table = read("o/sweep.csv")
    assert [row["edp"] == "" for row in table] == [False, True, False, True]
    document = json.loads(Path("o/sweep.json").read_text())
    assert (document["states"]["ok"], document["ok_in_part"]) == (4, 2)
    drawn, bands = restored(document).pictures
    assert isinstance(drawn, Chart)
    assert isinstance(bands, Chart)
    (told,) = document["quantiles"]
    _, *ends = bands.table.rows[0][1:]
    assert (told["figure"], told["rows"]) == ("edp", 2)
    assert [told["p50"], told["p5"], told["p95"]] == pytest.approx(ends)
    assert (drawn.kind, drawn.x) == ("parallel", ("length", "bottleneck", "edp"))

    assert sweep() == 0
    assert "All 4 were in the store" in words(capsys)
    assert run_command_line(["study", "show", "mine", *QUICK]) == 0
    assert "4 of 4 points: 4 ok (2 of the ok without" in words(capsys)
    assert run_command_line(["study", "show", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["studies"]
    assert [(each["study"], each["points"]) for each in listed] == [("mine", 4)]

    assert run_command_line(["study", "export", "mine", *QUICK, "--to", "all.csv"]) == 0
    rows = read("all.csv")
    assert [row["length"] for row in rows] == ["0.001", "0.001", "0.002", "0.002"]
    assert {"vanilla_slc.energy.day", "adapter_slc.gain.area.memory"} <= rows[0].keys()
    assert rows[1]["reason"].startswith("case 'adapter_slc': ")
    assert (rows[1]["adapter_slc.power"], rows[1]["vanilla_slc.power"] > "0") == ("", True)

    Path("mine.yaml").write_text(STUDY.replace("[1 mm, 2 mm]", "[2 mm, 3 mm]"))
    assert sweep() == 0
    assert "The study has changed: 2 points stay, 2 are new, 2 dropped" in words(capsys)
    assert run_command_line(["study", "clean"]) == 0
    assert "2 rows are removed, 4 are left" in words(capsys)
    assert run_command_line(["study", "clean", "mine"]) == 0
    assert "4 rows are removed, 0 are left" in words(capsys)


def test_the_quick_question(capsys: Captured) -> None:
    command = ["run", MAIN, *QUICK, "--json", "--sweep", "requests.rounds=1,2"]
    assert run_command_line([*command, "--sweep", "hardware.bus.length=1 mm,'2 mm'"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert run_command_line(["study", "show", Path(MAIN).stem, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == found["rows"]
    axes = [(row["requests_rounds"], row["bus_length"]) for row in found["rows"]]
    assert axes == [(1, "1 mm"), (1, "2 mm"), (2, "1 mm"), (2, "2 mm")]
    assert {"adapter_mixed.energy.request_J", "vanilla_slc.area.system_m2"} <= found["rows"][
        0
    ].keys()


ODD = "[/red] my design"


@pytest.mark.parametrize(
    "command", [["run", "--sweep", "requests.rounds=1,2"], ["sensitivity"], ["uncertainty"]]
)
def test_a_design_may_have_a_name_that_is_no_name_in_a_formula(
    command: list[str], tmp_path: Path, capsys: Captured
) -> None:
    """A blank, brackets, markup: its figures have the values and units of any other's."""
    root = Path(__file__).parents[2]
    text = (root / MAIN).read_text().replace("../hwconfigs", str(root / "hwconfigs"))
    odd = tmp_path / "odd.yaml"
    odd.write_text(text.replace("  adapter_slc:", f'  "{ODD}":'))
    pages = []
    for workload, design in ((MAIN, "adapter_slc"), (str(odd), ODD)):
        cases = ["--cases", f"{design},vanilla_slc"]
        small = ["--points", "20"] if command == ["uncertainty"] else []
        arguments = [command[0], workload, *command[1:], *cases, *small, *QUICK, "--json"]
        assert run_command_line(arguments) == 0
        found = json.loads(capsys.readouterr().out)
        pages.append(json.loads(json.dumps(found).replace(design, "DESIGN")))
    part = {"run": "rows", "sensitivity": "figures", "uncertainty": "bands"}[command[0]]
    plain, other = (list(page[part].values() if part != "rows" else page[part]) for page in pages)
    assert plain == other != []


def test_failed_points_are_told_at_once_and_by_the_exit_code(capsys: Captured) -> None:
    Path("bad.py").write_text(
        "from accelsim.evaluation.metrics import Metric, MetricFamily\n"
        "class Mine(MetricFamily):\n    name = 'mine'\n"
        "    metrics = (Metric('bad', 'bad', '1', lambda case: 1 / 0),)\n"
    )
    with plugins_put_back():
        assert sweep("--plugins", "bad.py", "--fail-fast") == 8
    shown = capsys.readouterr()
    assert "accelsim: point 0 failed: plug-in" in shown.err
    assert "1 of 4 points: 1 failed" in shown.out
    assert "Stopped: 1 failed; the rest is left" in shown.out
    with plugins_put_back():
        assert sweep("--plugins", "bad.py", "--quiet") == 8
    # Without the plug-in it is another model, whose rows are its own.
    of = r"4 of accelsim [.\d]+ with bad.py \(\w{8}\); this is accelsim [.\d]+ \(\w{8}\)\n"
    for then, command in (
        ("left out", ["study", "show", "mine.yaml", *QUICK]),
        ("left out", ["study", "export", "mine.yaml", *QUICK, "--to", "none.csv"]),
        ("computed anew", ["sweep", "mine.yaml", *QUICK, "--jobs", "0", "--quiet"]),
    ):
        capsys.readouterr()
        assert run_command_line(command) == 0
        told = f"accelsim: out/studies.sqlite: rows that are not comparable are {then}: {of}"
        assert re.fullmatch(told, capsys.readouterr().err)
    assert read("none.csv") == []
    assert sweep() == 0
    shown = capsys.readouterr()
    assert "All 4 were in the store" in " ".join(shown.out.split())
    assert "not comparable" not in shown.err
    assert run_command_line(["study", "show"]) == 0
    version = r"4 of accelsim [.\d]+{} \(\w{{8}}\)\n"
    both = version.format(" with bad.py") + version.format("")
    assert re.search(f": 8 rows\n{both}", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("sweep none.yaml", "none.yaml: no such file"),
        (f"sweep {MAIN}", "this is a workload; run it: accelsim run"),
        ("run mine.yaml", "this is a study; run it: accelsim sweep mine.yaml"),
        ("study show", "out/studies.sqlite: there is no such store; accelsim sweep makes one"),
        ("sweep mine.yaml --store mine.yaml", "mine.yaml: no store of studies"),
        ("sweep mine.yaml --jobs -1", "expected 0 or more"),
        (
            "sweep mine.yaml --set cases.adapter_slc.adaptation.bottleneck=4",
            "--set cases.adapter_slc.adaptation.bottleneck=4: axis bottleneck sets this in every",
        ),
        ("sweep mine.yaml --write csv", "--write says what to write into a folder"),
        (f"run {MAIN} --sweep rounds", "--sweep rounds: expected path=value"),
        (
            f"run {MAIN} --sweep requests.rounds=",
            "sweep: axes.requests_rounds.values: this is em",
        ),
        (f"run {MAIN} --sweep idle=1 --sweep idle=2", "idle is swept twice"),
        (f"run {MAIN} --sweep requests.rounds=1 --no-trace", "--no-trace means nothing with --sw"),
    ],
)
def test_wrong_input_is_one_message(command: str, told: str, capsys: Captured) -> None:
    assert run_command_line(command.split()) == 2
    shown = capsys.readouterr()
    assert told in " ".join(shown.err.split())
    assert "Traceback" not in shown.err


def test_what_is_not_in_the_store_is_told(capsys: Captured) -> None:
    assert sweep("--quiet") == 0
    assert run_command_line(["study", "show", "mien"]) == 2
    assert "there is no study 'mien', neither a file nor in the store; did you mean 'mine'?" in (
        capsys.readouterr().err
    )
    assert run_command_line(["study", "clean", "yours"]) == 2
    assert run_command_line(["study", "export", "mine", *QUICK, "--to", "mine.txt"]) == 2
    assert "expected a name that ends with .csv or .parquet" in capsys.readouterr().err


def test_extreme_figures_are_kept_as_they_are() -> None:
    figures = {
        "big": 2**70,
        "least": -(2**63),
        "inf": math.inf,
        "yes": True,
        "text": "\u00b5",
        "n": 1,
    }
    Path("odd.py").write_text(
        "import math\nfrom accelsim.evaluation.metrics import Metric, MetricFamily\n"
        f"class Odd(MetricFamily):\n    name = 'odd'\n    found = {figures!r}\n".replace(
            "inf,", "math.inf,"
        )
        + "    metrics = (Metric('odd', 'odd', '1', lambda case: Odd.found),)\n"
    )
    with plugins_put_back():
        assert sweep("--plugins", "odd.py", "--quiet") == 0
        export = ["study", "export", "mine.yaml", *QUICK, "--plugins", "odd.py", "--to"]
        assert run_command_line([*export, "all.csv"]) == 0
        first = read("all.csv")[0]
        found = [first[f"vanilla_slc.odd.{name}"] for name in figures]
        assert found == [str(2**70), str(-(2**63)), "inf", "true", "\u00b5", "1"]
        parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with 'parquet'")
        assert run_command_line([*export, "all.parquet"]) == 0
        table = parquet.read_table("all.parquet").to_pylist()[0]
        assert {name: table[f"vanilla_slc.odd.{name}"] for name in figures} == figures


def test_a_new_study_runs(capsys: Captured) -> None:
    assert run_command_line(["new", "study", "begun"]) == 0
    small = [text for text in QUICK if "idle" not in text]
    assert run_command_line(["sweep", "begun.yaml", "--jobs", "0", *QUICK]) == 0, small
    assert "6 of 6 points: " in words(capsys)


def test_a_study_that_is_refused_leaves_no_store(capsys: Captured) -> None:
    Path("mine.yaml").write_text(STUDY.replace("quantiles: [edp]", "quantiles: [edb]"))
    assert sweep() == 2
    assert "there is no 'edb'; did you mean 'edp'?" in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_bad_first_value_is_a_row_and_a_bad_axis_is_named(capsys: Captured) -> None:
    """Whatever the order of the axes: the points that are tried are not all of one value."""
    for values, code in (("[-4, 8]", 0), ("[-4, -8]", 2)):
        Path("mine.yaml").write_text(STUDY.replace("[8, 1000000]", values))
        assert sweep() == code
    told = " ".join(capsys.readouterr().err.split())
    assert "mine.yaml:7: axes.bottleneck: no value of it is valid" in told
    Path("mine.yaml").write_text(STUDY)
    assert sweep("--set", "hardware.memories.srm.capacity=1MiB") == 2
    told = " ".join(capsys.readouterr().err.split())
    assert told.startswith("accelsim: --set hardware.memories.srm.capacity=1MiB: ")
