"""What NVSim and NS-Cache print, and other programs that grew out of NVSim (DESTINY).

    ====================
    DESIGN SPECIFICATION
    ====================
    Capacity   : 2MB
    Data Width : 128Bits (16Bytes)
    ...
       RESULT
     - Total Area = 114.881um x 894.774um = 102792.155um^2
     -  Read Latency = 3.407ns

Neither node nor roadmap nor temperature is in it (SEAL-UCSB/NVSim 4bc8fbb, Result.cpp and
InputParameter.cpp; neurosim/NS-Cache 97643a3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from math import prod

from accelsim.errors import ConfigError
from accelsim.memory.imports.points import Entry, Fields, Found, Point
from accelsim.memory.tables import ANY, VOLATILE_CELLS

MARK = "- Total Area ="
_GOALS = {
    "read latency": "ReadLatency",
    "write latency": "WriteLatency",
    "read energy": "ReadEnergy",
    "write energy": "WriteEnergy",
    "read energy-delay-product": "ReadEDP",
    "write energy-delay-product": "WriteEDP",
    "leakage power": "Leakage",
    "area": "Area",
}
_BEGINS = re.compile(r"^(?:User-defined|Default) configuration file ", re.MULTILINE)
_GOAL = "Searching for the best solution that is optimized for "
_BYTES = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}
_SIZE = re.compile(r"([0-9]{1,12})\s?(B|KB|MB|GB)")
_PAIR = re.compile(r"([0-9]{1,9})(?: Rows)? x ([0-9]{1,9})(?: Columns)?")


def read_nvsim(text: str, file: str) -> Found:
    """Return the array of a text that NVSim or NS-Cache printed; of a cache its data array.

    Raises ConfigError for a text without one, and with the names of all that is missing.
    """
    if MARK not in text:
        problem = "No valid solutions" if "No valid solutions" in text else f"no line '{MARK}'"
        raise ConfigError(f"{file}: {problem}; expected the whole output of NVSim")
    fields, breakdown = _fields(text, file)
    tool = "NS-Cache" if "numSolutions" in text else "NVSim"
    is_cache = (fields.text("Design Target") or "").startswith("Cache")
    figures = {
        "area_mm2": fields.quantity("area_mm2", "Total Area"),
        "read_latency_ns": fields.quantity("read_latency_ns", "Read Latency"),
        "write_latency_ns": _slower(fields, "write_latency_ns", "Latency"),
        "read_energy_pJ": fields.quantity("read_energy_pJ", "Read Dynamic Energy"),
        "write_energy_pJ": _slower(fields, "write_energy_pJ", "Dynamic Energy"),
        "leakage_mW": fields.quantity("leakage_mW", "Leakage Power"),
    }
    capacity, word = _capacity(fields), _word(fields)
    cell = (fields.text("Memory Cell") or "").partition(" (")[0]
    area = fields.number("Cell Area (F^2)") if "Cell Area (F^2)" in fields.entries else None
    target = _GOALS.get(fields.text(_GOAL) or "", ANY)
    unused = fields.check(tool, [f"{breakdown} lines of breakdown"] if breakdown else [])
    notes = ["the data array of a cache, its tags are left out"] if is_cache else []
    if fields.text("Access Mode") == "Fast":
        notes.append("a fast cache reads a whole set at once: energies are of more than a word")
    return Found(
        tool=tool,
        points=(Point(capacity, word, figures, target),),
        volatile=cell in VOLATILE_CELLS if cell else None,
        cell=cell,
        cell_area=area,
        notes=tuple(notes),
        unused=unused,
    )


def read_nvsim_runs(text: str, file: str) -> Found:
    """Return the arrays of what one run printed, or several, one after the other."""
    starts = [match.start() for match in _BEGINS.finditer(text)]
    if len(starts) < 2:
        return read_nvsim(text, file)
    parts = (text[start:end] for start, end in pairwise([*starts, None]))
    found = [read_nvsim(part, f"{file}, run {n}") for n, part in enumerate(parts, 1)]
    if len({(each.tool, each.cell, each.cell_area) for each in found}) > 1:
        raise ConfigError(f"{file}: runs of several cells; give each a file of its own")
    return replace(found[0], points=tuple(point for each in found for point in each.points))


def with_cells(found: Found, bits_per_cell: int) -> Found:
    """Return arrays whose cells hold several bits: NVSim counts cells, so they hold more data."""
    n = bits_per_cell
    points = tuple(
        replace(each, bits_per_cell=n, capacity=n * each.capacity, word=n * each.word)
        for each in found.points
    )
    note = f"{found.tool} counts cells: capacity and word are {bits_per_cell} times what it says"
    return replace(found, points=points, notes=(*found.notes, note))


def _fields(text: str, file: str) -> tuple[Fields, int]:
    """Return the values of the first result, and how many lines only break them down."""
    entries: dict[str, Entry] = {}
    breakdown = 0
    for number, label, value in _labelled(text):
        if not label:
            breakdown += 1
        # A cache has a summary, its data array and its tags: the first after RESULT is wanted.
        elif label == "RESULT":
            # Of a cache's summary, tags included.
            entries.pop("Total Area", None)
            entries["RESULT"] = Entry("", number)
        elif label not in entries:
            entries[label] = Entry(value, number)
        elif "RESULT" in entries and label == "Total Area":
            break
    entries.pop("RESULT", None)
    return Fields(file, entries), breakdown


def _labelled(text: str) -> Iterator[tuple[int, str, str]]:
    done = False
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line == "RESULT":
            if done:
                return
            done = True
            yield number, "RESULT", ""
        elif line.startswith("|"):
            yield number, "", ""
        elif line.startswith(_GOAL):
            yield number, _GOAL, line.removeprefix(_GOAL).removesuffix("...").strip()
        elif line.startswith("-"):
            label, _, value = line.lstrip("- ").partition("=" if " = " in line else ":")
            yield number, label.strip(), value.rpartition(" = ")[2].strip()
        else:
            label, colon, value = line.partition(":")
            if colon and value.strip():
                yield number, label.strip(), value.strip()


def _slower(fields: Fields, column: str, what: str) -> Decimal:
    """Return what a write takes: the greater of SET and RESET where the cell has both."""
    switches = [f"{each} {what}" for each in ("SET", "RESET")]
    known = [name for name in switches if name in fields.entries]
    if not known:
        return fields.quantity(column, f"Write {what}")
    return max(fields.quantity(column, name) for name in known)


def _word(fields: Fields) -> int:
    if "Cache Line Size" in fields.entries:
        return 8 * fields.count("Cache Line Size")
    return fields.count("Data Width")


def _capacity(fields: Fields) -> int:
    """Return the bytes of an array: those of its subarrays, which are not rounded to whole MB."""
    parts = ("Bank Organization", "Mat Organization", "Subarray Size")
    sizes = [_PAIR.match(fields.text(name) or "") for name in parts]
    text = fields.text("Capacity")
    if all(sizes):
        return prod(int(size[1]) * int(size[2]) for size in sizes if size) // 8
    if text is None:
        fields.missing.append("Capacity")
        return 1
    size = _SIZE.match(text)
    if size is None:
        raise fields.wrong("Capacity", f"expected a size such as 2MB, got '{text[:60]}'")
    return int(size[1]) * _BYTES[size[2]]
