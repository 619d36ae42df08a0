"""What each counted action costs, and what each block leaks: the machine as a price list."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.config.hardware import HardwareConfig
from accelsim.memory.dram import load_dram
from accelsim.memory.dram import prices as dram_prices
from accelsim.memory.logic import Logic, logic_of
from accelsim.memory.regions import Region, regions


@dataclass(frozen=True)
class PriceList:
    """Joules of one unit of each (block, action); watts of each block; square meters of each.

    ``dram_states`` are watts by state of the DRAM. An action that is missing is free: its cost is
    in the actions that it causes (DRAM bytes are paid as bursts).
    """

    joules: dict[tuple[str, str], float]
    watts: dict[str, float]
    areas: dict[str, float]
    dram_states: dict[str, float]
    sources: dict[str, str]


# Multiplications and additions of 16 bits for each element. The passes are EdgeBERT's (softmax:
# maximum, sum of exponentials, normalise; layer norm: moments, normalise); an exponential, GELU
# or tanh is one piecewise-linear step: a comparison, a multiplication and an addition.
_SFU_WORK = {
    "softmax": (4, 7),
    "layer_norm": (3, 4),
    "add": (0, 1),
    "gelu": (1, 2),
    "tanh": (1, 2),
    "entropy": (3, 5),
    # A binary search over 16 thresholds.
    "dvfs_lookup": (0, 4),
}
_REGISTER_BITS = 32
# Actions that are priced by what they cause.
FREE_ACTIONS = frozenset({("dram", "read"), ("dram", "write")})


def price_list(hardware: HardwareConfig) -> PriceList:
    """Return the prices of a machine."""
    logic = logic_of(hardware)
    joules = _compute_prices(hardware, logic)
    areas = _compute_areas(hardware, logic)
    watts = {block: area * logic.leakage for block, area in areas.items()}
    sources = dict.fromkeys(areas, "; ".join(logic.sources))
    for name, region in regions(hardware).items():
        joules |= _memory_prices(region)
        watts[name], areas[name] = region.leakage, region.area
        sources[name] = region.array.source
    states: dict[str, float] = {}
    if hardware.dram:
        technology = load_dram(hardware.dram.technology)
        dram = dram_prices(technology, hardware.dram.devices)
        joules |= {("dram", action): price for action, price in dram["joules"].items()}
        states = dram["watts"]
        timing, power = technology.timing.source, technology.power.source
        sources["dram"] = f"{technology.name}: {timing}; {power}"
    return PriceList(joules, watts, areas, states, sources)


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
        ("power", "wake_up"): hardware.power.wake_up_energy,
    }
    multiply, add = logic.multiply_16_bit.energy, logic.add_16_bit.energy
    for function, (multiplications, additions) in _SFU_WORK.items():
        joules["sfu", function] = multiplications * multiply + additions * add
    return joules


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
