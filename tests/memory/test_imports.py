"""Files of other tools: each figure arrives exactly, what is missing or wrong is told at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from accelsim.cli.main import run_command_line
from accelsim.inputs.document import read_document
from accelsim.machine.schema import load_hardware
from accelsim.memory.arrays import Array, find_array
from accelsim.memory.dram import load_dram
from accelsim.memory.technology import load_technology

SAMPLES = Path(__file__).parent / "imports"
MIB = 2**20


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def imported(*names: str, options: tuple[str, ...] = ()) -> int:
    files = [str(SAMPLES / name) for name in names]
    return run_command_line(["tech", "import", *files, "--out", "got.yaml", *options])


def array(capacity: int, word: int, target: str = "ReadEDP", **more: float) -> Array:
    found = load_technology("got.yaml")
    return find_array(found, capacity=capacity, word=word, target=target, **more)  # type: ignore[arg-type]


def figures(found: Array) -> tuple[float, ...]:
    return (
        found.area, found.read_latency, found.write_latency,
        found.read_energy, found.write_energy, found.leakage,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sample", "word", "capacity", "expected"),
    [
        # um2, ns, pJ and uW of the text.
        ("nvsim_rram_2mb.txt", 128, 2 * MIB,
         (102792.155e-12, 3.407e-9, 21.855e-9, 105.772e-12, 187.673e-12, 61.128e-6)),
        # The data array, not the summary with its tags; a line of 64 B.
        ("ns_cache_sram_32mb.txt", 512, 32 * MIB,
         (4.953e-6, 24.190e-9, 24.190e-9, 417.486e-12, 3.281e-12, 92.193e-3)),
        # Two banks leak 0.0158241 and, through gates, 0.00426275 mW each.
        ("cacti_sram_64kib.txt", 128, 2**16,
         (0.200043e-3 * 0.269834e-3, 0.825596e-9, 0.825596e-9, 8.75861e-12, 7.39415e-12,
          2 * (0.0158241 + 0.00426275) * 1e-3)),
        ("cacti_sram_2mib.csv", 128, 2 * MIB,
         (1.73802e-6, 3.16722e-9, 3.16722e-9, 50.6142e-12, 45.7268e-12, 2 * 0.604595e-3)),
    ],
)  # fmt: skip
def test_figures_arrive(sample: str, word: int, capacity: int, expected: tuple[float, ...]) -> None:
    assert imported(sample) == 0
    found = array(capacity, word)
    assert figures(found) == pytest.approx(expected, rel=1e-12)
    assert found.composition.count("x") == 0
    assert found.volatile == ("rram" not in sample)


def test_one_macro_makes_other_capacities() -> None:
    assert imported("nvsim_rram_2mb.txt") == 0
    one, more = array(2 * MIB, 128), array(9 * MIB // 4, 128)
    assert more.banks == (2 * MIB, 2 * MIB)
    assert more.leakage == 2 * one.leakage
    assert more.area > 2 * one.area
    assert any("4 MiB, 2.25 MiB are used" in text for text in more.warnings)


def test_what_a_text_does_not_state_is_a_warning_or_is_given() -> None:
    assert imported("nvsim_rram_2mb.txt") == 0
    (told,) = array(2 * MIB, 128).warnings
    assert told == "got.yaml is taken as it is: it states no node and no temperature, " \
        "optimised for Leakage, not ReadEDP"  # fmt: skip
    Path("got.yaml").unlink()
    given = ("--node", "22nm", "--roadmap", "LOP", "--temperature", "350K")
    assert imported("nvsim_rram_2mb.txt", options=given) == 0
    assert not array(2 * MIB, 128, "Leakage").warnings
    hot = array(2 * MIB, 128, "Leakage", temperature=330)
    assert hot.warnings == ("got.yaml is taken as it is: 350 K for 330 K",)


def test_a_table_of_the_target_is_nearer_than_one_of_the_temperature() -> None:
    assert imported("nvsim_rram_2mb.txt", options=("--temperature", "350K")) == 0
    technology = load_technology("got.yaml")
    [(stated, targets)] = technology.stated.items()
    [columns] = targets.values()
    cool = stated._replace(temperature=300.0)
    known = {stated: {"Leakage": columns}, cool: {"ReadEDP": columns}}
    both = technology.model_copy(update={"stated": known})
    for target, kelvin in (("ReadEDP", 300), ("Leakage", 350)):
        found = find_array(both, capacity=2 * MIB, word=128, target=target, temperature=325)
        (told,) = found.warnings
        assert f"{kelvin} K for 325 K" in told
        assert "optimised" not in told


def test_cells_of_two_bits_hold_twice_the_data() -> None:
    assert imported("nvsim_rram_2mb.txt", options=("--bits-per-cell", "2")) == 0
    found = array(4 * MIB, 256, bits_per_cell=2)
    assert found.area == pytest.approx(102792.155e-12)


def test_several_files_make_one_table() -> None:
    assert imported("cacti_sram_64kib.txt", "cacti_sram_2mib.csv") == 0
    assert {len(rows) for rows in load_technology("got.yaml").stated.values()} == {1}
    assert len(load_technology("got.yaml").stated) == 2


def test_runs_one_after_the_other_are_all_taken(folder: Path) -> None:
    text = (SAMPLES / "nvsim_rram_2mb.txt").read_text()
    wider = text.replace("128Bits (16Bytes)", "512Bits (64Bytes)").replace("3.407ns", "4.5ns")
    (folder / "log.txt").write_text(text + wider)
    assert imported(str(folder / "log.txt")) == 0
    assert [array(2 * MIB, word).read_latency for word in (128, 512)] == [3.407e-9, 4.5e-9]


def test_nvmexplorer_has_an_array_once_and_one_cell(capsys: pytest.CaptureFixture[str]) -> None:
    assert imported("nvmexplorer_stt.csv") == 2
    assert "STT_worst_case, STT_best_case; name one with --cell" in capsys.readouterr().err
    assert imported("nvmexplorer_stt.csv", options=("--cell", "best")) == 0
    assert figures(array(2 * MIB, 64, "ReadLatency")) == pytest.approx(
        (0.28878371399999997e-6, 0.562962e-9, 2.385e-9, 7.19e-12, 45.638e-12, 42.51e-3)
    )
    assert "Benchmark Name" in capsys.readouterr().out


def test_a_memspec_is_the_part_that_travels_with_us() -> None:
    """The shipped LPDDR4 was written by hand from this very file."""
    assert imported("dramsys_lpddr4_3200.json") == 0
    own, shipped = load_dram("got.yaml"), load_dram("lpddr4_3200")
    for part in ("organisation", "timing", "power"):
        mine, theirs = getattr(own, part), getattr(shipped, part)
        assert mine.model_dump(exclude={"source"}) == theirs.model_dump(exclude={"source"})


@pytest.mark.parametrize("name", sorted(each.name for each in SAMPLES.glob("dramsys_*.json")))
def test_no_published_memspec_is_a_part_that_cannot_be(name: str) -> None:
    assert imported(name, options=("--currents-of", "lpddr4_3200")) == 0
    assert load_dram("got.yaml").timing.refreshed == ("mram" not in name)


def test_ddr4_has_rails_of_its_own() -> None:
    assert imported("dramsys_ddr4_2400.json") == 0
    part = load_dram("got.yaml")
    assert part.power.vdd2.read == 0.1845
    assert part.power.vdd1 is not None
    assert part.power.vdd1.activate_precharge == 0.00405
    assert part.timing.activate_to_column == pytest.approx(16 * 833e-12)


def test_a_memspec_without_currents_takes_those_of_a_part(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = json.loads((SAMPLES / "dramsys_lpddr4_3200.json").read_text())
    spec["memspec"]["mempowerspec"] = {"vdd1": 0.0, "vdd2": 0.0}
    (folder / "bare.json").write_text(json.dumps(spec))
    assert imported(str(folder / "bare.json")) == 2
    assert "has no currents" in capsys.readouterr().err
    assert imported(str(folder / "bare.json"), options=("--currents-of", "lpddr3_1600")) == 0
    assert load_dram("got.yaml").power.vdd2 == load_dram("lpddr3_1600").power.vdd2


def test_all_that_is_missing_is_told_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (SAMPLES / "nvsim_rram_2mb.txt").read_text()
    cut = text.replace(" -  Read Latency", " |- x").replace(" - Leakage Power", " |- y")
    (folder / "cut.txt").write_text(cut)
    assert imported(str(folder / "cut.txt")) == 2
    assert "cut.txt: no Read Latency, no Leakage Power; expected" in capsys.readouterr().err
    spec = json.loads((SAMPLES / "dramsys_lpddr4_3200.json").read_text())
    del spec["memspec"]["memtimingspec"]["RCD"], spec["memspec"]["memarchitecturespec"]["width"]
    (folder / "cut.json").write_text(json.dumps(spec))
    assert imported(str(folder / "cut.json")) == 2
    assert "no memtimingspec.RCD, memarchitecturespec.width;" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("3.407ns", "nan", "cut.txt:36: Read Latency: expected a positive number, got 'nan'"),
        ("3.407ns", "3.407 lightyears", "expected a unit of ps, ns, us, ms, s, got"),
        ("3.407ns", "0.000ps", "expected a positive number, got '0.000ps'"),
        ("3.407ns", "1e999999999ns", "expected a unit of ps"),
        ("Capacity   : 2MB", "Capacity   : lots", "expected a size such as 2MB, got 'lots'"),
        ("Data Width : 128Bits", "Data Width : 1.5Bits", "expected a positive whole number"),
        ("Total Area", "Total Aria", "this is no output of"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    old: str, new: str, told: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (SAMPLES / "nvsim_rram_2mb.txt").read_text()
    (folder / "cut.txt").write_text(text.replace(old, new))
    assert imported(str(folder / "cut.txt")) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\0" * 1000,
        "{" * 100_000,
        '{"memspec": ' * 50_000,
        '{"memspec": {"memarchitecturespec": {"width": NaN}}}',
        '{"memspec": {"memarchitecturespec": {"width": 1e999999}}}',
        "MemCellType," * 50_000,
        'MemCellType,"' + "x" * 200_000,
        "Tech node (nm), Capacity (bytes)\n" + "9" * 5000 + "," * 5000,
        "- Total Area = " + " x" * 100_000,
        "- Total Area = 1um^2\nCapacity : " + "9" * 100_000,
        "kind: macro\n" + "a: [" * 2000,
    ],
)
def test_hostile_files_end_soon(content: str, folder: Path) -> None:
    (folder / "hostile").write_text(content)
    assert imported(str(folder / "hostile")) == 2
    assert not (folder / "got.yaml").exists()


def test_what_names_such_a_file_hears_of_the_import(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["tech", str(SAMPLES / "nvsim_rram_2mb.txt")]) == 2
    assert "accelsim tech import" in capsys.readouterr().err


def test_no_file_is_replaced(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "got.yaml").write_text("mine")
    assert imported("nvsim_rram_2mb.txt") == 6
    assert "cannot write got.yaml: File exists" in capsys.readouterr().err
    assert (folder / "got.yaml").read_text() == "mine"


def test_a_data_sheet_runs_and_is_imported(folder: Path) -> None:
    assert run_command_line(["new", "technology", "mine"]) == 0
    sheet = find_array(load_technology("mine.yaml"), capacity=9 * MIB // 2, word=128)
    assert sheet.banks == (2 * MIB,) * 3
    assert imported(str(folder / "mine.yaml")) == 0
    assert figures(array(9 * MIB // 2, 128)) == figures(sheet)
    assert not sheet.warnings[1:]


def test_a_data_sheet_says_all_that_is_wrong(folder: Path) -> None:
    (folder / "bad.yaml").write_text("kind: macro\nvolatile: false\ncapacity: 2 MiB\narea: 0 mm2\n")
    assert run_command_line(["tech", "bad.yaml"]) == 2


def test_um2_are_no_mm2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_command_line(["new", "technology", "mine"])
    text = (folder / "mine.yaml").read_text()
    (folder / "mine.yaml").write_text(text.replace("0.55 mm2", "0.55 um2"))
    assert run_command_line(["tech", "mine.yaml"]) == 2
    assert "area: 0.55 um2 for 2 MiB is less than 1 nm2 a bit" in capsys.readouterr().err


def test_the_data_sheet_of_another_temperature_is_taken_as_it_is(folder: Path) -> None:
    run_command_line(["new", "technology", "mine"])
    found = find_array(load_technology("mine.yaml"), capacity=2 * MIB, word=128, temperature=300)
    assert found.warnings == ("mine.yaml is taken as it is: 350 K for 300 K",)
    mlc = find_array(load_technology("mine.yaml"), capacity=2 * MIB, word=128, bits_per_cell=2)
    assert mlc.warnings == ("mine.yaml is taken as it is: 1 b/cell for 2 b/cell",)
    assert read_document(folder / "mine.yaml").data["kind"] == "macro"


def test_the_figures_of_a_data_sheet_are_the_price(folder: Path) -> None:
    """Built banks bound what SRAM of our tables costs, not what a user has measured."""
    run_command_line(["new", "technology", "mine"])
    sheet = (folder / "mine.yaml").read_text()
    sheet = sheet.replace("volatile: false", "volatile: true").replace("38 pJ", "0.001 pJ")
    (folder / "mine.yaml").write_text(sheet)
    machine = load_hardware("hwconfigs/adapter_slc.yaml", ("memories.sram.technology=mine.yaml",))
    priced = machine.datasheets["sram"].prices["read"].joules
    assert priced == pytest.approx(1e-15)
    shipped = load_hardware("hwconfigs/adapter_slc.yaml").datasheets["sram"]
    assert shipped.prices["read"].joules > 1e-12
