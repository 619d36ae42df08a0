"""The command ``accelsim schema``: JSON Schemas with which editors complete and check YAML."""

from __future__ import annotations

import json

import click

from accelsim.cli.options import plugins_option


@click.command()
@click.argument("kind", type=click.Choice(["hardware", "workload", "study", "technology"]))
@plugins_option
def schema(kind: str) -> None:
    """Write the JSON Schema of machine, workload, study or technology files.

    Editors with a YAML language server complete and check keys by it: save the output and name
    the file in a first line such as "# yaml-language-server: $schema=workload.json".
    """
    from accelsim.study.sweep.config import study_schema
    from accelsim.workload import json_schema

    made = study_schema if kind == "study" else getattr(json_schema, f"{kind}_schema")
    written = made()
    click.echo(json.dumps(written, indent=2))
