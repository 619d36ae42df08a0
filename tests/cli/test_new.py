"""Files to begin with: they are written, run as they are, and name each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.account.memories import brought_from_outside, unused_memories
from accelsim.cli.main import run_command_line
from accelsim.errors import ConfigError
from accelsim.evaluation.examine import examine_workload
from accelsim.evaluation.result import Result
from accelsim.report.cautions import remarks, unused_texts
from accelsim.units import format_si
from accelsim.workload.schema import load_workload

OWN = "cases.first.hardware=chip.yaml"
MACHINE = "cases.first.hardware"
SMALL = (
    "model={name: custom, family: albert, vocabulary_size: 1000, embedding_size: 32, "
    "hidden_size: 64, layers: 3, heads: 2, intermediate_size: 256, maximum_positions: 128, "
    "type_vocabulary_size: 2, shared_layers: true, pooler: true}",
    "sequence_length=32",
)
OWN_MACHINE = """\
base: chip.yaml
name: own
memories:
  mine: {technology: rram, capacity: 6 MiB, word: 128 b}
placement:
  embedding: {values: mine, masks: mine}
  backbone: {values: mine, masks: mine}
"""


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for kind, name in (("machine", "chip"), ("workload", "try"), ("technology", "mem.yaml")):
        assert run_command_line(["new", kind, name]) == 0
    return tmp_path


def run(*overrides: str) -> Result:
    return examine_workload(load_workload("try.yaml", (*SMALL, *overrides)))


@pytest.mark.usefixtures("begun")
def test_what_is_begun_runs() -> None:
    assert run().cases.keys() == {"first"}
    own = run(OWN, f"{MACHINE}.memories.store.technology=mem.yaml")["first"]
    assert own.case.hardware.name == "chip"
    assert own.footprints["store"].region.array.technology == "mem"
    assert not list(unused_texts(own))


def test_no_file_is_replaced(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (begun / "try.yaml").write_text("mine")
    assert run_command_line(["new", "workload", "try"]) == 6
    assert "cannot write try.yaml: File exists" in capsys.readouterr().err
    assert (begun / "try.yaml").read_text() == "mine"


@pytest.mark.parametrize("name", ["../try", "", ".hidden", "a b", "x" * 101])
def test_names_are_names(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["new", "machine", name]) == 2
    assert "cannot name a file" in capsys.readouterr().err


def test_null_removes_what_the_base_has_and_the_unused_is_told(begun: Path) -> None:
    (begun / "own.yaml").write_text(OWN_MACHINE)
    kept = run("cases.first.hardware=own.yaml")["first"]
    [store] = unused_memories(kept.design, kept.run)
    assert store.name == "store"
    (told,) = unused_texts(kept)
    assert told.startswith(
        f"unused: nothing lies in store, {format_si(store.area, 'm2')} and leakage of "
    )
    assert told.endswith("memories: {store: null} removes that")
    (begun / "own.yaml").write_text(OWN_MACHINE.replace("memories:", "memories:\n  store: null"))
    without = run("cases.first.hardware=own.yaml")["first"]
    assert not list(unused_texts(without))
    chip = [sum(each.figures.prices.areas.values()) for each in (kept, without)]
    assert chip[0] - chip[1] == pytest.approx(store.area)


@pytest.mark.usefixtures("begun")
def test_without_dram_the_first_contents_are_told() -> None:
    found = run(OWN, f"{MACHINE}.dram=null")["first"]
    [(name, size)] = brought_from_outside(found.design).items()
    placements = found.design.placements.values()
    bits = sum(each.bits(task_specific=True)["scratch"] for each in placements)
    assert (name, size) == ("scratch", -(-bits // 8))
    assert len(placements) == 2
    result = run(OWN, f"{MACHINE}.dram=null")
    assert any(" in scratch, lost without supply" in text for text in remarks(result))
    assert not any("power-on" in text for text in remarks(run(OWN)))


@pytest.mark.usefixtures("begun")
def test_a_memory_that_is_left_out_is_one_of_the_base(begun: Path) -> None:
    (begun / "child.yaml").write_text("base: chip.yaml\nmemories: {stroe: null}\n")
    with pytest.raises(ConfigError, match=r"stroe: the base has no such .* mean 'store'"):
        run("cases.first.hardware=child.yaml")
