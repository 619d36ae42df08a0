"""A figure walked back: entries add up to it, places are lines that say so."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path

import pytest
from small_workload import MAIN, SMALL

import accelsim
from accelsim.account.waits import ANSWER, critical_path
from accelsim.cli.main import run_command_line
from accelsim.engine.run import Options, Window
from accelsim.errors import ConfigError
from accelsim.evaluation.result import Result
from accelsim.inputs.paths import suggest_figures
from accelsim.inputs.shipped import find_input, known_as
from accelsim.machine.servers import Machine
from accelsim.study.why import Trail, find_trails

STREAM = "requests={pattern: poisson, mean_interval: 300 us, duration: 10 ms}"
SLEEPY = "idle={policy: timeout, retention_after: 100 us, off_after: 200 us}"


WATCHED = Options(trace=True, window=Window())


@pytest.fixture(scope="module")
def result() -> Result:
    return accelsim.examine(accelsim.Point(MAIN, SMALL), options=WATCHED)


@pytest.fixture(scope="module")
def stream() -> Result:
    settings = (*SMALL, STREAM, SLEEPY)
    point = accelsim.Point(MAIN, settings, ("vanilla_mixed", "adapter_mixed"))
    return accelsim.examine(point, options=WATCHED)


@pytest.fixture(scope="module")
def systolic() -> Result:
    point = accelsim.Point("workloads/mti_systolic_npu.yaml", ("sequence_length=16",))
    return accelsim.examine(point, options=WATCHED)


def find_trail(result: Result, name: str) -> Trail:
    (trail,) = find_trails(result, name)
    return trail


PACKAGE = Path(accelsim.__file__).parent


def line_of(place: str) -> str:
    file, _, line = place.partition("; ")[0].rpartition(":")
    return find_input(Path(file)).read_text().splitlines()[int(line) - 1]


def check(trail: Trail) -> None:
    total = math.fsum(entry.value for entry in trail.entries) + trail.rest
    assert total == pytest.approx(trail.value, rel=1e-12)
    for entry in trail.entries:
        if entry.price is not None:
            assert entry.amount * entry.price == pytest.approx(entry.value, rel=1e-12)
    blocks = {entry.block for entry in trail.entries} - {"chip"}
    assert {origin.block for origin in trail.origins} == blocks


@pytest.mark.parametrize(
    "figure", ["energy.system", "energy.memory", "energy.switch", "energy.run", "energy.request",
               "energy.day", "power", "area.memory", "area.system", "energy.memory_one_pass",
               "energy.part.clock", "energy.purpose.memory_leakage", "energy.leakage.active",
               "dram.read", "memory.held.sram", "latency.switch", "latency.memory_one_pass",
               "latency.memory", "latency.system", "time.inference", "time.run", "time.busy.bus",
               "time.programs.infer.MNLI", "latency.p95.all"],
)  # fmt: skip
def test_entries_add_up_to_the_figure(figure: str, result: Result) -> None:
    for case in ("vanilla_slc", "adapter_mixed"):
        trail = find_trail(result, f"{case}.{figure}")
        check(trail)
        # What is loaded once is part of no round, and of no entry of one.
        assert result[case].figures.first_loads > 0
        assert trail.rest == 0
        assert math.fsum(entry.value for entry in trail.entries) == pytest.approx(trail.value)


@pytest.mark.parametrize(
    "figure", ["energy.request", "energy.run", "power", "energy.purpose.clock",
               "energy.leakage.idle", "latency.request", "latency.request_p99", "waiting.mean.all",
               "service.p50.MNLI", "time.run"],
)  # fmt: skip
def test_entries_of_a_stream_add_up(figure: str, stream: Result) -> None:
    trail = find_trail(stream, f"adapter_mixed.{figure}")
    check(trail)
    assert trail.rest == 0


def test_a_request_waits_for_what_the_chip_does_meanwhile(stream: Result) -> None:
    trail = find_trail(stream, "adapter_mixed.latency.maximum.all")
    longest = max(stream["adapter_mixed"].run.requests, key=lambda one: one.end - one.arrival)
    assert f"request {longest.number} alone" in trail.per
    waits = {entry.what: entry.value for entry in trail.entries if entry.block == "chip"}
    assert math.fsum(waits.values()) == pytest.approx((longest.start - longest.arrival) / 1e15)
    assert waits
    assert waits.keys() <= {"waits: infer", "waits: switch", "waits: power_up"}


def test_ticks_of_critical_paths_add_up(result: Result, stream: Result, systolic: Result) -> None:
    for case in (result["vanilla_slc"], stream["adapter_mixed"], *systolic.cases.values()):
        machine = Machine(case.design.hardware)
        lags = {name: server.lag for name, server in machine.blocks.items()}
        late = {block for (block, _), server in machine.ports if server.lag}
        for one in case.run.executions:
            pieces = [p for part in one.parts for p in critical_path(part.record, lags)]
            assert sum(piece.ticks for piece in pieces) == one.duration
            assert {piece.block for piece in pieces if piece.what == ANSWER} <= late


def test_the_bounding_port_is_what_a_latency_is_made_of(systolic: Result) -> None:
    for figure in ("latency.switch", "latency.system", "latency.memory", "time.active"):
        check(find_trail(systolic, f"{next(iter(systolic.cases))}.{figure}"))
    trail = find_trail(systolic, "adapter.time.active")
    assert any(entry.what == ANSWER for entry in trail.entries)


def test_a_latency_leads_to_clock_and_data_sheet(result: Result) -> None:
    trail = find_trail(result, "adapter_slc.latency.switch")
    found = [line_of(place) for place in places(trail, "dram")]
    assert [line.partition(":")[0] for line in found[1:]] == ["organisation", "timing"]
    trail = find_trail(result, "adapter_slc.latency.memory_one_pass")
    assert any(line_of(place).startswith("clock:") for place in places(trail, "rram"))
    assert any("read 1.41 ns" in origin.timing for origin in trail.origins)


def test_a_gain_is_two_trails(result: Result) -> None:
    two = find_trails(result, "adapter_slc.gain.latency.switch")
    assert [trail.name.partition(".")[0] for trail in two] == ["vanilla_slc", "adapter_slc"]
    with pytest.raises(ConfigError, match=r"no gain; did you mean 'latency\.switch'"):
        find_trails(result, "adapter_slc.gain.latency.swich")
    with pytest.raises(ConfigError, match="it has no baseline"):
        find_trails(result, "vanilla_slc.gain.latency.switch")


def test_what_is_no_sum_tells_where_it_is_from(result: Result) -> None:
    trail = find_trail(result, "adapter_mixed.years.worst.rram")
    assert trail.entries == ()
    assert [origin.block for origin in trail.origins] == ["rram"]


def places(trail: Trail, block: str) -> Iterable[str]:
    return next(origin.places for origin in trail.origins if origin.block == block)


def test_places_are_lines_that_say_so(result: Result) -> None:
    trail = find_trail(result, "adapter_mixed.energy.system")
    component, *rows, source, supplies, wire, multiplexer = places(trail, "rram")
    assert component.startswith("hwconfigs/adapter_mixed.yaml:")
    assert "rram: {bits_per_cell: 2" in line_of(component)
    array = result["adapter_mixed"].case.hardware.regions["rram"].array
    sizes = sorted(float(line_of(row).split()[1]) * 1024 for row in rows)
    assert sizes == sorted(array.banks)
    assert all(line_of(row).split()[0] == array.target for row in rows)
    assert "source: " in line_of(source)
    joined = [each.partition(":")[0] for each in (supplies, wire, multiplexer)]
    assert joined == ["hwconfigs/technologies/bank_wires.yaml"] * 3
    assert line_of(supplies).startswith("supplies_source: ")
    assert any("logic.yaml" in place for place in places(trail, "pe_array"))
    # Its row, and what built banks cost at least.
    assert any("logic.yaml" in place for place in places(trail, "sram"))
    assert trail.defined.startswith("accelsim/evaluation/metrics/costs.py:")


def test_every_file_that_was_read_is_told(result: Result) -> None:
    for figure in ("adapter_mixed.energy.system", "adapter_mixed.latency.request"):
        trail = find_trail(result, figure)
        told = {each.rpartition(":")[0] for one in trail.origins for each in one.places}
        assert {*trail.read} | told == {known_as(path) for path in result.files}
        assert not told.intersection(trail.read)


def test_what_has_no_entries_is_told(result: Result) -> None:
    with pytest.raises(ConfigError, match=r"names no case; cases: vanilla_mixed"):
        find_trail(result, "vanila.energy.system")
    with pytest.raises(ConfigError, match=r"'energy\.sistem' is no figure; did you mean"):
        find_trail(result, "adapter_slc.energy.sistem")


def test_words_of_a_label_find_the_name(result: Result) -> None:
    with pytest.raises(ConfigError, match=r"'energy\.switch' \(energy of one task switch\)"):
        find_trail(result, "adapter_slc.task.switch.energy")
    with pytest.raises(ConfigError) as caught:
        find_trail(result, "adapter_slc.qwertyuiop")
    lines = str(caught.value).split("\n")
    assert max(map(len, lines)) < 100
    assert {"energy.switch,", "area.memory,"} <= set(" ".join(lines).split())


def test_order_and_number_of_a_word_do_not_matter() -> None:
    titles = {"tokens.energy": "energy a token", "energy.run": "energy of the run"}
    hint = suggest_figures("energy.token", titles)
    assert hint == "did you mean 'tokens.energy' (energy a token)?"


def test_the_command_tells_what_was_set(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = "hardware.memories.sram.capacity=1 MiB"
    settings = [part for text in (*SMALL, sizes) for part in ("--set", text)]
    command = ["why", MAIN, "adapter_slc.area.memory", *settings]
    assert run_command_line(command) == 0
    assert "Where the prices come from" in capsys.readouterr().out
    assert run_command_line([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (trail,) = document["trails"]
    (sram,) = (origin for origin in trail["origins"] if origin["block"] == "sram")
    assert f"--set {sizes}" in sram["places"]


def test_a_data_sheet_without_a_name_is_led_to(tmp_path: Path) -> None:
    sheet = tmp_path / "mine.yaml"
    sheet.write_text((PACKAGE / "inputs/templates/technology.yaml").read_text())
    setting = f"cases.adapter_slc.hardware.memories.rram.technology={sheet}"
    result = accelsim.examine(accelsim.Point(MAIN, (*SMALL, setting)))
    stated = places(find_trail(result, "adapter_slc.area.memory"), "rram")
    found = [line_of(place) for place in stated if place.startswith(str(sheet))]
    assert [line.partition(":")[0] for line in found] == ["capacity", "source"]
