"""What every port does over time: joules, amounts and busy ticks of a view, in steps."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.account.window import Booking, View
from accelsim.engine.segment_run import SegmentRecord
from accelsim.machine.chip_state import PowerState
from accelsim.units import TICKS_PER_SECOND, Tick

TICKS_PER_NANOSECOND = TICKS_PER_SECOND // 10**9

# [ours] Steps of the active time: a screen has twice as many pixels.
STEPS = 500
# And of all time: stays of a long day are told together.
MOST_STEPS = 2000
# Pieces of a segment that lie closer than this part of a step are told as one.
_FINER = 4
# Of a long day there are many million: so many are in memory at a time.
_TOGETHER = 1 << 17

Floats = npt.NDArray[np.float64]
# A row for each piece of time: its start and end (ticks from the start of the view), then what is
# spent in it. Pieces do not overlap and are in order of time.
Pieces = Floats


class Source(NamedTuple):
    """An action of a block and the port that serves it."""

    port: str
    block: str
    action: str


class Activity(NamedTuple):
    """What one source does in each step: joules of dynamic energy, amounts, booked ticks."""

    joules: Floats
    amounts: Floats
    busy: Floats


def step_edges(shown: View) -> npt.NDArray[np.int64]:
    """Return the ends of steps [ns from the start of the view], one more than steps.

    Active stays are cut into equal ones of 1/500 of the active time, each idle stay is one, unless
    there would be more than MOST_STEPS: then some follow one another in one step.
    """
    active = max(1, round_to_nanoseconds(shown.active))
    edges = [0]
    for stay in shown.stays:
        begin, end = edges[-1], round_to_nanoseconds(stay.end - shown.start)
        length = end - begin
        wanted = STEPS * length // active if stay.state.power is PowerState.ACTIVE else 1
        steps = min(max(1, wanted), length)
        edges += [begin + length * step // steps for step in range(1, steps + 1)]
    several = -(-len(edges) // MOST_STEPS)
    edges = [*edges[:-1:several], edges[-1]]
    # A view of less than a nanosecond has a step all the same.
    return np.array(edges if len(edges) > 1 else [0, 1], dtype=np.int64)


def in_ticks(shown: View, edges: npt.NDArray[np.int64]) -> Floats:
    """Return edges in ticks; those drawn are whole nanoseconds, and the last takes in the rest."""
    ticks = edges.astype(np.float64) * TICKS_PER_NANOSECOND
    ticks[-1] = shown.end - shown.start
    return ticks


def round_to_nanoseconds(tick: Tick) -> int:
    """Return the nearest whole nanosecond, half up."""
    return (tick + TICKS_PER_NANOSECOND // 2) // TICKS_PER_NANOSECOND


def activity(shown: View, ticks: Floats) -> dict[Source, Activity]:
    """Return what each source does between edges [ticks]; spans are spread evenly, sums kept."""
    finest = max(1, shown.active // (STEPS * _FINER))
    begun: defaultdict[int, array[float]] = defaultdict(lambda: array("d"))
    records: dict[int, SegmentRecord] = {}
    for part in (part for execution in shown.executions for part in execution.parts):
        records[id(part.record)] = part.record
        # A day of ticks does not fit 64 bits.
        begun[id(part.record)].append(float(part.began - shown.start))
    known: defaultdict[Source, list[tuple[int, Pieces]]] = defaultdict(list)
    for key, record in records.items():
        found = _by_source(shown.bookings_of(record), record.duration, finest)
        for source, pieces in found.items():
            known[source].append((key, pieces))
    return {source: _in_steps(ticks, each, begun) for source, each in known.items()}


def _repeated(pieces: Pieces, begun: Sequence[float]) -> Pieces:
    """Return the pieces of a segment for each time that it began."""
    every = np.repeat(pieces[None], len(begun), axis=0)
    every[:, :, :2] += np.array(begun)[:, None, None]
    return every.reshape(-1, pieces.shape[1])


def _in_steps(
    ticks: Floats, known: Iterable[tuple[int, Pieces]], begun: Mapping[int, array[float]]
) -> Activity:
    """Return what the segments of a source do in each step, so many pieces at a time."""
    done, now = np.zeros((3, len(ticks) - 1)), list[Pieces]()
    for key, pieces in known:
        times = max(1, _TOGETHER // len(pieces))
        for first in range(0, len(begun[key]), times):
            now.append(_repeated(pieces, begun[key][first : first + times]))
            if sum(map(len, now)) >= _TOGETHER:
                done += _spent(ticks, now)
                now.clear()
    return Activity(*(done + _spent(ticks, now) if now else done))


def _spent(ticks: Floats, pieces: Sequence[Pieces]) -> Floats:
    every = np.concatenate(pieces)
    every = every[np.lexsort((every[:, 1], every[:, 0]))]
    return np.array([spread(ticks, every[:, [0, 1, n]]) for n in (2, 3, 4)])


def _by_source(bookings: Iterable[Booking], duration: Tick, finest: Tick) -> dict[Source, Pieces]:
    found: defaultdict[Source, list[tuple[float, ...]]] = defaultdict(list)
    for b in bookings:
        source = Source(b.port, b.block, b.action)
        found[source].append((b.start, b.end, b.joules, b.amount, b.end - b.start))
    most = duration // finest + 1
    return {
        source: _coarser(np.array(rows, float), duration, most) for source, rows in found.items()
    }


def _coarser(pieces: Pieces, duration: Tick, most: int) -> Pieces:
    """Return at most so many equal pieces that spend the same, and each of it in its place."""
    if len(pieces) <= most or not duration:
        return pieces
    edges = np.linspace(0, duration, most + 1)
    spent = [spread(edges, pieces[:, [0, 1, n]]) for n in (2, 3, 4)]
    return np.column_stack([edges[:-1], edges[1:], *spent])


def spread(edges: Floats, pieces: Pieces) -> Floats:
    """Return what is spent between edges, which hold all pieces, each spread evenly over itself."""
    spent = np.cumsum(pieces[:, 2])
    before = np.concatenate([[0.0], spent[:-1]])
    times = pieces[:, :2].ravel()
    totals = np.stack([before, spent], axis=1).ravel()
    at_edges = np.interp(edges, times, totals)
    # A piece without length at the very start or end belongs to the view all the same.
    at_edges[0], at_edges[-1] = 0.0, spent[-1]
    # Interpolation may overshoot the end of a piece by the last bit of a float.
    between: Floats = np.maximum(np.diff(at_edges), 0.0)
    return between
