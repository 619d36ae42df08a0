"""Closed forms of the blocks: cycles measured on EdgeBERT's SystemC, and rules of the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.machine.components.vector_mac_array import panel_cycles
from accelsim.machine.schema import HardwareConfig, load_hardware
from accelsim.machine.servers import Machine
from accelsim.machine.timing.sfu_timing import MEASURED, routine_of
from accelsim.mapping.accesses import buffer_use, function_use
from accelsim.model.operators import ADD, MULTIPLY, RMS_NORM, SILU
from accelsim.program import Command, Elements, Product, Range, Transfer, Use, Vectors, Words
from accelsim.units import ceil_div, to_ticks

PERIOD = 10**6  # 1 ns in femtoseconds
SIZES = st.integers(1, 200)


def machine(*overrides: str) -> HardwareConfig:
    return load_hardware("hwconfigs/edgebert_overlapped.yaml", overrides)


OVERLAPPED = machine()
SERIAL = machine("pe_array.tile_schedule=serial", "pe_array.write_port=shared")


# Measured from start command to interrupt (SystemC of harvard-acc/EdgeBERT, hw/cmod, n = 16). The
# controller looks for the start command every other cycle: a cycle more or less.
@pytest.mark.parametrize(
    ("shape", "cycles"), [((64, 64, 64), 2271), ((64, 64, 768), 25_503), ((128, 128, 512), 68_127)]
)
def test_serial_matmul_takes_the_measured_cycles(shape: tuple[int, int, int], cycles: int) -> None:
    ours = panel_cycles(SERIAL.pe_array, *shape)
    assert abs(ours - cycles) <= 1
    array = Machine(SERIAL).blocks["pe_array"]
    assert array.book(Use("pe_array", "mac", Product(*shape)), 7) == (7, 7 + ours * PERIOD)


@given(SIZES, SIZES, st.integers(33, 400))
def test_deep_matmul_formula(rows: int, columns: int, depth: int) -> None:
    outputs, deep = -(-rows // 16) * -(-columns // 16), -(-depth // 16)
    serial = panel_cycles(SERIAL.pe_array, rows, columns, depth)
    # The flush of a tile of sums exposes 8 cycles, the last one as much as drains behind it.
    assert abs(serial - (outputs * (33 * deep + 8) + 31)) <= 1
    overlapped = panel_cycles(OVERLAPPED.pe_array, rows, columns, depth)
    assert overlapped == outputs * 16 * deep + 2 * 16 + 19 + OVERLAPPED.pe_array.command_cycles


@given(SIZES, SIZES, SIZES, st.integers(1, 199))
def test_a_matmul_in_whole_tiles_splits_without_loss_but_its_fill(
    rows: int, columns: int, depth: int, at: int
) -> None:
    cut = min(rows, at * 16)
    parts = [cut, rows - cut] if cut < rows else [rows]
    fill = 2 * 16 + 19 + OVERLAPPED.pe_array.command_cycles
    whole = panel_cycles(OVERLAPPED.pe_array, rows, columns, depth) - fill
    assert whole == sum(panel_cycles(OVERLAPPED.pe_array, p, columns, depth) - fill for p in parts)


@pytest.mark.parametrize(
    ("function", "rows", "vectors", "cycles"),
    [("softmax", 128, 8, 59_529), ("layer_norm", 16, 48, 36_137), ("add", 16, 48, 27_688)],
)
def test_special_functions_take_the_measured_cycles(
    function: str, rows: int, vectors: int, cycles: int
) -> None:
    assert OVERLAPPED.sfu.command_cycles(function, rows, vectors) == cycles


@given(st.integers(1, 50), st.integers(2, 50))
def test_special_function_formulas(rows: int, vectors: int) -> None:
    config = OVERLAPPED.sfu
    expected = {"softmax": (58, 1, 9), "layer_norm": (47, 2, 9), "add": (36, 2, 8)}
    for function, (per_vector, per_row, setup) in expected.items():
        cycles = config.command_cycles(function, rows, vectors)
        assert cycles == rows * (per_vector * vectors + per_row) + setup


@given(st.integers(1, 50), st.integers(1, 320), st.integers(2, 5))
def test_a_function_of_more_operands_is_timed_and_counted_turn_by_turn(
    rows: int, columns: int, operands: int
) -> None:
    add = function_use("sfu", ADD, rows, columns, operands)
    turns = function_use("sfu", ADD, rows * (operands - 1), columns, 2)
    assert OVERLAPPED.sfu.cycles(add, OVERLAPPED.site) == OVERLAPPED.sfu.cycles(
        turns, OVERLAPPED.site
    )
    assert add.amount == turns.amount == rows * columns * (operands - 1)
    assert function_use("sfu", SILU, rows, columns, 1).amount == rows * columns


@given(st.integers(1, 50), st.integers(1, 50), st.sampled_from(["softmax", "layer_norm", "gelu"]))
def test_pipelined_reads_pay_one_round_trip_a_pass(rows: int, vectors: int, function: str) -> None:
    pipelined = machine("sfu.pipelined=true").sfu
    passes = {"softmax": 3, "layer_norm": 2, "gelu": 1}[function]
    one = pipelined.command_cycles(function, rows, vectors)
    assert pipelined.command_cycles(function, rows, vectors + 1) - one == rows * passes


@given(st.integers(1, 500), st.sampled_from([1, 2, 3, 8, 64]), st.sampled_from([8, 16, 32]))
def test_masks_pass_no_faster_than_the_bus_and_the_memory_take_them(
    vectors: int, masks_per_cycle: int, lanes: int
) -> None:
    plain = dict.fromkeys(("setup_cycles", "burst_gap_cycles", "store_gap_cycles"), 0)
    config = OVERLAPPED.bus.model_copy(update={**plain, "masks_per_cycle": masks_per_cycle})
    beats, words = ceil_div(vectors * lanes, config.width), ceil_div(vectors, masks_per_cycle)
    use = Use("bus", "transfer", Transfer(0, 0, vectors))
    cycles = config.cycles(use, replace(OVERLAPPED.site, lanes=lanes))
    assert cycles >= beats
    assert cycles >= words
    assert cycles in (beats, words)


@given(st.integers(1, 50), st.integers(1, 50))
def test_what_was_not_measured_sweeps_by_its_recipe(rows: int, vectors: int) -> None:
    pipelined = machine("sfu.pipelined=true").sfu
    for kind in (SILU, MULTIPLY, RMS_NORM):
        reads = kind.recipe.sweeps * kind.operands
        one, two = (pipelined.command_cycles(kind.name, rows, n) for n in (vectors, vectors + 1))
        assert two - one == reads * rows
        alone, both = (OVERLAPPED.sfu.command_cycles(kind.name, n, 3) for n in (1, 2))
        assert both - alone >= reads * 3
    with pytest.raises(ConfigError, match=r"there is no operator kind 'sillu'; did you mean"):
        pipelined.command_cycles("sillu", rows, vectors)


def test_recipes_say_what_was_measured_of_an_add_and_a_layer_norm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured = {name: routine_of(name) for name in ("add", "layer_norm")}
    for name, routine in measured.items():
        monkeypatch.delitem(MEASURED, name)
        assert routine_of(name) == routine


def test_the_special_function_unit_works_on_whole_vectors() -> None:
    unit = Machine(OVERLAPPED).blocks["sfu"]
    assert unit.occupancy(Use("sfu", "softmax", Elements(128, 113)), 0) == 59_529 * PERIOD
    assert unit.occupancy(Use("sfu", "softmax", Elements(128, 112)), 0) < 59_529 * PERIOD


# Data: 64-bit words, masks: one 16-bit mask a cycle (SystemC of harvard-acc/EdgeBERT).
@pytest.mark.parametrize(
    ("moved", "cycles"),
    [
        (Transfer(4096), 529),
        (Transfer(0, 512, 256), 268),
        (Transfer(0, 8192, 4096), 4123),
        (Transfer(4096, 512, 256), 797),
    ],
)
def test_bus_loads_take_the_measured_cycles(moved: Transfer, cycles: int) -> None:
    bus = Machine(OVERLAPPED).blocks["bus"]
    assert bus.occupancy(Use("bus", "transfer", moved), 0) == cycles * PERIOD


@given(st.integers(1, 10**5), st.integers(0, 10**5))
def test_bus_formula(data_bytes: int, masks: int) -> None:
    words = -(-data_bytes // 8)
    cycles = words + 12 + 5 * (-(-words // 256) - 1)
    if masks:
        cycles += masks + 12 + 5 * (-(-masks // 1024) - 1)
    bus = Machine(OVERLAPPED).blocks["bus"]
    moved = Transfer(data_bytes, 2 * masks, masks)
    assert bus.occupancy(Use("bus", "transfer", moved), 0) == cycles * PERIOD


@given(st.sampled_from([8, 64, 128, 256, 1024, 4096]), st.integers(1, 10**5), st.integers(0, 5))
def test_no_burst_crosses_a_page_and_each_waits_for_whom_it_asks(
    width: int, data_bytes: int, wait: int
) -> None:
    bus = Machine(machine(f"bus.width={width} b")).blocks["bus"]
    beats = -(-8 * data_bytes // width)
    bursts = -(-beats // min(256, 8 * 4096 // width))
    cycles = beats + 12 + 5 * (bursts - 1) + wait * bursts
    moved = Transfer(data_bytes, wait=wait)
    assert bus.occupancy(Use("bus", "transfer", moved), 0) == cycles * PERIOD


@pytest.mark.parametrize("factor", [2, 10, 64])
def test_a_wide_bus_costs_registers_in_proportion(factor: int) -> None:
    """In area, leakage and each cycle; a byte charges as many wires as before."""
    usual, wide = (machine(f"bus.width={width} b").datasheets["bus"] for width in (64, 64 * factor))
    assert usual.cycle > 0
    for name in ("area", "leakage", "cycle"):
        assert getattr(wide, name) == pytest.approx(factor * getattr(usual, name))
    assert wide.prices == usual.prices


@pytest.mark.parametrize("width", ["4 b", "4104 b", "1000000 b"])
def test_no_bus_is_narrower_than_a_byte_or_wider_than_any_array(width: str) -> None:
    with pytest.raises(ConfigError, match=r"bus\.width: .*(8|4096)"):
        machine(f"bus.width={width}")


@given(st.integers(1, 10**4))
def test_host_and_codec(amount: int) -> None:
    host, codec = (Machine(OVERLAPPED).blocks[name] for name in ("host", "codec"))
    assert host.occupancy(Use("host", "register_write", Command(amount)), 0) == 4 * amount * PERIOD
    assert (
        codec.occupancy(Use("codec", "decode", Vectors(2 * amount, amount)), 0) == amount * PERIOD
    )


@given(st.integers(1, 10**4), st.sampled_from([1, 2, 4, 8]))
def test_banks_take_turns_and_the_port_takes_one_word_a_cycle(words: int, banks: int) -> None:
    memory = Machine(machine(f"memories.rram.banks={banks}")).blocks["rram"]
    one = memory.occupancy(Use("rram", "write", Words(1)), 0)
    many = memory.occupancy(Use("rram", "write", Words(words)), 0)
    assert one > banks * PERIOD  # The array is slow enough for the banks to matter.
    assert many == ceil_div(words, banks) * one
    assert memory.occupancy(Use("rram", "read", Words(words)), 0) >= words * PERIOD


def test_buffers_move_one_vector_a_cycle_in_each_direction() -> None:
    blocks = Machine(OVERLAPPED)
    read, write = (blocks.port("weight_buffer", action) for action in ("read", "write"))
    assert read is not write
    assert (
        write.occupancy(buffer_use(OVERLAPPED.datapath.lanes, "weight_buffer", "write", 33), 0)
        == 3 * PERIOD
    )
    assert read.occupancy(Use("weight_buffer", "read", Vectors(33, 700)), 0) == 700 * PERIOD


def test_a_wake_up_takes_its_time() -> None:
    supply = Machine(machine('power.wake_up_time="3 us"')).blocks["power"]
    assert supply.occupancy(Use("power", "wake_up", Command()), 0) == to_ticks(3e-6)


def test_dram_pieces_are_accesses_of_their_own() -> None:
    size = 64
    scattered, alone = Machine(OVERLAPPED).dram, Machine(OVERLAPPED).dram
    assert scattered is not None
    assert alone is not None
    page = 1 << 20
    scattered.book(Use("dram", "read", Range(0, size, 4, page)), 0)
    for piece in range(4):
        alone.book(Use("dram", "read", Range(piece * page, size)), alone.free_at)
    assert scattered.free_at == alone.free_at
    assert scattered.channel.counts == alone.channel.counts
    assert scattered.channel.counts["activate"] == 4
