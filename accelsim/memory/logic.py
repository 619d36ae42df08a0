"""The technology of arithmetic and wires: ``kind: logic`` files of the technology table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from accelsim.inputs.document import Document
from accelsim.inputs.quantities import Joules, Meters, SquareMeters, Volts
from accelsim.inputs.validation import ConfigModel, validate
from accelsim.memory.arrays import find_array
from accelsim.memory.files import load_file
from accelsim.memory.technology import load_technology


class Circuit(ConfigModel):
    """One arithmetic circuit: energy of an operation [J] and area [m2]."""

    energy: Joules
    area: SquareMeters


class Arithmetic(ConfigModel):
    """Circuits of one node and supply."""

    node: Meters
    voltage: Volts
    add_8_bit: Circuit
    add_16_bit: Circuit
    multiply_8_bit: Circuit
    multiply_32_bit: Circuit
    source: str


class Wires(ConfigModel):
    """Energy of one bit over one millimetre."""

    voltage: Volts
    energy_per_bit_mm: Joules
    source: str


class LogicLeakage(ConfigModel):
    """Leakage per area at a supply, taken from an array technology."""

    like: str
    voltage: Volts
    source: str


class LogicFile(ConfigModel):
    """Schema of a logic technology."""

    kind: Literal["logic"]
    name: str
    description: str = ""
    arithmetic: Arithmetic
    wires: Wires
    leakage: LogicLeakage


@dataclass(frozen=True)
class Logic:
    """Logic scaled to a machine's node and supply.

    Energies in J an operation, areas in m2, ``wire`` in J for a bit and meter, ``leakage`` in
    W/m2. A 16-bit multiplier is the geometric mean of the 8-bit and the 32-bit one: cost grows
    with the square of the width.
    """

    add_8_bit: Circuit
    add_16_bit: Circuit
    multiply_8_bit: Circuit
    multiply_16_bit: Circuit
    wire: float
    leakage: float
    sources: tuple[str, ...]


def scaled_logic(name: str, *, node: float, temperature: float, voltage: float) -> Logic:
    """Return a logic technology, scaled to a node [m], a temperature [K] and a supply [V].

    Raises ConfigError for a bad file.
    """
    file = load_file(name, _read_logic, "logic technology", "logic")
    known = file.arithmetic
    shrink = node / known.node

    def scale(energy: float, area: float) -> Circuit:
        return Circuit.model_construct(
            energy=energy * shrink * (voltage / known.voltage) ** 2, area=area * shrink**2
        )

    small, large = known.multiply_8_bit, known.multiply_32_bit
    smallest = find_array(
        load_technology(file.leakage.like),
        capacity=64 * 1024,
        word=64,
        node=node,
        temperature=temperature,
        spare=True,
    )
    return Logic(
        add_8_bit=scale(known.add_8_bit.energy, known.add_8_bit.area),
        add_16_bit=scale(known.add_16_bit.energy, known.add_16_bit.area),
        multiply_8_bit=scale(small.energy, small.area),
        multiply_16_bit=scale(
            math.sqrt(small.energy * large.energy), math.sqrt(small.area * large.area)
        ),
        wire=1e3 * file.wires.energy_per_bit_mm * (voltage / file.wires.voltage) ** 2,
        leakage=smallest.leakage / smallest.area * (voltage / file.leakage.voltage),
        sources=(known.source, file.wires.source, file.leakage.source),
    )


def _read_logic(document: Document) -> LogicFile:
    return validate(document, LogicFile)
