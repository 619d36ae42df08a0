"""Homes of tensors without a machine."""

from __future__ import annotations

from accelsim.memory.storage import Home, PartName, StorageFormat, packing


def homes(
    how: StorageFormat, values: str, masks: str, bits_per_cell: int | None = None
) -> list[Home]:
    """The homes of values and masks, in cells of so many bits or as data alone."""
    parts: tuple[tuple[PartName, str], ...] = (("values", values), ("masks", masks))
    return [Home(part, memory, packing(how, part, bits_per_cell)) for part, memory in parts]
