"""What was built and measured takes the place of NVSim's figures, and says what it does not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_workload import small_workload

from accelsim.account.prices import price_list
from accelsim.errors import ConfigError
from accelsim.evaluation.stages import run_workload
from accelsim.machine.chip_state import ChipState, PowerState
from accelsim.machine.programming import programming_cost
from accelsim.machine.regions import Region
from accelsim.machine.schema import HardwareConfig, load_hardware
from accelsim.memory.arrays import Array, find_array
from accelsim.memory.silicon import as_built, load_silicon, written_as_built
from accelsim.memory.technology import Grade, load_technology
from accelsim.report.cautions import remarks
from accelsim.study.validation.check import reference_folder
from accelsim.study.validation.silicon import built_gaps
from accelsim.workload.schema import load_workload

MIB = 2**20
grades = st.sampled_from(["low", "typical", "high"])


def array(name: str, mebibytes: float, grade: Grade = "typical", **query: Any) -> Array:
    technology, capacity = load_technology(name), int(mebibytes * MIB)
    return find_array(technology, capacity=capacity, word=128, grade=grade, **query)


def machine(*settings: str) -> HardwareConfig:
    return load_hardware("hwconfigs/vanilla_slc.yaml", ("process.source=silicon", *settings))


@given(grades, st.floats(300, 350))
def test_retained_sram_keeps_20_to_100_microwatts_at_25_degrees(
    grade: Grade, temperature: float
) -> None:
    """What it keeps grows with leakage and temperature, and is never more than it leaks."""
    built = as_built(array("SRAM_htree", 2.5, grade, temperature=temperature))
    assert built.retained_leakage is not None
    known = load_silicon().leakage
    heat = 2 ** ((temperature - known.temperature) / (known.doubling.at(grade) or math.inf))
    assert 18e-6 < built.retained_leakage / 2.5 / heat < 102e-6
    assert built.retained_leakage < built.leakage


@pytest.mark.parametrize(
    ("bits_per_cell", "low", "high"), [(1, 0.398e-9, 0.51e-9), (2, 1.04e-9, 3.1e-9)]
)
def test_writing_rram_costs_what_its_macro_took(
    bits_per_cell: int, low: float, high: float
) -> None:
    """4.5 MB take 14 to 18 mJ in one-bit cells and 37 to 112 mJ in two-bit cells, verified."""
    bits = 8 * 4_500_000
    costs = []
    for grade in ("low", "typical", "high"):
        built = as_built(array("RRAM", 4.5, grade, bits_per_cell=bits_per_cell))
        region = Region("rram", "parameters", built, 1, 1, built.capacity)
        costs.append(programming_cost(region, bits))
        assert (costs[-1].verify_joules, costs[-1].pulses) == (0, None)
    assert [cost.joules for cost in costs] == sorted(cost.joules for cost in costs)
    assert costs[0].joules == pytest.approx(bits * low)
    assert costs[-1].joules == pytest.approx(bits * high)
    assert 1 < costs[1].seconds < 30


@given(grades, st.sampled_from([("SRAM", 1), ("SRAM_htree", 1), ("RRAM", 1), ("RRAM", 2)]))
def test_what_was_not_measured_stays_and_is_named(grade: Grade, kind: tuple[str, int]) -> None:
    known = array(kind[0], 1, grade, bits_per_cell=kind[1])
    built = as_built(known)
    said = next((text for text in built.warnings if text.startswith("not measured")), "")
    for figure in (
        "area", "read_latency", "write_latency", "read_energy", "write_energy", "leakage"
    ):  # fmt: skip
        same = getattr(built, figure) == getattr(known, figure)
        assert same == (figure.replace("_", " ") in said)
    assert built.source.startswith("silicon.yaml: ")
    assert not built.exact


def test_a_technology_without_measurements_is_nvsims() -> None:
    known = find_array(load_technology("STT"), capacity=MIB, word=64)
    built = as_built(known)
    assert built.warnings == ("nothing was measured for STT, 1 b/cell: figures are NVSim's",)
    assert (built.area, built.leakage, built.source) == (known.area, known.leakage, known.source)


def test_no_grade_of_what_was_measured_falls_back_on_nvsim(tmp_path: Path) -> None:
    """RRAM of grade high leaks as EMBER, not as NVSim's; a file that leaves it open is refused."""
    built = as_built(array("RRAM", 4.5, "high"))
    assert built.leakage == pytest.approx(4.5 * 14e-6 * 2 ** (52 / 10))
    text = Path("hwconfigs/technologies/silicon.yaml").read_text()
    assert text.count("      high: 14 uW\n") == 1
    lacking = tmp_path / "mine.yaml"
    lacking.write_text(text.replace("      high: 14 uW\n", ""))
    with pytest.raises(ConfigError, match=r"leakage_per_mebibyte: no 'high' of 'leakage'; repeat"):
        load_silicon(str(lacking))


def test_a_run_tells_what_of_its_memories_nobody_measured() -> None:
    told = remarks(run_workload(small_workload("hardware.process.source=silicon")))
    sram = [text for text in told if text.startswith("half built") and " sram" in text]
    assert "read latency, write latency, read energy, write energy: NVSim's" in sram[0]
    assert not [text for text in told if "all figures" in text]
    unknown = ("hardware.process.source=silicon", "hardware.memories.sram.technology=STT")
    told = remarks(run_workload(small_workload(*unknown)))
    [stt] = [text for text in told if text.startswith("not as built: ")]
    assert "sram nobody measured anything: all their figures are NVSim's" in stt
    assert not [text for text in told if text.startswith("half built") and "sram nobody" in text]
    nvsim = remarks(run_workload(small_workload()))
    assert not [text for text in nvsim if text.startswith(("half built", "not as built"))]


@pytest.mark.parametrize("bits_per_cell", [1, 2, 3])
def test_an_array_is_written_as_built_where_that_was_measured(bits_per_cell: int) -> None:
    known = array("RRAM" if bits_per_cell < 3 else "RRAM_3bit", 1, bits_per_cell=bits_per_cell)
    found = written_as_built(known)
    if bits_per_cell == 3:
        assert found is None
        return
    assert found is not None
    assert found.write_energy == pytest.approx(128 * {1: 459e-12, 2: 2e-9}[bits_per_cell])
    assert (found.leakage, found.read_energy) == (known.leakage, known.read_energy)


@given(st.sampled_from(["leakage", "retained_leakage"]), st.floats(300, 340))
def test_ten_kelvin_double_what_leaks(figure: str, temperature: float) -> None:
    cold, hot = (
        as_built(array("SRAM", 1, temperature=kelvin)) for kelvin in (temperature, temperature + 10)
    )
    assert getattr(hot, figure) == pytest.approx(2 * getattr(cold, figure))


def test_a_typical_figure_never_rests_on_recollection() -> None:
    """Figures without a typical one have ends alone; those with one name a source of their own."""
    file = load_silicon()
    assert file.gated_leakage.typical is None
    assert file.wake_up_time.typical is None
    for cell in file.cells:
        for name in type(cell).model_fields:
            line = getattr(cell, name)
            if hasattr(line, "typical") and line.typical is not None:
                assert "[P" in line.source or line.source.startswith("as "), name


def test_a_machine_of_silicon_keeps_its_memories_by_what_was_measured() -> None:
    hardware = machine()
    sheet, region = hardware.datasheets["sram"], hardware.regions["sram"]
    assert sheet.kept == pytest.approx(22.8 / 101)
    assert sheet.leakage == pytest.approx(2.5 * 101e-6 * 2 ** (52 / 10))
    assert region.array.grade == "typical"
    assert load_hardware("hwconfigs/vanilla_slc.yaml").datasheets["sram"].kept is None


@pytest.mark.parametrize(
    ("grade", "gated", "seconds"),
    [("low", 0.01, 1e-6), ("typical", None, 10e-6), ("high", 0.1, 1e-5)],
)
def test_ends_of_gating_and_wake_up_reach_the_supply(
    grade: str, gated: float | None, seconds: float
) -> None:
    hardware = machine(f"process.grade={grade}")
    power = hardware.power.measured(hardware.process)
    assert (power.gated_leakage, power.wake_up_time) == (gated, seconds)
    assert hardware.power.changes(hardware.site)["wake_up"][0] == seconds


def test_logic_leaks_as_silicon_does() -> None:
    nvsim = load_hardware("hwconfigs/vanilla_slc.yaml").site.logic.leakage
    assert 0 < machine().site.logic.leakage < nvsim / 10


def test_workloads_take_the_source() -> None:
    settings = ("hardware.process.source=silicon", "hardware.process.temperature=300 K")
    workload = load_workload("workloads/mti_mnli_mrpc_qnli.yaml", settings)
    assert all(case.hardware.process.source == "silicon" for case in workload.cases.values())


def test_every_array_of_a_shipped_machine_stands_beside_what_was_built() -> None:
    gaps = list(built_gaps(reference_folder()))
    assert len({gap.array for gap in gaps}) == len(gaps) > 10
    for gap in gaps:
        assert gap.area is not None
        assert gap.leakage is not None
        assert gap.macros
    [backbone] = [gap for gap in gaps if gap.array.startswith("RRAM 1 b/cell 4 MiB + 512 KiB")]
    # Intel's 10.1 Mb/mm2 are 0.79 mm2 a MiB, NVSim's 4.5 MiB take 1.118 mm2.
    assert backbone.area == pytest.approx(0.792 * 4.5 / 1.1185, rel=1e-3)


@pytest.mark.parametrize("roadmap", ["LOP", "LSTP", "HP"])
@pytest.mark.parametrize(("kelvin", "current"), [(300, 0.0162e-3), (350, 0.0962e-3)])
def test_an_open_switch_leaks_by_its_own_width_whatever_it_gates(
    roadmap: str, kelvin: int, current: float
) -> None:
    """A tenth of 9.24 F of transistors in 146 F2, at I_off [A/m] of NVSim's LSTP and 0.8 V."""
    settings = (f"process.roadmap={roadmap}", f"process.temperature={kelvin} K")
    prices = price_list(load_hardware("hwconfigs/vanilla_slc.yaml", settings))
    off = ChipState(PowerState.OFF)
    expected = 0.1 * 9.24 / 146 / 22e-9 * current * 0.8
    for block, watts in prices.watts.items():
        left = watts * prices.supplies.leakage(off, block)
        assert left == pytest.approx(expected * prices.areas[block], rel=0.01)
        assert left < watts


def test_no_switch_leaves_more_than_all_and_a_stated_share_counts() -> None:
    off, block = ChipState(PowerState.OFF), "sram"
    cool = ("process.factors={SRAM_htree.leakage: 1e-6}",)
    for settings, left in ((cool, 1), (("power.gated_leakage=0.0",), 0)):
        prices = price_list(load_hardware("hwconfigs/vanilla_slc.yaml", settings))
        assert prices.supplies.leakage(off, block) == left
