"""Cycles of a command of the special-function unit, from the states of its machines.

As coded (harvard-acc/EdgeBERT, hw/cmod: SMax.h, LayerNorm.h, ElemAdd.h, Enpy.h, Dvfs.h): a row of
vectors is read once in each pass, a vector at a time; every other state takes one iteration of the
machine. A vector of results leaves through the encoder, by the port that vectors are read from.

A function that is not in that code has a routine like the others, by the recipe of its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from accelsim.model.operators import find_kind


@dataclass(frozen=True)
class SfuTiming:
    """What decides the cycles of a command.

    ``read_round_trip``: cycles from the request of a vector to the state after its arrival,
    ``auxiliary_read``: the same for the auxiliary memory, ``setup``: start command and interrupt,
    ``initiation_intervals``: cycles of an iteration by function, one where none is given,
    ``pipelined``: the reads of a pass follow each other every cycle (not as coded).
    """

    read_round_trip: int = 17
    auxiliary_read: int = 6
    setup: int = 9
    initiation_intervals: Mapping[str, int] = field(default_factory=dict)
    pipelined: bool = False


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

# Relays from a unit to the mask memory's port: of a request, and of a result by the encoder.
_REQUEST_RELAYS, _RESULT_RELAYS = 3, 5


def routine_of(function: str, operands: int) -> Routine:
    """Return what was measured of a function, or what its kind's recipe says.

    By the recipe: a pass for each sweep, which reads a vector of every operand; a read of each
    vector of parameters; a state for each operand, of which the last emits; a state a row and
    sweep. An add and a layer norm of EdgeBERT are just that. Raises ConfigError for an unknown one.
    """
    if function in MEASURED:
        return MEASURED[function]
    kind = find_kind(function)
    sweeps = kind.recipe.sweeps
    return Routine((operands,) * sweeps, kind.vectors, operands, sweeps)


def command_cycles(
    timing: SfuTiming, function: str, rows: int, vectors: int, operands: int = 1
) -> int:
    """Return the cycles of a command on ``rows`` of ``vectors``, from start write to interrupt.

    An add has ``rows`` for each two operands. Raises ConfigError for an unknown function.
    """
    routine = routine_of(function, operands)
    interval = timing.initiation_intervals.get(function, 1)
    row = _row_cycles(timing, routine, interval, vectors)
    waits = _waits(routine, interval, rows, vectors) if not timing.pipelined else 0
    return rows * row + waits + timing.setup + routine.start_phase[interval > 1]


def _row_cycles(timing: SfuTiming, routine: Routine, interval: int, vectors: int) -> int:
    auxiliary = routine.auxiliary_reads * _read(timing.auxiliary_read, interval)
    if timing.pipelined:
        trips = sum(routine.reads) * (vectors + timing.read_round_trip)
        return trips + auxiliary + routine.row_states
    trips = sum(routine.reads) * _read(timing.read_round_trip, interval)
    states = routine.states * interval
    return (trips + auxiliary + states) * vectors + routine.row_states * interval


def _read(round_trip: int, interval: int) -> int:
    """Return the cycles of a state that asks and one that receives."""
    return max(interval, round_trip - 1) + interval


def _waits(routine: Routine, interval: int, rows: int, vectors: int) -> int:
    """Return by how much results delay the reads that follow them.

    Both reach the mask memory's port in one cycle when as many cycles lie between them as relays
    separate their ways. The port serves them in turn: the read waits unless a result was served
    after the read before it.
    """
    if not routine.emits:
        return 0
    apart = _RESULT_RELAYS - _REQUEST_RELAYS
    within_rows = rows * (vectors - 1) if interval == apart else 0
    read_was_last = vectors == 1 or routine.reads[-1] > 1
    meet = (1 + routine.end_states) * interval == apart
    return within_rows + (rows - 1 if meet and read_was_last else 0)
