"""Reports of the memory technologies: all side by side, one array, one technology."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accelsim.memory.arrays import Array
from accelsim.memory.logic import built_least, least_charged
from accelsim.memory.off_chip import OffChipPart
from accelsim.memory.tables import Columns
from accelsim.memory.technology import Device, Graded, MemoryTechnology
from accelsim.report.table import Column, Field, Prose, Report, Section, Table, listed, recorded
from accelsim.report.text import Value, number
from accelsim.units import format_bytes, format_si


def _more(key: str, unit: str = "") -> Column:
    return Column(key, key.replace("_", " "), unit, brief=False)


_ARRAY: tuple[Field[Array], ...] = (
    (Column("technology", "technology"), lambda array: array.technology),
    (Column("bits_per_cell", "b per\ncell", "1"), lambda array: array.bits_per_cell),
    (_more("capacity", "B"), lambda array: array.capacity),
    (_more("word", "b"), lambda array: array.word),
    (_more("target"), lambda array: array.target),
    (_more("node", "nm"), lambda array: array.node),
    (Column("roadmap", "road-\nmap"), lambda array: array.roadmap),
    (_more("temperature", "K"), lambda array: array.temperature),
    (_more("grade"), lambda array: array.grade),
    (Column("area", "area", "mm2"), lambda array: array.area),
    (Column("density", "density", "Mb/mm2"), lambda array: array.density),
    (Column("read_latency", "read", "ns"), lambda array: array.read_latency),
    (Column("write_latency", "write", "ns"), lambda array: array.write_latency),
    (Column("read_energy", "read", "pJ"), lambda array: array.read_energy),
    (Column("write_energy", "write", "pJ"), lambda array: array.write_energy),
    (_more("least_charged", "pJ"), lambda array: least_charged(array) or None),
    (Column("leakage", "leak", "mW"), lambda array: array.leakage),
    (_more("retained_leakage", "mW"), lambda array: array.retained_leakage),
    (_more("read_bandwidth", "GB/s"), lambda array: array.read_bandwidth),
    (Column("endurance_writes", "endur-\nance", "1"), lambda array: array.endurance),
    (_more("retention", "s"), lambda array: array.retention),
    (_more("volatile"), lambda array: array.volatile),
    (_more("composition"), lambda array: array.composition),
)
_OFF_CHIP: tuple[Field[OffChipPart], ...] = (
    (Column("name", "part"), lambda part: part.name),
    (Column("currents", "currents"), lambda part: part.currents),
    (Column("peak_bandwidth", "peak", "GB/s"), lambda part: part.bandwidth),
    (Column("read_stream_energy", "read", "pJ/B"), lambda part: part.reading),
    (Column("write_stream_energy", "write", "pJ/B"), lambda part: part.writing),
    (Column("rests_in", "rests in"), lambda part: part.rests_in),
    (Column("rest_power", "at rest", "mW"), lambda part: part.rest_power),
    (Column("interface_included", "interface"), lambda part: part.interface),
)
_DEVICE_FIGURES = {
    "read_latency_multiplier": "",
    "read_energy_multiplier": "",
    "write_pulse": "s",
    "verify_steps": "",
    "write_energy": "J",
    "endurance": "",
    "retention": "s",
}


def array_report(array: Array) -> Report:
    """Return all figures of one array."""
    fields = [field for field in _ARRAY if field[0].key]
    shown = Column("", "value", "1")
    rows = ((column.name, shown.text(column.plain(of(array)))) for column, of in fields)
    return Report(
        name="array",
        title=f"{array.technology}, {_conditions(array)}",
        sections=(Table("", (Column("", "figure"), shown), tuple(rows)),),
        data=listed("", _ARRAY, [array]),
        document=_document(array),
        notes=(
            f"source: {array.source}",
            *(f"warning: {text}" for text in array.warnings),
            *_raised([array]),
        ),
    )


def overview_report(
    arrays: Sequence[Array],
    missing: Sequence[str],
    parts: Sequence[OffChipPart],
    estimates: Sequence[str],
) -> Report:
    """Return the arrays of all technologies at one point and the parts off the chip.

    ``estimates`` are the names of technologies that are not listed, since none was simulated.
    """
    table, more = listed("", _ARRAY, arrays), ", ".join(estimates)
    named = ", ".join(missing)
    lack = f"no such arrays: {named} ('accelsim tech NAME' tells what there is)" if missing else ""
    title = "Off the chip, endless sequential access; no interface: energies of the core alone"
    return Report(
        name="technologies",
        title=f"On-chip arrays of {_conditions(arrays[0])}",
        sections=(table, *([Prose(lack)] if lack else []), listed(title, _OFF_CHIP, parts)),
        notes=(
            f"estimated, so not listed: {more} ('accelsim tech NAME' shows one)",
            *_raised(arrays),
        ),
        data=table,
        document={
            "arrays": [_document(array) for array in arrays],
            "off_chip": [_rounded(recorded(_OFF_CHIP, part)) for part in parts],
        },
    )


def off_chip_report(parts: Sequence[OffChipPart]) -> Report:
    """Return the figures of one part off the chip, a row for each kind of current."""
    table = listed("", _OFF_CHIP, parts)
    return Report(
        name="off_chip",
        title=f"{parts[0].name}, off the chip, endless sequential access",
        sections=(table,),
        data=table,
        document={"off_chip": [_rounded(recorded(_OFF_CHIP, part)) for part in parts]},
        notes=tuple(f"{part.currents}: {part.source}" for part in parts),
    )


def _raised(arrays: Sequence[Array]) -> Iterator[str]:
    """Yield which arrays a machine charges more for than they say."""
    for one in arrays:
        least = least_charged(one)
        if least > min(one.read_energy, one.write_energy):
            why = built_least(least / one.word)
            yield (
                f"{one.technology}: a machine charges no less than {format_si(least, 'J')} an "
                f"access: {why} (process.logic: typical)"
            )


def _conditions(array: Array) -> str:
    return (
        f"{format_bytes(array.capacity)}, {array.word} b a word, {array.target}, "
        f"{array.node * 1e9:g} nm, {array.temperature:g} K, {array.grade} grade"
    )


def _document(array: Array) -> dict[str, Any]:
    figures = _rounded(recorded(_ARRAY, array))
    return {**figures, "source": array.source, "warnings": list(array.warnings)}


def _rounded(record: dict[str, Value]) -> dict[str, Value]:
    """Drop the last digits, which are noise of the conversion of units."""
    return {
        name: float(f"{value:.12g}") if isinstance(value, float) else value
        for name, value in record.items()
    }


def technology_report(technology: MemoryTechnology) -> Report:
    """Return the device rows of a technology, their sources, and the range of its tables."""
    kind = "volatile" if technology.volatile else "non-volatile"
    rows = [
        row
        for targets in _tables(technology).values()
        for columns in targets.values()
        for rows in columns.values()
        for row in rows
    ]
    targets = sorted({target for found in _tables(technology).values() for target in found})
    ranges = _ranges(technology)
    return Report(
        name="technology",
        title=f"{technology.name}: {technology.description}",
        about=(
            kind + (f", cell area {technology.cell_area:g} F2" if technology.cell_area else ""),
            *(f"note: {note}" for note in technology.notes),
        ),
        sections=(*_devices(technology), ranges),
        data=ranges,
        document={},
        notes=(
            f"targets: {', '.join(target or 'any' for target in targets)}",
            *(f"source: {source}" for source in dict.fromkeys(row.source for row in rows)),
        ),
    )


def _devices(technology: MemoryTechnology) -> Iterator[Section]:
    columns = [Column("", each, "1") for each in ("low", "typical", "high")]
    for device in technology.devices.values():
        figures = _figures(device)
        rows = ((key, *_grades(graded, _DEVICE_FIGURES[key])) for key, graded in figures.items())
        notes = [f"{key}: {graded.source}" for key, graded in figures.items()]
        notes += [f"warning: {device.warning}"] if device.warning else []
        title = f"Device, bits per cell: {device.bits_per_cell}"
        yield Table(title, (Column("", "figure"), *columns), tuple(rows), tuple(notes))


def _figures(device: Device) -> dict[str, Graded[Any]]:
    found = {key: getattr(device, key) for key in _DEVICE_FIGURES}
    return {key: graded for key, graded in found.items() if graded is not None}


def _grades(graded: Graded[Any], unit: str) -> tuple[str, ...]:
    values = (graded.low, graded.typical, graded.high)
    # Retentions are years: no prefix makes 300 Ms easier to read than 3e8 s.
    return tuple(
        format_si(value, unit) if unit and value < 1 else f"{number(value)} {unit}".strip()
        for value in values
    )


def _tables(technology: MemoryTechnology) -> dict[str, Mapping[str, Columns]]:
    stated = {f"{key}; used for any": tables for key, tables in technology.stated.items()}
    return {str(key): tables for key, tables in technology.tables.items()} | stated


def _ranges(technology: MemoryTechnology) -> Table:
    columns = (
        Column("", "bits per cell and conditions"),
        Column("", "capacities"),
        Column("", "words, b"),
    )
    rows = []
    for conditions, targets in _tables(technology).items():
        found = [column for each in targets.values() for column in each.items()]
        capacities = [row.capacity for _, rows_of in found for row in rows_of]
        words = sorted({word for word, _ in found})
        span = f"{format_bytes(min(capacities))} to {format_bytes(max(capacities))}"
        rows.append((conditions, span, " ".join(map(str, words))))
    return Table("Arrays in the table", columns, tuple(rows))
