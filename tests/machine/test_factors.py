"""Factors on single figures: each changes what it is of, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from accelsim.errors import ConfigError
from accelsim.machine.rules import known_factors
from accelsim.machine.schema import HardwareConfig, load_hardware
from accelsim.memory.bank_figures import Figures

MACHINE = "hwconfigs/adapter_slc.yaml"


def machine(factors: dict[str, float], *more: str) -> HardwareConfig:
    return load_hardware(MACHINE, (f"process.factors={json.dumps(factors)}", *more))


PLAIN = load_hardware(MACHINE)


def changed(factors: dict[str, float]) -> set[str]:
    """Return the components whose datasheets differ."""
    sheets = machine(factors).datasheets
    return {
        name
        for name, sheet in PLAIN.datasheets.items()
        if replace(sheet, unpriced="") != replace(sheets[name], unpriced="")
    }


@pytest.mark.parametrize("figure", Figures._fields)
@pytest.mark.parametrize("section", ["RRAM", "arrays"])
def test_a_factor_is_of_one_figure_of_an_array(section: str, figure: str) -> None:
    for name, region in machine({f"{section}.{figure}": 3.0}).regions.items():
        before = PLAIN.regions[name].array
        by = 3.0 if section == "arrays" or before.technology == "RRAM" else 1.0
        for each in Figures._fields:
            factor = by if each == figure else 1.0
            assert getattr(region.array, each) == getattr(before, each) * factor


def test_factors_of_all_arrays_and_of_a_technology_multiply() -> None:
    both = machine({"RRAM.area": 2.0, "arrays.area": 1.5}).regions
    assert both["rram"].area == pytest.approx(3 * PLAIN.regions["rram"].area, rel=1e-12)
    assert both["sram"].area == pytest.approx(1.5 * PLAIN.regions["sram"].area, rel=1e-12)


def test_retention_leaks_in_proportion() -> None:
    measured = load_hardware(MACHINE, ("process.source=silicon",)).regions["sram"]
    half = machine({"SRAM_htree.leakage": 0.5}, "process.source=silicon").regions["sram"]
    assert half.leakage == pytest.approx(0.5 * measured.leakage, rel=1e-12)
    assert half.kept == pytest.approx(measured.kept, rel=1e-12)


def test_memories_of_several_banks_have_the_factor_once() -> None:
    banks = "memories.rram.banks=4"
    plain, more = load_hardware(MACHINE, (banks,)), machine({"RRAM.area": 2.0}, banks)
    assert more.regions["rram"].area == pytest.approx(2 * plain.regions["rram"].area, rel=1e-12)


@pytest.mark.parametrize(
    ("figure", "components"),
    [
        ("logic.mac.energy", {"pe_array"}),
        ("logic.host.energy", {"host"}),
        ("logic.wires.operand_length", {"weight_buffer", "activation_buffer", "auxiliary_memory"}),
        ("dram.standby", {"dram"}),
    ],
)
def test_a_line_of_the_logic_is_of_its_components(figure: str, components: set[str]) -> None:
    assert changed({figure: 0.5}) == components
    typical = 0.0 if figure == "logic.host.energy" else 1.0
    assert changed({figure: typical}) == set()


def test_a_line_without_a_typical_figure_has_its_high_one() -> None:
    high = load_hardware(MACHINE, ("process.logic=high",)).datasheets["host"]
    assert machine({"logic.host.energy": 1.0}).datasheets["host"].cycle == high.cycle > 0


def test_a_byte_from_outside_costs_as_much_more() -> None:
    before, after = PLAIN.datasheets["dram"], machine({"dram.access": 0.5}).datasheets["dram"]
    assert {a: p.joules for a, p in after.prices.items()} == {
        a: p.joules * 0.5 for a, p in before.prices.items()
    }
    assert after.states == before.states


def test_prices_move_no_tick_and_whole_cycles_alone_do() -> None:
    prices = {name: 1.7 for name in known_factors(PLAIN) if "latency" not in name}
    assert machine(prices).timing == PLAIN.timing
    assert machine(prices).layout == PLAIN.layout
    read = PLAIN.regions["rram"].array.read_latency
    # At one operating point: lower ones have longer cycles, of which the read takes fewer.
    known, just, over = (
        machine({"RRAM.read_latency": ns * 1e-9 / read}, "scaling=null").timing
        for ns in (1e9 * read, 1.999, 2.001)
    )
    assert known == just != over


def test_an_unknown_figure_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no figure 'RRAM\.red_energy'; did you mean 'RRAM\.re"):
        machine({"RRAM.red_energy": 2.0})
    with pytest.raises(ConfigError, match=r"no figure 'STT\.area'"):
        machine({"STT.area": 2.0})
    with pytest.raises(ConfigError, match="greater than or equal to 0"):
        machine({"RRAM.area": -1.0})
