"""Compiled segments of one machine: equal work of several layers and tasks is one object."""

from __future__ import annotations

from dataclasses import dataclass, field

from accelsim.program import Segment


@dataclass(frozen=True)
class CompiledSegment:
    """A segment with the bytes held at its end and the choices behind it."""

    segment: Segment
    held: dict[str, int]
    choices: tuple[str, ...]


@dataclass
class SegmentCache:
    """What was compiled, by all that it was made from."""

    known: dict[object, CompiledSegment] = field(default_factory=dict)
