"""What each counted action costs and each block leaks, and how states of the chip scale both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import fsum
from types import MappingProxyType
from typing import TYPE_CHECKING

from accelsim.errors import ConfigError, ProgramError
from accelsim.machine.chip_state import NOMINAL, ChipState, PowerState
from accelsim.machine.components.base import Datasheet, Part, Price
from accelsim.machine.components.clocked import ClockedServer
from accelsim.machine.components.supply import PowerConfig, Supply
from accelsim.machine.schema import HardwareConfig
from accelsim.memory.logic import Logic
from accelsim.memory.protection import Code, codec_cost
from accelsim.program import Segment
from accelsim.units import Tick, period_of, to_seconds

if TYPE_CHECKING:
    from accelsim.accelerators.design import Design


@dataclass(frozen=True)
class Supplies:
    """Factors on the nominal prices, first order: V^2 for dynamic energy, V for leakage.

    That is what the logic takes; the regulator draws ``losses`` more, so that behind a linear one
    dynamic energy falls with V and leakage does not fall. Leakage also falls by drain-induced
    barrier lowering, which is left out. ``voltages`` and ``losses`` are relative to the nominal
    operating point, ``periods`` are ticks of a cycle, all by the name of the point. ``scaled`` are
    the blocks that follow the chip's supply, ``retained`` those that keep their contents in
    retention, with what is left of their leakage there (``gated``, by block, is left of others),
    ``always_on`` those that no state switches off; ``rewriting`` is the share of a block's power
    that writes again what fades.
    """

    power: PowerConfig
    gated: Mapping[str, float]
    voltages: dict[str, float]
    losses: dict[str, float]
    periods: dict[str, Tick]
    scaled: frozenset[str]
    retained: Mapping[str, float]
    always_on: frozenset[str]
    rewriting: Mapping[str, float]

    def logic(self, point: str) -> float:
        """Return the factor on the dynamic energy of the logic at an operating point."""
        return self.losses[point] * self.voltages[point] ** 2

    def dynamic(self, point: str, block: str) -> float:
        """Return the factor on what a block does at its own supply, at an operating point."""
        return self.logic(point) if block in self.scaled else 1.0

    def leakage(self, state: ChipState, block: str) -> float:
        """Return the factor on the leakage of a block in a state of the chip.

        What writes again whatever fades is part of it: it is drawn in every state.
        """
        share = self.rewriting.get(block, 0.0)
        return share + (1 - share) * self._leakage(state, block)

    def _leakage(self, state: ChipState, block: str) -> float:
        on = state.power in (PowerState.ACTIVE, PowerState.IDLE, PowerState.CLOCK_GATED)
        if on or block in self.always_on:
            at = state.point
            return self.losses[at] * self.voltages[at] if block in self.scaled else 1.0
        if state.power is PowerState.RETENTION and block in self.retained:
            return self.retained[block]
        return self.gated[block]


@dataclass(frozen=True)
class PriceList:
    """Joules of one unit of each (block, action); watts of each block; square meters of each.

    ``cycles`` are joules of a cycle in which the clock of a block runs, where it costs any;
    ``clocks`` are the ports of these blocks. All at the nominal operating point. ``dram_states``
    are watts by state of the DRAM. What is ``paid_elsewhere`` has its cost in the actions that it
    causes. ``supplies`` says how each chip state and operating point scales them, ``sheets`` are
    the datasheets that all comes from.
    """

    joules: dict[tuple[str, str], float]
    paid_elsewhere: frozenset[tuple[str, str]]
    watts: dict[str, float]
    cycles: dict[str, float]
    clocks: dict[str, str]
    areas: dict[str, float]
    dram_states: Mapping[str, float]
    sources: dict[str, str]
    supplies: Supplies
    sheets: Mapping[str, Datasheet]

    def stops(self, block: str) -> bool:
        """Say whether the clock of a block stops while nothing is booked on it."""
        gated = self.supplies.power.clock_gating == "blocks"
        return gated and self.part(block) is not Part.SUPPLY

    def unit(self, block: str, action: str, point: str = NOMINAL) -> float:
        """Return the joules of one unit of an action at an operating point."""
        joules, supplies = self.joules[block, action], self.supplies
        if block in supplies.scaled:
            return joules * supplies.logic(point)
        return joules + (supplies.logic(point) - 1) * self.sheets[block].prices[action].logic

    @property
    def unpriced(self) -> dict[str, str]:
        """What costs nothing here although it is known to cost, by block."""
        sheets = self.sheets.items()
        return {name: f"{name}: {sheet.unpriced}" for name, sheet in sheets if sheet.unpriced}

    def part(self, block: str) -> Part:
        """Return what a block is for."""
        return self.sheets[block].part

    def standby(self, residency: Mapping[str, Tick]) -> float:
        """Return what the DRAM spends by the tick in ticks by state [J]."""
        return fsum(to_seconds(n) * self.dram_states[state] for state, n in residency.items())


def price_list(
    hardware: HardwareConfig,
    codecs: Iterable[tuple[str, Code]] = frozenset(),
    rewriting: Mapping[str, float] = MappingProxyType({}),
) -> PriceList:
    """Return the prices of a machine.

    ``codecs`` are those that stand at its memories: (memory, code). Their area and leakage are
    part of the memory's; so are the watts of ``rewriting`` what fades, by memory.
    """
    sheets, logic = dict(hardware.datasheets), hardware.site.logic
    drawn = hardware.power.regulator.drawn(hardware.clock.voltage)
    for name, code in sorted(codecs, key=lambda each: (each[0], each[1].name)):
        sheets[name] = _with_codec(sheets[name], code, logic, drawn)
    priced = {(n, a): price for n, sheet in sheets.items() for a, price in sheet.prices.items()}
    leaking = {name: sheet.leakage for name, sheet in sheets.items() if sheet.leakage is not None}
    watts = {name: leaked + rewriting.get(name, 0.0) for name, leaked in leaking.items()}
    shares = {name: own / watts[name] for name, own in rewriting.items() if own}
    return PriceList(
        {key: 0.0 if each.paid_elsewhere else each.joules for key, each in priced.items()},
        frozenset(key for key, price in priced.items() if price.paid_elsewhere),
        watts,
        {name: sheet.cycle for name, sheet in sheets.items() if sheet.cycle},
        {name: _clocked_port(hardware, name) for name, sheet in sheets.items() if sheet.cycle},
        {name: sheet.area for name, sheet in sheets.items() if sheet.area is not None},
        {state: w for sheet in sheets.values() for state, w in sheet.states.items()},
        {name: sheet.source for name, sheet in sheets.items() if sheet.source},
        _supplies_of(hardware, sheets, shares),
        sheets,
    )


def _clocked_port(hardware: HardwareConfig, name: str) -> str:
    """Return the port whose clock a component pays for."""
    servers = hardware.facts[name].told("servers", hardware.site).values()
    clocked = [server.name for server in servers if isinstance(server, (ClockedServer, Supply))]
    if len(clocked) != 1:
        raise ConfigError(
            f"{name}: a cycle of its clock has a price, so it needs one clocked server, got "
            f"{len(clocked)}; price leakage or actions instead, or make it two components"
        )
    return clocked[0]


def _supplies_of(
    hardware: HardwareConfig, sheets: Mapping[str, Datasheet], rewriting: Mapping[str, float]
) -> Supplies:
    nominal, drawn = hardware.clock, hardware.power.regulator.drawn
    voltages, losses = {NOMINAL: 1.0}, {NOMINAL: 1.0}
    periods = {NOMINAL: period_of(nominal.frequency)}
    for point in hardware.lower_points:
        voltages[point.name] = point.voltage / nominal.voltage
        losses[point.name] = drawn(point.voltage) / drawn(nominal.voltage)
        periods[point.name] = period_of(point.frequency)
    scaled = frozenset(name for name, sheet in sheets.items() if sheet.follows_supply)
    power = hardware.power.measured(hardware.process)
    logic = hardware.site.logic
    gated = {name: _left(sheet, power, logic) for name, sheet in sheets.items()}
    usual = dict.fromkeys(sheets, power.retention.leakage_fraction) if power.retention else gated
    kept = {name: sheet.kept for name, sheet in sheets.items() if sheet.retained}
    retained = {name: usual[name] if left is None else left for name, left in kept.items()}
    always_on = frozenset(name for name, sheet in sheets.items() if sheet.always_on)
    return Supplies(power, gated, voltages, losses, periods, scaled, retained, always_on, rewriting)


def _left(sheet: Datasheet, power: PowerConfig, logic: Logic) -> float:
    """Return what is left of a block's leakage behind open switches, never more than all.

    Switches leak by area; what states none has that of logic which leaks as much.
    """
    if power.gated_leakage is not None or not sheet.leakage:
        return power.gated_leakage or 0.0
    area = sheet.leakage / logic.leakage if sheet.area is None else sheet.area
    return min(1.0, area * logic.switched_off / sheet.leakage)


def _with_codec(sheet: Datasheet, code: Code, logic: Logic, drawn: float) -> Datasheet:
    """Return the datasheet of a memory with the codec at it, which is logic behind a regulator.

    The regulator takes ``drawn`` joules for each.
    """
    cost = codec_cost(code, logic)
    decode, encode = drawn * cost.decode_energy, drawn * cost.encode_energy
    own = {
        f"correct_{code.name}": Price("code_words", decode, logic=decode),
        f"encode_{code.name}": Price("code_words", encode, logic=encode),
    }
    return replace(
        sheet,
        prices={**sheet.prices, **own},
        area=(sheet.area or 0.0) + cost.area,
        leakage=(sheet.leakage or 0.0) + drawn * cost.area * logic.leakage,
    )


def check_actions(segments: Iterable[Segment], prices: PriceList) -> None:
    """Refuse what the machine does not do, before anything runs.

    Raises ProgramError for a block that it does not have, and for an action that the block's
    datasheet does not price.
    """
    for segment in segments:
        for block, action, operator in segment.amounts:
            asked = f"segment '{segment.name}': {operator} asks '{block}' for '{action}'"
            if block not in prices.sheets:
                known = ", ".join(prices.sheets)
                raise ProgramError(f"{asked}, but the machine has no such block; it has {known}")
            if action not in prices.sheets[block].prices:
                known = ", ".join(prices.sheets[block].prices)
                raise ProgramError(f"{asked}, which it does not do; its actions are {known}")


def design_prices(design: Design) -> PriceList:
    """Return the prices of a design's machine with the codecs that its tensors need."""
    from accelsim.account.memories import rewriting

    placements = design.placements.values()
    codecs = {codec for each in placements for codec in each.codecs}
    return price_list(design.hardware, codecs, rewriting(design))
