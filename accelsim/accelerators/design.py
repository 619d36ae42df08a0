"""A case compiled: what an accelerator makes of the graphs and placements of its tasks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.machine.chip_state import PowerState
from accelsim.machine.schema import HardwareConfig
from accelsim.model.graph import LayerGraph
from accelsim.placement.placement import Placement
from accelsim.program import Program


@dataclass(frozen=True)
class InferenceProgram:
    """The program with the choices behind it.

    ``choices`` lists for each stage of each distinct segment what was chosen, ``spilled`` the
    activations in DRAM. ``exits[k - 1]`` is the number of leading segments to run when the
    sentence leaves after layer k, the last entry the whole program; without exit checks there are
    none. Whoever leaves early drops what the last segment has left in the buffers for the next.
    """

    program: Program
    choices: tuple[str, ...]
    spilled: tuple[str, ...]
    exits: tuple[int, ...] = ()


@dataclass(frozen=True)
class Design:
    """Everything that is decided before the simulation starts.

    By task name: ``graphs`` (of the workload's sequence length), ``placements``, ``switches`` that
    load all of a task and ``restores`` that load what volatile memories lost. ``inferences`` are
    by task and tokens; ``wakes`` by the power state that they leave. ``weights`` says which weights
    were measured, if any.
    """

    hardware: HardwareConfig
    graphs: Mapping[str, LayerGraph]
    placements: Mapping[str, Placement]
    inferences: Mapping[tuple[str, int], InferenceProgram]
    switches: Mapping[str, Program]
    restores: Mapping[str, Program]
    wakes: Mapping[PowerState, Program]
    settle: Program
    lengths: tuple[int, ...]
    weights: str = ""

    def padded(self, tokens: int) -> int:
        """Return the compiled sequence length that a sentence is padded to."""
        return self.lengths[bisect_left(self.lengths, tokens)]

    def inference(self, task: str) -> InferenceProgram:
        """Return the program of a task's longest sentences."""
        return self.inferences[task, self.lengths[-1]]
