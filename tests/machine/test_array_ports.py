"""Every port of every array takes the whole cycles of its array, and pays for whole words."""

from __future__ import annotations

import itertools
import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.evaluation import single
from accelsim.machine.components.buffers import BufferConfig, BufferPort
from accelsim.machine.schema import HardwareConfig, load_hardware
from accelsim.machine.servers import Machine
from accelsim.machine.timing.sfu_timing import routine_of
from accelsim.program import CodeWords, Use, Vectors, Words
from accelsim.units import ceil_div, to_ticks

FOLDER = "hwconfigs"


def machine(*settings: str) -> HardwareConfig:
    return load_hardware(f"{FOLDER}/edgebert_overlapped.yaml", settings)


def price(hardware: HardwareConfig, action: str) -> float:
    """Return what a whole vector of the weight buffer costs [J]."""
    byte: float = hardware.datasheets["weight_buffer"].prices[action].joules
    return byte * hardware.datapath.lanes


def test_a_slow_array_gives_a_vector_every_fourteen_cycles() -> None:
    slow = machine("weight_buffer.target=Area")
    latency = slow.regions["weight_buffer"].array.read_latency
    # 128 KiB of NVSim take 13.07 ns, the wires to 16 KiB more 0.04 ns.
    assert 13e-9 < latency <= 14e-9
    vectors = 4 * 4 * 64  # each 16 x 16 tile of the result reads 64 vectors
    assert single.run_alone(slow, single.matmul(slow, 64, 64, 64)).cycles == 14 * vectors


def test_a_write_takes_the_pulse_of_the_technology() -> None:
    slow = machine("weight_buffer.technology=pcm")
    loaded = single.run_alone(slow, single.load(slow, "data", 2048))
    latency = slow.regions["weight_buffer"].array.write_latency
    assert latency > 150e-9
    assert loaded.cycles == 2048 // 16 * math.ceil(latency * 1e9)


@pytest.mark.parametrize("function", ["softmax", "layer_norm", "add", "gelu"])
@pytest.mark.parametrize("block", ["activation_buffer", "auxiliary_memory"])
def test_a_function_waits_for_each_vector_of_a_slow_memory(function: str, block: str) -> None:
    slow = machine(f"{block}.target=Area")
    fast_cycles, slow_cycles = (
        single.run_alone(each, single.special_function(each, function, 8, 64)).cycles
        for each in (machine(), slow)
    )
    routine = routine_of(function)
    reads = sum(routine.reads) if block == "activation_buffer" else routine.auxiliary_reads
    more = math.ceil(slow.regions[block].array.read_latency * 1e9) - 1
    assert more > 1
    assert slow_cycles - fast_cycles == 8 * 4 * reads * more


def test_a_mask_memory_takes_a_word_for_each_vector() -> None:
    slow = machine("weight_buffer.technology=pcm")
    cycles = math.ceil(slow.regions["weight_buffer"].array.write_latency * 1e9)
    masks = single.run_alone(slow, single.load(slow, "mask", 64))
    assert masks.cycles == 8 * 64 // 16 * cycles


@pytest.mark.parametrize("size", [4, 8, 16, 32, 128])
def test_each_access_that_takes_time_costs_a_word_of_the_table_or_a_vector(size: int) -> None:
    hardware = machine(f"pe_array.vector_size={size}")
    masks, least = 8 * 2048 // size, min(size, 8)
    write = single.run_alone(hardware, single.load(hardware, "mask", 2048))
    assert write.amounts["weight_buffer", "write"] == max(2048, masks * least)
    for density in (0.0, 1 / 16, 0.5, 1.0):
        product = single.matmul(hardware, 128, 128, 128, density, density)
        amounts = single.run_alone(hardware, product).amounts
        vectors = 128 * 128 * 128 // size**2
        stored, encoded = density * vectors * size, max(vectors * least, vectors * size / 8)
        for buffer in ("weight_buffer", "activation_buffer"):
            assert amounts[buffer, "read"] == max(vectors * least, stored) + encoded


@given(
    vectors=st.integers(1, 1000),
    technology=st.sampled_from(["sram", "sram_htree", "rram", "pcm", "stt"]),
    megahertz=st.integers(50, 20_000),
    action=st.sampled_from(["read", "write"]),
    block=st.sampled_from(["weight_buffer", "auxiliary_memory"]),
)
def test_a_port_is_as_slow_as_its_array_and_less_than_a_cycle_slower(
    vectors: int, technology: str, megahertz: int, action: str, block: str
) -> None:
    law = f"clock.law.frequency={megahertz} MHz"
    hardware = machine(law, f"{block}.technology={technology}", "scaling=null")
    servers, array = Machine(hardware), hardware.regions[block].array
    latency = to_ticks(getattr(array, f"{action}_latency"))
    use = Use(block, action, Vectors(16 * vectors, vectors))
    ticks = servers.port(block, action).occupancy(use, 0)
    assert ticks == vectors * ceil_div(latency, servers.period) * servers.period


@pytest.mark.parametrize("memories", [False, True])
def test_a_slower_clock_needs_fewer_cycles_unless_the_array_follows_the_supply(
    memories: bool,
) -> None:
    hardware = machine("weight_buffer.target=Area", f"scaling.memories={str(memories).lower()}")
    servers = Machine(hardware)
    port = servers.blocks["weight_buffer.read"]
    assert isinstance(port, BufferPort)
    servers.move_to(hardware.lower_points[0])
    assert port.word_cycles["read"] == (14 if memories else 9)


@pytest.mark.parametrize(
    "name", ["edgebert", "edgebert_overlapped", "adapter_mixed", "vanilla_slc", "systolic_npu"]
)
def test_shipped_buffers_answer_in_a_cycle(name: str) -> None:
    hardware = load_hardware(f"{FOLDER}/{name}.yaml")
    buffers = [n for n, each in hardware.components.items() if isinstance(each, BufferConfig)]
    assert len(buffers) >= 2
    for port, action in itertools.product(buffers, ("read", "write")):
        server = Machine(hardware).port(port, action)
        assert isinstance(server, BufferPort)
        assert server.word_cycles[action] == 1


def test_a_turn_at_the_activations_is_a_word_at_least() -> None:
    servers = Machine(machine("bus.burst_beats=1"))
    assert 0 < 8 * servers.dram_turn < servers.hardware.memories["activation_sram"].word
    word = Use("activation_sram", "read", Words(1))
    ticks = servers.port("activation_sram", "read").occupancy(word, 0)
    assert servers.bursts["activation_sram"] == ticks


@pytest.mark.parametrize("words", [1, 7])
def test_a_codec_streams_behind_its_memory_and_is_a_few_cycles_late(words: int) -> None:
    servers = Machine(machine())
    use = Use("rram", "correct_64", CodeWords(words, 3))
    assert servers.port("rram", "correct_64").occupancy(use, 0) == 3 * servers.period


def test_a_systolic_array_does_not_wait_for_a_buffer() -> None:
    path, slow = f"{FOLDER}/systolic_npu.yaml", "scratchpad.target=Area"
    refused = r"scratchpad answers in 9\.7\d ns, .* at 10[23] MHz or less, or choose another"
    with pytest.raises(ConfigError, match=refused):
        single.matmul(load_hardware(path, (slow,)), 64, 64, 64)
    clocked = load_hardware(path, (slow, "clock.frequency=100 MHz"))
    assert single.run_alone(clocked, single.matmul(clocked, 64, 64, 64)).cycles > 0


def test_two_machines_with_other_latencies_of_a_buffer_share_no_run() -> None:
    fast, slow = machine(), machine("weight_buffer.target=Area")
    assert fast.timing != slow.timing


def test_a_narrow_vector_pays_for_the_whole_word() -> None:
    narrow, word = machine("pe_array.vector_size=1"), machine("pe_array.vector_size=8")
    for action in ("read", "write"):
        assert price(narrow, action) == pytest.approx(price(word, action))


@pytest.mark.parametrize("technology", ["sram_htree", "sram", "rram", "stt", "fefet"])
@pytest.mark.parametrize("capacity", ["128 KiB", "512 KiB", "4 MiB"])
def test_a_word_of_a_memory_never_gets_cheaper_as_it_widens(technology: str, capacity: str) -> None:
    found = []
    for word in (64, 128, 256, 512):
        memory = f"{{technology: {technology}, capacity: {capacity}, word: {word} b}}"
        with suppress(ConfigError):  # words and capacities outside the table are refused
            found.append(machine(f"memories.sram={memory}").datasheets["sram"].prices)
    assert len(found) >= 2
    for narrow, wide in itertools.pairwise(found):
        for action in ("read", "write"):
            assert wide[action].joules >= narrow[action].joules


@pytest.mark.parametrize("technology", ["sram_htree", "sram", "rram", "pcm", "stt"])
@pytest.mark.parametrize("capacity", ["16 KiB", "112 KiB", "496 KiB", "2032 KiB"])
def test_an_access_never_gets_cheaper_as_its_word_widens(technology: str, capacity: str) -> None:
    where = (f"weight_buffer.technology={technology}", f"weight_buffer.data={capacity}")
    widths = [machine(f"pe_array.vector_size={2**n}", *where) for n in range(9)]
    for action in ("read", "write"):
        costs = [price(each, action) for each in widths]
        assert all(wide >= 0.9999 * narrow for narrow, wide in itertools.pairwise(costs)), costs
