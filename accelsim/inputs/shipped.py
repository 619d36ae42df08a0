"""Finds the machines, technologies, workloads and traces that travel with accelsim."""

from __future__ import annotations

import os
from pathlib import Path

from accelsim.inputs.files import is_file, is_there

_PACKAGE = Path(__file__).resolve().parents[1]
_FOLDERS = ("hwconfigs", "workloads", "traces")


def shipped_folder(name: str) -> Path:
    """Return a folder of files that travel with accelsim, installed or in the checkout."""
    installed = _PACKAGE / "shipped" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def shipped_file(name: str) -> Path:
    """Return the absolute path of a file that travels with accelsim, whatever the current folder.

    ``name`` begins with its folder, such as ``hwconfigs/edgebert.yaml``.
    """
    folder, _, rest = name.partition("/")
    return shipped_folder(folder) / rest


def known_as(path: str) -> str:
    """Return what a file is called in results: a shipped one as ``hwconfigs/edgebert.yaml``."""
    plain = Path(os.path.normpath(path))
    for folder in _FOLDERS:
        shipped = shipped_folder(folder)
        if plain.is_relative_to(shipped):
            return (folder / plain.relative_to(shipped)).as_posix()
    return str(plain)


def find_input(path: Path) -> Path:
    """Return the file to read for a path from the command line.

    A file that exists is taken as it is; otherwise a shipped file of that name, such as
    ``workloads/mti_mnli_mrpc_qnli.yaml``; otherwise the path itself, for the error message.
    """
    if is_there(path) or not path.parts or path.parts[0] not in _FOLDERS:
        return path
    shipped = shipped_file(path.as_posix())
    return shipped if is_file(shipped) else path


def find_beside(folder: Path, name: str) -> Path:
    """Return the file that a file in a folder names: beside it, else a shipped one of that name.

    Where there is neither, the path beside it, for the error message.
    """
    beside = folder / name
    found = beside if is_there(beside) else find_input(Path(name))
    return found if is_file(found) else beside
