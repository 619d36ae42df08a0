"""How far each array of the shipped machines is from what was built."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from accelsim.inputs.shipped import shipped_folder
from accelsim.machine.regions import Region
from accelsim.machine.schema import load_hardware
from accelsim.memory.silicon import load_silicon
from accelsim.memory.technology import load_technology
from accelsim.study.validation.check import read_rows
from accelsim.values import dataclass

_MIB = 2**20


@dataclass(frozen=True)
class Gap:
    """One array beside the closest macros in capacity, of the same kind of cell.

    Ratios are built over ours, None where no such macro is known: of area a MiB (shrunk to our
    node with the square of the length), read energy a bit (as built), and leakage a MiB (heated to
    our temperature). ``macros`` name what each was compared with.
    """

    array: str
    area: float | None
    read_energy: float | None
    leakage: float | None
    macros: str


def built_gaps(folder: Path) -> Iterator[Gap]:
    """Yield every array that a shipped machine uses, once."""
    macros = list(read_rows(folder, "built_macros.csv"))
    seen = set()
    for path in sorted(shipped_folder("hwconfigs").glob("*.yaml")):
        for region in load_hardware(path).regions.values():
            array = region.array
            known = (array.technology, array.bits_per_cell, array.banks, array.word, array.target)
            if known not in seen:
                seen.add(known)
                yield _gap(region, macros)


def _gap(region: Region, macros: list[dict[str, str]]) -> Gap:
    array, size = region.array, region.array.capacity / _MIB
    cell = "SRAM" if load_technology(array.technology).volatile else array.technology
    doubling = load_silicon().leakage.doubling.typical or math.inf
    ours = {
        "area_mm2_per_MiB": 1e6 * array.area / size,
        "read_pJ_per_bit": 1e12 * array.read_energy / array.word,
        "leakage_mW_per_MiB": 1e3 * array.leakage / size,
    }
    found: dict[str, float] = {}
    names = []
    for figure, value in ours.items():
        alike = [
            macro
            for macro in macros
            if macro["cell"] == cell
            and int(macro["bits_per_cell"]) == array.bits_per_cell
            and macro[figure]
        ]
        if alike:
            macro = min(alike, key=lambda m: abs(math.log(1024 * size / float(m["capacity_KiB"]))))
            heat = 2 ** ((array.temperature - float(macro["temperature_K"])) / doubling)
            shrink = (1e9 * array.node / float(macro["node_nm"])) ** 2
            carried = {"area_mm2_per_MiB": shrink, "leakage_mW_per_MiB": heat}.get(figure, 1.0)
            found[figure] = float(macro[figure]) * carried / value
            names.append(f"{macro['name']} ({macro['confidence']})")
    cells = "" if array.volatile else f" {array.bits_per_cell} b/cell"
    return Gap(
        f"{array.technology}{cells} {array.composition}, {array.word} b, {array.target}",
        found.get("area_mm2_per_MiB"),
        found.get("read_pJ_per_bit"),
        found.get("leakage_mW_per_MiB"),
        "; ".join(dict.fromkeys(names)),
    )
