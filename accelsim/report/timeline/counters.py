"""Counters of a timeline: power, utilisation, bandwidth, what buffers hold, who waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

import numpy as np

from accelsim.account.activity import Floats, Source, round_to_nanoseconds
from accelsim.account.power import PowerSeries
from accelsim.account.waits import levels
from accelsim.account.window import View, queue_lengths
from accelsim.engine.run import Part
from accelsim.machine.components.base import Part as Role
from accelsim.report.timeline.levels import Level, Plan
from accelsim.report.timeline.marks import Mark, Rows, Sample
from accelsim.report.timeline.segments import bytes_of
from accelsim.units import TICKS_PER_SECOND, Tick

WAITING, POWER, UTILISATION, BANDWIDTH, OCCUPANCY = (
    "waiting requests", "power", "utilisation", "bandwidth", "occupancy",
)  # fmt: skip
_TOLD = {
    POWER: "Mean power of each step, by part of the machine.",
    UTILISATION: "The part of each step for which a port is booked.",
    BANDWIDTH: "Bytes moved in each step.",
    OCCUPANCY: "Bytes held; where no panels are drawn, the most of each layer drawn.",
}
_GROUPS = (POWER, UTILISATION, BANDWIDTH, OCCUPANCY)


@dataclass(frozen=True)
class Counters:
    """The counters of one process; groups of them stand ``below`` other rows."""

    process: int
    plan: Plan
    rows: Rows
    below: int

    def marks(self) -> Iterator[Mark]:
        """Yield the samples of all counters, each where it changes, and zeros at the end."""
        yield from self._waiting()
        series = self.plan.case.power
        start = round_to_nanoseconds(self.plan.shown.start)
        edges = [start + edge for edge in series.edges]
        for part, watts in series.watts.items():
            yield from self._steps(POWER, part, "mW", edges, 1e3 * watts)
        yield from self._ports(series, edges)
        yield from self._occupancy()

    def _ports(self, series: PowerSeries, edges: Sequence[int]) -> Iterator[Mark]:
        seconds, shown = np.diff(series.edges) * 1e-9, self.plan.shown
        busy: defaultdict[str, Floats] = defaultdict(lambda: np.zeros(len(seconds)))
        moved: dict[Source, Floats] = {}
        for source, done in series.activity.items():
            busy[source.port] += done.busy
            size = bytes_of(shown.prices, self.plan.word_bytes, source.block, source.action)
            if size:
                moved[source] = done.amounts * size
        for port in lanes(shown):
            share = 100 * busy[port] / (seconds * TICKS_PER_SECOND)
            yield from self._steps(UTILISATION, port, "%", edges, share)
        for source in sorted(moved, key=lambda source: lanes(shown).index(source.port)):
            name, rate = f"{source.block} {source.action}", 1e-9 * moved[source] / seconds
            yield from self._steps(BANDWIDTH, name, "GB/s", edges, rate)

    def _row(self, group: str, name: str, unit: str, about: str = "") -> int:
        place = self.below + 1 + _GROUPS.index(group)
        parent = self.rows.row(self.process, group, place, about=_TOLD[group])
        scale = "" if group == OCCUPANCY else group
        return self.rows.row(parent, name, about=about, unit=unit, scale=scale)

    def _steps(
        self, group: str, name: str, unit: str, edges: Sequence[int], values: Floats
    ) -> Iterator[Mark]:
        steps = zip(edges, (*values.tolist(), 0.0), strict=True)
        yield from _changes(self._row(group, name, unit), steps)

    def _waiting(self) -> Iterator[Mark]:
        """Yield the number of requests that wait; nothing if none ever waits."""
        steps = queue_lengths(self.plan.shown)
        if len(steps) > 1:
            row = self.rows.row(self.process, WAITING, self.below, unit="requests")
            yield from _changes(row, ((round_to_nanoseconds(at), float(n)) for at, n in steps))

    # -- buffers -------------------------------------------------------------------------------

    def _occupancy(self) -> Iterator[Mark]:
        parts, capacities = self.plan.parts, self.plan.case.case.hardware.capacities
        records = {id(part.record): part.record for part in parts}
        held = {name for record in records.values() for name in record.peak}
        for name in (name for name in capacities if name in held):
            samples = ((round_to_nanoseconds(at), float(n)) for at, n in self._held(parts, name))
            row = self._row(OCCUPANCY, name, "B", f"Capacity {capacities[name]} B.")
            yield from _changes(row, samples)

    def _held(self, parts: Sequence[Part], name: str) -> Iterator[tuple[Tick, int]]:
        """Yield what a buffer holds: the most of a layer, what is left where none follows it."""

        def drawn() -> Iterator[tuple[Part, Level]]:
            for part, level in zip(parts, self.plan.levels, strict=True):
                if level >= Level.LAYER and name in part.record.peak:
                    yield part, level

        exact: dict[int, list[tuple[Tick, int]]] = {}
        for (part, level), after in zip_longest(drawn(), islice(drawn(), 1, None)):
            record, begun = part.record, part.began
            if level < Level.PANEL:
                yield begun, record.peak[name]
                end = begun + record.duration
                if after is None or after[0].began != end:
                    yield end, record.end_levels.get(name, 0)
                continue
            if id(record) not in exact:
                exact[id(record)] = levels(record).get(name, [])
            yield from ((begun + at, n) for at, n in exact[id(record)])


def _changes(row: int, steps: Iterable[tuple[int, float]]) -> Iterator[Sample]:
    """Yield the samples of a counter where it changes."""
    before: float | None = None
    for at, value in steps:
        if value != before:
            yield Sample(row, at, value)
        before = value


def lanes(shown: View) -> list[str]:
    """Return the ports in use from top to bottom: by what they are for."""
    roles, declared, used = list(Role), list(shown.prices.sheets), shown.ports

    def place(port: str) -> tuple[int, int, str]:
        role = shown.prices.part(used[port])
        order = 0 if role is Role.BUFFERS else declared.index(used[port])
        return roles.index(role), order, port

    return sorted(used, key=place)
