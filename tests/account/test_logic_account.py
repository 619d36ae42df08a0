"""The account of the logic: each line by hand, and a clock that is paid by the cycle."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_workload import small_results

from accelsim.account.prices import price_list
from accelsim.errors import ConfigError
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.single import OperatorResult, matmul, run_alone
from accelsim.machine.chip_state import ChipState, PowerState
from accelsim.machine.components.base import Datasheet, Part
from accelsim.machine.components.bit_mask_codec import CodecConfig
from accelsim.machine.components.clocked import CycleServer
from accelsim.machine.components.server import Server
from accelsim.machine.schema import HardwareConfig, load_hardware
from accelsim.machine.site import Site
from accelsim.program import Product, SegmentBuilder, Transfer, Use

GRADES = ("low", "typical", "high")
FEMTO, PICO = 1e-15, 1e-12
# fJ: a MAC; a changed bit; a flip-flop and its clock tree each cycle; a bit of a bank; a bit over
# the wires to the datapath; pJ of control a lane and of the host a cycle.
LINES = {
    "low": (100, 2.0, 1.4 + 0.8, 40, 32 * 0.3, 0.0, 0.0),
    "typical": (200, 2.5, 2.5 + 1.6, 90, 50 * 0.5, 0.0, 0.0),
    "high": (450, 3.5, 3.9 + 2.5, 200, 75 * 0.8, 1.44, 26.0),
}
# Bits of registers a MAC and a lane, bits that change in a MAC, bits of a special function's lane.
VECTOR_MACS = {"low": (5, 32, 3, 16), "typical": (20, 40, 6, 48), "high": (48, 0, 12, 96)}
# Bits of registers of a wire of the bus.
BUS_BITS = {"low": 1, "typical": 2, "high": 4}
SYSTOLIC = {"low": (32, 0, 10, 16), "typical": (48, 0, 13, 48), "high": (72, 0, 20, 96)}


def machine(*settings: str, name: str = "edgebert_overlapped") -> HardwareConfig:
    return load_hardware(f"hwconfigs/{name}.yaml", settings)


def graded(grade: str, name: str = "edgebert_overlapped") -> HardwareConfig:
    return machine(f"process.logic={grade}", name=name)


@pytest.mark.parametrize("grade", GRADES)
@pytest.mark.parametrize(
    ("name", "registers"),
    [("edgebert_overlapped", VECTOR_MACS), ("systolic_npu", SYSTOLIC)],
)
def test_a_product_costs_its_lines(
    grade: str, name: str, registers: dict[str, tuple[float, ...]]
) -> None:
    mac, change, flip_flop, bank, wires, control, host = LINES[grade]
    per_mac, per_lane, changes, lane_bits = registers[grade]
    hardware = graded(grade, name)
    found = run_alone(hardware, matmul(hardware, 64, 64, 64))
    expected = 64**3 * (mac + changes * change) * FEMTO
    assert found.dynamic["pe_array", "mac"] == pytest.approx(expected)
    cycle = (256 * per_mac + 16 * per_lane + 16 * lane_bits) * flip_flop * FEMTO
    cycle += hardware.bus.width * BUS_BITS[grade] * flip_flop * FEMTO
    cycle += (16 * control + host + hardware.datasheets["power"].cycle / PICO) * PICO
    assert found.clock == pytest.approx(found.duration / found.period * cycle)
    buffer = "scratchpad" if name == "systolic_npu" else "weight_buffer"
    # An array that is dearer than the least bank costs what it costs.
    own = hardware.regions[buffer].read_energy / hardware.regions[buffer].word_bytes
    byte = max(own, 8 * bank * FEMTO) + 8 * wires * FEMTO
    joules = found.dynamic[buffer, "read"] / found.amounts[buffer, "read"]
    assert joules == pytest.approx(byte)


@pytest.mark.parametrize(
    ("regulator", "power"), [("{kind: ldo, input: 0.8 V}", 1), ("{kind: buck, efficiency: 1}", 2)]
)
def test_logic_falls_with_the_supply_as_the_regulator_lets_it(regulator: str, power: int) -> None:
    settings = (f"power.regulator={regulator}", "process.logic=high", "scaling=null")
    full, low = (machine(*settings, f"clock.voltage={volts} V").datasheets for volts in (0.8, 0.6))
    for block in ("pe_array", "sfu", "host"):
        assert low[block].cycle == pytest.approx(full[block].cycle * 0.75**power)
    before, after = (sheets["pe_array"].prices["mac"].joules for sheets in (full, low))
    assert after == pytest.approx(before * 0.75**power)
    # The clock's generator has a supply of its own.
    assert low["power"].cycle == full["power"].cycle > 0


@pytest.mark.parametrize(("grade", "total"), [("low", 172), ("typical", 422), ("high", 1249)])
def test_a_mac_that_never_waits_costs_the_sum_of_the_account(grade: str, total: float) -> None:
    sheets = graded(grade).datasheets
    cycle = sheets["pe_array"].cycle + sheets["host"].cycle
    per_bit = sheets["weight_buffer"].prices["read"].joules / 8
    joules = sheets["pe_array"].prices["mac"].joules + cycle / 256 + per_bit
    # The account rounds its lines to whole femtojoules.
    assert joules / FEMTO == pytest.approx(total, abs=2)


def test_what_costs_nothing_is_told() -> None:
    assert graded("high").datasheets["power"].unpriced == ""
    told = graded("typical").datasheets["power"].unpriced
    assert all(name in told for name in ("control", "the host", "generator", "PHY"))


def stalled(hardware: HardwareConfig) -> OperatorResult:
    builder = SegmentBuilder("stalled")
    builder.add("load", "weights", [Use("bus", "transfer", Transfer(64 * 1024))])
    builder.add("compute", "product", [Use("pe_array", "mac", Product(64, 64, 64))], [0])
    return run_alone(hardware, builder.build())


@pytest.mark.parametrize("grade", GRADES)
def test_a_stalled_array_pays_for_its_clock_and_gating_saves_just_that(grade: str) -> None:
    logic, gating = f"process.logic={grade}", "power.clock_gating=blocks"
    fast, slow = stalled(machine(logic)), stalled(machine(logic, "bus.width=32 b"))
    assert slow.amounts == fast.amounts
    assert slow.dynamic == fast.dynamic
    cycles, narrow = (
        {name: sheet.cycle for name, sheet in machine(logic, *bus).datasheets.items()}
        for bus in ((), ("bus.width=32 b",))
    )
    assert narrow == {**cycles, "bus": cycles["bus"] / 2}
    waited = slow.cycles - fast.cycles
    assert waited == 64 * 1024 // 8 + 5 * (64 * 1024 // 4 // 256 - 64 * 1024 // 8 // 256)
    assert fast.clock == pytest.approx(fast.cycles * sum(cycles.values()))
    assert slow.clock == pytest.approx(slow.cycles * sum(narrow.values()))
    gated = stalled(machine(logic, gating))
    assert gated.dynamic == fast.dynamic
    assert gated.leakage == fast.leakage
    # Array and bus are busy one after the other; the clock's generator never stops.
    idle = fast.cycles - busy_cycles(fast)
    saved = cycles["pe_array"] * idle + (cycles["sfu"] + cycles["host"]) * fast.cycles
    saved += cycles["bus"] * (fast.cycles - (64 * 1024 // 8 + 12 + 5 * 31))
    assert fast.clock - gated.clock == pytest.approx(saved)
    assert gated.clock < fast.clock


def busy_cycles(result: OperatorResult) -> int:
    alone = run_alone(machine(), matmul(machine(), 64, 64, 64))
    assert alone.amounts["pe_array", "mac"] == result.amounts["pe_array", "mac"]
    return alone.cycles


SLEEPY = (
    "requests={pattern: poisson, mean_interval: 2 ms, duration: 20 ms}",
    "idle={policy: timeout, clock_gated_after: 100 us, off_after: 1 ms}",
    "early_exit={exit_layer: {mean: 2}, latency_target: 1 ms, prediction: exact}",
)


def test_clocks_are_counted_in_whole_ticks_and_gating_saves_the_idle_ones() -> None:
    free = small_results(*SLEEPY)["vanilla_mixed"]
    gated = small_results(*SLEEPY, "hardware.power.clock_gating=blocks")["vanilla_mixed"]
    on = {
        state: ticks
        for state, ticks in free.run.ledger.chip_states.items()
        if ticks and state.power in (PowerState.ACTIVE, PowerState.IDLE)
    }
    assert len(on) > 2
    assert gated.run.ledger.chip_states == free.run.ledger.chip_states
    prices, saved = free.figures.prices, 0.0
    assert prices.cycles == gated.figures.prices.cycles
    for port in ("pe_array", "sfu", "bus", "weight_buffer.read"):
        ran, busy = clocks(free, port), clocks(gated, port)
        assert ran == on
        assert sum(busy.values()) == gated.run.ledger.busy[port] == free.run.ledger.busy[port]
        for state, ticks in ran.items() if port in prices.cycles else ():
            idle = (ticks - busy.get(state, 0)) / prices.supplies.periods[state.point]
            saved += idle * prices.cycles[port] * prices.supplies.dynamic(state.point, port)
    assert saved > 0
    before, after = free.figures.account, gated.figures.account
    assert before.total - after.total == pytest.approx(saved, rel=1e-9)
    assert before.dynamic == after.dynamic


def clocks(case: CaseResult, port: str) -> dict[ChipState, int]:
    found = case.run.ledger.clocks.items()
    return {clock.state: ticks for clock, ticks in found if clock.port == port}


class Ticking(CodecConfig):
    """A codec of no port, or of two, whose clock has a price."""

    ports: int

    def servers(self, name: str, site: Site) -> dict[str, Server]:
        return {f"{n}": CycleServer(f"{name}.{n}", site.period, len) for n in range(self.ports)}

    def datasheet(self, name: str, site: Site) -> Datasheet:
        return Datasheet(Part.COMPUTE, {}, cycle=1e-12)


@pytest.mark.parametrize("ports", [0, 2])
def test_a_clock_with_a_price_belongs_to_one_port(ports: int) -> None:
    odd = machine().changed(codec=Ticking(kind="bit_mask_codec", ports=ports))
    with pytest.raises(ConfigError, match=f"^codec: .* one clocked server, got {ports}; "):
        price_list(odd)


def test_at_its_worst_a_dram_pays_for_controller_and_phy() -> None:
    typical, high = (graded(grade).datasheets["dram"] for grade in ("typical", "high"))
    bits = 8 * 32
    for action in typical.prices:
        extra = high.prices[action].joules - typical.prices[action].joules
        assert extra == pytest.approx(4e-12 * bits if action.endswith("_burst") else 0.0)
    sites = [(each.dram, each.site) for each in map(graded, ("typical", "high"))]
    for action in ("read", "write"):
        usual, most = (dram.byte_energy(action, site) for dram, site in sites)
        assert most - usual == pytest.approx(4e-12 * 8)
    for state, watts in typical.states.items():
        runs = state.endswith("_standby")
        assert high.states[state] - watts == pytest.approx(0.15 if runs else 0.0)


def test_a_line_that_does_not_ascend_is_refused(tmp_path: Path) -> None:
    text = Path("hwconfigs/technologies/logic.yaml").read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("low: 100 fJ, typical: 200", "low: 100 fJ, typical: 20"))
    with pytest.raises(ConfigError, match=r"mine.yaml:\d+: mac.energy: low, typical and high must"):
        _ = machine(f"process.logic_file={path}").site.logic
