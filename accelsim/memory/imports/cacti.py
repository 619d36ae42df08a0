"""What CACTI prints (6.5, 7, CACTI-P), and the table that it writes beside (``NAME.cfg.out``).

The text has ``Access time (ns): 0.825596`` and the like; the table a header that begins with
``Tech node (nm), Capacity (bytes)`` (HewlettPackard/cacti 1ffd8df, io.cc). Its leakage is that of
one bank, its area that of all; of writes it gives an energy and no time.
"""

from __future__ import annotations

from decimal import Decimal

from accelsim.memory.imports.points import Entry, Fields, Found, Point, plain, table_rows
from accelsim.memory.tables import ANY

MARK, TABLE_MARK = "Access time (ns)", "Tech node (nm)"
_ROADMAPS = {"0": "HP", "1": "LSTP", "2": "LOP"}
_COMMODITY = "4"
_LEAKAGE = (
    "Total leakage power of a bank (mW)",
    "Total leakage power of a bank without power gating, including its network outside (mW)",
)
_GATE_LEAKAGE = "Total gate leakage power of a bank (mW)"
_RESULTS = "Cache Parameters"
_SECTIONS = (_RESULTS, "Time Components", "Area Components", "Wire Properties")
_INPUTS = ("Data array cell type", "Temperature", "array type", "cache type")
_NO_WRITE_TIME = "CACTI gives no time of a write: that of a read is taken"


def read_cacti(text: str, file: str) -> Found:
    """Return the array of a text, or the arrays of a table, that CACTI made. Raises ConfigError."""
    if text.lstrip().startswith(TABLE_MARK):
        return _read_table(text, file)
    entries, others = _entries(text)
    fields = Fields(file, entries)
    if fields.text("Data array cell type") == _COMMODITY:
        name = "Data array cell type"
        raise fields.wrong(name, "commodity DRAM is no array on the chip; expected SRAM or lp-dram")
    area = _area(fields)
    leakage = fields.number(*_LEAKAGE)
    if _GATE_LEAKAGE in fields.entries:
        leakage += fields.number(_GATE_LEAKAGE)
    point = _point(
        fields,
        area=area,
        leakage=leakage,
        word=8 * fields.count("Block size (bytes)"),
        names=("Total cache size (bytes)", "Number of banks", "Technology size (nm)", MARK,
               "Total dynamic read energy per access (nJ)",
               "Total dynamic write energy per access (nJ)"),
        roadmap=_ROADMAPS.get(fields.text("Data array cell type") or ""),
        temperature=fields.text("Temperature"),
    )  # fmt: skip
    notes = [_NO_WRITE_TIME, "the word is CACTI's block"]
    if (fields.text("array type", "cache type") or "").startswith("Cache"):
        notes.append("a cache: tags are part of the figures")
    unused = fields.check("CACTI")
    return Found("CACTI", (point,), True, "SRAM", notes=tuple(notes), unused=(*unused, others))


def _point(
    fields: Fields,
    *,
    area: Decimal,
    leakage: Decimal,
    word: int,
    names: tuple[str, ...],
    roadmap: str | None = None,
    temperature: str | None = None,
) -> Point:
    capacity, banks, node, access, read, write = names
    time = fields.number(access)
    figures = {
        "area_mm2": area,
        "read_latency_ns": time,
        "write_latency_ns": time,
        "read_energy_pJ": fields.number(read).scaleb(3),
        "write_energy_pJ": fields.number(write).scaleb(3),
        "leakage_mW": leakage * fields.count(banks),
    }
    nanometers, kelvin = f"{plain(fields.number(node))} nm", temperature and f"{temperature} K"
    return Point(fields.count(capacity), word, figures, ANY, 1, nanometers, roadmap, kelvin)


def _entries(text: str) -> tuple[dict[str, Entry], str]:
    """Return what is wanted and the other results by name, and how many more values there are."""
    found: dict[str, Entry] = {}
    others, results = 0, False
    for number, line in enumerate(text.splitlines(), 1):
        label, colon, value = line.partition(":")
        name = " ".join(label.split())
        if name in _SECTIONS:
            results = name == _RESULTS
        elif colon and value.strip() and (results or name in _INPUTS):
            found.setdefault(name, Entry(value.strip(), number))
        else:
            others += bool(colon and value.strip())
    return found, f"{others} values of input and breakdown"


def _area(fields: Fields) -> Decimal:
    name = "Cache height x width (mm)"
    sides = (fields.text(name) or "").split(" x ")
    if len(sides) != 2:
        return fields.number(name)
    height, width = (Fields(fields.file, {name: Entry(side, fields.entries[name].line)})
                     for side in sides)  # fmt: skip
    return height.number(name) * width.number(name)


def _read_table(text: str, file: str) -> Found:
    points, unused = list[Point](), dict[str, None]()
    for fields in table_rows(text, file):
        point = _point(
            fields,
            area=fields.number("Area (mm2)"),
            leakage=fields.number("Standby leakage per bank(mW)"),
            word=fields.count("Output width (bits)"),
            names=("Capacity (bytes)", "Number of banks", TABLE_MARK, MARK,
                   "Dynamic read energy (nJ)", "Dynamic write energy (nJ)"),
        )  # fmt: skip
        points.append(point)
        unused |= dict.fromkeys(fields.check("CACTI"))
    return Found("CACTI", tuple(points), True, "SRAM", notes=(_NO_WRITE_TIME,),
                 unused=tuple(unused))  # fmt: skip
