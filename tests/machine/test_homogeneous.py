"""Prices are sums of products: twice every energy is twice every price, and no line is a credit."""

from __future__ import annotations

import json
from functools import lru_cache
from types import SimpleNamespace

import pytest

from accelsim.machine.components.base import Datasheet
from accelsim.machine.schema import load_hardware
from accelsim.memory.logic import scaled_logic

# Every energy of arrays, logic and DRAM that a factor can change, each once.
ENERGIES = (
    "arrays.read_energy",
    "arrays.write_energy",
    "dram.access",
    "logic.mac.energy",
    "logic.flip_flop.clock",
    "logic.flip_flop.clock_tree",
    "logic.flip_flop.data",
    "logic.banks.energy_per_bit",
    "logic.wires.energy_per_bit_mm",
    "logic.control.energy_per_lane",
    "logic.host.energy",
    "logic.clock_generator.energy",
    "logic.arithmetic.factor",
)
MACHINES = pytest.mark.parametrize("machine", ["adapter_slc", "systolic_npu"])


@lru_cache
def sheets(machine: str, factors: tuple[str, ...], *more: str) -> dict[str, Datasheet]:
    factored = json.dumps(dict.fromkeys(ENERGIES, 1.0) | dict.fromkeys(factors, 2.0))
    settings = ("process.logic=high", f"process.factors={factored}", *more)
    return dict(load_hardware(f"hwconfigs/{machine}.yaml", settings).datasheets)


def joules(sheets: dict[str, Datasheet]) -> dict[tuple[str, str], float]:
    """Return the price of every action, and of every cycle."""
    found = {(n, a): price.joules for n, s in sheets.items() for a, price in s.prices.items()}
    return found | {(name, "cycle"): sheet.cycle for name, sheet in sheets.items()}


@MACHINES
def test_twice_all_energies_are_twice_all_prices_and_nothing_else(machine: str) -> None:
    plain, double = sheets(machine, ()), sheets(machine, ENERGIES)
    before = joules(plain)
    assert joules(double) == pytest.approx({key: 2 * price for key, price in before.items()})
    assert sum(price > 0 for price in before.values()) > len(before) / 2
    for name, sheet in plain.items():
        other = double[name]
        assert (sheet.area, sheet.leakage, sheet.states) == (
            other.area,
            other.leakage,
            other.states,
        )


@MACHINES
def test_each_energy_adds_to_some_price_and_lowers_none(machine: str) -> None:
    before = joules(sheets(machine, ()))
    for line in ENERGIES:
        after = joules(sheets(machine, (line,)))
        assert all(price >= before[key] for key, price in after.items()), line
        assert after != before, line


@MACHINES
def test_the_wires_of_the_bus_cost_by_their_length(machine: str) -> None:
    short, long = (joules(sheets(machine, (), f"bus.length={n} mm")) for n in (1, 3))
    assert long["host", "register_write"] == pytest.approx(3 * short["host", "register_write"])
    more = long["bus", "transfer"] - short["bus", "transfer"]
    # 32 wires of the host's write, eight of a byte.
    assert more == pytest.approx(2 * short["host", "register_write"] / 4)
    assert {key for key in short if short[key] != long[key]} == {
        ("host", "register_write"),
        ("bus", "transfer"),
        ("bus", "store"),
    }


def test_logic_scales_with_its_node_and_its_supply(monkeypatch: pytest.MonkeyPatch) -> None:
    # What it leaks like is an array of some node: here the same at any.
    like = SimpleNamespace(leakage=3.0, area=2.0)
    monkeypatch.setattr("accelsim.memory.logic.find_array", lambda *_, **__: like)

    def at(nanometers: int, volts: float) -> dict[str, float]:
        logic = scaled_logic(
            "logic", "high", node=nanometers * 1e-9, temperature=350, voltage=volts
        )
        found = {name: value for name, value in vars(logic).items() if isinstance(value, float)}
        circuits = ("mac", "add_8_bit", "add_16_bit", "multiply_16_bit")
        found |= {f"{name} energy": getattr(logic, name).energy for name in circuits}
        found |= {f"{name} area": getattr(logic, name).area for name in circuits}
        for unit, bits in logic.registers.items():
            found |= {f"{unit} {name}": value for name, value in vars(bits).items()}
        return found

    here, large, low = at(22, 0.8), at(44, 0.8), at(22, 0.4)
    assert here["leakage"] == pytest.approx(3 / 2)
    still = {"frequency", "interface_bit", "interface_power", "leakage", "switched_off"}
    wires, own_supply = {"wire", "operand_wire"}, {"bank", "clock_generator"}
    for name, value in here.items():
        longer = 1 if name in still | wires else 4 if "area" in name else 2
        if name == "switched_off":  # fewer switches stand on an area
            longer = 0.5
        assert large[name] == pytest.approx(longer * value), name
        same = name in still | own_supply or "area" in name
        lower = 0.5 if name == "leakage" else 1 if same else 0.25
        assert low[name] == pytest.approx(lower * value), name
