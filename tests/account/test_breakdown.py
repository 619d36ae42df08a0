"""The tidy table of a run: its sums are those of ledger, account and makespan; files keep it."""

from __future__ import annotations

import json
import math
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from readme_examples import README, example
from small_workload import MAIN, SMALL

import accelsim
from accelsim.account.breakdown import CHIP, BreakdownRow
from accelsim.account.traffic import traffic_of
from accelsim.cli.main import run_command_line
from accelsim.errors import ConfigError
from accelsim.evaluation.cases import CaseResult
from accelsim.inputs.manifest import MANIFEST
from accelsim.machine.servers import Machine
from accelsim.units import to_seconds

STREAM = (
    "requests={pattern: poisson, mean_interval: 1 ms, duration: 20 ms}",
    "early_exit={exit_layer: {mean: 2}, latency_target: 1 ms, prediction: exact}",
    "idle={policy: timeout, off_after: 0 s}",
)
RUNS = {
    "rounds": (MAIN, SMALL),
    "stream": (MAIN, (*SMALL, *STREAM)),
    "gated": (MAIN, (*SMALL, "hardware.power.clock_gating=blocks")),
    "npu": ("workloads/mti_systolic_npu.yaml", SMALL),
}


@pytest.fixture(scope="module", params=RUNS)
def case(request: pytest.FixtureRequest) -> CaseResult:
    workload, assignments = RUNS[request.param]
    return next(reversed(accelsim.examine(accelsim.Point(workload, assignments)).cases.values()))


def test_energy_is_that_of_the_account(case: CaseResult) -> None:
    rows, account = list(case.breakdown), case.figures.account
    assert math.fsum(row.energy for row in rows) == pytest.approx(account.total, rel=1e-12)
    for block in case.figures.prices.watts:
        leaked = math.fsum(row.leakage for row in rows if row.block == block)
        assert leaked == pytest.approx(account.leakage_of(block), rel=1e-12)
    clocks = math.fsum(row.clock for row in rows)
    assert clocks == pytest.approx(math.fsum(account.clock.values()), rel=1e-12)
    standby = math.fsum(row.standby for row in rows)
    assert standby == pytest.approx(math.fsum(account.standby.values()), rel=1e-12)


def test_time_is_the_makespan(case: CaseResult) -> None:
    by_state: Counter[str] = Counter()
    for row in case.breakdown:
        assert (row.elapsed == 0) or row.block == CHIP
        by_state[row.state] += row.elapsed
    for state, ticks in case.run.ledger.chip_states.items():
        assert by_state[str(state)] == pytest.approx(ticks / 1e15, rel=1e-12)


def test_amounts_are_those_of_the_ledger_and_layers_add_up(case: CaseResult) -> None:
    found: Counter[tuple[str, str, str, str, str]] = Counter()
    for row in case.breakdown:
        found[row.block, row.action, row.program, row.task, row.operator] += row.amount
    counted: Counter[tuple[str, str, str, str, str]] = Counter()
    for key, amount in case.run.ledger.amounts.items():
        counted[key.block, key.action, key.program, key.task, key.operator] += amount
    assert {key: n for key, n in found.items() if n} == dict(counted)
    assert {row.layer for row in case.breakdown} == {None, 0, 1, 2}


def test_booked_ticks_are_those_of_the_ports(case: CaseResult) -> None:
    machine, booked = Machine(case.design.hardware), Counter[str]()
    for work in case.run.work.values():
        for (block, action, _), ticks in work.busy.items():
            booked[machine.port(block, action).name] += ticks
    assert booked == Counter({port: n for port, n in case.run.ledger.busy.items() if n})


def test_traffic_spends_what_the_rows_of_a_memory_do(case: CaseResult) -> None:
    rows, seconds = list(case.breakdown), to_seconds(case.run.makespan)
    found = traffic_of(rows, case.design.hardware.regions, seconds)
    assert {"activation_sram", "dram"} <= {each.memory for each in found}
    for each in found:
        own = [row for row in rows if row.block == each.memory]
        energy = math.fsum(row.energy for row in own)
        assert each.total_power * seconds == pytest.approx(energy, rel=1e-9)
        for action in ("read", "write"):
            spent = math.fsum(r.dynamic for r in own if r.action.partition("_")[0] == action)
            assert each.power(action) * seconds == pytest.approx(spent, rel=1e-9)
            moved = [row for row in own if row.action == action]
            assert each.amounts[action] == sum(row.amount for row in moved)
            assert each.use(action) * seconds == pytest.approx(sum(row.busy for row in moved))


def test_equal_layers_cost_the_same() -> None:
    case = accelsim.examine(accelsim.Point(MAIN, SMALL))["adapter_slc"]
    by_layer: dict[int, list[BreakdownRow]] = {}
    for row in case.breakdown:
        if row.layer is not None:
            by_layer.setdefault(row.layer, []).append(row._replace(layer=None))
    assert by_layer[1] == by_layer[0]
    assert by_layer[2] == by_layer[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("breakdown")
    settings = [part for text in SMALL for part in ("--set", text)]
    assert (
        run_command_line(["run", MAIN, *settings, "--quiet", "--no-trace", "--out", str(out)]) == 0
    )
    return out


def test_a_saved_run_has_the_rows_of_the_run(folder: Path) -> None:
    saved = accelsim.load_run(folder)
    result = accelsim.examine(accelsim.Point(MAIN, SMALL))
    rows = [(name, *row) for name, case in result.cases.items() for row in case.breakdown]
    columns = saved.breakdown
    assert list(zip(*columns.values(), strict=True)) == rows
    assert list(saved.results["cases"]) == list(result.cases)


def test_what_is_no_run_is_told(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"results\.json: no such file; name a folder that"):
        accelsim.load_run(tmp_path)
    (tmp_path / "results.json").write_text('{"schema_version": 1}')
    with pytest.raises(ConfigError, match="not the results of a run of this version"):
        accelsim.load_run(tmp_path)
    (tmp_path / "results.json").write_text((folder / "results.json").read_text())
    with pytest.raises(ConfigError, match=r"breakdown\.csv: no such file; run it again"):
        accelsim.load_run(tmp_path).breakdown  # noqa: B018
    (tmp_path / "breakdown.csv").write_text("design,state\n")
    with pytest.raises(ConfigError, match=r"expected the columns design, state, program"):
        accelsim.load_run(tmp_path).breakdown  # noqa: B018


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", r":1: expected the columns design, state"),
    "text for a number": (lambda t: t.replace(b",0.0,", b",x,", 1), r":2: \w+: expected a number"),
    "no number": (lambda t: t.replace(b",0.0,", b",nan,", 1), r":2: \w+: expected a number"),
    "text for a count": (
        lambda t: t.replace(b"bytes,", b"bytes,x", 1),
        r":2: amount: expected a w",
    ),
    "null byte": (lambda t: t.replace(b"\nvanilla", b"\n\0vanilla", 1), r":2: it has a null byte"),
    "cut in a cell": (lambda t: t[: t.index(b"\n", 200) - 2], r"\.csv:2: its last line is cut off"),
    "cut before a cell": (lambda t: t[: t.index(b"\n", 200) - 9], r"\.csv:2: .*(cells|cut off)"),
    "open quote": (lambda t: t + b'"', r"\.csv:\d+: unexpected end of data"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_breakdown_is_told_with_its_line(tmp_path: Path, folder: Path, kind: str) -> None:
    damage, told = DAMAGE[kind]
    shutil.copy(folder / "results.json", tmp_path)
    (tmp_path / "breakdown.csv").write_bytes(damage((folder / "breakdown.csv").read_bytes()))
    with pytest.raises(ConfigError, match=told):
        accelsim.load_run(tmp_path).breakdown  # noqa: B018


def test_damaged_results_are_told_with_their_line(tmp_path: Path, folder: Path) -> None:
    text = (folder / "results.json").read_text()
    (tmp_path / "results.json").write_text(text.replace('"cases"', "cases", 1))
    line = text.count("\n", 0, text.index('"cases"')) + 1
    with pytest.raises(ConfigError, match=rf"results\.json:{line}: not the results of a run"):
        accelsim.load_run(tmp_path)


def test_every_column_is_documented() -> None:
    section = README.partition("# The data of a run")[2].partition("\n## ")[0]
    named = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", section, re.MULTILINE)))
    assert named == ["design", *BreakdownRow.columns().values()]


def test_energy_by_operator_in_a_data_frame(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pandas", reason="pandas comes with the extra 'live'")
    code = example("Energy by operator")
    assert len(code.splitlines()) <= 10
    names: dict[str, object] = {}
    exec(code.replace("out/mti_mnli_mrpc_qnli", str(folder)), names)
    total = accelsim.load_run(folder).results["cases"]["vanilla_slc"]["energy"]["total_J"]
    found = names["by_operator"]
    assert found["vanilla_slc"].sum() == pytest.approx(total, rel=1e-12)  # type: ignore[index]
    assert "encoder.ffn1" in capsys.readouterr().out
    assert "pandas" in sys.modules


def test_a_folder_that_may_hold_two_runs_is_read_by_no_command(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a kill leaves it between two renames."""
    shutil.copytree(folder, tmp_path / "run")
    manifest = tmp_path / "run" / MANIFEST
    found = json.loads(manifest.read_text())
    found["files"]["breakdown.csv"].append("0" * 64)
    manifest.write_text(json.dumps(found))
    with pytest.raises(ConfigError, match=r"killed while it replaced breakdown\.csv"):
        accelsim.load_run(tmp_path / "run")
    for command in (["report"], ["compare", str(folder)]):
        assert run_command_line([*command, str(tmp_path / "run")]) == 2
        assert "may be of two runs" in " ".join(capsys.readouterr().err.split())
