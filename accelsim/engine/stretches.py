"""Stretches of work between two decisions of the host, replayed as a whole.

A *stretch* is all that is run to wake the chip, or for one request. What it does follows from what
is asked, what lies in the memories, the operating point, buffer levels, and the DRAM where it is
used: from an equal state the programs run again with equal outcomes, none of which is looked up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from accelsim.engine.pieces import Account, PieceRecord, PieceRunner
from accelsim.engine.run import ProgramTotal
from accelsim.machine.chip_state import ChipState
from accelsim.units import Tick

# Stretches known at a time, of some kilobytes each; those that come later are run.
_MOST = 10_000


class Ran(NamedTuple):
    """A piece that ran, on whose behalf, and what counts it; ``counted`` as a program or not."""

    record: PieceRecord
    account: Account
    state: ChipState
    total: ProgramTotal
    counted: bool


@dataclass(eq=False, slots=True)
class Stretch:
    """The outcome of a stretch: what ran, and the state at its end, relative to its start.

    ``left`` is what the controller kept of it. ``background`` are commands of the DRAM between the
    pieces; ``dram`` is its state at the end, if a piece uses it, with the ticks in each state.
    """

    ran: tuple[Ran, ...]
    duration: Tick
    left: Any
    end_levels: dict[str, int]
    background: Counter[str] = field(default_factory=Counter)
    dram: Any = None
    dram_residency: Counter[str] = field(default_factory=Counter)


@dataclass(eq=False, slots=True)
class _Known:
    """The outcomes of what is asked in one state of all but the DRAM, by that of the DRAM."""

    uses_dram: bool
    stretches: dict[Hashable, Stretch] = field(default_factory=dict)


class Stretches:
    """All that is known of stretches, and how often each was repeated."""

    def __init__(self, runner: PieceRunner) -> None:
        self._runner = runner
        self._known: dict[Hashable, _Known] = {}
        self._count = 0
        self._repeated: Counter[Stretch] = Counter()
        self._log: list[Ran] | None = None
        self._began: Tick = 0
        self._before = Counter[str](), Counter[str]()

    def find(self, asked: Hashable) -> Stretch | None:
        """Return what is known to follow from what is asked in the present state."""
        known = self._known.get((asked, self._runner.settings))
        if known is None:
            return None
        return known.stretches.get(self._runner.channel() if known.uses_dram else None)

    def repeat(self, stretch: Stretch) -> bool:
        """Let happen what has been, if nothing else happens meanwhile; say whether it did."""
        runner = self._runner
        if not runner.env.skip(stretch.duration, len(stretch.ran)):
            return False
        self._repeated[stretch] += 1
        runner.levels.clear()
        runner.levels.update(stretch.end_levels)
        if stretch.background:
            runner.background += stretch.background
        if stretch.dram is not None and runner.machine.dram:
            runner.machine.dram.resume(stretch.dram, runner.env.now, stretch.dram_residency)
        return True

    def begin(self, asked: Hashable) -> Hashable:
        """Note what is run from now on; return the key of the state in which it is asked."""
        runner = self._runner
        self._log, self._began = [], runner.env.now
        key = (asked, runner.settings), runner.channel()
        self._before = Counter(runner.background), runner.take_background()
        return key

    def note(self, ran: Ran) -> None:
        """Note a piece that ran, if a stretch is being noted."""
        if self._log is not None:
            self._log.append(ran)

    def end(self, key: Any, left: Any) -> None:
        """Remember what ran since the beginning; ``left`` is what the controller keeps of it."""
        runner, log = self._runner, self._log or []
        self._log = None
        if self._count >= _MOST:
            return
        ticks = runner.env.now - self._began
        stretch = Stretch(tuple(log), ticks, left, dict(runner.levels))
        uses_dram = any(ran.record.dram is not None for ran in log)
        if uses_dram and runner.machine.dram:
            background, residency = self._before
            stretch.dram_residency = runner.take_background() - residency
            stretch.background = runner.background - background
            stretch.dram = runner.machine.dram.state_at(runner.env.now)
        asked, channel = key
        known = self._known.setdefault(asked, _Known(uses_dram))
        known.stretches[channel if uses_dram else None] = stretch
        self._count += 1

    def settle(self, states: Counter[ChipState]) -> None:
        """Count what was repeated."""
        for stretch, times in self._repeated.items():
            for ran in stretch.ran:
                self._runner.count_repeated(ran.record, ran.account, times)
                ticks = ran.record.duration * times
                states[ran.state] += ticks
                ran.total.count += ran.counted * times
                ran.total.ticks += ticks
