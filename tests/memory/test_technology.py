from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from accelsim.errors import ConfigError
from accelsim.inputs.shipped import shipped_folder
from accelsim.memory.tables import Conditions
from accelsim.memory.technology import Graded, list_technologies, load_technology

HEADER = (
    "target capacity_KiB word_b area_mm2 read_latency_ns write_latency_ns"
    " read_energy_pJ write_energy_pJ leakage_mW"
)
LINES = [
    "name: Mine",
    "kind: array",
    "description: a technology of two rows",
    "volatile: true",
    "cell_area: 146 F2",
    "default_roadmap: LOP",
    "devices:",
    "  - bits_per_cell: 1",
    "    read_latency_multiplier: {low: 1, typical: 1, high: 2, source: mine}",
    "    read_energy_multiplier: {low: 1, typical: 1, high: 2, source: mine}",
    "arrays:",
    "  - bits_per_cell: 1",
    "    node: 22 nm",
    "    roadmap: LOP",
    "    temperature: 350 K",
    "    source: mine",
    "    table: |",
    f"      {HEADER}",
    "      # a comment and an empty line are skipped",
    "",
    "      ReadEDP 64 64 0.1 0.3 0.7 1 2 3",
    "      ReadEDP 128 64 0.2 0.4 0.8 1.5 2.5 6",
]
ROW = len(LINES)  # The line of the last row, counted from one.


def write(folder: Path, old: str = "", new: str = "", *, more: str = "") -> Path:
    text = "\n".join(LINES) + "\n" + more
    assert old in text
    path = folder / "mine.yaml"
    path.write_text(text.replace(old, new, 1) if old else text)
    return path


def load_error(path: Path) -> str:
    with pytest.raises(ConfigError) as error:
        load_technology(path)
    return str(error.value)


def test_rows_are_read_in_si_units_without_rounding(tmp_path: Path) -> None:
    technology = load_technology(write(tmp_path))
    first, second = technology.tables[Conditions(1, 22e-9, "LOP", 350.0)]["ReadEDP"][64]
    assert (first.capacity, second.capacity) == (65536, 131072)
    assert (first.area, first.read_latency, first.write_latency) == (1e-7, 3e-10, 7e-10)
    assert (second.read_energy, second.write_energy, second.leakage) == (1.5e-12, 2.5e-12, 0.006)
    assert first.source == "mine"


def test_write_latency_is_the_slower_of_set_and_reset(tmp_path: Path) -> None:
    lines = [
        line.replace("write_latency_ns", "set_latency_ns reset_latency_ns")
        .replace(" 0.7 ", " 0.7 0.9 ")
        .replace(" 0.8 ", " 0.8 0.2 ")
        for line in LINES
    ]
    path = tmp_path / "mine.yaml"
    path.write_text("\n".join(lines))
    (columns,) = load_technology(path).tables.values()
    assert [row.write_latency for row in columns["ReadEDP"][64]] == [0.9e-9, 0.8e-9]


def test_blocks_of_the_same_conditions_add_up_and_keep_their_source(tmp_path: Path) -> None:
    block = "\n".join(LINES[11:18]).replace("source: mine", "source: another")
    path = write(tmp_path, more=f"{block}\n      ReadEDP 64 128 1 1 1 1 1 1\n")
    (targets,) = load_technology(path).tables.values()
    sources = {word: {row.source for row in rows} for word, rows in targets["ReadEDP"].items()}
    assert sources == {64: {"mine"}, 128: {"another"}}


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path)
    before = load_technology(path)
    assert load_technology(path) is before
    write(tmp_path, "name: Mine", "name: Changed")
    assert load_technology(path).name == "Changed"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        (
            "0.8 1.5",
            "1.5",
            ROW,
            r"arrays\[0\]\.table: expected 9 columns as in the header, got 8",
        ),
        (
            "0.2 0.4",
            "0.2x 0.4",
            ROW,
            r"arrays\[0\]\.table: area_mm2: expected a positive number, got '0\.2x'",
        ),
        (
            "0.4 0.8",
            "nan 0.8",
            ROW,
            r"arrays\[0\]\.table: read_latency_ns: expected a positive number, got 'nan'",
        ),
        (
            "2.5 6",
            "2.5 0",
            ROW,
            r"arrays\[0\]\.table: leakage_mW: expected a positive number, got '0'",
        ),
        (
            "128 64",
            "128.0001 64",
            ROW,
            r"arrays\[0\]\.table: capacity_KiB: expected a positive whole number, got '128\.0001'",
        ),
        (
            "ReadEDP 128",
            "ReadEDP 64",
            ROW,
            r"arrays\[0\]\.table: this row stands twice: ReadEDP 64 64; keep one",
        ),
        (
            "read_energy_pJ",
            "read_energy_nJ",
            18,
            r"arrays\[0\]\.table: expected the columns .* once each in any order .*; "
            r"missing: read_energy_pJ; not expected: read_energy_nJ",
        ),
        (
            "write_latency_ns",
            "set_latency_ns",
            18,
            r"arrays\[0\]\.table: expected the columns .*; "
            r"missing: reset_latency_ns; not expected: none",
        ),
        (
            "kind: array",
            "kind: dram",
            2,
            r"kind: expected a technology of kind 'array', got 'dram'; "
            r"memories and buffers of a machine take an array, dram takes a dram or a burst_memory",
        ),
        (
            "146 F2",
            "146",
            5,
            r"cell_area: expected a quantity in F2 such as '53 F2', got the bare number 146",
        ),
        (
            "  - bits_per_cell: 1\n    node",
            "  - bits_per_cell: 2\n    node",
            12,
            r"arrays\[0\]\.bits_per_cell: no device has 2 bits per cell; add it under devices",
        ),
        (
            "high: 2, source: mine}\narrays",
            "high: 2, source: mine}\n    endurance: {low: '1e6', typical: 2 writes,"
            " high: 1 writes, source: mine}\narrays",
            11,
            r"devices\[0\]\.endurance\.low: expected a unit of write after .*",
        ),
        (
            "high: 2, source: mine}\narrays",
            "high: 2, source: mine}\n    write_pulse: {low: 1 ns, typical: 2 ns,"
            " high: 3 ns, source: mine}\narrays",
            1,
            r"document: a device states write_pulse or write_energy, so simulated_cell must say "
            r"what the tables already contain",
        ),
        (
            "default_roadmap",
            "default_roadmaps",
            6,
            r"default_roadmaps: unknown key; did you mean .*",
        ),
    ],
)
def test_errors_name_file_line_and_path(
    tmp_path: Path, old: str, new: str, line: int, message: str
) -> None:
    path = write(tmp_path, old, new)
    problems = load_error(path).splitlines()
    pattern = re.escape(f"{path}:{line}: ") + message
    assert [problem for problem in problems if re.fullmatch(pattern, problem)], problems


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("\n".join(LINES[:18]))
    assert load_error(path) == (
        f"{path}:18: arrays[0].table: expected a header line and at least one row"
    )


def test_two_devices_of_the_same_bits_are_refused(tmp_path: Path) -> None:
    device = "\n".join(LINES[7:10])
    path = write(tmp_path, "devices:\n", f"devices:\n{device}\n")
    assert load_error(path) == (
        f"{path}:7: devices: two devices have the same bits_per_cell; keep one"
    )


def test_names_are_found_in_any_case() -> None:
    assert load_technology("rram") is load_technology("RRAM")
    assert load_technology("sram_HTREE").name == "SRAM_htree"


@pytest.mark.parametrize(("name", "hint"), [("rrm", "did you mean RRAM? "), ("flash-x9", "")])
def test_an_unknown_name_lists_the_known_ones(name: str, hint: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_technology(name)
    assert str(error.value) == (
        f"unknown memory technology '{name}': {hint}"
        "known: FeFET, PCM, RRAM, SRAM, SRAM_htree, STT, or the path of a .yaml file"
    )


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^nowhere/mine\.yaml: no such file; check the path"):
        load_technology("nowhere/mine.yaml")


def test_every_shipped_array_file_is_listed_under_its_own_name() -> None:
    folder = shipped_folder("hwconfigs") / "technologies"
    files = {path.stem for path in folder.glob("*.yaml") if "kind: array" in path.read_text()}
    assert {name.lower() for name in list_technologies()} == files
    assert len(files) == 6


@pytest.mark.parametrize("name", ["FeFET", "PCM", "RRAM", "SRAM", "SRAM_htree", "STT"])
def test_grades_are_in_order(name: str) -> None:
    """Costs rise and limits fall from the low to the high grade."""
    for device in load_technology(name).devices.values():
        costs: tuple[Graded[Any] | None, ...] = (
            device.read_latency_multiplier,
            device.read_energy_multiplier,
            device.write_pulse,
            device.verify_steps,
            device.write_energy,
        )
        for cost in filter(None, costs):
            assert cost.low <= cost.typical <= cost.high
        for limit in filter(None, (device.endurance, device.retention)):
            assert limit.low >= limit.typical >= limit.high


def test_only_static_memory_is_volatile() -> None:
    volatile = [name for name in list_technologies() if load_technology(name).volatile]
    assert volatile == ["SRAM", "SRAM_htree"]


def test_wide_words_of_sram_keep_the_source_that_skips_organisations() -> None:
    columns = load_technology("SRAM").tables[Conditions(1, 22e-9, "LOP", 350.0)]["ReadEDP"]
    skipped = {word: {"skipped" in row.source for row in rows} for word, rows in columns.items()}
    assert skipped == {64: {False}, 128: {False}, 256: {True}, 512: {True}}


def test_written_pulse_is_inside_every_simulated_write_latency() -> None:
    """The correction subtracts the simulated pulse, so each row must contain it."""
    for name in ("RRAM", "STT", "PCM", "FeFET"):
        technology = load_technology(name)
        cell = technology.simulated_cell
        assert cell is not None
        rows = [
            (conditions.bits_per_cell, row)
            for conditions, targets in technology.tables.items()
            for columns in targets.values()
            for column in columns.values()
            for row in column
        ]
        slack = min(row.write_latency for _, row in rows) - cell.write_pulse
        assert 0 < slack < 0.6e-9
        for bits_per_cell, row in rows:
            assert row.write_energy > cell.write_energy * row.word / bits_per_cell
