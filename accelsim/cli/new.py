"""The command ``accelsim new``: a file to begin with, with comments, that runs as it is."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import click

from accelsim.errors import ConfigError, OutputError

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")


@click.command()
@click.argument("kind", type=click.Choice(["machine", "workload", "study", "technology"]))
@click.argument("name")
def new(kind: str, name: str) -> None:
    """Write NAME.yaml into this folder: a machine, workload, study or technology to begin with.

    It has comments and runs as it is; no file is replaced.
    """
    stem = name.removesuffix(".yaml")
    if not _NAME.fullmatch(stem):
        raise ConfigError(
            f"new: '{name}' cannot name a file and what is in it; expected up to 100 letters, "
            "digits, '_', '-' and '.', not beginning with '.'"
        )
    path = Path(f"{stem}.yaml")
    text = (files("accelsim.inputs") / "templates" / f"{kind}.yaml").read_text("utf-8")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text.replace("NAME", stem))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another name") from None
    click.echo(f"{path} is written; its first lines say how to try it")
