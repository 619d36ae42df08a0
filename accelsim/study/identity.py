"""By what a row of a study is found again: the point, the model that evaluated it, the files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.metadata import entry_points, version
from pathlib import Path

from accelsim.evaluation.point import Point
from accelsim.inputs.document import parse_override
from accelsim.inputs.paths import KeyPath
from accelsim.inputs.plugins import loaded_plugins
from accelsim.inputs.shipped import find_input, known_as
from accelsim.study.lazy import Lazy
from accelsim.version import __version__

_PACKAGE = Path(__file__).resolve().parents[1]
# Rooms above evaluation, which no figure depends on: the order of rooms is tested.
_ABOVE = ("cli", "report", "study", "shipped")
# Bytes of a name.
_NAME = 16
# Raised with every change of how figures are kept.
_FIGURES = "figures 2"
_LIBRARIES = ("numpy", "simpy", "networkx")


def point_id(point: Point) -> bytes:
    """Return the name of what a point asks: equal for assignments in another order.

    A path that is assigned twice counts as it was last, unless one is part of another.
    """
    machines = sorted((case, machine.digest) for case, machine in point.machines.items())
    asked = [workload_name(point), _settled(tuple(point.assignments)), point.cases, machines]
    return hashlib.blake2b(json.dumps(asked).encode(), digest_size=_NAME).digest()


def point_ids(points: Iterable[Point]) -> Sequence[bytes]:
    """Return the names of points, which take no more room than they are long."""
    packed = bytearray()
    for point in points:
        packed += point_id(point)
    whole = bytes(packed)
    return Lazy(len(whole) // _NAME, lambda number: whole[number * _NAME : (number + 1) * _NAME])


def workload_name(point: Point) -> str:
    """Return the absolute path of a point's workload, or what a shipped one is called."""
    name = os.fspath(point.workload)
    return _name(name if os.path.isabs(name) else str(find_input(Path(name)).absolute()))


@lru_cache(maxsize=16)
def _name(path: str) -> str:
    return known_as(path)


def _settled(assignments: tuple[str, ...]) -> list[str]:
    """Return assignments in an order that is theirs alone, where order does not matter."""
    paths = [_path(each) for each in assignments]
    last = dict(zip(paths, assignments, strict=True))
    nested = any(a != b and a[: len(b)] == b for a in last for b in last)
    return list(assignments) if nested else [last[path] for path in sorted(last, key=str)]


def _path(assignment: str) -> KeyPath:
    path, mark, _ = assignment.partition("=")
    # A name in quotes may have the mark in it.
    plain = mark and '"' not in path and "'" not in path
    return _plain_path(path) if plain else parse_override(assignment).path


@lru_cache(maxsize=256)
def _plain_path(path: str) -> KeyPath:
    return parse_override(f"{path}=").path


def model_id() -> bytes:
    """Return the name of all code that figures come from, plug-ins that are loaded included."""
    plugins = [plugin.digest for plugin in loaded_plugins()]
    return hashlib.blake2b(json.dumps([_code(), plugins]).encode(), digest_size=16).digest()


def model_name() -> str:
    """Return what people call that code; two of one version are told apart by their ``model_id``.

    It names the plug-ins that are loaded.
    """
    plugins = ", ".join(plugin.file.name for plugin in loaded_plugins())
    told = f" with {plugins}" if plugins else ""
    return f"accelsim {__version__}{told} ({model_id().hex()[:8]})"


@lru_cache(maxsize=1)
def _code() -> list[str]:
    """Return what this process has imported: the digest of the package, versions of others."""
    content = hashlib.sha256()
    for file in sorted(_PACKAGE.rglob("*.*")):
        place = file.relative_to(_PACKAGE)
        # Tables that travel in the package count as well.
        if place.parts[0] not in _ABOVE and file.suffix != ".pyc" and file.is_file():
            content.update(f"{place}\0".encode() + file.read_bytes())
    points = entry_points()
    added = {
        f"{point.value} {point.dist.version if point.dist else ''}"
        for group in points.groups
        if group.startswith("accelsim.")
        for point in points.select(group=group)
    }
    libraries = [f"{name} {version(name)}" for name in _LIBRARIES]
    return [_FIGURES, __version__, content.hexdigest(), *libraries, *sorted(added)]
