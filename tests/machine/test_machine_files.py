"""Files find each other from the file that names them; what was read is known and read anew."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from accelsim.accelerators import load_machine
from accelsim.account.prices import price_list
from accelsim.errors import ConfigError
from accelsim.evaluation.examine import examine, examine_workload
from accelsim.evaluation.point import Point
from accelsim.evaluation.result import Result
from accelsim.inputs.memo import Memo
from accelsim.inputs.shipped import known_as, shipped_folder
from accelsim.machine.schema import HardwareConfig
from accelsim.memory.dram import load_dram
from accelsim.report.run import run_report
from accelsim.workload.schema import load_workload

SHIPPED = shipped_folder("hwconfigs")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the machines in a folder of another name."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "c"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def figures(machine: HardwareConfig) -> dict[str, float]:
    prices = price_list(machine)
    return {f"{block}.{action}": joules for (block, action), joules in prices.joules.items()}


def test_a_copy_is_priced_by_its_own_tables(copied: Path) -> None:
    path, tables = copied / "edgebert_overlapped.yaml", copied / "technologies"
    before = figures(load_machine(path))
    assert before == figures(load_machine(SHIPPED / "edgebert_overlapped.yaml"))
    edit(tables / "logic.yaml", "typical: 200 fJ", "typical: 200 pJ")
    edit(tables / "logic.yaml", "high: 450 fJ", "high: 450 pJ")
    edit(tables / "lpddr4_3200.yaml", "IDD4R:", "IDD4R: 900 mA #")
    after = figures(load_machine(path))
    changed = {key for key in before if before[key] != after[key]}
    assert "dram.read_burst" in changed
    assert any(key.startswith("pe_array.") for key in changed)
    # A machine that takes the copy as its base has the copy's tables; others have the shipped.
    own = copied.parent / "mine" / "own.yaml"
    own.parent.mkdir()
    own.write_text("base: ../c/edgebert_overlapped.yaml\nname: own\n")
    assert figures(load_machine(own)) == after
    own.write_text("base: hwconfigs/edgebert_overlapped.yaml\nname: own\n")
    assert figures(load_machine(own)) == before


@pytest.mark.parametrize(
    ("table", "old", "new", "override"),
    [
        ("bank_wires", "energy_per_bit_mm: 0.121 pJ", "energy_per_bit_mm: 121 pJ", ()),
        ("silicon", "name:", "name: my", ("process.source=silicon",)),
        ("sram_htree", "name:", "name: my", ()),
    ],
)
def test_every_table_is_looked_for_beside_the_machine(
    copied: Path, table: str, old: str, new: str, override: tuple[str, ...]
) -> None:
    for other in (copied / "technologies").iterdir():
        if other.stem != table:
            other.unlink()
    path = copied / "edgebert_overlapped.yaml"
    before = repr(load_machine(path, override).regions)
    text = (copied / "technologies" / f"{table}.yaml").read_text()
    if table == "silicon":
        (copied / "technologies" / "silicon.yaml").write_text("kind: silicon\n")
        with pytest.raises(ConfigError, match=r"c/technologies/silicon\.yaml"):
            load_machine(path, override)
        return
    assert old in text
    (copied / "technologies" / f"{table}.yaml").write_text(text.replace(old, new, 1))
    assert repr(load_machine(path, override).regions) != before


def test_a_path_counts_from_the_machine_that_names_it(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(copied / "technologies" / "rram.yaml", copied / "mine.yaml")
    edit(copied / "mine.yaml", "name: RRAM", "name: my RRAM")
    edit(copied / "edgebert_overlapped.yaml", "technology: rram\n", "technology: mine.yaml\n")
    monkeypatch.chdir(copied.parent)
    for path in ("c/edgebert_overlapped.yaml", copied / "edgebert_overlapped.yaml"):
        assert load_machine(path).regions["rram"].array.technology == "my RRAM"


WORKLOAD = """\
name: w
model: {name: custom, family: albert, vocabulary_size: 1000, embedding_size: 32, hidden_size: 64,
  layers: 3, heads: 2, intermediate_size: 256, maximum_positions: 128, type_vocabulary_size: 2,
  shared_layers: true, pooler: true}
sequence_length: 32
tasks: [MNLI]
requests: {pattern: file, path: trace.csv, task: MNLI}
cases:
  a:
    hardware: HARDWARE
    adaptation: {method: houlsby, bottleneck: 32}
    storage:
      embedding: {format: bitmask, bits: 8, density: 0.26}
      backbone: {format: bitmask, bits: 8, density: 0.27}
      task: {format: dense, bits: 8}
"""


def begin(folder: Path, hardware: str) -> Path:
    (folder / "trace.csv").write_text("arrival,tokens\n0 s,9\n1 s,9\n")
    (folder / "w.yaml").write_text(WORKLOAD.replace("HARDWARE", hardware))
    return folder / "w.yaml"


def joules(result: Result) -> float:
    return result["a"].figures.account.total


def test_all_files_that_were_read_are_told(copied: Path) -> None:
    path = begin(copied.parent, "c/adapter_mixed.yaml")
    result = examine_workload(load_workload(path))
    names = {
        "w.yaml", "trace.csv", "c/adapter_mixed.yaml", "c/edgebert_overlapped.yaml",
        *(f"c/technologies/{name}.yaml" for name in
          ("bank_wires", "logic", "lpddr4_3200", "rram", "sram_htree")),
    }  # fmt: skip
    assert result.files == {
        str(copied.parent / name): hashlib.sha256((copied.parent / name).read_bytes()).hexdigest()
        for name in names
    }
    report = run_report(result, ["run"])
    assert report.document["files"] == result.files
    told = [cell for part in report.details for row in getattr(part, "rows", ()) for cell in row]
    assert {str(copied.parent / name) for name in names} <= set(told)


def test_a_shipped_file_is_told_by_its_name_alone(tmp_path: Path) -> None:
    path = begin(tmp_path, "hwconfigs/adapter_mixed.yaml")
    result = examine_workload(load_workload(path))
    assert {known_as(name) for name in result.files} >= {
        "hwconfigs/adapter_mixed.yaml",
        "hwconfigs/technologies/rram.yaml",
    }
    assert known_as(f"{SHIPPED}/../hwconfigs/edgebert.yaml") == "hwconfigs/edgebert.yaml"


def test_a_file_edited_between_two_calls_is_read_again(copied: Path) -> None:
    path, memo = begin(copied.parent, "c/adapter_mixed.yaml"), Memo()
    tables = copied / "technologies"
    seen = [joules(examine(Point(path), memo))]
    for table, old, new in (
        ("lpddr4_3200", "IDD4R:", "IDD4R: 900 mA #"),
        ("logic", "typical: 200 fJ, high: 450 fJ", "typical: 300 fJ, high: 450 fJ"),
        ("bank_wires", "energy_per_bit_mm: 0.121 pJ", "energy_per_bit_mm: 121 pJ"),
    ):
        edit(tables / f"{table}.yaml", old, new)
        seen.append(joules(examine(Point(path), memo)))
        assert seen[-1] == joules(examine(Point(path)))
    assert len(set(seen)) == len(seen)


def test_a_table_that_comes_or_goes_between_two_calls_is_seen(copied: Path) -> None:
    path, memo = begin(copied.parent, "c/adapter_mixed.yaml"), Memo()
    logic = copied / "technologies" / "logic.yaml"
    text = logic.read_text()
    logic.unlink()
    shipped = joules(examine(Point(path), memo))
    logic.write_text(text.replace("typical: 200 fJ", "typical: 300 fJ"))
    own = joules(examine(Point(path), memo))
    logic.unlink()
    assert joules(examine(Point(path), memo)) == shipped != own


def test_a_part_is_read_again(copied: Path) -> None:
    path = copied / "technologies" / "lpddr4_3200.yaml"
    first = load_dram(path)
    edit(path, "IDD4R:", "IDD4R: 900 mA #")
    assert load_dram(path).burst_energy("read") > first.burst_energy("read")
