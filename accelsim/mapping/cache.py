"""What compiling makes: programs of inferences, and the segments that several of them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from accelsim.mapping.emission import Emitted
from accelsim.program import Program, Segment


@dataclass(frozen=True)
class InferenceProgram:
    """The program with the choices behind it.

    ``choices`` lists for each stage of each distinct segment what was chosen, ``spilled`` the
    activations in DRAM. ``exits[k - 1]`` is the number of leading segments to run when the
    sentence leaves after layer k, the last entry the whole program; without exit checks there are
    none. Whoever leaves early drops what the last segment has left in the buffers for the next.
    ``before`` are the leading segments before the first layer. ``cost`` and ``least`` are those
    of its segments together. ``shares`` are the numbers of the requests that segments are of where
    several share a pass over the weights: those of all have 0.
    """

    program: Program
    choices: tuple[str, ...]
    spilled: tuple[str, ...]
    exits: tuple[int, ...] = ()
    before: int = 0
    cost: float = 0.0
    least: float = 0.0
    shares: tuple[int, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether something cheaper did not fit."""
        return self.least < self.cost

    @property
    def body(self) -> slice:
        """The segments up to the end of the last layer."""
        inside = (n for n, layer in enumerate(self.program.layers, 1) if layer is not None)
        return slice(max(inside))


def shared_step(steps: Sequence[InferenceProgram]) -> Program:
    """Return the pass that requests share, from the step of as many like each of them."""
    first = steps[0]
    segments = (steps[share].program.segments[n] for n, share in enumerate(first.shares))
    return replace(first.program, segments=tuple(segments))


@dataclass(frozen=True)
class CompiledSegment:
    """A segment with the bytes held at its end and the choices behind it.

    ``cost`` is what the mapper takes it to cost, ``least`` what it would with room for anything.
    """

    segment: Segment
    held: dict[str, int]
    choices: tuple[str, ...]
    cost: float
    least: float


@dataclass
class SegmentCache:
    """What was compiled for one machine, and what was emitted for all of one ``emission``.

    Both by all that they were made from but the machine.
    """

    known: dict[object, CompiledSegment] = field(default_factory=dict)
    emitted: dict[object, Emitted] = field(default_factory=dict)
