"""The command ``accelsim tech import``: a technology file of what another tool found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from accelsim.cli.options import parse_bytes, parse_option
from accelsim.errors import ConfigError, OutputError

_CONDITIONS = {"node": "m", "temperature": "K"}
_PATH = click.Path(path_type=Path)
_MOST_NAMES = 60
_FORMATS = ("nvsim", "ns-cache", "nvmexplorer", "cacti", "dramsys", "macro")


@click.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_PATH)
@click.option("--format", "form", type=click.Choice(_FORMATS), help="If it is not recognised.")
@click.option("--out", type=_PATH, help="File to write.  [default: NAME.yaml]")
@click.option("--name", help="Name of the technology.  [default: of the first file]")
@click.option("--node", metavar="LENGTH", help="Process node, where the tool does not tell.")
@click.option("--roadmap", help="Device roadmap (LOP, LSTP, HP), where the tool does not tell.")
@click.option("--temperature", metavar="TEMPERATURE", help="Where the tool does not tell.")
@click.option("--bits-per-cell", type=click.IntRange(1, 8), help="Of NVSim's cells.  [default: 1]")
@click.option("--capacity", metavar="SIZE", help="Data of the one array, if told wrongly.")
@click.option("--word", type=click.IntRange(1, 1 << 20), help="Bits of an access, if told wrongly.")
@click.option("--volatile/--non-volatile", default=None, help="Where the tool does not tell.")
@click.option("--cell", metavar="TEXT", help="NVMExplorer: the cell, part of its file's name.")
@click.option("--currents-of", metavar="PART", help="DRAMSys: a DRAM part with currents.")
def import_command(
    files: tuple[Path, ...], form: str | None, out: Path | None, name: str | None, **options: Any
) -> None:
    """Write a technology file of what NVSim, NS-Cache, NVMExplorer, CACTI or DRAMSys found.

    Several FILEs of one tool become one table. Also a data sheet (`accelsim new technology`) is
    taken. Name the result in technology of a machine's memory, or of its dram.
    """
    from accelsim.memory.imports.writing import Given, import_files
    from accelsim.report.text import printable

    for key, dimension in _CONDITIONS.items():
        if options[key] is not None:
            parse_option(f"--{key}", options[key], dimension)
    if options["capacity"] is not None:
        options["capacity"] = parse_bytes("--capacity", options["capacity"])
    target = out or Path(f"{name or files[0].stem}.yaml")
    if target.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"--out {target}: expected a name that ends in .yaml")
    written = import_files(list(files), form, Given(name or target.stem, **options))
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(written.text)
    except OSError as error:
        message = f"cannot write {target}: {error.strerror}; choose another --out"
        raise OutputError(message) from None
    taken = f"a machine takes it as {written.key}.technology"
    click.echo(printable(f"{target} is written, of {written.tool}; {taken}"))
    if written.unused:
        more = [f"and {n} more"] if (n := len(written.unused) - _MOST_NAMES) > 0 else []
        named = ", ".join([*written.unused[:_MOST_NAMES], *more])
        click.echo(printable(f"not used: {named}"))
