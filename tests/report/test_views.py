"""Looking at inputs and results: graph, machine, breakdowns by one grouping, notebooks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import networkx
import pytest
from small_workload import MAIN, SMALL

import accelsim
from accelsim.cli.main import run_command_line
from accelsim.errors import ConfigError
from accelsim.evaluation.result import Result
from accelsim.units import to_seconds

SETTINGS = [part for text in SMALL for part in ("--set", text)]
# Tasks lie in RRAM, and there is nothing to load them from.
STAYS = (
    "cases.adapter_slc.hardware.placement.task={values: rram, masks: rram}",
    "cases.adapter_slc.hardware.dram=null",
)


def document(capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, Any]:
    assert run_command_line([*command, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture(scope="module")
def result() -> Result:
    return accelsim.examine(accelsim.Point(MAIN, SMALL))


# -- the layer graph -----------------------------------------------------------------------------


def test_the_graph_has_the_work_and_the_bytes_of_the_design(
    result: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    found = document(capsys, "graph", MAIN, *SETTINGS, "--cases", "adapter_mixed")
    design = result["adapter_mixed"].design
    graph, placement = design.graphs["MNLI"], design.placements["MNLI"]
    assert found["macs"] == graph.macs == sum(row["macs"] or 0 for row in found["operators"])
    assert found["parameters"] == graph.parameter_count()
    assert len(found["operators"]) == len(graph.operators)
    assert found["edges"] == [list(edge) for edge in graph.edges]
    for memory, size in found["stored_bytes"].items():
        bits = sum(placement.bits(task_specific=own)[memory] for own in (False, True))
        assert size == -(-bits // 8)


def test_equal_layers_are_shown_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run_command_line(["graph", MAIN, *SETTINGS]) == 0
    shown = capsys.readouterr().out
    assert "layer 0 to 2, each" in shown
    assert len(re.findall(r"^  encoder\.query ", shown, re.MULTILINE)) == 1
    assert run_command_line(["graph", MAIN, *SETTINGS, "--verbose"]) == 0
    assert "layer 1 " in capsys.readouterr().out


def test_other_programs_read_the_graph(
    tmp_path: Path, result: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["graph", MAIN, *SETTINGS, "--as", "graphml"]) == 0
    (tmp_path / "graph.graphml").write_text(capsys.readouterr().out)
    read = networkx.read_graphml(tmp_path / "graph.graphml")
    graph = result["vanilla_mixed"].design.graphs["MNLI"]
    assert set(read.edges) == set(graph.edges)
    assert sum(data["macs"] for _, data in read.nodes(data=True)) == graph.macs
    assert run_command_line(["graph", MAIN, *SETTINGS, "--as", "dot"]) == 0
    drawn = capsys.readouterr().out
    assert set(re.findall(r'^  "(.*)" -> "(.*)" \[', drawn, re.MULTILINE)) == set(graph.edges)
    assert drawn.count("{") == drawn.count("}") == 1 + graph.layers
    assert run_command_line(["graph", MAIN, "--task", "MNL"]) == 2
    assert "--task: no 'MNL'; did you mean 'MNLI'?" in capsys.readouterr().err


# -- the machine ---------------------------------------------------------------------------------


def test_a_machine_is_shown_with_what_it_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    path = "hwconfigs/adapter_slc.yaml"
    found = document(capsys, "show", path, "--set", "memories.sram.capacity=1 MiB")
    machine = accelsim.load_hardware(path, ("memories.sram.capacity=1 MiB",))
    rows = {row["component"]: row for row in found["components"]}
    assert set(rows) == set(machine.components)
    areas = sum(row["area_mm2"] or 0 for row in rows.values())
    assert found["area_mm2"] == pytest.approx(areas)
    sram = machine.regions["sram"]
    assert rows["sram"]["capacity_B"] == 2**20
    # One word a cycle of 1 ns, however fast the array.
    assert rows["sram"]["read_bandwidth_GB_per_s"] == pytest.approx(sram.word_bytes, rel=1e-3)
    assert rows["pe_array"]["macs"] == pytest.approx(256, rel=0.01)
    assert 0 < rows["dram"]["read_bandwidth_GB_per_s"] < 6.4


@pytest.mark.parametrize(
    "path",
    sorted(str(p) for folder in ("", "gallery") for p in Path("hwconfigs", folder).glob("*.yaml")),
)
def test_every_shipped_machine_is_shown(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["show", path, "--verbose"]) == 0
    assert "Placement" in capsys.readouterr().out


def test_what_depends_on_a_size_to_be_worked_out_is_no_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = "hwconfigs/gallery/chime_mixed.yaml"
    found = document(capsys, "show", path)
    rows = {row["component"]: row for row in found["components"]}
    assert found["area_mm2"] == rows["rram"]["area_mm2"] == rows["rram"]["capacity_B"] == "fit"
    assert set(rows["rram"]["prices_J"].values()) == {"fit"}
    assert rows["rram"]["banks"] == 24
    assert rows["pe_array"]["area_mm2"] > 0
    sizes = [part for n in ("sram", "rram") for part in ("--set", f"memories.{n}.capacity=3MiB")]
    assert document(capsys, "show", path, *sizes)["area_mm2"] > 0
    assert run_command_line(["show", path]) == 0
    shown = capsys.readouterr().out
    assert "memories.rram.capacity: fit, worked out for a workload" in shown
    assert re.search(r"^cache +dram", shown, re.MULTILINE)


# -- by one grouping -----------------------------------------------------------------------------


def test_by_groupings_add_up_to_the_run(
    tmp_path: Path, result: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", MAIN, *SETTINGS, "--no-trace", "--out", str(tmp_path)]
    found = document(capsys, *command, "--by", "layer,operator,block,task,memory")["by"]
    for name, case in result.cases.items():
        for by in ("layer", "operator", "block", "task"):
            *rows, total = found[f"{name} by {by}"]
            energy = case.figures.account.total
            assert total["energy_J"] == pytest.approx(energy, rel=1e-12)
            assert sum(row["energy_J"] for row in rows) == pytest.approx(energy, rel=1e-9)
        seconds = to_seconds(case.run.makespan)
        ledger = case.run.ledger
        for row in found[f"{name} by memory"]:
            for action, column in (("read", "reads_per_s"), ("write", "writes_per_s")):
                assert row[column] * seconds == pytest.approx(ledger.amount(row["memory"], action))
        sram = next(row for row in found[f"{name} by memory"] if row["memory"] == "sram")
        assert sram["read_bandwidth_use"] + sram["write_bandwidth_use"] == pytest.approx(
            ledger.busy["sram"] / case.run.makespan
        )
    assert run_command_line([*command, "--by", "colour"]) == 2
    assert "--by: unknown 'colour'; " in capsys.readouterr().err


# -- values for notebooks ------------------------------------------------------------------------


def test_a_result_shows_itself_in_a_notebook(result: Result) -> None:
    shown = result._repr_html_()
    assert shown.count("<th>") == 1 + len(result.cases)
    assert "energy of a round of everything (energy.system)" in shown
    assert shown.count("<tr>") == shown.count("</tr>") > 5


def test_figures_of_a_run_that_never_switches_are_none() -> None:
    point = accelsim.Point(MAIN, (*SMALL, *STAYS), ("adapter_slc",))
    row, found = accelsim.evaluate(point), accelsim.examine(point)
    assert found["adapter_slc"].figures.scopes["switch"] is None
    assert row["adapter_slc.energy.switch"] is None
    assert row["adapter_slc.gain.energy.switch"] is None
    assert "adapter_slc.energy.switch" not in row
    assert row["adapter_slc.energy.system"]
    with pytest.raises(ConfigError, match=r"no figure 'adapter_slc\.energy\.swich'"):
        row["adapter_slc.energy.swich"]
    with pytest.raises(KeyError):
        found["adapter_slc"].figures.scopes["swich"]


def test_the_breakdown_is_written_as_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with 'parquet'")
    command = ["run", MAIN, *SETTINGS, "--quiet", "--no-trace", "--parquet"]
    assert run_command_line([*command, "--out", str(tmp_path)]) == 0
    read = parquet.read_table(tmp_path / "breakdown.parquet").to_pydict()
    assert read == accelsim.load_run(tmp_path).breakdown
