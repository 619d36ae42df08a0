"""Rows with a memo equal rows without one, to the last bit, whatever has changed between points."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_workload import MAIN, SMALL

import accelsim
from accelsim.errors import AccelsimError
from accelsim.inputs.memo import Memo
from accelsim.inputs.shipped import shipped_folder
from accelsim.machine.components import dram
from accelsim.machine.components.base import Facts
from accelsim.machine.site import Site
from accelsim.mapping import compiler

CASES = ("adapter_mixed",)
STREAM = "{pattern: poisson, mean_interval: 2 ms, duration: 12 ms, seed: %s}"
# Values that do not fill their cells of two bits.
BASE = (*SMALL, "sequence_length=16", "cases.adapter_mixed.storage.backbone.bits=7")
# What a step may set, and to what.
MENU: dict[str, tuple[str, ...]] = {
    "hardware.bus.length": ("1 mm", "2 mm"),
    "hardware.process.logic": ("low", "high"),
    "hardware.power.clock_gating": ("blocks", "none"),
    "hardware.power.wake_up_energy": ("1 nJ", "3 nJ"),
    "hardware.power.gated_leakage": ("0.0", "0.1"),
    "hardware.process.grade": ("low", "typical"),
    "hardware.memories.sram.capacity": ("128 KiB", "256 KiB", "1 MiB"),
    "hardware.memories.rram.capacity": ("3 MiB", "4 MiB"),
    "cases.adapter_mixed.hardware.memories.sram": (
        "{technology: sram_htree, capacity: 8 KiB, word: 128 b, extrapolate: true}",
        "{technology: sram, capacity: 256 KiB, word: 64 b}",
    ),
    "hardware.memories.rram.word": ("64 b",),
    "cases.adapter_mixed.storage.backbone.bits": ("6", "8"),
    "cases.adapter_mixed.storage.embedding.protection": ("{values: secded, masks: secded}",),
    "hardware.weight_buffer.data": ("16 KiB", "64 KiB"),
    "hardware.activation_buffer.data": ("8 KiB", "64 KiB"),
    "hardware.memories.rram.bits_per_cell": ("1", "2"),
    "hardware.memories.rram.banks": ("1", "2"),
    "cases.adapter_mixed.adaptation.bottleneck": ("4", "8", "9"),
    "cases.adapter_mixed.storage.backbone.density": ("0.2", "0.27"),
    "hardware.bus.width": ("64 b", "128 b"),
    "hardware.bus.masks_per_cycle": ("1", "4"),
    "hardware.clock.frequency": ("0.8 GHz", "1 GHz"),
    "hardware.clock.voltage": ("0.7 V", "0.5 V"),
    "hardware.power.regulator": ("{kind: buck, efficiency: 0.9}", "{kind: ldo, input: 1 V}"),
    "hardware.pe_array.padding": ("computed", "gated"),
    "hardware.weight_buffer.target": ("Area", "ReadEDP"),
    "hardware.dram.devices": ("1", "2"),
    "hardware.dram.idle_state": ("self_refresh", "standby"),
    "hardware.sfu.setup_cycles": ("9", "30"),
    "hardware.host.command_queue": ("true", "false"),
    "hardware.overlap.double_buffering": ("true", "false"),
    "hardware.placement.embedding": ("{values: dram, masks: dram}", "{values: rram, masks: rram}"),
    "requests": ("{pattern: round_robin, rounds: 2}", *(STREAM % seed for seed in (1, 2))),
    "pad_to": ("sequence_length", "16"),
    "idle": (
        "{policy: timeout}",
        "{policy: timeout, clock_gated_after: 0 s, off_after: 1 ms}",
        "{policy: oracle}",
        "{policy: break_even}",
    ),
    "residency": ("least_recently_used", "one_task"),
    "early_exit": ("null", "{exit_layer: 2}", "{exit_layer: {mean: 2}, latency_target: 1 ms}"),
    "attention_spans": ("{}", "{MNLI: [0, 9]}"),
    "tasks": ("[MNLI, MRPC, QNLI]", "[MRPC, MNLI]", "[STS-B]"),
    "cases.adapter_mixed.weights": ("null", "{seed: 1}", "{seed: 2}"),
}


class Files:
    """Copies of the shipped files, to be edited between points."""

    def __init__(self, folder: Path) -> None:
        for name in ("workloads", "hwconfigs"):
            shutil.copytree(shipped_folder(name), folder / name)
        machines = folder / "hwconfigs"
        self.workload = folder / "workloads" / "mti_mnli_mrpc_qnli.yaml"
        self.rram = machines / "technologies" / "rram.yaml"
        base = machines / "edgebert_overlapped.yaml"
        # Texts that take each other's place.
        self._edits = {
            "workload": (self.workload, "density: 0.26", "density: 0.25"),
            "machine": (machines / "adapter_mixed.yaml", ": 3 MiB", ": 4 MiB"),
            "base": (base, "register_write_cycles: 4", "register_write_cycles: 5"),
            "technology": (self.rram, "typical: 1.5", "typical: 1.6"),
        }
        self._originals = {file: file.read_text() for file, *_ in self._edits.values()}

    def edit(self, name: str) -> None:
        """Change a file, but neither its size nor its times."""
        file, text, other = self._edits[name]
        before = file.stat()
        file.write_text(file.read_text().replace(text, other))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert file.stat().st_size == before.st_size

    def restore(self) -> None:
        """Undo all edits."""
        for file, text in self._originals.items():
            file.write_text(text)


def figures(point: accelsim.Point, memo: Memo) -> object:
    """Return the row of a point, or what is wrong with it; floats to the last bit."""
    try:
        return {name: repr(value) for name, value in accelsim.evaluate(point, memo).figures.items()}
    except AccelsimError as error:
        return f"{type(error).__name__}: {error}"


def anew(point: accelsim.Point) -> object:
    """Return the same of a process that knows no other point."""
    compiler._cut.cache_clear()
    dram._from_sleep.cache_clear()
    return figures(point, Memo())


EDITS = ("workload", "machine", "base", "technology")
steps = st.lists(
    st.one_of(
        st.sampled_from(list(MENU)).flatmap(
            lambda key: st.tuples(st.just(key), st.sampled_from(MENU[key]))
        ),
        st.tuples(st.just("edit"), st.sampled_from(EDITS)),
    ),
    min_size=2,
    max_size=8,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("files"))


@pytest.mark.parametrize("key", MENU)
def test_each_change_is_seen(files: Files, key: str) -> None:
    files.restore()
    memo = Memo()
    for values in ((), *((f"{key}={value}",) for value in MENU[key]), ()):
        point = accelsim.Point(files.workload, (*BASE, *values), CASES)
        assert figures(point, memo) == anew(point)


@settings(max_examples=25, deadline=None)
@given(steps)
def test_rows_are_equal_with_and_without_memo(files: Files, steps: list[tuple[str, str]]) -> None:
    files.restore()
    memo, chosen = Memo(), {"hardware.memories.rram.technology": str(files.rram)}
    for key, value in steps:
        if key == "edit":
            files.edit(value)
        else:
            chosen.pop(key, None)
            chosen[key] = value
        assignments = (*BASE, *(f"{path}={text}" for path, text in chosen.items()))
        point = accelsim.Point(files.workload, assignments, CASES)
        assert figures(point, memo) == anew(point)


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_file_is_seen(files: Files, name: str) -> None:
    files.restore()
    memo, rram = Memo(), f"hardware.memories.rram.technology={files.rram}"
    point = accelsim.Point(files.workload, (*BASE, rram), CASES)
    before = figures(point, memo)
    files.edit(name)
    assert figures(point, memo) != before
    files.restore()
    assert figures(point, memo) == before


def test_an_edited_memory_off_the_chip_is_seen(tmp_path: Path) -> None:
    shipped = shipped_folder("hwconfigs") / "technologies"
    slow = (shipped / "psram_octal.yaml").read_text()
    texts = (slow, slow.replace("latency: 60 ns", "latency: 80 ns"))
    texts = (*texts, slow, (shipped / "lpddr3_1600.yaml").read_text(), texts[1])
    file, memo, rows = tmp_path / "part.yaml", Memo(), []
    for text in texts:
        file.write_text(text)
        os.utime(file, ns=(1, 1))
        point = accelsim.Point(MAIN, (*BASE, f"hardware.dram={{technology: {file}}}"), CASES)
        rows.append(figures(point, memo))
        assert rows[-1] == anew(point)
    assert rows[0] == rows[2] != rows[1] == rows[4] != rows[3]


def test_speeds_emit_nothing_anew(files: Files) -> None:
    files.restore()
    memo = Memo()
    speeds = ("bus.masks_per_cycle=3", "bus.width=128 b", "sfu.setup_cycles=30", "dram.devices=2")
    for change in ("bus.length=1 mm", *speeds):
        assignments = (*BASE, f"hardware.{change}")
        accelsim.evaluate(accelsim.Point(files.workload, assignments, CASES), memo)
        assert memo.made["emitted"] == 1


def test_a_length_asks_anew_what_reads_it_alone(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.restore()
    memo, ask, asked = Memo(), Facts._ask, set[tuple[str, str]]()

    def noted(self: Facts, what: str, site: Site) -> object:
        asked.add((self._on[0], what))
        return ask(self, what, site)

    for length in ("1 mm", "2 mm"):
        point = accelsim.Point(files.workload, (*BASE, f"hardware.bus.length={length}"), CASES)
        accelsim.evaluate(point, memo)
        monkeypatch.setattr(Facts, "_ask", noted)
    assert {name for name, _ in asked} == {"bus", "host"}
    assert {what for name, what in asked if name == "host"} == {"datasheet"}
