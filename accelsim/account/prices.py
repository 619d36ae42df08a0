"""What each counted action costs, and what each block leaks: the machine as a price list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from accelsim.accelerators.design import Design
from accelsim.account.supplies import Supplies, supplies_of
from accelsim.machine.regions import Region, logic_of, regions
from accelsim.machine.schema import HardwareConfig
from accelsim.memory.dram import load_dram
from accelsim.memory.dram import prices as dram_prices
from accelsim.memory.logic import Logic
from accelsim.memory.protection import codec_cost
from accelsim.model.operators import Reach, Recipe, all_kinds


@dataclass(frozen=True)
class PriceList:
    """Joules of one unit of each (block, action); watts of each block; square meters of each.

    All at the nominal operating point. ``dram_states`` are watts by state of the DRAM. An action
    that is missing is free: its cost is in the actions that it causes (DRAM bytes are paid as
    bursts). ``supplies`` says how each chip state and operating point scales them.
    """

    joules: dict[tuple[str, str], float]
    watts: dict[str, float]
    areas: dict[str, float]
    dram_states: dict[str, float]
    sources: dict[str, str]
    supplies: Supplies


_BY_RECIPE = frozenset({Reach.ELEMENT, Reach.ROW})
_DVFS_LOOKUP = Recipe(1, 0, 4)  # a binary search over 16 thresholds
_REGISTER_BITS = 32
# Actions that are priced by what they cause.
FREE_ACTIONS = frozenset({("dram", "read"), ("dram", "write")})


def price_list(
    hardware: HardwareConfig, codecs: Iterable[tuple[str, int]] = frozenset()
) -> PriceList:
    """Return the prices of a machine.

    ``codecs`` are those that stand at its memories: (memory, data bits of a code word). Their area
    and leakage are part of the memory's.
    """
    logic = logic_of(hardware)
    joules = _compute_prices(hardware, logic)
    areas = _compute_areas(hardware, logic)
    watts = {block: area * logic.leakage for block, area in areas.items()}
    sources = dict.fromkeys(areas, "; ".join(logic.sources))
    for name, region in regions(hardware).items():
        joules |= _memory_prices(region)
        watts[name], areas[name] = region.leakage, region.area
        sources[name] = region.array.source
    for name, word in sorted(codecs):
        cost = codec_cost(word, logic)
        joules[name, f"correct_{word}"] = cost.decode_energy
        joules[name, f"encode_{word}"] = cost.encode_energy
        areas[name] += cost.area
        watts[name] += cost.area * logic.leakage
    states: dict[str, float] = {}
    if hardware.dram:
        technology = load_dram(hardware.dram.technology)
        dram = dram_prices(technology, hardware.dram.devices)
        joules |= {("dram", action): price for action, price in dram["joules"].items()}
        states = dram["watts"]
        timing, power = technology.timing.source, technology.power.source
        sources["dram"] = f"{technology.name}: {timing}; {power}"
    supplies = supplies_of(hardware, frozenset(watts))
    return PriceList(joules, watts, areas, states, sources, supplies)


def design_prices(design: Design) -> PriceList:
    """Return the prices of a design's machine with the codecs that its tensors need."""
    placements = design.placements.values()
    return price_list(design.hardware, {codec for each in placements for codec in each.codecs})


def _compute_prices(hardware: HardwareConfig, logic: Logic) -> dict[tuple[str, str], float]:
    mac = logic.multiply_8_bit.energy + logic.add_16_bit.energy
    wire = logic.wire * hardware.bus.length
    joules = {
        ("pe_array", "mac"): mac,
        ("bus", "transfer"): 8 * wire,
        ("bus", "store"): 8 * wire,
        # Expanding a vector is a prefix sum over its mask: one narrow addition a lane.
        ("codec", "decode"): hardware.pe_array.vector_size * logic.add_8_bit.energy,
        ("host", "register_write"): _REGISTER_BITS * wire,
        **_supply_prices(hardware),
    }
    multiply, add = logic.multiply_16_bit.energy, logic.add_16_bit.energy
    recipes = {str(kind): kind.recipe() for kind in all_kinds() if kind.reach in _BY_RECIPE}
    for function, recipe in {**recipes, "dvfs_lookup": _DVFS_LOOKUP}.items():
        joules["sfu", function] = recipe.multiplications * multiply + recipe.additions * add
    return joules


def _supply_prices(hardware: HardwareConfig) -> dict[tuple[str, str], float]:
    power = hardware.power
    joules = {"wake_up": power.wake_up_energy}
    if power.clock_gated:
        joules["wake_up_clock"] = power.clock_gated.wake_up_energy
    if power.retention:
        joules["wake_up_retention"] = power.retention.wake_up_energy
    if hardware.scaling:
        joules["settle"] = hardware.scaling.settle_energy
    return {("power", action): energy for action, energy in joules.items()}


def _compute_areas(hardware: HardwareConfig, logic: Logic) -> dict[str, float]:
    array, lanes = hardware.pe_array, hardware.pe_array.vector_size
    mac = logic.multiply_8_bit.area + logic.add_16_bit.area
    return {
        "pe_array": array.array_rows * array.array_columns * mac,
        "sfu": lanes * (logic.multiply_16_bit.area + 2 * logic.add_16_bit.area),
        "codec": 2 * lanes * logic.add_8_bit.area,
    }


def _memory_prices(region: Region) -> dict[tuple[str, str], float]:
    """Memories count words; buffers count bytes, because zero lanes are not accessed."""
    unit = region.word_bytes if region.kind == "buffer" else 1.0
    return {
        (region.name, "read"): region.read_energy / unit,
        (region.name, "write"): region.write_energy / unit,
    }
