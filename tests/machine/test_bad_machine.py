"""Wrong machines: a problem has one line that says where, what, and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from config_inputs import edit, line_of, machine_error

from accelsim.errors import ConfigError
from accelsim.machine.schema import load_hardware

MACHINE_VALUES = [
    ("frequency: 1 GHz", "frequency: 1", "clock.law.frequency: expected a quantity in Hz such as "
     "'1 GHz', got the bare number 1"),
    ("frequency: 1 GHz", "frequency: '1'", "clock.law.frequency: expected a unit of Hz after 1, "
     "got none (write for instance '1 GHz')"),
    ("frequency: 1 GHz", "frequency: 1 ns", "clock.law.frequency: expected a unit of Hz, got 'ns', "
     "a unit of s (write for instance '1 GHz')"),
    ("frequency: 1 GHz", "frequency: 1 ghz", "clock.law.frequency: unknown unit 'ghz'; "
     "did you mean 'GHz'? (write for instance '1 GHz')"),
    ("frequency: 1 GHz", "frequency: fast", "clock.law.frequency: expected a quantity in Hz, got "
     "'fast' (write for instance '1 GHz')"),
    ("frequency: 1 GHz", "frequency: nan Hz", "clock.law.frequency: expected a quantity in Hz, got "
     "'nan Hz' (write for instance '1 GHz')"),
    ("frequency: 1 GHz", "frequency: 1e400 Hz", "clock.law.frequency: 1e400 Hz is too large; "
     "expected at most 100 GHz"),
    ("frequency: 1 GHz", "frequency: 1e-9 Hz", "clock.law.frequency: 1e-9 Hz is too small; "
     "expected at least 1 kHz"),
    ("voltage: 0.8 V", "voltage: 1e200 V", "clock.voltage: 1e200 V is too large; expected at most "
     "10 V"),
    ("wake_up_time: 10 us", "wake_up_time: 1e300 s", "power.wake_up_time: 1e300 s is too large; "
     "expected at most 1e7 s"),
    ("length: 1 mm", "length: 1e300 mm", "bus.length: 1e300 mm is too large; expected at most "
     "1 m"),
    ("lpddr4_3200", "lpddr4_3200\n  devices: 65", "dram.devices: input should be less than or "
     "equal to 64, got 65"),
    ("capacity: 4.5 MiB", "capacity: 1025 TiB", "memories.rram.capacity: 1025 TiB is too large; "
     "expected at most 1024 TiB"),
    ("capacity: 4.5 MiB", "capacity: 4.5 MiB\n    banks: 1025", "memories.rram.banks: input "
     "should be less than or equal to 1024, got 1025"),
    ("vector_size: 16", "vector_size: 257", "pe_array.vector_size: input should be less than or "
     "equal to 256, got 257"),
    ("vector_size: 16", "vector_size: 16\n  rows: 16", "pe_array.rows: unknown key; a "
     "vector_mac_array has no rows; take hwconfigs/systolic_npu.yaml, or kind: systolic_array "
     "with accelerator: systolic_npu"),
    ("command_cycles: 6", "command_cycles: 1000001", "pe_array.command_cycles: input should be "
     "less than or equal to 1000000, got 1000001"),
    ("frequency: 1 GHz", "frequency: 0 Hz", "clock.law.frequency: input should be greater than 0, "
     "got '0 Hz'"),
    ("frequency: 1 GHz", "frequency: -1 GHz", "clock.law.frequency: input should be greater than "
     "0, got '-1 GHz'"),
    ("frequency: 1 GHz", "frequency: [1 GHz]", "clock.law.frequency: expected a quantity in Hz "
     "such as '1 GHz', got a list"),
    ("frequency: 1 GHz", "frequency: true", "clock.law.frequency: expected a quantity in Hz such "
     "as '1 GHz', got true"),
    ("wake_up_time: 10 us", "wake_up_time: -1 s", "power.wake_up_time: input should be greater "
     "than or equal to 0, got '-1 s'"),
    ("length: 1 mm", "length:", "bus.length: expected a quantity in m such as '22 nm', got "
     "nothing"),
    ("width: 64 b", "width: 0.5 b", "bus.width: expected a whole number of b, got '0.5 b' (write "
     "for instance '64 b')"),
    ("vector_size: 16", "vector_size: 1_6", "pe_array.vector_size: expected a whole number, got "
     "the text '1_6'; write 16"),
    ("vector_size: 16", "vector_size: 16.0", "pe_array.vector_size: expected a whole number, got "
     "16.0; write 16"),
    ("vector_size: 16", "vector_size: '16'", "pe_array.vector_size: expected a whole number, got "
     "the text '16'; write 16"),
    ("vector_size: 16", "vector_size: true", "pe_array.vector_size: expected a whole number, got "
     "true"),
    ("vector_size: 16", "vector_size: 0", "pe_array.vector_size: input should be greater than 0, "
     "got 0"),
    ("vector_size: 16", "vector_size: {n: 16}", "pe_array.vector_size: expected a whole number, "
     "got a mapping"),
    ("vector_size: 16", 'vector_size: "1\\n6"', "pe_array.vector_size: expected a whole number, "
     "got the text '1\\n6'"),
    ("pipelined: false", "pipelined: no", "sfu.pipelined: expected true or false, got the text "
     "'no'; write false"),
    ("pipelined: false", "pipelined: 1", "sfu.pipelined: expected true or false, got 1"),
    ("tile_schedule: overlapped", "tile_schedule: overlaped", "pe_array.tile_schedule: expected "
     "'serial' or 'overlapped', got the text 'overlaped'; did you mean 'overlapped'?"),
    ("tile_schedule: overlapped", "tile_schedule: 3", "pe_array.tile_schedule: expected 'serial' "
     "or 'overlapped', got 3"),
    ("name: edgebert_overlapped", "name: 5", "name: expected text, got 5; put it in quotes"),
    ("command_cycles: 6", "comand_cycles: 6", "pe_array.comand_cycles: unknown key; did you mean "
     "'command_cycles'?"),
    ("command_cycles: 6", "command_cycles: 6\n  x: 1", "pe_array.x: unknown key; known keys: "
     "command_cycles, kind, padding, tile_schedule, vector_size, write_port"),
    ("command_cycles: 6", "command_cycles: 6\n  1: x", "pe_array.1: unknown key; known keys: "
     "command_cycles, kind, padding, tile_schedule, vector_size, write_port"),
    ("task: {values: sram", "task: {values: srm", "placement.task.values: there is no memory "
     "'srm'; did you mean 'sram'?"),
    ("activations: activation_sram", "activations: dram", "placement.activations: there is no "
     "on-chip memory 'dram'; did you mean 'sram'?"),
    ("capacity: 4.5 MiB", "capacity: 4.5 MiB\n    banks: 7", "memories.rram: capacity of 4718592 "
     "B does not divide into 7 equal banks; change one of the two"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), MACHINE_VALUES)
def test_a_wrong_value_of_a_machine_is_one_line(
    folder: Path, old: str, new: str, message: str
) -> None:
    path = edit(folder / "machine.yaml", old, new)
    key = message.split(":")[0].split(".")[-1]
    at = line_of(path, "capacity: 4.5" if key == "rram" else new.split("\n")[-1])
    assert machine_error(path) == f"{path}:{at}: {message}"


def test_a_missing_key_says_what_belongs_there(folder: Path) -> None:
    path = folder / "machine.yaml"
    for line in (
        "  frequency: 1 GHz",
        "  command_cycles: 6",
        "  tile_schedule: overlapped",
        "  pipelined: false",
    ):
        edit(path, line, "#")
    edit(path, "overlap:", "#overlap:")
    edit(path, "  double_buffering", "#")
    edit(path, "  special_functions", "#")
    law, array = line_of(path, "law:"), line_of(path, "pe_array:")
    assert machine_error(path).splitlines() == [
        f"{path}:{line_of(path, 'name: edgebert')}: overlap: this key is missing; expected "
        "a mapping with double_buffering, special_functions",
        f"{path}:{law}: clock.law.frequency: this key is missing; expected a value such as '1 GHz'",
        f"{path}:{array}: pe_array.command_cycles: this key is missing; expected a whole number",
        f"{path}:{array}: pe_array.tile_schedule: this key is missing; "
        "expected 'serial' or 'overlapped'",
    ]


def test_all_problems_of_a_file_come_at_once_in_its_order(folder: Path) -> None:
    path = folder / "machine.yaml"
    edit(path, "write_port: own", "write_prt: own")
    edit(path, "voltage: 0.8 V", "voltage: 0.8")
    assert re.fullmatch(
        rf"{re.escape(str(path))}:\d+: clock\.voltage: .*\n"
        rf"{re.escape(str(path))}:\d+: pe_array\.write_prt: unknown key; "
        r"did you mean 'write_port'\?",
        machine_error(path),
    )


def test_rules_of_a_machine_come_at_once(folder: Path) -> None:
    path = edit(folder / "machine.yaml", "masks: sram}", "masks: ram}")
    edit(path, "activations: activation_sram", "activations: dram")
    at = line_of(path, "masks: ram}")
    assert machine_error(path).splitlines() == [
        f"{path}:{at}: placement.task.masks: there is no memory 'ram'; did you mean 'sram'?",
        f"{path}:{at + 1}: placement.activations: there is no on-chip memory 'dram'; "
        "did you mean 'sram'?",
    ]


def test_without_a_dram_nothing_spills_to_it(folder: Path) -> None:
    path = folder / "machine.yaml"
    assert load_hardware(path).placement.activation_spill == "dram"
    machine = load_hardware(path, ("dram=null",))
    assert machine == load_hardware(path, ("dram=null", "placement.activation_spill=null"))
    assert machine.placement.activation_spill is None
    wrong = ("dram=null", "placement.activation_spill=drm")
    assert machine_error(path, *wrong) == (
        "--set placement.activation_spill=drm: placement.activation_spill: expected 'dram', "
        "got the text 'drm'; did you mean 'dram'?"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("codec", "'codec' is the name of a block; rename this memory"),
        ("sfu", "'sfu' is the name of a block; rename this memory"),
        (
            "'a.b'",
            "expected a name of letters, digits, '_' and '-' that does not begin with a digit",
        ),
    ],
)
def test_memories_have_names_of_their_own(folder: Path, name: str, message: str) -> None:
    path = edit(folder / "machine.yaml", "  sram:\n", f"  {name}:\n")
    path = edit(path, "task: {values: sram, masks: sram}", "task: {values: rram, masks: rram}")
    shown = name.replace("'", '"')
    assert (
        machine_error(path) == f"{path}:{line_of(path, f'  {name}:')}: memories.{shown}: {message}"
    )


def test_technologies_that_there_are_not_are_told_at_once_where_they_stand(folder: Path) -> None:
    path = edit(folder / "machine.yaml", "technology: lpddr4_3200", "technology: lpddr")
    path = edit(path, "technology: rram", "technology: rrm")
    path = edit(
        path,
        "  masks: 16 KiB            # [paper]\n  technology: sram_htree",
        "  masks: 1 KiB\n  technology: none",
    )
    told = machine_error(path, "process.logic_file=mine").splitlines()
    places = [("memories.rram", "rrm"), ("weight_buffer", "none"), ("dram", "lpddr")]
    for section, name in places:
        where = f"{path}:{line_of(path, f'technology: {name}')}: {section}.technology: unknown "
        assert [line for line in told if line.startswith(where)]
    assert [
        line
        for line in told
        if line.startswith("--set process.logic_file=mine: process.logic_file: ")
    ]
    assert len(told) == 4


def test_a_component_that_is_no_mapping_is_told(folder: Path) -> None:
    path = folder / "machine.yaml"
    path.write_text(f"{path.read_text()}\nnoc: 5\n")
    told = machine_error(path)
    where = f"{path}:{line_of(path, 'noc: 5')}: noc: "
    assert told.startswith(f"{where}expected a component, such as {{kind: bit_mask_codec}}, got 5;")


def test_parameters_may_lie_in_a_dram_that_is_there(folder: Path) -> None:
    home = "placement.task={values: dram, masks: dram}"
    assert load_hardware(folder / "machine.yaml", (home,)).placement.task.values == "dram"
    nothing = ("dram=null", home)
    assert machine_error(folder / "machine.yaml", *nothing).splitlines() == [
        f"--set {home}: placement.task.{part}: there is no memory 'dram'; did you mean 'sram'?"
        for part in ("masks", "values")
    ]


def test_a_machine_on_a_base_names_the_file_of_each_problem(folder: Path) -> None:
    base = edit(folder / "machine.yaml", "voltage: 0.8 V", "voltage: 0.8")
    over = folder / "over.yaml"
    over.write_text("base: machine.yaml\nsfu: {pipelined: yes}\n")
    assert machine_error(over).splitlines() == [
        f"{base}:{line_of(base, 'voltage')}: clock.voltage: expected a quantity in V such as "
        "'0.8 V', got the bare number 0.8",
        f"{over}:2: sfu.pipelined: expected true or false, got the text 'yes'; write true",
    ]


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("none.yaml", "no such file '{folder}/none.yaml'; the path is relative to this file"),
        (".", "no such file '{folder}'; the path is relative to this file"),
        ("x" * 300, "no such file '{folder}/" + "x" * 300 + "'; the path is relative to this file"),
        ("[a]", "expected the path of another machine file, got a list"),
        ("", "expected the path of another machine file, got nothing"),
        ("over.yaml", "machines form a circle: over.yaml -> over.yaml; remove one base"),
        ("second.yaml", "machines form a circle: over.yaml -> second.yaml -> over.yaml; "
         "remove one base"),
    ],
)  # fmt: skip
def test_a_base_that_cannot_be_is_named(folder: Path, base: str, message: str) -> None:
    (folder / "second.yaml").write_text("base: over.yaml\n")
    over = folder / "over.yaml"
    over.write_text(f"name: over\nbase: {base}\n")
    assert machine_error(over) == f"{over}:2: base: {message.format(folder=folder)}"


def test_a_dram_of_null_can_be_set_key_by_key(folder: Path) -> None:
    bare = edit(
        folder / "machine.yaml",
        "dram:\n  technology: lpddr4_3200",
        "dram: null",
    )
    assert load_hardware(bare).dram is None
    assert load_hardware(bare).placement.activation_spill is None
    machine = load_hardware(bare, ("dram.technology=lpddr4_3200",))
    assert machine.dram is not None
    assert machine.dram.technology == "lpddr4_3200"
    assert machine.placement.activation_spill == "dram"
    assert machine_error(bare, "dram.devices=2") == (
        "--set dram.devices=2: dram.technology: this key is missing; expected text"
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("memories.sram.bits_per_cell", "2"),
        ("memories.sram.roadmap", "XP"),
        ("memories.rram.temperature", "200 K"),
        ("weight_buffer.temperature", "500 K"),
    ],
)
def test_arrays_of_its_own_that_there_are_not_are_told_at_their_key(
    setting: str, value: str
) -> None:
    message = f"^--set {setting}={value}: {setting}: .* no arrays of "
    with pytest.raises(ConfigError, match=message):
        load_hardware("hwconfigs/edgebert_overlapped.yaml", (f"{setting}={value}",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "sfu.kind=special_functon_unit",
            "sfu.kind: expected 'accumulator', .*, 'special_function_unit', 'systolic_array', "
            "'vector_mac_array' or 'vector_unit', got .*; did you mean 'special_function_unit'\\?",
        ),
        (
            "power.regulator.kind=buk",
            "kind: expected 'ldo' or 'buck', got the text 'buk'; did you mean 'buck'\\?",
        ),
        ("power.regulator={efficiency: 0.9}", "kind: expected 'ldo' or 'buck'"),
    ],
)
def test_an_unknown_kind_is_told_with_the_known_ones(change: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"{message}$"):
        load_hardware("hwconfigs/edgebert_overlapped.yaml", (change,))
