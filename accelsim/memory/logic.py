"""The technology of arithmetic and wires: ``kind: logic`` files of the technology table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from accelsim.inputs.document import read_document
from accelsim.inputs.files import is_file, read_bytes
from accelsim.inputs.quantities import Joules, Meters, SquareMeters, Volts
from accelsim.inputs.shipped import shipped_folder
from accelsim.inputs.validation import ConfigModel, validate
from accelsim.memory.arrays import find_array
from accelsim.memory.technology import load_technology


class Circuit(ConfigModel):
    """One arithmetic circuit: energy of an operation and area."""

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
    """Leakage per area, taken from an array technology."""

    like: str
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
class ScaledCircuit:
    """A circuit at the machine's node and supply: J an operation, m2."""

    energy: float
    area: float


@dataclass(frozen=True)
class Logic:
    """Logic scaled to a machine's node and supply.

    Energies in J an operation, areas in m2, ``wire`` in J for a bit and meter, ``leakage`` in
    W/m2. A 16-bit multiplier is the geometric mean of the 8-bit and the 32-bit one: cost grows
    with the square of the width.
    """

    add_8_bit: ScaledCircuit
    add_16_bit: ScaledCircuit
    multiply_8_bit: ScaledCircuit
    multiply_16_bit: ScaledCircuit
    wire: float
    leakage: float
    sources: tuple[str, ...]


def scaled_logic(name: str, *, node: float, temperature: float, voltage: float) -> Logic:
    """Return a logic technology, scaled to a node [m], a temperature [K] and a supply [V].

    Raises ConfigError for a bad file.
    """
    file = load_logic(name)
    known = file.arithmetic
    shrink, volts = node / known.node, voltage

    def scale(energy: float, area: float) -> ScaledCircuit:
        return ScaledCircuit(energy * shrink * (volts / known.voltage) ** 2, area * shrink**2)

    small, large = known.multiply_8_bit, known.multiply_32_bit
    return Logic(
        add_8_bit=scale(known.add_8_bit.energy, known.add_8_bit.area),
        add_16_bit=scale(known.add_16_bit.energy, known.add_16_bit.area),
        multiply_8_bit=scale(small.energy, small.area),
        multiply_16_bit=scale(
            math.sqrt(small.energy * large.energy), math.sqrt(small.area * large.area)
        ),
        wire=1e3 * file.wires.energy_per_bit_mm * (volts / file.wires.voltage) ** 2,
        leakage=_leakage(file.leakage.like, node, temperature),
        sources=(known.source, file.wires.source, file.leakage.source),
    )


def load_logic(name: str) -> LogicFile:
    """Return a logic technology by the name of its file, without the ending."""
    path = shipped_folder("hwconfigs") / "technologies" / f"{name}.yaml"
    path = path if is_file(path) else Path(name)
    return _load(path, read_bytes(path) if is_file(path) else b"")


@lru_cache(maxsize=16)
def _load(path: Path, content: bytes) -> LogicFile:
    """Read a file; ``content`` is there to tell what it holds from what it held."""
    return validate(read_document(path), LogicFile)


def _leakage(technology: str, node: float, temperature: float) -> float:
    array = find_array(
        load_technology(technology),
        capacity=64 * 1024,
        word=64,
        node=node,
        temperature=temperature,
        extrapolate=True,
    )
    return array.leakage / array.area
