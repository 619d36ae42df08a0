"""The command ``accelsim tech``: what the memory technologies offer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from accelsim.cli.options import parse_option
from accelsim.errors import ConfigError
from accelsim.units import format_bytes, format_si

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from accelsim.memory.arrays import Array
    from accelsim.memory.technology import Device, Graded, MemoryTechnology

_REFERENCE_CAPACITY = 2**20
_DEFAULT_WORD = 64
_DIMENSIONS = {"capacity": "B", "node": "m", "temperature": "K"}
_DEVICE_FIGURES = {
    "read_latency_multiplier": "",
    "read_energy_multiplier": "",
    "write_pulse": "s",
    "verify_steps": "",
    "write_energy": "J",
    "endurance": "",
    "retention": "s",
}


@click.command()
@click.argument("name", required=False)
@click.option("--capacity", metavar="SIZE", help="Data capacity, such as 4.5MiB.")
@click.option("--word", type=int, metavar="BITS", help="Bits per access.  [default: 64]")
@click.option("--bits-per-cell", type=int, metavar="N", help="Bits per cell.")
@click.option("--target", help="What the array is optimised for.  [default: ReadEDP]")
@click.option("--node", metavar="LENGTH", help="Process node.  [default: 22 nm]")
@click.option("--roadmap", help="Device roadmap: LOP, LSTP or HP.")
@click.option("--temperature", metavar="KELVIN", help="Temperature.  [default: 350 K]")
@click.option(
    "--grade",
    type=click.Choice(["optimistic", "reference", "pessimistic"]),
    help="Device grade.  [default: reference]",
)
@click.option("--extrapolate", is_flag=True, default=None, help="Allow points outside the table.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON to the standard output.")
def tech(name: str | None, as_json: bool, **options: Any) -> None:
    """Show memory technologies: area, latency, energy and leakage of on-chip arrays.

    Without NAME, all technologies at one point (1 MiB unless told otherwise) and the DRAM parts.
    With NAME, a technology or a .yaml file, and --capacity, one array. With NAME alone, the
    technology's device rows, their sources and the range of its tables.
    """
    query = {key: _parse(key, text) for key, text in options.items() if text is not None}
    if name is None:
        _show_all(query, as_json)
    elif "capacity" in query:
        _show_array(name, query, as_json)
    else:
        _refuse_unused([*query, *(["json"] if as_json else [])])
        _show_technology(name)


def _parse(option: str, value: Any) -> Any:
    if option not in _DIMENSIONS:
        return value
    number = parse_option(f"--{option}", value, _DIMENSIONS[option])
    if option != "capacity":
        return number
    if not number.is_integer():
        raise ConfigError(f"--capacity: expected a whole number of bytes, got '{value}'")
    return int(number)


def _refuse_unused(options: list[str]) -> None:
    if options:
        named = ", ".join(f"--{option.replace('_', '-')}" for option in options)
        raise ConfigError(f"{named}: with a technology's name, add --capacity to ask for an array")


def _find(name: str, query: dict[str, Any]) -> Array:
    from accelsim.memory.arrays import find_array
    from accelsim.memory.technology import load_technology

    return find_array(load_technology(name), **{"word": _DEFAULT_WORD, **query})


def _show_array(name: str, query: dict[str, Any], as_json: bool) -> None:
    array = _find(name, query)
    if as_json:
        click.echo(json.dumps(_array_figures(array), indent=2))
        return
    console = _console()
    table = _table(["figure", "value"], left=2)
    for key, value in _array_figures(array).items():
        if key not in ("warnings", "source"):
            table.add_row(key, _cell(value))
    console.print(table)
    console.print(f"\nsource: {array.source}")
    for warning in array.warnings:
        console.print(f"warning: {warning}")


def _array_figures(array: Array) -> dict[str, Any]:
    """Return the figures of an array, each key with its unit, ready for JSON."""
    return {
        "technology": array.technology,
        "bits_per_cell": array.bits_per_cell,
        "capacity_B": array.capacity,
        "word_b": array.word,
        "target": array.target,
        "node_nm": _round(array.node * 1e9),
        "roadmap": array.roadmap,
        "temperature_K": array.temperature,
        "grade": array.grade,
        "area_mm2": _round(array.area * 1e6),
        "density_Mb_per_mm2": _round(array.density / 1e12),
        "read_latency_ns": _round(array.read_latency * 1e9),
        "write_latency_ns": _round(array.write_latency * 1e9),
        "read_energy_pJ": _round(array.read_energy * 1e12),
        "write_energy_pJ": _round(array.write_energy * 1e12),
        "leakage_mW": _round(array.leakage * 1e3),
        "read_bandwidth_GB_per_s": _round(array.read_bandwidth / 1e9),
        "endurance_writes": array.endurance,
        "retention_s": array.retention,
        "volatile": array.volatile,
        "interpolated": not array.exact,
        "source": array.source,
        "warnings": list(array.warnings),
    }


def _round(value: float) -> float:
    """Drop the last digits, which are noise of the conversion of units."""
    return float(f"{value:.12g}")


def _show_all(query: dict[str, Any], as_json: bool) -> None:
    query = {"capacity": _REFERENCE_CAPACITY, **query}
    arrays, missing = _find_all(query)
    if as_json:
        figures = {
            "arrays": [_array_figures(array) for array in arrays],
            "drams": list(_dram_figures()),
        }
        click.echo(json.dumps(figures, indent=2))
        return
    console = _console()
    console.print(_title(arrays[0]))
    console.print(_arrays_table(arrays))
    if missing:
        console.print(
            f"no such arrays: {', '.join(missing)} ('accelsim tech NAME' tells what there is)"
        )
    console.print(
        "\nDRAM parts, endless sequential access; no interface: energies of the core alone"
    )
    console.print(_drams_table())


def _find_all(query: dict[str, Any]) -> tuple[list[Array], list[str]]:
    """Return the arrays of all technologies and the names of those that have none."""
    from accelsim.memory.technology import list_technologies, load_technology

    arrays: list[Array] = []
    problems: dict[str, str] = {}
    for name in list_technologies():
        known = load_technology(name).devices
        for bits_per_cell in [query["bits_per_cell"]] if "bits_per_cell" in query else known:
            try:
                arrays.append(_find(name, {**query, "bits_per_cell": bits_per_cell}))
            except ConfigError as error:
                problems[name] = str(error)
    if not arrays:
        raise ConfigError("\n".join(problems.values()))
    return arrays, list(problems)


def _title(array: Array) -> str:
    return (
        f"On-chip arrays of {format_bytes(array.capacity)}, {array.word} b a word, {array.target}, "
        f"{array.node * 1e9:g} nm, {array.temperature:g} K, {array.grade} grade"
    )


_OVERVIEW = {
    "technology": "technology",
    "road-\nmap": "roadmap",
    "b per\ncell": "bits_per_cell",
    "area\nmm2": "area_mm2",
    "density\nMb/mm2": "density_Mb_per_mm2",
    "read\nns": "read_latency_ns",
    "read\npJ": "read_energy_pJ",
    "write\nns": "write_latency_ns",
    "write\npJ": "write_energy_pJ",
    "leak\nmW": "leakage_mW",
    "endur-\nance": "endurance_writes",
}


def _arrays_table(arrays: list[Array]) -> Table:
    table = _table(list(_OVERVIEW), left=2)
    table.padding = (0, 1, 0, 0)  # One space between columns, so that all fit 80 characters.
    for array in arrays:
        figures = _array_figures(array)
        table.add_row(*(_cell(figures[key]) for key in _OVERVIEW.values()))
    return table


def _dram_figures() -> Iterator[dict[str, Any]]:
    from accelsim.memory.dram import list_drams, load_dram

    for name in list_drams():
        part = load_dram(name)
        yield {
            "name": name,
            "peak_bandwidth_GB_per_s": _round(part.peak_bandwidth / 1e9),
            "read_stream_energy_pJ_per_B": _round(part.read_stream_energy * 1e12),
            "write_stream_energy_pJ_per_B": _round(part.write_stream_energy * 1e12),
            "self_refresh_power_mW": _round(part.standby_power("self_refresh") * 1e3),
            "interface_included": bool(part.power.interface),
        }


def _drams_table() -> Table:
    table = _table(
        ["part", "peak\nGB/s", "read\npJ/B", "write\npJ/B", "self refresh\nmW", "interface"]
    )
    for figures in _dram_figures():
        table.add_row(*map(_cell, figures.values()))
    return table


def _show_technology(name: str) -> None:
    from accelsim.memory.technology import load_technology

    technology = load_technology(name)
    console = _console()
    console.print(f"{technology.name}: {technology.description}")
    kind = "volatile" if technology.volatile else "non-volatile"
    console.print(f"{kind}, cell area {technology.cell_area:g} F2")
    for note in technology.notes:
        console.print(f"note: {note}")
    for device in technology.devices.values():
        _show_device(device, console)
    _show_ranges(technology, console)


def _show_device(device: Device, console: Console) -> None:
    figures = {key: getattr(device, key) for key in _DEVICE_FIGURES}
    rows = {key: graded for key, graded in figures.items() if graded is not None}
    console.print(f"\nDevice, bits per cell: {device.bits_per_cell}")
    table = _table(["figure", "optimistic", "reference", "pessimistic"])
    for key, graded in rows.items():
        table.add_row(key, *_grades(graded, _DEVICE_FIGURES[key]))
    console.print(table)
    for key, graded in rows.items():
        console.print(f"{key}: {graded.source}")
    if device.warning:
        console.print(f"warning: {device.warning}")


def _grades(graded: Graded[Any], unit: str) -> list[str]:
    values = (graded.optimistic, graded.reference, graded.pessimistic)
    # Retentions are years: no prefix makes 300 Ms easier to read than 3e8 s.
    return [
        format_si(value, unit) if unit and value < 1 else f"{_cell(value)} {unit}".strip()
        for value in values
    ]


def _show_ranges(technology: MemoryTechnology, console: Console) -> None:
    console.print("\nArrays in the table")
    table = _table(["bits per cell and conditions", "capacities", "words, b"], left=3)
    for conditions, targets in technology.tables.items():
        columns = [column for columns in targets.values() for column in columns.items()]
        capacities = [row.capacity for _, rows in columns for row in rows]
        words = sorted({word for word, _ in columns})
        table.add_row(
            str(conditions),
            f"{format_bytes(min(capacities))} to {format_bytes(max(capacities))}",
            " ".join(map(str, words)),
        )
    console.print(table)
    known = sorted({target for targets in technology.tables.values() for target in targets})
    console.print(f"targets: {', '.join(known)}")
    sources = {
        row.source: None
        for targets in technology.tables.values()
        for columns in targets.values()
        for rows in columns.values()
        for row in rows
    }
    for source in sources:
        console.print(f"source: {source}")


def _console() -> Console:
    from rich.console import Console

    return Console(markup=False, highlight=False)


def _table(columns: list[str], left: int = 1) -> Table:
    """Return an empty table without lines; the first ``left`` columns are text."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position < left else "right", overflow="fold")
    return table


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        text = f"{value:.0f}" if 1000 <= abs(value) < 1e5 else f"{value:.3g}"
        return text.replace("e+0", "e").replace("e+", "e")
    return str(value)
