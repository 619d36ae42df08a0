"""What is told of every memory: what it is and holds, and how long it lasts."""

from __future__ import annotations

from accelsim.account.lifetime import REQUIRED_YEARS, RegionLifetime
from accelsim.account.memories import Footprint
from accelsim.report.table import Alert, Column, Field
from accelsim.report.text import number, percent
from accelsim.units import format_bytes


def _more(key: str, title: str, unit: str = "") -> Column:
    return Column(key, title, unit, brief=False)


MEMORY: tuple[Field[Footprint], ...] = (
    (Column("name", "memory"), lambda one: one.region.name),
    (_more("kind", "kind"), lambda one: one.region.kind),
    (Column("", "array"), lambda one: array_text(one)),
    (Column("", "holds / capacity", "1"), lambda one: _use(one)),
    (Column("", "full", "%", 2), lambda one: one.fill),
    (Column("area", "area", "mm2"), lambda one: one.region.area),
    (Column("leakage", "leakage", "mW"), lambda one: one.region.leakage),
    (_more("read_latency", "read", "ns"), lambda one: one.region.array.read_latency),
    (_more("write_latency", "write", "ns"), lambda one: one.region.array.write_latency),
    (_more("read_energy", "read", "pJ"), lambda one: one.sheet.charged("read")),
    (_more("write_energy", "write", "pJ"), lambda one: one.sheet.charged("write")),
    (_more("array_read_energy", "array's\nread", "pJ"), lambda one: one.region.read_energy),
    (_more("array_write_energy", "array's\nwrite", "pJ"), lambda one: one.region.write_energy),
    (_more("raised_by", "energies\nraised by"), lambda one: one.sheet.raised_by or None),
    (_more("word", "word", "b"), lambda one: int(8 * one.region.word_bytes)),
    (_more("banks", "banks", "1"), lambda one: one.region.banks),
    (_more("lanes", "lanes", "1"), lambda one: one.region.lanes),
    (_more("technology", "technology"), lambda one: one.region.array.technology),
    (_more("bits_per_cell", "bits\nper cell", "1"), lambda one: one.region.array.bits_per_cell),
    (_more("node", "node", "nm"), lambda one: one.region.array.node),
    (_more("roadmap", "roadmap"), lambda one: one.region.array.roadmap),
    (_more("temperature", "temper-\nature", "K"), lambda one: one.region.array.temperature),
    (_more("target", "target"), lambda one: one.region.array.target),
    (_more("grade", "grade"), lambda one: one.region.array.grade),
    (_more("capacity", "capacity", "B"), lambda one: one.region.capacity),
    (_more("shared", "shared", "b"), lambda one: one.shared_bits),
    (_more("task", "of a task", "b"), lambda one: one.task_bits),
    (_more("composition", "composed of"), lambda one: one.region.array.composition),
)


def array_text(one: Footprint) -> str:
    """Return the technology of a memory and, of cells that keep, their bits."""
    array = one.region.array
    return array.technology + ("" if array.volatile else f" {array.bits_per_cell} b/cell")


def described(one: Footprint) -> str:
    """Return a memory's size and array: ``rram 3 MiB RRAM 2 b/cell (99 % full)``."""
    size = f"{one.region.name} {format_bytes(one.region.capacity)} {array_text(one)}"
    return f"{size} ({percent(one.fill, 2)} full)"


def _use(one: Footprint) -> str:
    """Return ``1.47 / 1.50 MiB``, both in one unit unless that would read 0.00."""
    held, capacity = one.held_bytes, one.region.capacity
    known = [step for step in _BYTES if capacity >= step[0]] or _BYTES[-1:]
    unit, name, digits = known[0]
    of = f"{capacity / unit:.{digits}f} {name}"
    if held and held < 0.05 * unit:
        return f"{format_bytes(held)} / {of}"
    return f"{held / unit:.{digits}f} / {of}"


_BYTES = ((2**20, "MiB", 2), (2**10, "KiB", 1), (1, "B", 0))


LIFETIME: tuple[Field[RegionLifetime], ...] = (
    (Column("name", "lifetime"), lambda one: one.region.name),
    (_more("kind", "kind"), lambda one: one.region.kind),
    (Column("technology", "technology"), lambda one: one.region.array.technology),
    (Column("", "endurance", "1"), lambda one: _endurance(one)),
    (_more("words_written", "words\nwritten", "1"), lambda one: one.words_written),
    (_more("worst_cell_writes", "worst cell,\nwrites", "1"), lambda one: one.worst_writes),
    (_more("levelled_writes", "levelled,\nwrites", "1"), lambda one: one.even_writes),
    (Column("years_worst_cell", "worst cell", "year"), lambda one: one.years()),
    (Column("years_levelled", "levelled", "year"), lambda one: one.years(levelled=True)),
    (
        Column("", f"{REQUIRED_YEARS:g} years", "1"),
        lambda one: "lasts" if one.lasts() else Alert("wears out"),
    ),
)


def _endurance(one: RegionLifetime) -> str:
    if one.endurance:
        return number(one.endurance[one.region.array.grade])
    return "no limit" if one.region.array.volatile else "not stated"
