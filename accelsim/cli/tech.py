"""The command ``accelsim tech``: what the memory technologies offer; more of them by ``import``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click as plain_click
import rich_click as click

from accelsim.cli.options import json_option, parse_bytes, parse_option
from accelsim.cli.output import show
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.memory.arrays import Array

_REFERENCE_CAPACITY = 2**20
_DEFAULT_WORD = 64
# Of a part off the chip unless told otherwise, as of arrays [K].
_TEMPERATURE = 350.0
_NO_ARRAY = "with a technology's name, add --capacity to ask for an array"
# Options with a unit, by what it is of.
_CONDITIONS = {"node": "m", "temperature": "K"}


class _ShowsOrImports(click.RichGroup):
    """``tech import ...`` imports; whatever else follows ``tech`` is shown."""

    def parse_args(self, ctx: plain_click.Context, args: list[str]) -> list[str]:
        """Put the name of the command that shows before what is not ``import``."""
        return super().parse_args(ctx, args if args[:1] == ["import"] else ["show", *args])

    def get_command(self, ctx: plain_click.Context, cmd_name: str) -> plain_click.Command | None:
        """Return a command; the other's module is imported when it is called."""
        if cmd_name == "import":
            from accelsim.cli.tech_import import import_command

            return import_command
        return super().get_command(ctx, cmd_name)


@click.group(cls=_ShowsOrImports)
def tech() -> None:
    """Show memory technologies, or import one."""


@tech.command("show")
@click.argument("name", required=False)
@click.option("--capacity", metavar="SIZE", help="Data capacity, such as 4.5MiB.")
@click.option("--word", type=int, metavar="BITS", help="Bits per access.  [default: 64]")
@click.option("--bits-per-cell", type=int, metavar="N", help="Bits per cell.")
@click.option("--target", help="What the array is optimised for.  [default: ReadEDP]")
@click.option("--node", metavar="LENGTH", help="Process node.  [default: 22 nm]")
@click.option("--roadmap", help="Device roadmap: LOP, LSTP or HP.")
@click.option("--temperature", metavar="TEMPERATURE", help="Such as '300 K'.  [default: 350 K]")
@click.option(
    "--grade",
    type=click.Choice(["low", "typical", "high"]),
    help="Device grade.  [default: typical]",
)
@click.option(
    "--source",
    type=click.Choice(["nvsim", "silicon"]),
    help="Figures of NVSim, or what was built and measured.  [default: nvsim]",
)
@click.option(
    "--extrapolate",
    is_flag=True,
    default=None,
    help="More than the largest array: several of them.",
)
@json_option
def show_command(name: str | None, as_json: bool, **options: Any) -> None:
    """Show memory technologies: area, latency, energy and leakage of on-chip arrays.

    Without NAME, all technologies at one point (1 MiB unless told otherwise) and the parts off the
    chip. With NAME, a technology or a .yaml file, and --capacity, one array. With NAME alone, the
    technology's device rows, their sources and the range of its tables; of a part off the chip its
    figures in each kind of current that it states. `accelsim tech import FILE` makes a technology
    of what NVSim, NS-Cache, NVMExplorer, CACTI or DRAMSys found.
    """
    query = {key: _parse(key, text) for key, text in options.items() if text is not None}
    from accelsim.memory.files import technology_kind

    if name is None:
        _show_all(query, as_json)
    elif technology_kind(name) in {"dram", "burst_memory"}:
        _show_off_chip(name, query, as_json)
    elif "capacity" in query:
        from accelsim.report.technology import array_report

        show(array_report(_find(name, query)), as_json=as_json)
    else:
        _refuse_unused([*query, *(["json"] if as_json else [])])
        from accelsim.memory.technology import load_technology
        from accelsim.report.technology import technology_report

        show(technology_report(load_technology(name)))


def _parse(option: str, value: Any) -> Any:
    if option == "capacity":
        return parse_bytes("--capacity", value)
    dimension = _CONDITIONS.get(option)
    return parse_option(f"--{option}", value, dimension) if dimension else value


def _refuse_unused(options: list[str], why: str = _NO_ARRAY) -> None:
    if options:
        named = ", ".join(f"--{option.replace('_', '-')}" for option in options)
        raise ConfigError(f"{named}: {why}")


def _show_off_chip(name: str, query: dict[str, Any], as_json: bool) -> None:
    from accelsim.memory.off_chip import off_chip_part
    from accelsim.report.technology import off_chip_report

    temperature = query.pop("temperature", _TEMPERATURE)
    _refuse_unused(list(query), "a part off the chip takes --temperature alone")
    show(off_chip_report(list(off_chip_part(name, temperature))), as_json=as_json)


def _find(name: str, query: dict[str, Any]) -> Array:
    from accelsim.memory.arrays import find_array
    from accelsim.memory.silicon import as_built
    from accelsim.memory.technology import load_technology

    wanted = {"word": _DEFAULT_WORD, **query}
    source = wanted.pop("source", "nvsim")
    array = find_array(load_technology(name), **wanted)
    return as_built(array) if source == "silicon" else array


def _show_all(query: dict[str, Any], as_json: bool) -> None:
    from accelsim.memory.off_chip import off_chip_parts
    from accelsim.memory.technology import list_technologies
    from accelsim.report.technology import overview_report

    arrays, missing = _find_all({"capacity": _REFERENCE_CAPACITY, **query})
    parts = list(off_chip_parts(arrays[0].temperature))
    show(overview_report(arrays, missing, parts, list_technologies("estimate")), as_json=as_json)


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
