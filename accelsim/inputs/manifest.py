"""The manifest of a folder of results: what was written there, and whether all of it was."""

from __future__ import annotations

import json
from pathlib import Path

from accelsim.errors import ConfigError

MANIFEST = ".accelsim.json"

# By name, the digests that a file of ours may have: two while it is being replaced.
Written = dict[str, list[str]]


def written(folder: Path) -> Written:
    """Return the manifest of a folder; empty where there is none that can be read."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {str(name): list(map(str, digests)) for name, digests in found["files"].items()}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}


def check_whole(folder: Path) -> None:
    """Raise ConfigError for a folder whose files may be of two runs: a kill while they changed."""
    between = sorted(name for name, digests in written(folder).items() if len(set(digests)) != 1)
    if between:
        wrong = f"{folder}: a run was killed while it replaced {', '.join(between)}"
        raise ConfigError(f"{wrong}; the files may be of two runs: run it again into this folder")
