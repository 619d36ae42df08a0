"""The command ``accelsim schema``: JSON Schemas with which editors complete and check YAML."""

from __future__ import annotations

import json

import click

from accelsim.cli.options import plugins_option


@click.command()
@click.argument("kind", type=click.Choice(["hardware", "workload", "technology"]))
@plugins_option
def schema(kind: str) -> None:
    """Write the JSON Schema of machine, workload or technology files to the standard output.

    Editors with a YAML language server complete and check keys by it: save the output and name
    the file in a first line such as "# yaml-language-server: $schema=workload.json".
    """
    from accelsim.workload import json_schema

    written = getattr(json_schema, f"{kind}_schema")()
    click.echo(json.dumps(written, indent=2))
