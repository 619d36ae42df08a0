"""A user's own NVSim: a program that prints NVSim's text is run for what a machine needs."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from accelsim.errors import ConfigError
from accelsim.machine.schema import load_hardware
from accelsim.memory.arrays import find_array
from accelsim.memory.nvsim_search import (
    NvsimProgram,
    NvsimTechnology,
    bank_sizes,
    open_nvsim,
    run_searches,
    searches,
)
from accelsim.memory.tables import Conditions
from accelsim.memory.technology import load_technology

KIB, MIB = 2**10, 2**20
HERE = Conditions(1, 22e-9, "LOP", 350.0)
SCRIPT = Path(__file__).parent / "imports" / "fake_nvsim.py"


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., NvsimTechnology]:
    """Return what makes a technology of the program with lines more in its cell."""
    monkeypatch.setenv("ACCELSIM_CACHE", str(tmp_path / "kept"))
    monkeypatch.chdir(tmp_path)
    shutil.copy(SCRIPT, tmp_path / "fake.py")
    program = tmp_path / "nvsim"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path}/fake.py" "$@"\n')
    program.chmod(0o755)

    def make(*lines: str, **more: object) -> NvsimTechnology:
        cell = ("-MemCellType: memristor", "-CellArea (F^2): 25", *lines)
        (tmp_path / "own.cell").write_text("\n".join(cell))
        given = {"program": str(program), "cell": str(tmp_path / "own.cell"), **more}
        return NvsimTechnology(nvsim=NvsimProgram(**given))  # type: ignore[arg-type]

    return make


def runs() -> list[str]:
    """Return what the program was run for, in order of size."""
    log = Path("fake.log")
    return sorted(log.read_text().split("\n")[:-1]) if log.exists() else []


def test_banks_are_powers_of_two_that_hold_the_capacity() -> None:
    assert bank_sizes(4 * MIB + 512 * KIB) == (4 * MIB, 512 * KIB)
    assert bank_sizes(2 * MIB) == (2 * MIB,)
    assert bank_sizes(1) == (KIB,)
    # The fourth takes all that is left.
    assert bank_sizes(31 * KIB) == (16 * KIB, 8 * KIB, 4 * KIB)
    for capacity in (3, 1025, 5000, 12345, 10**6, 10**9 + 7, 3 * MIB - 1):
        assert sum(bank_sizes(capacity)) >= capacity or len(set(bank_sizes(capacity))) < 4


def test_a_memory_runs_its_banks_and_their_figures_arrive(
    tool: Callable[..., NvsimTechnology],
) -> None:
    found = find_array(load_technology(tool()), capacity=4 * MIB + 512 * KIB, word=128)
    assert runs() == ["4096 128 ReadEDP 350", "512 128 ReadEDP 350"]
    assert found.banks == (4 * MIB, 512 * KIB)
    assert found.leakage == pytest.approx(3e-3 * 4.5)
    alone = find_array(load_technology(tool()), capacity=4 * MIB, word=128)
    # 250,000 um2, 100 ps and 4 pJ a MiB; RESET is slower, SET dearer.
    assert alone.area == pytest.approx(1e-6)
    assert alone.read_latency == pytest.approx(1.3e-9)
    assert alone.read_energy == pytest.approx(16e-12)
    assert (alone.write_latency, alone.write_energy) == (pytest.approx(10.5e-9), 55e-12)
    assert not alone.volatile
    assert "own nvsim" in alone.source
    assert len(runs()) == 2


def test_answers_are_kept_by_content(tool: Callable[..., NvsimTechnology]) -> None:
    wanted = [
        search
        for lines in ((), ("-Other: 1",))
        for search in searches(open_nvsim(tool(*lines).nvsim), HERE, "Area", 64, MIB)
    ]
    run_searches(wanted)
    run_searches(wanted)
    assert runs() == ["1024 64 Area 350"] * 2
    # Another program of the same name is another program.
    Path("nvsim").write_text(Path("nvsim").read_text() + "# changed\n")
    run_searches(searches(open_nvsim(tool().nvsim), HERE, "Area", 64, MIB))
    assert len(runs()) == 3
    kept = list(Path("kept/nvsim").iterdir())
    assert len(kept) == 3
    for path in kept:
        path.write_text("damaged")
    run_searches(wanted)
    assert len(runs()) == 5


def test_lines_of_the_users_configuration_count(tool: Callable[..., NvsimTechnology]) -> None:
    Path("own.cfg").write_text("-Routing: non-H-tree\n-Capacity (MB): 64\n-WordWidth (bit): 8\n")
    (search,) = searches(open_nvsim(tool(config="own.cfg").nvsim), HERE, "Area", 64, MIB)
    lines = search.config.splitlines()
    assert "-Routing: non-H-tree" in lines
    assert [line for line in lines if line.startswith("-Capacity")] == ["-Capacity (KB): 1024"]
    assert "-WordWidth (bit): 64" in lines
    assert "-WordWidth (bit): 8" not in lines


def test_cells_of_two_bits_are_half_as_many(tool: Callable[..., NvsimTechnology]) -> None:
    found = find_array(load_technology(tool()), capacity=4 * MIB, word=128, bits_per_cell=2)
    assert runs() == ["2048 64 ReadEDP 350"]
    assert found.area == pytest.approx(0.5e-6)
    assert "cells of one bit" in found.warnings[0]


@pytest.mark.parametrize(
    ("lines", "more", "told"),
    [
        (("-Fail: no such cell",), {}, "exit code 255; it printed last: .*no such cell"),
        (("-Sleep: 60",), {"timeout": "0.3 s"}, "took longer than 0.3 s"),
        (("-Babble:",), {}, "printed more than 4 MB; it printed last"),
        ((), {"program": "/no/nvsim"}, "nvsim.program: /no/nvsim cannot be read: No such file"),
        ((), {"cell": "no.cell"}, "nvsim.cell: no.cell cannot be read: No such file"),
        ((), {"program": str(SCRIPT)}, "cannot be run: Permission denied"),
        ((), {"program": "/bin/true"}, "it printed nothing"),
    ],
)
def test_what_goes_wrong_is_one_message(
    lines: tuple[str, ...], more: dict[str, object], told: str,
    tool: Callable[..., NvsimTechnology],
) -> None:  # fmt: skip
    with pytest.raises(ConfigError, match=told):
        find_array(load_technology(tool(*lines, **more)), capacity=MIB, word=64)
    assert not list(Path("kept").glob("nvsim/*"))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"node": 12e-9}, "NVSim has nodes of 22 to 200 nm, none of 12 nm"),
        ({"temperature": 250.0}, "NVSim has whole kelvins from 300 to 400, not 250 K"),
        ({"temperature": 333.3}, "whole kelvins"),
        ({"bits_per_cell": 3}, "a word of 64 b is no whole number of cells of 3 b"),
        ({"target": "Beauty"}, "NVSim has no target 'Beauty'"),
    ],
)
def test_what_nvsim_cannot_do_is_told_before_it_is_run(
    asked: dict[str, float | str], told: str, tool: Callable[..., NvsimTechnology]
) -> None:
    with pytest.raises(ConfigError, match=told):
        find_array(load_technology(tool()), capacity=MIB, word=64, **asked)  # type: ignore[arg-type]
    assert not runs()


def test_a_machine_has_all_its_arrays_searched_at_once(
    tool: Callable[..., NvsimTechnology], capsys: pytest.CaptureFixture[str]
) -> None:
    tool()
    Path("machine").mkdir()
    for name in ("own.cell", "nvsim"):
        shutil.move(name, f"machine/{name}")
    path = Path("machine/own.yaml")
    path.write_text(
        f"base: {Path(__file__).parents[2] / 'hwconfigs/adapter_slc.yaml'}\nname: own\n"
        "memories:\n  rram: {technology: {nvsim: {program: nvsim, cell: own.cell}}}\n"
        "weight_buffer: {technology: {nvsim: {program: nvsim, cell: own.cell}}}\n"
    )
    machine = load_hardware(path)
    assert machine.regions["rram"].area > 0
    told = capsys.readouterr().err
    assert "nvsim: 4 searches, " in told
    assert "4 MiB x 128 b, ReadEDP, 1 b/cell at 22 nm, LOP, 350 K" in told
    assert machine.datasheets["rram"].area == machine.regions["rram"].area
    before = len(runs())
    assert load_hardware(path).regions["rram"] == machine.regions["rram"]
    assert len(runs()) == before
    assert capsys.readouterr().err == ""


def test_ending_a_run_ends_its_searches(tool: Callable[..., NvsimTechnology]) -> None:
    wanted = searches(open_nvsim(tool("-Sleep: 60", jobs=2).nvsim), HERE, "Area", 64, 3 * MIB)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_searches(wanted)
    assert time.monotonic() - start < 30
