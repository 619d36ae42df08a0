"""Storage schemes: in which cells values and masks lie, and what protects them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from accelsim.errors import ConfigError
from accelsim.inputs.paths import suggest
from accelsim.memory.cells import BitsPerCell, CellFormat, CellSpan, Coding
from accelsim.memory.protection import ProtectionConfig
from accelsim.memory.protection import Scheme as Code
from accelsim.weights.settings import NumberFormat


@dataclass(frozen=True)
class StorageScheme:
    """How the values and masks in non-volatile memory are stored.

    ``values`` and ``masks`` are bits per cell, ``coding`` that of both. ``high``: sign and
    exponent lie in one-bit cells, ``values`` holds for the rest. ``protect_values`` and
    ``protect_masks`` name the error-correcting code of each part, in its usual words.
    """

    name: str
    description: str
    values: BitsPerCell
    masks: BitsPerCell
    coding: Coding = "binary"
    high: bool = False
    protect_values: Code = "none"
    protect_masks: Code = "none"

    def value_cells(self, bits: int, numbers: NumberFormat, *, partial: bool = True) -> CellFormat:
        """Return the cells of a value of ``bits`` bits; ``partial`` allows cells partly filled.

        Sign and exponent are 1 + exponent bits of AdaptivFloat. An integer has no exponent: its
        more significant half takes their place [ours].
        """
        floating = numbers.kind == "adaptivfloat"
        leading = 1 + numbers.exponent_width if floating else (bits + 1) // 2
        return CellFormat(
            bits_per_cell=self.values,
            coding=self.coding,
            high=[CellSpan(bits=min(bits, leading), bits_per_cell=1)] if self.high else [],
            partial_cells="allow" if partial else "refuse",
        )

    def mask_cells(self) -> CellFormat:
        """Return the cells of mask bits, which fill each cell."""
        return CellFormat(bits_per_cell=self.masks, coding=self.coding)

    @property
    def protection(self) -> ProtectionConfig:
        """What protects the values and the masks."""
        return ProtectionConfig(values=self.protect_values, masks=self.protect_masks)

    @property
    def protected(self) -> bool:
        """Whether any part has check bits."""
        return self.protect_values != "none" or self.protect_masks != "none"


def _shipped() -> Iterator[StorageScheme]:
    text = resources.files(__package__).joinpath("schemes.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        read: dict[str, Any] = {**row, "high": row["high"] == "yes"}
        read |= {part: int(row[part]) for part in ("values", "masks")}
        yield StorageScheme(**read)


SCHEMES = {scheme.name: scheme for scheme in _shipped()}


def find_schemes(names: Sequence[str]) -> list[StorageScheme]:
    """Return the schemes of some names, all of them for none. Raises ConfigError for others."""
    for name in names:
        if name not in SCHEMES:
            raise ConfigError(f"unknown scheme '{name}'; {suggest(name, SCHEMES, 'schemes')}")
    return [SCHEMES[name] for name in dict.fromkeys(names)] if names else list(SCHEMES.values())
