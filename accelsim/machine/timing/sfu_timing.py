"""Routines of the special-function unit: the states of its machines.

As coded (harvard-acc/EdgeBERT, hw/cmod: SMax.h, LayerNorm.h, ElemAdd.h, Enpy.h, Dvfs.h): a row of
vectors is read once in each pass, a vector at a time; every other state takes one iteration of the
machine. A vector of results leaves through the encoder, by the port that vectors are read from.

A function that is not in that code has a routine like the others, by the recipe of its kind.
"""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.model.operators import find_kind


@dataclass(frozen=True)
class Routine:
    """States of a function: what it takes, and what it reads.

    ``reads``: of each pass, reads of activations a vector. ``auxiliary_reads`` and ``states``:
    of all passes together, a vector. ``row_states``: a row; ``end_states`` of these follow the
    last vector. ``emits``: results are written back. ``start_phase``: cycles by which the start
    was met late, at an initiation interval of one and above; the machine and the controller look
    for it once an iteration, so that the phase is an accident of the measurement.
    """

    reads: tuple[int, ...]
    auxiliary_reads: int
    states: int
    row_states: int
    end_states: int = 1
    emits: bool = True
    start_phase: tuple[int, int] = (0, 0)


# Source: the state machines of the files named above; phases: SystemC simulation.
MEASURED = {
    "softmax": Routine((1, 1, 1), 1, 1, 1),
    "layer_norm": Routine((1, 1), 2, 1, 2),
    "add": Routine((2,), 0, 2, 1),
    "entropy": Routine((1, 1), 0, 0, 2, end_states=2, emits=False, start_phase=(-1, 2)),
    "dvfs_lookup": Routine((), 0, 0, 3, end_states=3, emits=False),
}


def routine_of(function: str) -> Routine:
    """Return what was measured of a function, or what its kind's recipe says.

    By the recipe: a pass for each sweep, which reads a vector of every operand; a read of each
    vector of parameters; a state for each operand, of which the last emits; a state a row and
    sweep. An add and a layer norm of EdgeBERT are just that. Raises ConfigError for an unknown one.
    """
    if function in MEASURED:
        return MEASURED[function]
    kind = find_kind(function)
    sweeps, operands = kind.recipe.sweeps, kind.operands
    return Routine((operands,) * sweeps, kind.vectors, operands, sweeps)
