"""A figure walked back: entries add up to it, places are lines that say so."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path

import pytest
from small_workload import MAIN, SMALL

import accelsim
from accelsim.cli.main import run_command_line
from accelsim.errors import ConfigError
from accelsim.evaluation.cases import Result
from accelsim.inputs.shipped import find_input
from accelsim.study.why import Trail, find_trail

STREAM = "requests={pattern: poisson, mean_interval: 1 ms, duration: 20 ms}"


@pytest.fixture(scope="module")
def result() -> Result:
    return accelsim.examine(accelsim.Point(MAIN, SMALL))


@pytest.fixture(scope="module")
def stream() -> Result:
    return accelsim.examine(accelsim.Point(MAIN, (*SMALL, STREAM), ("adapter_mixed",)))


def line_of(place: str) -> str:
    file, _, line = place.partition("; ")[0].rpartition(":")
    return find_input(Path(file)).read_text().splitlines()[int(line) - 1]


def check(trail: Trail) -> None:
    total = math.fsum(entry.value for entry in trail.entries) + trail.rest
    assert total == pytest.approx(trail.value, rel=1e-12)
    for entry in trail.entries:
        if entry.price is not None:
            assert entry.amount * entry.price == pytest.approx(entry.value, rel=1e-12)
    assert {origin.block for origin in trail.origins} == {e.block for e in trail.entries}


@pytest.mark.parametrize(
    "figure", ["energy.system", "energy.memory", "energy.switch", "energy.run", "energy.request",
               "energy.day", "power", "area.memory", "area.system"],
)  # fmt: skip
def test_entries_add_up_to_the_figure(figure: str, result: Result) -> None:
    for case in ("vanilla_slc", "adapter_mixed"):
        trail = find_trail(result, f"{case}.{figure}")
        check(trail)
        figures = result[case].figures
        once = figures.first_loads * figures.scopes["switch"].energy / figures.rounds
        assert once > 0
        if figure == "energy.system":
            assert trail.rest == pytest.approx(-once)
        else:
            assert trail.rest == 0 or (figure == "energy.memory" and -once < trail.rest < 0)


@pytest.mark.parametrize("figure", ["energy.request", "energy.run", "power"])
def test_entries_of_a_stream_add_up(figure: str, stream: Result) -> None:
    trail = find_trail(stream, f"adapter_mixed.{figure}")
    check(trail)
    assert trail.rest == 0


def places(trail: Trail, block: str) -> Iterable[str]:
    return next(origin.places for origin in trail.origins if origin.block == block)


def test_places_are_lines_that_say_so(result: Result) -> None:
    trail = find_trail(result, "adapter_mixed.energy.system")
    component, *rows, source = places(trail, "rram")
    assert component.startswith("hwconfigs/adapter_mixed.yaml:")
    assert "rram: {bits_per_cell: 2" in line_of(component)
    array = result["adapter_mixed"].case.hardware.regions["rram"].array
    sizes = sorted(float(line_of(row).split()[1]) * 1024 for row in rows)
    assert sizes == sorted(array.banks)
    assert all(line_of(row).split()[0] == array.target for row in rows)
    assert "source: " in line_of(source)
    assert any("logic.yaml" in place for place in places(trail, "pe_array"))
    # Its row, and what built banks cost at least.
    assert any("logic.yaml" in place for place in places(trail, "sram"))
    assert trail.defined.startswith("accelsim/evaluation/metrics/costs.py:")


def test_what_has_no_entries_is_told(result: Result) -> None:
    with pytest.raises(ConfigError, match=r"names no case; cases: vanilla_mixed"):
        find_trail(result, "vanila.energy.system")
    with pytest.raises(ConfigError, match=r"no entries add up to 'energy\.sistem'; did you mean"):
        find_trail(result, "adapter_slc.energy.sistem")


def test_the_command_tells_what_was_set(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = "hardware.memories.sram.capacity=1 MiB"
    settings = [part for text in (*SMALL, sizes) for part in ("--set", text)]
    command = ["why", MAIN, "adapter_slc.area.memory", *settings]
    assert run_command_line(command) == 0
    assert "Where the prices come from" in capsys.readouterr().out
    assert run_command_line([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (sram,) = (origin for origin in document["origins"] if origin["block"] == "sram")
    assert f"--set {sizes}" in sram["places"]
