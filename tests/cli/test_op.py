"""``accelsim op``: single operators against closed forms."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from readme_examples import example

from accelsim.cli.main import run_command_line
from accelsim.machine.components.function_unit import row_recipes
from accelsim.memory.dram import load_dram
from accelsim.units import format_si

CODED = ("--hw", "hwconfigs/edgebert.yaml")
NPU = ("--hw", "hwconfigs/systolic_npu.yaml")


def op(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert run_command_line(["op", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def matmul(capsys: pytest.CaptureFixture[str], shape: str, *more: str) -> dict[str, object]:
    rows, columns, depth = shape.split("x")
    sizes = ("--rows", rows, "--columns", columns, "--depth", depth)
    return op(capsys, "matmul", *sizes, *more)


@pytest.mark.parametrize("size", [2, 4, 8, 16, 32])
def test_overlapped_products_reach_n_squared_macs_a_cycle(
    size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found = matmul(capsys, "128x128x768", "--set", f"pe_array.vector_size={size}")
    ideal = 128 * 128 * 768 / size**2
    assert ideal <= found["cycles"] <= 1.01 * ideal + 80


def test_sparsity_changes_bytes_and_energy_but_no_cycle(capsys: pytest.CaptureFixture[str]) -> None:
    dense = matmul(capsys, "64x64x768", *CODED)
    sparse = matmul(capsys, "64x64x768", *CODED, "--density", "0.4")
    assert dense["cycles"] == sparse["cycles"]
    assert dense["counts"]["pe_array.mac"] == sparse["counts"]["pe_array.mac"] == 64 * 64 * 768
    # Four row tiles read 64 x 768 weights each: values and a mask a vector, which costs the 64 bits
    # of the table's narrowest word, as fewer than eight values of a vector do.
    assert dense["counts"]["weight_buffer.read"] == 4 * 64 * 48 * (16 + 8)
    assert sparse["counts"]["weight_buffer.read"] == 4 * 64 * 48 * (8 + 8)
    assert (dense["units"]["weight_buffer.read"], dense["units"]["pe_array.mac"]) == (
        "bytes",
        "macs",
    )
    assert sparse["energy_J"]["weight_buffer.read"] < dense["energy_J"]["weight_buffer.read"]


@pytest.mark.parametrize(
    ("dataflow", "shape", "cycles"),
    [
        ("weight_stationary", "128x768x768", 400_895),
        ("output_stationary", "128x768x3072", 1_191_167),
        ("input_stationary", "128x64x128", 7_039),
    ],
)
def test_systolic_arrays_count_as_scalesim(
    dataflow: str, shape: str, cycles: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found = matmul(capsys, shape, *NPU, "--set", f"pe_array.dataflow={dataflow}")
    assert found["cycles"] == cycles


@pytest.mark.parametrize(
    ("dataflow", "rows", "columns", "shape", "cycles"),
    [
        # folds x (load + stream + R + C - 2), and SCALE-Sim counts from zero.
        ("output_stationary", 64, 64, "128x128x64", 4 * (64 + 126) - 1),
        ("weight_stationary", 128, 128, "512x512x128", 4 * (128 + 512 + 254) - 1),
        ("weight_stationary", 1, 128, "1000x128x1", 1 + 1000 + 127 - 1),
        ("input_stationary", 1, 128, "128x1000x1", 1 + 1000 + 127 - 1),
        ("weight_stationary", 5, 32, "768x17x5", 5 + 768 + 35 - 1),
    ],
)
def test_wide_systolic_arrays_never_wait_for_a_port(
    dataflow: str,
    rows: int,
    columns: int,
    shape: str,
    cycles: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    keys = {"dataflow": dataflow, "rows": rows, "columns": columns}
    sets = [part for k, v in keys.items() for part in ("--set", f"pe_array.{k}={v}")]
    assert matmul(capsys, shape, *NPU, *sets)["cycles"] == cycles


@pytest.mark.parametrize("shape", ["1x1x1", "16x16x16", "40x70x33"])
def test_small_streamed_products_never_lose_by_bandwidth(
    shape: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stationary = (*NPU, "--set", "pe_array.fold_schedule=overlapped")
    cycles = [
        matmul(capsys, shape, *stationary, "--dram-bandwidth", f"{b} GB/s")["cycles"]
        for b in (0.05, 0.5, 0.52, 0.56, 0.71, 0.72, 1.19, 1.21, 4, 64)
    ]
    assert cycles == sorted(cycles, reverse=True)


def test_streamed_products_never_lose_by_bandwidth(capsys: pytest.CaptureFixture[str]) -> None:
    stationary = (*NPU, "--set", "pe_array.fold_schedule=overlapped")
    cycles = [
        matmul(capsys, "128x768x768", *stationary, "--dram-bandwidth", f"{b} GB/s")["cycles"]
        for b in (0.5, 1, 2, 4, 8, 16, 32, 64)
    ]
    assert cycles == sorted(cycles, reverse=True)
    assert abs(cycles[5] / 295_948 - 1) < 0.05


def test_streaming_says_when_results_are_written_and_pays_for_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    streamed = ("--hw", "hwconfigs/systolic_npu_onnxim.yaml", "--dram-bandwidth", "16 GB/s")
    found = matmul(capsys, "128x768x768", *streamed)
    assert abs(found["cycles"] / 295_948 - 1) < 0.001
    assert abs(found["written_cycles"] / 297_942 - 1) < 0.001
    assert found["counts"]["dram.read"] == (6 * 128 + 768) * 768
    assert found["counts"]["dram.write"] == 128 * 768
    stream = load_dram("lpddr4_3200")
    for action in ("read", "write"):
        joules = found["counts"][f"dram.{action}"] * stream.moved_energy(action)
        assert found["energy_J"][f"dram.{action}"] == pytest.approx(joules)
    three = 3 * (stream.standby_power("active_standby") + stream.refresh_power)
    moving = (found["counts"]["dram.read"] + found["counts"]["dram.write"]) / 16e9
    serving = found["energy_J"]["dram.standby"] / three
    assert moving < serving < found["written_cycles"] / 1e9
    assert "notes" not in found


def test_a_stream_without_a_price_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    free = ("--hw", "hwconfigs/systolic_npu_onnxim.yaml", "--set", "dram.priced_like=null")
    text = "dram: no price: energy of this DRAM, standby too, is left out (dram.priced_like)"
    assert matmul(capsys, "16x16x16", *free, "--dram-bandwidth", "16 GB/s")["notes"] == [text]
    sizes = ("--rows", "16", "--columns", "16", "--depth", "16", "--dram-bandwidth", "16 GB/s")
    assert run_command_line(["op", "matmul", *sizes, *free]) == 0
    assert text in capsys.readouterr().out


def test_pins_without_a_price_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    reads = ["op", "dram", "--bytes", "4096", "--set"]
    assert run_command_line([*reads, "dram.technology=lpddr3_1600"]) == 0
    assert "no price of data pins" in " ".join(capsys.readouterr().out.split())
    assert run_command_line([*reads, "dram.technology=lpddr4_3200"]) == 0
    assert "no price" not in capsys.readouterr().out


def test_buffers_of_a_stream_may_be_others_than_the_machines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    streamed = (*NPU, "--dram-bandwidth", "4 GB/s")
    own = matmul(capsys, "256x256x1024", *streamed)
    larger = matmul(capsys, "256x256x1024", *streamed, "--accumulator", "1 MiB")
    assert larger["counts"]["dram.read"] < own["counts"]["dram.read"]


def test_functions_of_the_vector_unit_sweep_as_their_recipe_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, sweeps in (("softmax", 3), ("layer_norm", 2), ("gelu", 1), ("tanh", 1)):
        found = op(capsys, name, "--rows", "8", "--columns", "160", *NPU)
        assert found["counts"]["activation_sram.read"] == sweeps * 8 * 10
        assert found["counts"]["activation_sram.write"] == 8 * 10
        assert found["counts"][f"vector_unit.{name}"] == 8 * 160


@pytest.mark.parametrize(
    ("arguments", "cycles"),
    [
        (("softmax", "--rows", "8", "--columns", "128"), 3729),
        (("layer_norm", "--rows", "16", "--columns", "768"), 36_137),
        (("add", "--rows", "16", "--columns", "768"), 27_688),
        (("entropy", "--rows", "1", "--columns", "16"), 44),
        (("dvfs_lookup", "--rows", "1", "--columns", "1"), 12),
        (("load", "data", "--bytes", "4096"), 529),
        (("load", "mask", "--bytes", "8192"), 4123),
        (("store", "data", "--bytes", "1024"), 147),
    ],
)
def test_commands_take_the_measured_cycles(
    arguments: tuple[str, ...], cycles: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert op(capsys, *arguments, *CODED)["cycles"] == cycles


def test_random_dram_accesses_cost_more_than_sequential_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sequential = op(capsys, "dram", "--bytes", "65536")
    scattered = op(capsys, "dram", "--bytes", "65536", "--pattern", "random")
    assert sequential["counts"]["dram.read"] == scattered["counts"]["dram.read"] == 65536
    assert scattered["time_s"] > sequential["time_s"]
    assert scattered["counts"]["dram.activate"] > 10 * sequential["counts"]["dram.activate"]
    again = op(capsys, "dram", "--bytes", "65536", "--pattern", "random")
    other = op(capsys, "dram", "--bytes", "65536", "--pattern", "random", "--seed", "1")
    assert again == scattered != other


def test_the_table_names_operator_machine_and_cycles(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--rows", "128", "--columns", "128"]
    assert run_command_line(["op", "softmax", *sizes, *CODED]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "softmax on edgebert: 59529 cycles, 59.5 us"


def test_the_table_ends_with_all_energy(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["op", "gelu", "--rows", "8", "--columns", "64"]
    assert run_command_line(command) == 0
    last = capsys.readouterr().out.splitlines()[-1].split()
    assert run_command_line([*command, "--json"]) == 0
    energies = json.loads(capsys.readouterr().out)["energy_J"]
    assert last[0] == "all"
    assert " ".join(last[-2:]) == format_si(sum(energies.values()), "J")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("matmul", "--rows", "0", "--columns", "1", "--depth", "1"), "--rows: expected 1 or more"),
        (
            ("matmul", "--rows", "1", "--columns", "1", "--depth", "1", "--density", "2"),
            "--density: expected a share from 0 to 1",
        ),
        (
            ("matmul", "--rows", "1", "--columns", "1", "--depth", "1", "--dram-bandwidth", "3"),
            "--dram-bandwidth: expected a unit of B/s",
        ),
        (("dram", "--bytes", "64", "--set", "dram=null"), "dram"),
        (("dram", "--bytes", "1000000000000"), "are more than the 1000000 of one command"),
        (("load", "data", "--bytes", "-1"), "--bytes: expected 1 or more"),
        (
            (
                "matmul",
                "--rows",
                "1",
                "--columns",
                "1",
                "--depth",
                "1",
                "--dram-bandwidth",
                "1GB/s",
            ),
            "machine 'edgebert_overlapped' has no scratchpad to stream through; take --hw "
            "hwconfigs/systolic_npu.yaml",
        ),
        (
            ("matmul", "--rows", "1", "--columns", "1", "--depth", "1", "--density", "0.5", *NPU),
            "--density: operands are dense in the scratchpad of 'systolic_npu'; leave it out",
        ),
        (
            ("dvfs_lookup", "--rows", "1", "--columns", "1", *NPU),
            "dvfs_lookup: no unit of 'systolic_npu' computes it; known functions: ",
        ),
        (
            ("softmaxx", "--rows", "1", "--columns", "1"),
            "softmaxx: no unit of 'edgebert_overlapped' computes it; did you mean 'softmax'?",
        ),
        (
            ("silu", "--rows", "1", "--columns", "1", "--set", "sfu.computes=[softmax]"),
            "silu: no unit of 'edgebert_overlapped' computes it; --set sfu.computes=recipes lets",
        ),
        (
            ("square",),
            "square: no unit of 'edgebert_overlapped' computes it; known functions: add, affine, ",
        ),
        (("square",), ", load, store, dram; one of your own comes with --plugins FILE.py"),
        (
            ("convolution", "--rows", "1", "--columns", "1"),
            "convolution: no unit of 'edgebert_overlapped' computes it; an operator that needs a "
            "matrix runs only in a model, with accelsim run; a product by itself is accelsim op ",
        ),
        (
            ("load", "data", "--bytes", "1", *NPU, "--set", "pe_array.rows=1000"),
            "systolic_npu.yaml:33 with --set pe_array.rows=1000: scratchpad: 262144 B hold no ",
        ),
    ],
)
def test_bad_sizes_get_one_message(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["op", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err


@pytest.mark.parametrize(
    ("function", "passes", "auxiliary", "writes"),
    [("softmax", 3, 1, 1), ("layer_norm", 2, 2, 1), ("gelu", 1, 0, 1), ("entropy", 2, 0, 0)],
)
def test_functions_count_all_that_a_run_counts(
    function: str, passes: int, auxiliary: int, writes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = op(capsys, function, "--rows", "32", "--columns", "48")["counts"]
    elements = 32 * 48
    assert counts["activation_buffer.read"] == passes * elements
    assert counts.get("auxiliary_memory.read", 0) == auxiliary * elements
    assert counts.get("activation_buffer.write", 0) == writes * elements


@pytest.mark.parametrize(
    ("beside", "product", "load"),
    # Measured with EdgeBERT's SystemC, to four cycles.
    [("load:256", 2343, 1177), ("mask:256", 2274, 558)],
)
def test_a_product_and_a_load_beside_it_slow_each_other(
    capsys: pytest.CaptureFixture[str], beside: str, product: int, load: int
) -> None:
    found = matmul(capsys, "64x64x64", *CODED, "--beside", beside)
    [note] = found["notes"]  # type: ignore[misc]
    told = [int(number) for number in re.findall("[0-9]+", note)]
    assert told == [pytest.approx(product, abs=4), pytest.approx(load, abs=4)]
    assert found["cycles"] == max(told)


def test_a_port_for_each_direction_slows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    alone = matmul(capsys, "64x64x64")["cycles"]
    assert matmul(capsys, "64x64x64", "--beside", "load:256")["cycles"] == alone


@pytest.mark.parametrize("beside", ["load", "load:", "data:4", "load:-1", "mask:0"])
def test_a_load_that_there_is_not_is_refused(
    capsys: pytest.CaptureFixture[str], beside: str
) -> None:
    sizes = ("--rows", "64", "--columns", "64", "--depth", "64")
    assert run_command_line(["op", "matmul", *sizes, f"--beside={beside}"]) == 2
    assert "--beside: expected" in capsys.readouterr().err


@pytest.mark.parametrize("machine", [CODED, NPU])
def test_every_function_is_a_command(
    machine: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ("--rows", "4", "--columns", "32", *machine)
    file = tmp_path / "square.py"
    file.write_text(example("An operator kind"))
    known = row_recipes()
    assert {"silu", "rms_norm", "relu", "multiply"} < known.keys()
    for name in (*known, "square"):
        counts = op(capsys, name, *sizes, "--plugins", str(file))["counts"]
        assert any(each.endswith(f".{name}") for each in counts), name
    assert run_command_line(["op", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f" {name} " in shown for name in known)


REFUSALS = {
    "load data --bytes 10000000": "weight_buffer holds 1",
    "load mask --bytes 100000": "weight_buffer_masks holds 16384 B",
    "matmul --rows 16 --columns 16 --depth 16 --beside load:100000": "weight_buffer holds 1",
    "matmul --rows 16 --columns 16 --depth 16 --beside load:9 --hw hwconfigs/systolic_npu.yaml": (
        "has no port that loads and sums share"
    ),
    "load data --bytes 16 --set process.temperature=400K": "process.temperature: 400 K is beyond",
    "load data --bytes 16 --set process.node=23nm": "process.node: logic has no 23 nm; it has 22",
    "load data --bytes 16 --set clock.voltage=0.1V": "no clock at all below 0.23 V",
}


@pytest.mark.parametrize(("command", "text"), REFUSALS.items())
def test_what_does_not_fit_is_refused(
    command: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["op", *command.split()]) == 2
    assert text in capsys.readouterr().err


def test_operands_beyond_the_buffers_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = "are taken to lie next to the array"
    for depth, told in (("64", False), ("1000000", True)):
        run_command_line(["op", "matmul", "--rows", "16", "--columns", "16", "--depth", depth])
        assert (text in capsys.readouterr().out) == told


def test_operands_fit_where_operands_lie(capsys: pytest.CaptureFixture[str]) -> None:
    """Masks and sums have room of their own: 128 KiB in each of two buffers hold operands."""
    for depth, told in (("8192", False), ("8193", True)):
        run_command_line(["op", "matmul", "--rows", "16", "--columns", "16", "--depth", depth])
        printed = capsys.readouterr().out
        assert ("where 256 KiB fit" in printed) == told
