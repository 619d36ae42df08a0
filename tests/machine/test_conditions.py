"""Temperature and roadmap: of the whole machine, or of one memory or buffer."""

from __future__ import annotations

import itertools
import math

import pytest

from accelsim.errors import ConfigError
from accelsim.inputs.shipped import shipped_folder
from accelsim.machine.schema import HardwareConfig, load_hardware

MACHINES = sorted(path.name for path in shipped_folder("hwconfigs").glob("*.yaml"))
POINTS = list(itertools.product((300, 310, 350), ("LOP", "LSTP", "HP")))


def machine(name: str, *settings: str) -> HardwareConfig:
    return load_hardware(f"hwconfigs/{name}", settings)


@pytest.mark.parametrize("name", MACHINES)
def test_every_shipped_machine_has_every_temperature_and_roadmap(name: str) -> None:
    for kelvin, roadmap in POINTS:
        settings = (f"process.temperature={kelvin} K", f"process.roadmap={roadmap}")
        hardware = machine(name, *settings)
        assert hardware.datasheets
        for region in hardware.regions.values():
            assert (region.array.temperature, region.array.roadmap) == (kelvin, roadmap)


WIDTHS = {
    "adapter_mixed.yaml": ("pe_array.vector_size=8", "pe_array.vector_size=32"),
    "systolic_npu_adapter.yaml": ("pe_array.columns=8", "pe_array.columns=32"),
}
WORDS = ("memories.sram.word=64 b", "memories.sram.word=256 b", "memories.sram.word=512 b")


@pytest.mark.parametrize("roadmap", ["LOP", "LSTP", "HP"])
@pytest.mark.parametrize(
    ("name", "width"), [(name, each) for name in WIDTHS for each in (*WIDTHS[name], *WORDS)]
)
def test_cooling_changes_no_floorplan_and_no_array_leaks_more(
    name: str, width: str, roadmap: str
) -> None:
    fixed = (width, f"process.roadmap={roadmap}", "memories.sram.extrapolate=true")
    chips = [machine(name, *fixed, f"process.temperature={t} K") for t in (300, 313, 349, 350)]
    for block, cold in chips[0].regions.items():
        arrays = [chip.regions[block] for chip in chips]
        for each in arrays:
            assert (each.lanes, each.banks, each.array.banks) == (
                cold.lanes, cold.banks, cold.array.banks,
            )  # fmt: skip
            assert each.area == pytest.approx(cold.area, rel=1e-12)
        leaks = [each.leakage for each in arrays]
        assert leaks == sorted(leaks)
    areas = [math.fsum(sheet.area or 0.0 for sheet in c.datasheets.values()) for c in chips]
    assert areas == pytest.approx([areas[0]] * len(areas), rel=1e-12)


@pytest.mark.parametrize("block", ["weight_buffer", "auxiliary_memory", "memories.rram"])
def test_a_memory_or_buffer_may_have_its_own(block: str) -> None:
    own = machine("adapter_slc.yaml", f"{block}.roadmap=LSTP", f"{block}.temperature=310 K")
    changed = {
        name: (region.array.temperature, region.array.roadmap)
        for name, region in own.regions.items()
        if region != machine("adapter_slc.yaml").regions[name]
    }
    assert changed == {block.removeprefix("memories."): (310, "LSTP")}


@pytest.mark.parametrize(
    ("settings", "home", "banks"),
    [
        (("process.source=silicon",), "rram", (1, 4, 64)),
        ((), "sram", (1, 8, 16, 32)),
        ((), "rram", (1, 2, 16)),
    ],
)
def test_no_number_of_banks_costs_less_than_one(
    settings: tuple[str, ...], home: str, banks: tuple[int, ...]
) -> None:
    one, *more = (
        machine("adapter_slc.yaml", *settings, f"memories.{home}.banks={count}").regions[home]
        for count in banks
    )
    assert all(each.area >= one.area * (1 - 1e-12) for each in more)
    assert all(each.leakage >= one.leakage * (1 - 1e-12) for each in more)
    # Small banks have more periphery to a bit, in NVSim as in what was built.
    assert more[-1].area > one.area


@pytest.mark.parametrize("technology", ["SRAM", "SRAM_htree"])
@pytest.mark.parametrize("bits", [64, 128, 512])
def test_a_home_is_read_for_no_less_than_built_banks(technology: str, bits: int) -> None:
    """As a buffer is: the least energy of a byte is one wherever SRAM stands."""
    home = (f"memories.sram.technology={technology}", f"memories.sram.word={bits} b")
    hardware = machine("adapter_slc.yaml", *home)
    least = hardware.site.logic.bank * bits
    prices = hardware.datasheets["sram"].prices
    assert min(prices["read"].joules, prices["write"].joules) >= least > 0


def test_logic_leaks_as_its_roadmap_and_temperature_say() -> None:
    watts = [
        machine("edgebert.yaml", f"process.temperature={kelvin} K", f"process.roadmap={roadmap}")
        .datasheets["pe_array"]
        .leakage
        for roadmap, kelvin in (("LSTP", 300), ("LOP", 300), ("LOP", 350), ("HP", 350))
    ]
    assert watts == sorted(watts, key=lambda each: each or 0.0)


@pytest.mark.parametrize("part", ["memories.sram", "weight_buffer"])
def test_an_empty_roadmap_is_not_one_that_is_left_out(part: str) -> None:
    with pytest.raises(ConfigError, match="no arrays of 1 b/cell at 22 nm, , 350 K"):
        machine("adapter_mixed.yaml", f'{part}.roadmap=""').datasheets  # noqa: B018
