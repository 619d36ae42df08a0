"""The technology of logic: ``kind: logic`` files of the technology table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import Field, model_validator

from accelsim.inputs.quantities import Hertz, Joules, Kelvin, Meters, SquareMeters, Volts, Watts
from accelsim.inputs.validation import ConfigModel, validate
from accelsim.memory.arrays import Array, find_array
from accelsim.memory.files import load_file, named_beside
from accelsim.memory.technology import Grade, load_technology
from accelsim.units import format_si

Number = Annotated[float, Field(ge=0)]
Q = TypeVar("Q", bound=float)
Model = TypeVar("Model", bound=ConfigModel)


class Line(ConfigModel, Generic[Q]):
    """A figure as a range. Without a typical one, which has no source, it counts as low."""

    low: Q
    typical: Q | None = None
    high: Q

    def at(self, grade: Grade) -> Q:
        """Return the figure of a grade."""
        chosen = {"low": self.low, "typical": self.typical, "high": self.high}[grade]
        return self.low if chosen is None else chosen


class EnergyRange(Line[Joules]):
    """An energy [J]; its range ascends."""

    @model_validator(mode="after")
    def _ascends(self) -> EnergyRange:
        if not self.low <= self.at("typical") <= self.high:
            raise ValueError("low, typical and high must ascend; correct the one that does not")
        return self


class Circuit(ConfigModel):
    """One arithmetic circuit: energy of an operation [J] and area [m2]."""

    energy: Joules
    area: SquareMeters


class Sourced(ConfigModel):
    """Figures, and where they come from."""

    source: str


class Mac(Sourced):
    """A multiplier with its share of the adders."""

    energy: EnergyRange
    area: SquareMeters


class FlipFlop(Sourced):
    """A bit of a register: each cycle, each change of its content, its share of the clock tree."""

    clock: EnergyRange
    data: EnergyRange
    clock_tree: EnergyRange
    area: SquareMeters


class RegisterBits(Sourced):
    """Bits of registers for each MAC and each lane; bits that change in a useful operation."""

    bits_per_mac: Line[Number]
    bits_per_lane: Line[Number]
    changes: Line[Number]


class Banks(Sourced):
    """The least energy of a bit of a buffer."""

    energy_per_bit: EnergyRange


class Wires(Sourced):
    """Energy of one bit over one millimetre; the way from a buffer to the datapath [m]."""

    energy_per_bit_mm: EnergyRange
    operand_length: Line[Meters]


class LaneControl(Sourced):
    """Control of a datapath: energy of a cycle for each lane."""

    energy_per_lane: EnergyRange


class PerCycle(Sourced):
    """Energy of a cycle."""

    energy: EnergyRange


class DramInterface(Sourced):
    """Controller and PHY of a DRAM channel: energy of a bit; power while their clocks run [W]."""

    energy_per_bit: EnergyRange
    power: Line[Watts]


class Arithmetic(Sourced):
    """Circuits of one node and supply; ``factor`` on their energies once they are scaled."""

    node: Meters
    voltage: Volts
    add_8_bit: Circuit
    add_16_bit: Circuit
    multiply_8_bit: Circuit
    multiply_32_bit: Circuit
    factor: Line[Number]


class LogicLeakage(Sourced):
    """Leakage per area at a supply, taken from an array technology."""

    like: str
    voltage: Volts


class PowerSwitch(Sourced):
    """Open switches, a ``share`` as wide as the transistors that they switch, and their leakage."""

    share: Annotated[float, Field(ge=0, le=1)]
    width_per_um2: Meters
    temperature: Kelvin
    leakage_per_um: Watts
    doubling: Kelvin

    def leakage(self, temperature: float) -> float:
        """Return what the switches of a square meter leak at a temperature [K], in W/m2."""
        heat = 2 ** ((temperature - self.temperature) / self.doubling)
        # Watts and meters of a um2 are a million times as much of a meter and a m2.
        return self.share * self.width_per_um2 * 1e12 * self.leakage_per_um * 1e6 * heat


class LogicFile(ConfigModel):
    """Schema of a logic technology: lines at one node and supply."""

    kind: Literal["logic"]
    name: str
    description: str = ""
    node: Meters
    voltage: Volts
    frequency: Hertz
    mac: Mac
    flip_flop: FlipFlop
    registers: dict[str, RegisterBits]
    banks: Banks
    wires: Wires
    control: LaneControl
    host: PerCycle
    clock_generator: PerCycle
    dram_interface: DramInterface
    arithmetic: Arithmetic
    power_switch: PowerSwitch
    leakage: LogicLeakage


@dataclass(frozen=True)
class Registers:
    """The registers of a unit: J of a cycle and area for each MAC and lane, J of an operation."""

    cycle_per_mac: float
    cycle_per_lane: float
    operation: float
    area_per_mac: float
    area_per_lane: float


@dataclass(frozen=True)
class Logic:
    """Logic of one grade, scaled to a machine's node and supply.

    Circuits in J an operation and m2; ``registers`` by the unit that has them; ``bank`` in J a
    bit, at the supply of the arrays; ``wire`` in J a bit and meter, ``operand_wire`` in J a bit;
    ``control`` in J a lane and cycle, ``host`` and ``clock_generator`` (of a supply of its own) in
    J a cycle;
    ``interface_bit`` and ``interface_power`` of the DRAM in J and W; ``unpriced`` tells what
    costs nothing; ``frequency`` [Hz] is the fastest clock, at any voltage, that the figures are of;
    ``leakage`` in W/m2, ``switched_off`` in W/m2 of anything behind open switches. A 16-bit
    multiplier is the geometric mean of the 8-bit and the 32-bit one: cost grows with the square of
    the width.
    """

    mac: Circuit
    registers: Mapping[str, Registers]
    bank: float
    wire: float
    operand_wire: float
    control: float
    host: float
    clock_generator: float
    interface_bit: float
    interface_power: float
    add_8_bit: Circuit
    add_16_bit: Circuit
    multiply_16_bit: Circuit
    leakage: float
    switched_off: float
    sources: Mapping[str, str]
    unpriced: str
    frequency: float

    def sources_of(self, *lines: str) -> str:
        """Return the sources of some lines."""
        return "; ".join(self.sources[line] for line in lines)


def scaled_logic(
    name: str,
    grade: Grade,
    *,
    node: float,
    temperature: float,
    voltage: float,
    roadmap: str | None = None,
    measured: Grade | None = None,
    measurements: str = "silicon",
    factors: Mapping[str, float] | None = None,
) -> Logic:
    """Return a logic technology, scaled to a node [m], a temperature [K] and a supply [V].

    It leaks as arrays do: NVSim's of a roadmap, or those that were ``measured``, by their grade
    and the file of ``measurements``. ``factors`` are on typical figures of ``lines_of``
    the file, whatever the grade, and on ``leakage``.
    Raises ConfigError for a bad file.
    """
    file, factors = load_logic(name), factors or {}
    for line in factors.keys() - {LEAKAGE}:
        file = _times(file, line.split("."), factors[line])
    leaks = named_beside(name, file.leakage.like), named_beside(name, "bank_wires")
    smallest = find_array(
        load_technology(*leaks), capacity=64 * 1024, word=128, spare=True, node=node,
        temperature=temperature, roadmap=roadmap, grade=measured or "typical",
    )  # fmt: skip
    if measured:
        from accelsim.memory.silicon import as_built

        smallest = as_built(smallest, measurements)
    leakage = smallest.leakage / smallest.area * (voltage / file.leakage.voltage)
    shrink, supply = node / file.node, (voltage / file.voltage) ** 2

    def scaled(line: EnergyRange) -> float:
        return line.at(grade) * shrink * supply

    flip_flop, wire = file.flip_flop, 1e3 * file.wires.energy_per_bit_mm.at(grade) * supply
    clock, data = scaled(flip_flop.clock) + scaled(flip_flop.clock_tree), scaled(flip_flop.data)
    area = flip_flop.area * shrink**2
    return Logic(
        mac=_circuit(scaled(file.mac.energy), file.mac.area * shrink**2),
        registers={u: _registers(b, grade, clock, data, area) for u, b in file.registers.items()},
        bank=_bank(file, grade, node),
        wire=wire,
        operand_wire=wire * file.wires.operand_length.at(grade),
        control=scaled(file.control.energy_per_lane),
        host=scaled(file.host.energy),
        clock_generator=file.clock_generator.energy.at(grade) * shrink,
        interface_bit=file.dram_interface.energy_per_bit.at(grade),
        interface_power=file.dram_interface.power.at(grade),
        **_circuits(file.arithmetic, grade, node, voltage),
        leakage=leakage * factors.get(LEAKAGE, 1.0),
        # Transistors of as many widths of the node fill an area.
        switched_off=file.power_switch.leakage(temperature) / shrink,
        sources=_sources(file),
        unpriced=_unpriced(file, grade),
        frequency=file.frequency,
    )


def at_least_built(array: Array) -> bool:
    """Say whether built banks of SRAM are the least that a word costs: not of a user's figures."""
    return array.volatile and not array.own


def built_least(bank: float) -> str:
    """Return the words for a least energy of a bit [J], that of built banks of SRAM."""
    return f"built banks of SRAM, at least {format_si(bank, 'J')} a bit"


def least_charged(array: Array) -> float:
    """Return the least that a machine of shipped logic, typical, charges for an access [J]."""
    return array.word * _bank(load_logic("logic"), "typical", array.node) * at_least_built(array)


def _bank(file: LogicFile, grade: Grade, node: float) -> float:
    return file.banks.energy_per_bit.at(grade) * (node / file.node)


LEAKAGE = "leakage"


def _registers(
    bits: RegisterBits, grade: Grade, clock: float, data: float, area: float
) -> Registers:
    """Return what registers cost by what a bit does: J of a cycle, J of a change, m2."""
    per_mac, per_lane = bits.bits_per_mac.at(grade), bits.bits_per_lane.at(grade)
    return Registers(
        cycle_per_mac=per_mac * clock,
        cycle_per_lane=per_lane * clock,
        operation=bits.changes.at(grade) * data,
        area_per_mac=per_mac * area,
        area_per_lane=per_lane * area,
    )


def lines_of(section: ConfigModel) -> dict[str, Line[float]]:
    """Return the lines of a file of logic by name: ``mac.energy``, ``flip_flop.clock``."""
    found: dict[str, Line[float]] = {}
    for name, value in section:
        several = isinstance(value, dict)
        parts = {f"{name}.{k}": v for k, v in value.items()} if several else {name: value}
        for path, part in parts.items():
            if isinstance(part, Line):
                found[path] = part
            elif isinstance(part, ConfigModel):
                found |= {f"{path}.{below}": line for below, line in lines_of(part).items()}
    return found


def _times(section: Model, path: Sequence[str], factor: float) -> Model:
    """Return a section with a factor on a line; of one without a typical figure on its high one."""
    name, *rest = path
    value = getattr(section, name)
    if isinstance(value, dict):
        changed: object = {**value, rest[0]: _times(value[rest[0]], rest[1:], factor)}
    elif isinstance(value, Line):
        usual = value.high if value.typical is None else value.typical
        changed = value.model_copy(update=dict.fromkeys(Line.model_fields, usual * factor))
    else:
        changed = _times(value, rest, factor)
    return section.model_copy(update={name: changed})


def _circuits(known: Arithmetic, grade: Grade, node: float, voltage: float) -> dict[str, Circuit]:
    shrink = node / known.node
    factor = shrink * (voltage / known.voltage) ** 2 * known.factor.at(grade)

    def scaled(energy: float, area: float) -> Circuit:
        return _circuit(energy * factor, area * shrink**2)

    small, large = known.multiply_8_bit, known.multiply_32_bit
    return {
        "add_8_bit": scaled(known.add_8_bit.energy, known.add_8_bit.area),
        "add_16_bit": scaled(known.add_16_bit.energy, known.add_16_bit.area),
        "multiply_16_bit": scaled(
            math.sqrt(small.energy * large.energy), math.sqrt(small.area * large.area)
        ),
    }


def _circuit(energy: float, area: float) -> Circuit:
    return Circuit.model_construct(energy=energy, area=area)


def _sources(file: LogicFile) -> dict[str, str]:
    """Return the source of every line by its name, those of registers by their unit."""
    lines = {**dict(file), **file.registers}
    return {name: line.source for name, line in lines.items() if hasattr(line, "source")}


def load_logic(name: str) -> LogicFile:
    """Return what a file says of a logic technology. Raises ConfigError for a bad one."""
    return load_file(name, _read_logic, "logic technology", "logic")


def _unpriced(file: LogicFile, grade: Grade) -> str:
    """Return which lines cost nothing at a grade, nothing if none does."""
    lines = {
        "control": file.control.energy_per_lane,
        "the host": file.host.energy,
        "the clock's generator": file.clock_generator.energy,
        "DRAM controller and PHY": file.dram_interface.energy_per_bit,
    }
    free = ", ".join(name for name, line in lines.items() if not line.at(grade))
    return f"no sourced energy of {free}; process.logic: high charges them" if free else ""


_read_logic = partial(validate, kind=LogicFile)
