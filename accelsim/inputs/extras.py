"""Packages that only some commands need."""

from __future__ import annotations

import os
import shlex
from pathlib import Path


def installation(extra: str) -> str:
    """Return the command that installs an extra of accelsim, from its checkout where it has one."""
    root = Path(__file__).parents[2]
    if not (root / "pyproject.toml").is_file():
        return f"pip install 'accelsim[{extra}]'"
    here = os.path.relpath(root)
    shown = here if here == "." or not here.startswith("..") else str(root)
    return f"pip install -e {shlex.quote(f'{shown}[{extra}]')}"
