"""``accelsim crossover`` and ``accelsim scaling`` as a user meets them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from small_workload import MAIN, SMALL

from accelsim.cli.main import run_command_line

QUICK = [part for text in SMALL for part in ("--set", text)]
POISSON = ["--set", "requests={pattern: poisson, mean_interval: 10 ms, duration: 1 s}"]
DEAR = ["--set", "cases.adapter_slc.hardware.bus.length=1 m"]
RATES = ["--from", "100 Hz", "--to", "2 kHz", "--requests", "9"]
SLC = ["--design", "adapter_slc", "--baseline", "vanilla_slc"]
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def narrow(shown: str) -> bool:
    """Say whether every line fits, the path that was written to aside."""
    return all(len(line) <= 80 for line in shown.splitlines() if not line.startswith("Wrote "))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def crossover(*arguments: str) -> int:
    return run_command_line(
        ["crossover", MAIN, *QUICK, *POISSON, *RATES, "--jobs", "0", *arguments]
    )


def scaling(*arguments: str) -> int:
    return run_command_line(["scaling", MAIN, *QUICK, "--jobs", "0", *arguments])


def test_a_crossover_in_words_and_numbers(tmp_path: Path, capsys: Captured) -> None:
    assert crossover(*SLC, *DEAR, "--out", str(tmp_path / "o")) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert narrow(shown.out)
    file = json.loads((tmp_path / "o" / "crossover.json").read_text())
    (crossing,) = file["crossings"]
    assert (file["design"], file["baseline"], file["requests"]) == ("adapter_slc", "vanilla_slc", 9)
    verdict = re.search(r"crossover at ([0-9.,]+)/s \(a request every", shown.out)
    assert verdict
    assert float(verdict[1].replace(",", "")) == pytest.approx(crossing["rate_Hz"], rel=5e-3)
    assert crossing["cheaper_below"] == "adapter_slc"
    below = [rate["cheaper"] for rate in file["rates"] if rate["rate_Hz"] < crossing["rate_Hz"]]
    assert set(below) == {"adapter_slc"}
    # A row of the table for each rate.
    assert len(re.findall(r"^ *[0-9.,]+/s ", shown.out, re.MULTILINE)) == len(file["rates"])


def test_no_crossover_says_so_with_the_defaults_of_the_workload(capsys: Captured) -> None:
    assert crossover() == 0
    text = " ".join(capsys.readouterr().out.split())
    expected = "no crossover: adapter_mixed costs less at every rate from 100/s to 2,000/s"
    assert expected in text


def test_saturated_rates_are_marked(capsys: Captured) -> None:
    assert crossover(*SLC, "--to", "100 kHz", "--json") == 0
    rates = json.loads(capsys.readouterr().out)["rates"]
    assert rates[-1]["design"]["saturated"] is True
    assert rates[-1]["cheaper"] is None
    assert crossover(*SLC, "--to", "100 kHz") == 0
    shown = capsys.readouterr().out
    assert re.search(r"100,000/s .* saturated .* saturated *$", shown, re.MULTILINE)
    assert "saturated: requests come faster than they are served; not compared" in shown


def test_the_same_input_gives_the_same_file(capsys: Captured) -> None:
    texts = []
    for _ in range(2):
        assert crossover(*SLC, *DEAR, "--json") == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--design", "adapter"], r"--design: there is no case 'adapter'; did you mean '.*'\?"),
        (["--design", "vanilla_slc"], r"--baseline: case 'vanilla_slc' has no baseline; name .*"),
        (["--from", "3"], r"--from: expected a unit of Hz after 3, got none"),
        (["--to", "3 s"], r"--to: expected a unit of Hz, got 's', a unit of s"),
        (["--to", "1 Hz"], r"--from, --to: expected two ascending rates .*"),
    ],
)
def test_bad_options_exit_with_two(
    arguments: list[str], message: str, capsys: Captured, tmp_path: Path
) -> None:
    assert crossover(*arguments, "--out", str(tmp_path / "o")) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.fullmatch(f"accelsim: {message}\n", shown.err)
    assert not (tmp_path / "o").exists()


def test_without_any_baseline_a_design_must_be_named(capsys: Captured) -> None:
    none = [f"cases.adapter_{kind}.baseline=null" for kind in ("mixed", "slc")]
    assert crossover(*[part for text in none for part in ("--set", text)]) == 2
    expected = (
        "accelsim: --design: no case of the workload has a baseline; name a case to compare\n"
    )
    assert capsys.readouterr().err == expected


def test_a_crossover_is_a_study_of_the_store(tmp_path: Path, capsys: Captured) -> None:
    assert crossover(*SLC, "--store", "s") == 0
    capsys.readouterr()
    assert run_command_line(["study", "show", "--store", "s", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["studies"]
    name = listed["study"]
    assert name.startswith("crossover_")
    assert run_command_line(["study", "export", name, "--store", "s", "--to", "all.csv"]) == 0
    head, *rows = (tmp_path / "all.csv").read_text().splitlines()
    assert len(rows) == listed["points"]
    assert head.startswith("number,state,reason,rate,adapter_slc.area.memory,")


def test_scaling_shows_tables_and_what_grows(tmp_path: Path, capsys: Captured) -> None:
    assert scaling("--tasks", "1,3", "--out", str(tmp_path / "o")) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert narrow(shown.out)
    file = json.loads((tmp_path / "o" / "scaling.json").read_text())
    assert file["tasks"][:3] == ["MNLI", "MRPC", "QNLI"]
    assert set(file["cases"]) == {"vanilla_mixed", "adapter_mixed", "vanilla_slc", "adapter_slc"}
    for case, points in file["cases"].items():
        assert [point["tasks"] for point in points] == [1, 3]
        grown = file["growth_per_task"][case]
        for figure in ("stored_B", "resident_B", "resident_mm2"):
            assert grown[figure] == pytest.approx((points[1][figure] - points[0][figure]) / 2)
        kilobytes = f"{grown['stored_B'] / 1e3:.3g}"[:4]
        assert re.search(rf"{case}: a further task stores {kilobytes}0* kB\s+more", shown.out)
    assert shown.out.count("a further task ") == 3 + 4


def test_one_number_of_tasks_has_no_growth(capsys: Captured) -> None:
    assert scaling("--tasks", "2") == 0
    shown = capsys.readouterr().out
    assert "stored parameters of all tasks" in shown
    assert "a further task" not in shown


def test_what_does_not_fit_is_a_dash(capsys: Captured) -> None:
    tight = ["hardware.dram=null", "hardware.memories.sram.capacity=128 KiB"]
    assert scaling("--tasks", "3,9", *[part for text in tight for part in ("--set", text)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert re.search(r"energy of a request, .*? 9 - [0-9.]+ uJ - ", text)
    assert "9 tasks do not fit the machine, and nothing can load them" in text


@pytest.mark.parametrize("tasks", ["0..3", "1..10", "3..1", "x", "", "1..", "-1", "1.5", "999"])
def test_bad_numbers_of_tasks_exit_with_two(tasks: str, capsys: Captured) -> None:
    assert scaling(f"--tasks={tasks}") == 2
    assert re.fullmatch(r"accelsim: --tasks: expected numbers .*\n", capsys.readouterr().err)


@pytest.mark.parametrize("command", ["crossover", "scaling"])
def test_help_has_examples(command: str, capsys: Captured) -> None:
    assert run_command_line([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"accelsim {command} WORKLOAD" in shown
    assert narrow(shown)


@pytest.mark.parametrize("command", ["crossover", "scaling"])
def test_results_that_cannot_be_written_exit_with_six(
    command: str, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "file").write_text("")
    options = [*RATES[:-1], "2"] if command == "crossover" else ["--tasks", "1"]
    assert run_command_line([command, MAIN, *QUICK, *options, "--out", str(tmp_path / "file")]) == 6
    assert capsys.readouterr().err.startswith(f"accelsim: cannot write {tmp_path / 'file'}: ")
