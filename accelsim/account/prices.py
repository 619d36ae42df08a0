"""What each counted action costs, and what each block leaks: the machine as a price list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from accelsim.accelerators.design import Design
from accelsim.account.supplies import Supplies, supplies_of
from accelsim.machine.components.base import Datasheet, Part, Price
from accelsim.machine.schema import HardwareConfig
from accelsim.memory.logic import Logic
from accelsim.memory.protection import codec_cost


@dataclass(frozen=True)
class PriceList:
    """Joules of one unit of each (block, action); watts of each block; square meters of each.

    All at the nominal operating point. ``dram_states`` are watts by state of the DRAM. What is
    ``paid_elsewhere`` has its cost in the actions that it causes. ``supplies`` says how each chip
    state and operating point scales them, ``sheets`` are the datasheets that all comes from.
    """

    joules: dict[tuple[str, str], float]
    paid_elsewhere: frozenset[tuple[str, str]]
    watts: dict[str, float]
    areas: dict[str, float]
    dram_states: Mapping[str, float]
    sources: dict[str, str]
    supplies: Supplies
    sheets: Mapping[str, Datasheet]

    def part(self, block: str) -> Part:
        """Return what a block is for."""
        return self.sheets[block].part


def price_list(
    hardware: HardwareConfig, codecs: Iterable[tuple[str, int]] = frozenset()
) -> PriceList:
    """Return the prices of a machine.

    ``codecs`` are those that stand at its memories: (memory, data bits of a code word). Their area
    and leakage are part of the memory's.
    """
    sheets, logic = hardware.datasheets, hardware.site.logic
    for name, word in sorted(codecs):
        sheets[name] = _with_codec(sheets[name], word, logic)
    priced = {(n, a): price for n, sheet in sheets.items() for a, price in sheet.prices.items()}
    joules = {key: price.joules for key, price in priced.items() if not price.paid_elsewhere}
    areas = {name: sheet.area for name, sheet in sheets.items() if sheet.area is not None}
    watts = {name: sheet.leakage for name, sheet in sheets.items() if sheet.leakage is not None}
    return PriceList(
        joules,
        frozenset(key for key, price in priced.items() if price.paid_elsewhere),
        watts,
        areas,
        {state: w for sheet in sheets.values() for state, w in sheet.states.items()},
        {name: sheet.source for name, sheet in sheets.items() if sheet.source},
        supplies_of(hardware, sheets),
        sheets,
    )


def _with_codec(sheet: Datasheet, word: int, logic: Logic) -> Datasheet:
    """Return the datasheet of a memory with the codec that stands at it."""
    cost = codec_cost(word, logic)
    own = {
        f"correct_{word}": Price("code_words", cost.decode_energy),
        f"encode_{word}": Price("code_words", cost.encode_energy),
    }
    return replace(
        sheet,
        prices={**sheet.prices, **own},
        area=(sheet.area or 0.0) + cost.area,
        leakage=(sheet.leakage or 0.0) + cost.area * logic.leakage,
    )


def design_prices(design: Design) -> PriceList:
    """Return the prices of a design's machine with the codecs that its tensors need."""
    placements = design.placements.values()
    return price_list(design.hardware, {codec for each in placements for codec in each.codecs})
