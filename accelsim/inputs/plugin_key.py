"""The key ``plugins`` of workload and machine files: what a file adds before it is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document, describe, read_document
from accelsim.inputs.doors import check_ending, check_keys
from accelsim.inputs.plugins import check_plugins, load_plugins

KEY = "plugins"


def _only_from_a_file(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError("plug-ins are named in the file itself, or with --plugins PATH")
    return value


Plugins = Annotated[
    dict[str, str],
    BeforeValidator(_only_from_a_file),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "string"},
            "description": "Python files or folders that add kinds, relative to this file",
            "examples": [["my_policy.py"]],
        }
    ),
]
"""The plug-ins that a file and its bases have loaded: what each is called there, by SHA-256."""


def read_with_plugins(path: Path, wanted: str) -> Document:
    """Read a YAML file and load the plug-ins that it names, so that their kinds are known.

    ``wanted`` is ``workload`` or ``machine``: a file of another kind is told where it belongs.

    They are then part of the document as ``Plugins``: an edited one makes another content. Raises
    ConfigError for a file or a plug-in that cannot be read, at its place.
    """
    check_ending(path)
    document = read_document(path)
    check_keys(document, wanted)
    if KEY in document.data:
        document = _loaded(document)
    check_plugins()
    return document


def _loaded(document: Document) -> Document:
    named = document.data[KEY]
    loaded: dict[str, str] = {}
    if not (isinstance(named, list) and all(isinstance(each, str) for each in named)):
        message = f"expected a list of Python files or folders, got {describe(named)}"
        raise document.error((KEY,), message)
    for index, name in enumerate(named):
        try:
            loaded |= dict.fromkeys(load_plugins([document.path.parent / name]), name)
        except ConfigError as error:
            raise document.error((KEY, index), str(error)) from None
    places = {at: place for at, place in document.places.items() if at[:1] != (KEY,)}
    places |= {at: document.place((KEY,)) for at in ((KEY,), *((KEY, each) for each in loaded))}
    return replace(document, data={**document.data, KEY: loaded}, places=places)
