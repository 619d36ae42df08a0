"""Finds the machines, technologies and workloads that travel with accelsim."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped_folder(name: str) -> Path:
    """Return the folder ``hwconfigs`` or ``workloads`` of the installation or of the checkout."""
    installed = _PACKAGE / "shipped" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def find_input(path: Path) -> Path:
    """Return the file to read for a path from the command line.

    A file that exists is taken as it is; otherwise a shipped file of that name, such as
    ``workloads/mti_mnli_mrpc_qnli.yaml``; otherwise the path itself, for the error message.
    """
    if path.exists() or path.is_absolute() or not path.parts:
        return path
    shipped = shipped_folder(path.parts[0]).joinpath(*path.parts[1:])
    return shipped if shipped.is_file() else path
