"""``accelsim study``: what is in a store of studies; show, export, clean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from accelsim.cli.optimize import near_option
from accelsim.cli.options import (
    Output,
    command_line,
    output_options,
    plugins_option,
    set_option,
)
from accelsim.cli.sweep import store_option, tell_others
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.study.store import Store
    from accelsim.study.sweep.table import StudyTable


@click.group()
def study() -> None:
    """Show, export or clean what studies have found; the store may be in use meanwhile."""


@study.command()
@click.argument("name", required=False)
@set_option
@store_option
@output_options()
def show(name: str | None, assignments: tuple[str, ...], store: Path, output: Output) -> None:
    """Show the rows of a study, a file or a NAME in the store; without one list all studies."""
    from accelsim.report.sweep import studies_report, sweep_report

    wanted = output.chosen()
    with _opened(store) as kept:
        if name is None:
            report = studies_report(kept, command_line())
        else:
            report = sweep_report(_table(name, assignments, kept), command_line())
    output.give(report, wanted)


@study.command()
@click.argument("name")
@set_option
@store_option
@click.option("--to", type=click.Path(path_type=Path), required=True, help="FILE.csv or .parquet")
@plugins_option
def export(name: str, assignments: tuple[str, ...], store: Path, to: Path) -> None:
    """Write a row a point with all figures of all cases, in SI units, into one file."""
    from accelsim.report.study_export import export_table

    with _opened(store) as kept:
        rows = export_table(_table(name, assignments, kept), to)
    click.echo(f"{rows:,} rows are in {to}")


@study.command()
@click.argument("name")
@click.option("--minimize", multiple=True, metavar="FORMULA", help="As small as can be.")
@click.option("--maximize", multiple=True, metavar="FORMULA", help="As large as can be.")
@near_option
@set_option
@store_option
@output_options()
def pareto(
    name: str,
    minimize: tuple[str, ...],
    maximize: tuple[str, ...],
    near: float,
    assignments: tuple[str, ...],
    store: Path,
    output: Output,
) -> None:
    """Show the rows that no other beats, in the objectives of a study or in others.

    \b
    accelsim study pareto mine.yaml --near 5%
    accelsim study pareto mine.yaml --minimize adapter.energy.request --maximize sram
    """
    from accelsim.report.sweep import sweep_report
    from accelsim.study.front import with_objectives

    wanted = output.chosen()
    with _opened(store) as kept:
        table = _table(name, assignments, kept)
        if minimize or maximize:
            table = with_objectives(table, minimize, maximize)
        report = sweep_report(table, command_line(), near=near)
    output.give(report, wanted)


@study.command()
@click.argument("name", required=False)
@store_option
@plugins_option
def clean(name: str | None, store: Path) -> None:
    """Remove rows of no study, of other versions and of files that have changed; NAME as well."""
    from accelsim.study.identity import model_id

    with _opened(store) as kept:
        removed = kept.clean(model_id(), None if name is None else _file(name, kept))
        left = kept.count()
    click.echo(f"{removed:,} rows are removed, {left:,} are left in {store}")


def _opened(path: Path) -> Store:
    """Return a store that is there. Raises ConfigError for none."""
    from accelsim.study.store import Store

    if not path.is_file():
        raise ConfigError(f"{path}: there is no such store; accelsim sweep makes one")
    return Store(path)


def _table(name: str, assignments: tuple[str, ...], store: Store) -> StudyTable:
    """Return the rows of a study by its file or name."""
    from dataclasses import replace

    from accelsim.study.sweep.space import load_study, remembered
    from accelsim.study.sweep.table import StudyTable

    source = _file(name, store)
    if made := store.made(source):
        study = remembered(made)
        wanted = replace(study, base=study.base.with_assignments(*assignments))
    else:
        wanted = load_study(source, assignments)
    tell_others(store, wanted.ids, "left out")
    return StudyTable(wanted, store)


def _file(name: str, store: Store) -> str:
    """Return the source of a study that is given by its file or by its name in the store."""
    from accelsim.inputs.paths import suggest
    from accelsim.inputs.shipped import find_input

    found = find_input(Path(name))
    if found.suffix in (".yaml", ".yml"):
        return str(found.absolute())
    names = {source: own for source, (own, _) in store.studies().items()}
    files = [source for source, own in names.items() if own == name]
    if len(files) > 1:
        raise ConfigError(f"several studies are called '{name}': name one of {', '.join(files)}")
    if not files:
        hint = suggest(name, names.values(), "studies in the store")
        raise ConfigError(f"there is no study '{name}', neither a file nor in the store; {hint}")
    return files[0]
