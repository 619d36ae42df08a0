"""What joins the banks of a memory: ``kind: bank_wires`` files of the technology table."""

from __future__ import annotations

import math
from typing import Literal

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document
from accelsim.inputs.quantities import Joules, Meters, Seconds, SquareMeters, Volts
from accelsim.inputs.validation import ConfigModel, validate
from accelsim.memory.files import load_file


class Supply(ConfigModel):
    """The supply of arrays of a node and roadmap."""

    node: Meters
    roadmap: str
    voltage: Volts


class Wire(ConfigModel):
    """A wire between banks: energy of a bit over a millimetre, delay of a square millimetre."""

    voltage: Volts
    energy_per_bit_mm: Joules
    delay_per_mm2: Seconds
    source: str


class Multiplexer(ConfigModel):
    """A choice of one in two, for every bit of the word."""

    node: Meters
    voltage: Volts
    energy_per_bit: Joules
    area_per_bit: SquareMeters
    delay: Seconds
    source: str


class BankWires(ConfigModel):
    """Schema of ``bank_wires.yaml``."""

    kind: Literal["bank_wires"]
    name: str
    supplies: list[Supply]
    supplies_source: str
    wire: Wire
    multiplexer: Multiplexer

    # One object for one content, as technologies are.
    __hash__ = object.__hash__

    def supply(self, node: float, roadmap: str) -> float:
        """Return the supply of arrays [V]. Raises ConfigError where it is not known."""
        for each in self.supplies:
            if math.isclose(each.node, node) and each.roadmap == roadmap:
                return each.voltage
        raise ConfigError(
            f"bank_wires.yaml has no supply for {node * 1e9:g} nm, {roadmap}; add it under supplies"
        )


def load_wires(name: str = "bank_wires") -> BankWires:
    """Return what joins banks. Raises ConfigError for every problem of the file."""
    return load_file(name, _read, "wires between banks", "bank_wires")


def _read(document: Document) -> BankWires:
    return validate(document, BankWires)
