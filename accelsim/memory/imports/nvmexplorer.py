"""NVMExplorer's results: a table with a row for each array and pattern of accesses.

The first columns describe the cell and the array, the last what NVSim found (lpentecost/NVMExplorer
16eb289, combine_csv.py). Of the accesses between nothing is taken. -1 says that NVSim has found
nothing; write figures are those of SET alone, whatever RESET takes (nvsim_interface.py).
"""

from __future__ import annotations

from pathlib import PurePosixPath

from accelsim.errors import ConfigError
from accelsim.memory.imports.points import Fields, Found, Point, plain, table_rows
from accelsim.memory.tables import ANY, TARGETS, VOLATILE_CELLS

MARK = "MemCellType"
_FIGURES = {
    "area_mm2": "Area (mm^2)",
    "read_latency_ns": "Read Latency (ns)",
    "write_latency_ns": "Write Latency (ns)",
    "read_energy_pJ": "Read Energy (pJ)",
    "write_energy_pJ": "Write Energy (pJ)",
    "leakage_mW": "Leakage Power (mW)",
}
_NOTHING = {"-1", "-1.0"}
_CELL, _AREA, _BITS = "MemoryCellInputFile", "CellArea (F^2)", "Bits Per Cell"


def read_nvmexplorer(text: str, file: str, cell: str | None = None) -> Found:
    """Return the arrays of a result, each once; ``cell`` is part of the name of a cell's file.

    Raises ConfigError where several cells are left, or no array that NVSim has found.
    """
    found: dict[str, tuple[Point, Fields]] = {}
    empty, unused = 0, dict[str, None]()
    for fields in table_rows(text, file):
        if fields.text(_FIGURES["area_mm2"]) in _NOTHING:
            empty += 1
        elif not cell or cell in _name(fields):
            point = _point(fields)
            # An array stands in a row for each pattern of accesses.
            found.setdefault(repr((_name(fields), point)), (point, fields))
            unused |= dict.fromkeys(fields.check("NVMExplorer"))
    cells = list(dict.fromkeys(_name(fields) for _, fields in found.values()))
    none = f"{empty} rows say -1: NVSim has found no array"
    if len(cells) != 1:
        named = f"cells {', '.join(cells)}; name one with --cell" if cells else f"no array; {none}"
        raise ConfigError(f"{file}: {named}")
    first = next(fields for _, fields in found.values())
    area = first.number(_AREA) if _AREA in first.entries else None
    return Found(
        tool="NVMExplorer",
        points=tuple(point for point, _ in found.values()),
        volatile=first.text(MARK) in VOLATILE_CELLS,
        cell=cells[0],
        cell_area=area,
        notes=(*_notes(first), *([none] if empty else [])),
        unused=tuple(name for name in unused if name not in first.asked),
    )


def _name(fields: Fields) -> str:
    return PurePosixPath(fields.text(_CELL) or fields.text(MARK) or "").stem


def _point(fields: Fields) -> Point:
    bits = fields.count(_BITS) if _BITS in fields.entries else 1
    goal = fields.text("OptimizationTarget")
    if goal is None:
        fields.missing.append("OptimizationTarget")
    elif goal not in TARGETS:
        known = ", ".join(TARGETS)
        raise fields.wrong("OptimizationTarget", f"expected one of {known}, got '{goal[:60]}'")
    # NVSim counts cells: each holds that many bits of data.
    return Point(
        capacity=int(fields.number("Capacity (MB)") * bits * 2**20),
        word=fields.count("WordWidth (bit)") * bits,
        figures={column: fields.number(name) for column, name in _FIGURES.items()},
        target=TARGETS.get(goal or "", ANY),
        bits_per_cell=bits,
        node=f"{plain(fields.number('ProcessNode'))} nm",
        roadmap=fields.text("DeviceRoadmap"),
        temperature=f"{plain(fields.number('Temperature (K)'))} K",
    )


def _notes(fields: Fields) -> list[str]:
    pulses = [fields.text(f"{each}Pulse (ns)") for each in ("Set", "Reset")]
    if None in pulses or pulses[0] == pulses[1]:
        return []
    return [f"writes are SET's alone: its pulse is of {pulses[0]} ns, that of RESET {pulses[1]} ns"]
