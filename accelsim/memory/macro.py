"""The data sheet of one macro: a technology file of ten lines."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from accelsim.inputs.quantities import (
    Bits,
    Bytes,
    CellArea,
    Joules,
    Kelvin,
    Meters,
    Seconds,
    SquareMeters,
    Watts,
    Writes,
)
from accelsim.inputs.validation import ConfigModel, RuleError
from accelsim.memory.tables import ANY, Row, Stated
from accelsim.units import format_bytes

Positive = Field(gt=0)
# [ours] The densest 3D NAND has 10 nm2 a bit [m2].
_LEAST_AREA_OF_A_BIT = 1e-18


class MacroFile(ConfigModel):
    """One macro as its data sheet states it; arrays of other capacities are composed of it.

    ``word`` is what an access reads or writes, and what the energies are of. ``node`` and
    ``temperature`` are those of the figures: at any other they are taken as they are, and each
    array says so. ``endurance`` is in writes of a cell, ``retention`` in seconds.
    """

    kind: Literal["macro"]
    name: str | None = None
    description: str = "one macro, by its data sheet"
    volatile: bool
    capacity: Annotated[Bytes, Positive]
    word: Annotated[Bits, Positive]
    area: Annotated[SquareMeters, Positive]
    read_latency: Annotated[Seconds, Positive]
    write_latency: Annotated[Seconds, Positive]
    read_energy: Annotated[Joules, Positive]
    write_energy: Annotated[Joules, Positive]
    leakage: Annotated[Watts, Positive]
    source: Annotated[str, Field(min_length=1)]
    bits_per_cell: int = Field(1, ge=1)
    node: Meters | None = None
    temperature: Kelvin | None = None
    cell_area: CellArea | None = None
    endurance: Writes | None = None
    retention: Seconds | None = None

    @model_validator(mode="after")
    def _check_area(self) -> Self:
        if self.area < 8 * self.capacity * _LEAST_AREA_OF_A_BIT:
            size = f"{self.area * 1e12:g} um2 for {format_bytes(self.capacity)}"
            raise RuleError((("area",), f"{size} is less than 1 nm2 a bit, which no memory takes"))
        return self

    @property
    def stated(self) -> Stated:
        """The conditions of the figures, as far as they are stated."""
        return Stated(self.bits_per_cell, self.node, None, self.temperature)

    @property
    def row(self) -> Row:
        """The macro as a row of a table."""
        figures = (
            self.area, self.read_latency, self.write_latency,
            self.read_energy, self.write_energy, self.leakage,
        )  # fmt: skip
        return Row(ANY, self.capacity, self.word, *figures, self.source, ())
