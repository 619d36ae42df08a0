"""Runs pieces of programs on the machine and keeps count; equal pieces are replayed.

A *piece* is a run of segments at one operating point. From an equal state (segments, point,
buffer levels, DRAM where it is used) it has an equal outcome, which is then replayed instead of
simulated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from accelsim.engine.clock import CountingEnvironment
from accelsim.engine.ledger import BACKGROUND, Clock, Key, Ledger, check_conservation
from accelsim.engine.segment_run import SegmentRecord, SegmentRun
from accelsim.engine.work import Behalf
from accelsim.inputs.memo import Memo
from accelsim.machine.chip_state import CLOCKED, NOMINAL, ChipState, PowerState
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.operating_points import OperatingPoint
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.servers import Machine
from accelsim.program import Program, ProgramKind, Segment
from accelsim.units import Tick

Process = Generator[Any, Any, Any]
Layers = tuple[int | None, ...]
_Amounts = Counter[tuple[str, str, str]]


@dataclass(eq=False)
class PieceRecord:
    """The outcome of a piece, times relative to its start.

    ``parts`` are its segments with their starts; ``busy`` are ticks by port; ``background`` are
    DRAM commands between its segments. ``dram`` is the state of the DRAM at the end, if a segment
    uses it, with the ticks in each state.
    """

    parts: tuple[tuple[Tick, SegmentRecord], ...]
    duration: Tick
    busy: dict[str, Tick]
    end_levels: dict[str, int]
    background: Counter[str] = field(default_factory=Counter)
    dram: Any = None
    dram_residency: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, eq=False, slots=True)
class Account:
    """On whose behalf pieces run: the kind of program, the NLP task, the operating point.

    ``layers`` are those of the piece's segments; none where it is of no layer.
    """

    kind: ProgramKind
    task: str
    point: str
    layers: Layers = ()


@dataclass(eq=False, slots=True)
class _Known:
    """What is known of some segments: whether they use the DRAM, and their outcomes by state."""

    uses_dram: bool
    records: dict[object, PieceRecord] = field(default_factory=dict)


class PieceRunner:
    """The machine with its clock, and how often each piece ran on whose behalf."""

    def __init__(
        self, hardware: HardwareConfig, *, replay: bool, trace: bool, memo: Memo | None = None
    ) -> None:
        self.env = CountingEnvironment()
        self.machine = Machine(hardware)
        self.state = ChipState(PowerState.ACTIVE)
        self.levels: dict[str, int] = {}
        self.tally: Counter[tuple[PieceRecord, Account]] = Counter()
        self.background: Counter[str] = Counter()
        self.simulated = 0
        self._replay = replay
        self._trace = trace
        self._memo = memo if replay and not trace else None
        dram = hardware.dram
        self._dram_timing = dram.timing(DRAM, hardware.site) if dram and memo else None
        self._known: dict[tuple[Segment, ...], _Known] = {}
        self._segments: dict[object, SegmentRecord] = {}
        self._accounts: dict[tuple[str, str, str, Layers], Account] = {}
        self._replays: Counter[PieceRecord] = Counter()
        self._replayed = 0

    @property
    def point(self) -> str:
        """Name of the present operating point."""
        return self.state.point

    def move_to(self, point: OperatingPoint | None) -> None:
        """Run what follows at another operating point; None is the nominal one."""
        self.machine.move_to(point)
        self.state = ChipState(PowerState.ACTIVE, point.name if point else NOMINAL)

    def drop_levels(self) -> None:
        """Empty all buffers: what they hold is not needed any more."""
        self.levels.clear()

    def run(
        self, segments: tuple[Segment, ...], kind: ProgramKind, task: str, layers: Layers = ()
    ) -> Process:
        """Run segments one after the other (a SimPy process fragment); return the PieceRecord."""
        known = self._known.get(segments) or self._new(segments)
        key = (self.settings, self.channel() if known.uses_dram else None)
        record = known.records.get(key) if self._replay else None
        if record is None:
            record = yield from self._run_piece(segments, uses_dram=known.uses_dram)
            known.records[key] = record
        else:
            # Blocks take the time for idle; the end sets right what was busy.
            self._replays[record] += 1
            self.levels.update(record.end_levels)
            if not self.env.skip(record.duration):
                yield self.env.timeout(record.duration)
            if record.dram is not None and self.machine.dram:
                self.machine.dram.resume(record.dram, self.env.now, record.dram_residency)
        self.tally[record, self.account(kind, task, layers)] += 1
        return record

    def count_repeated(self, record: PieceRecord, account: Account, times: int) -> None:
        """Count a piece that was repeated so many times."""
        self.tally[record, account] += times
        self._replays[record] += times

    @property
    def settings(self) -> Hashable:
        """What an outcome depends on beside the DRAM: the operating point and buffer levels."""
        return (self.state.point, self._held())

    def channel(self) -> Hashable:
        """Return the state of the DRAM on which an outcome depends that uses it."""
        if not self.machine.dram:
            return None
        self._note_background()
        return self.machine.dram.state_key(self.env.now)

    @property
    def replayed(self) -> int:
        """Segments that were not simulated."""
        pieces = sum(len(record.parts) * times for record, times in self._replays.items())
        return pieces + self._replayed

    def take_background(self) -> Counter[str]:
        """Count the DRAM's commands of the time between pieces; return its ticks by state."""
        self._note_background()
        return self.machine.dram.residency if self.machine.dram else Counter()

    def _note_background(self) -> None:
        dram = self.machine.dram
        if dram and (found := dram.take_background(self.env.now)):
            self.background += found

    def _new(self, segments: tuple[Segment, ...]) -> _Known:
        present = self.machine.dram is not None
        known = _Known(present and any(DRAM in segment.blocks for segment in segments))
        self._known[segments] = known
        return known

    def account(self, kind: ProgramKind, task: str, layers: Layers) -> Account:
        """Return on whose behalf something runs at the present operating point."""
        key = (kind.value, task, self.point, layers)
        if key not in self._accounts:
            self._accounts[key] = Account(kind, task, self.point, layers)
        return self._accounts[key]

    def _held(self) -> tuple[tuple[str, int], ...]:
        if not any(self.levels.values()):
            return ()
        return tuple(sorted(pair for pair in self.levels.items() if pair[1]))

    # -- one piece -----------------------------------------------------------------------------

    def _run_piece(self, segments: Sequence[Segment], *, uses_dram: bool) -> Process:
        start, blocks = self.env.now, self.machine.blocks
        for block in blocks.values():
            block.settle(start)
        before = {name: block.busy for name, block in blocks.items()}
        dram = self.machine.dram if uses_dram else None
        residency = dram.residency if dram else Counter[str]()
        between: Counter[str] = Counter()
        parts = []
        for segment in segments:
            if dram:
                between += dram.take_background(self.env.now)
            began = self.env.now - start
            parts.append((began, (yield from self._run_segment(segment))))
        busy = {name: block.busy - before[name] for name, block in blocks.items()}
        record = PieceRecord(
            tuple(parts),
            self.env.now - start,
            {name: ticks for name, ticks in busy.items() if ticks},
            dict(self.levels),
        )
        if dram:
            record.background = between + dram.take_background(self.env.now)
            record.dram = dram.state_at(self.env.now)
            record.dram_residency = dram.residency - residency
        return record

    def _run_segment(self, segment: Segment) -> Process:
        # At a barrier every block is free; only buffers and the DRAM carry something over.
        dram = self.machine.dram
        uses_dram = dram is not None and DRAM in segment.blocks
        channel = dram.state_key(self.env.now) if dram and uses_dram else None
        state = (segment, self.point, self._held(), channel)
        if self._replay and state in self._segments:
            self._replayed += 1
            return (yield from self._replay_segment(self._segments[state]))
        run = SegmentRun(self.env, self.machine, segment, self.levels, trace=self._trace)
        key = (run.bookings, segment, state[2:], self._dram_timing if uses_dram else None)
        found = self._memo.find("segment", key) if self._memo else None
        if found is not None:
            known, unit = cast(tuple[SegmentRecord, Tick], found)
            record = known.at_pace(run.unit, unit)
            self._replayed += 1
            yield from self._replay_segment(record)
        else:
            self.simulated += 1
            record = yield from run.run()
            if self._memo:
                self._memo.keep("segment", key, (record, run.unit))
        self._segments[state] = record
        return record

    def _replay_segment(self, record: SegmentRecord) -> Process:
        now = self.env.now
        for name, (busy, idle, last) in record.ports.items():
            self.machine.blocks[name].replay(now, busy, idle, last)
        self.levels.update(record.end_levels)
        yield self.env.timeout(record.duration)
        dram = self.machine.dram
        if record.dram is not None and dram:
            dram.resume(record.dram, self.env.now, record.dram_residency)
        return record

    # -- the end -------------------------------------------------------------------------------

    def ran(self) -> tuple[tuple[SegmentRecord, Behalf, int], ...]:
        """Return what the pieces did, layer by layer, and how often."""
        ran: Counter[tuple[int, Behalf]] = Counter()
        records: dict[int, SegmentRecord] = {}
        for (piece, account), times in self.tally.items():
            layers = account.layers or (None,) * len(piece.parts)
            for (_, record), layer in zip(piece.parts, layers, strict=True):
                behalf = Behalf(account.point, account.kind.value, account.task, layer)
                records[id(record)] = record
                ran[id(record), behalf] += times
        return tuple((records[number], behalf, times) for (number, behalf), times in ran.items())

    def settle(self, ledger: Ledger) -> None:
        """Fill the ledger with all that was counted and check that it balances."""
        makespan = self.env.now
        residency = self.take_background()
        scheduled = self._count(ledger)
        replayed: Counter[str] = Counter()
        for piece, times in self._replays.items():
            for port, busy in piece.busy.items():
                replayed[port] += busy * times
        for name, block in self.machine.blocks.items():
            block.settle(makespan)
            ledger.busy[name] = block.busy + replayed[name]
            ledger.idle[name] = block.idle - replayed[name]
        for state, ticks in residency.items():
            ledger.dram_states[state] += ticks
        self._count_clocks(ledger)
        capacities = self.machine.hardware.capacities
        check_conservation(ledger, scheduled, makespan, capacities, self.machine.clocks)

    def _count_clocks(self, ledger: Ledger) -> None:
        """Note for how long each clock ran in each state of the chip that has one."""
        busy: Counter[tuple[str, ChipState]] = Counter()
        clocks = list(self.machine.clocks)
        stopped = {port for _, port, stops in clocks if stops}
        for (piece, account), times in self.tally.items() if stopped else ():
            state = ChipState(PowerState.ACTIVE, account.point)
            for port in stopped & piece.busy.keys():
                busy[port, state] += piece.busy[port] * times
        for block, port, stops in clocks:
            for state, ticks in ledger.chip_states.items():
                if ran := (busy[port, state] if stops else ticks) * (state.power in CLOCKED):
                    ledger.clocks[Clock(block, port, state)] = ran

    def _count(self, ledger: Ledger) -> Counter[Key]:
        """Add up all amounts executed; return those that the programs ask for."""
        scheduled: Counter[Key] = Counter()
        background = Counter(self.background)
        for (piece, account), times in self.tally.items():
            behalf = (account.point, account.kind.value, account.task)
            # Most layers are replays of one: each outcome is counted once, with its repetitions.
            records = {id(record): record for _, record in piece.parts}
            repeated = Counter(id(record) for _, record in piece.parts)
            for number, record in records.items():
                ran = times * repeated[number]
                _add(ledger.amounts, record.amounts, scheduled, record.segment.amounts, behalf, ran)
                for buffer, size in record.peak.items():
                    ledger.peak[buffer] = max(size, ledger.peak.get(buffer, 0))
            for action, amount in piece.background.items():
                background[action] += amount * times
        for action, amount in background.items():
            ledger.amounts[Key(DRAM, action, NOMINAL, "idle", "-", BACKGROUND)] += amount
        return scheduled


def _add(
    total: Counter[Key],
    amounts: _Amounts,
    scheduled: Counter[Key],
    asked: _Amounts,
    behalf: tuple[str, str, str],
    times: int,
) -> None:
    """Add what was done and what was asked for, so many times; they have most keys in common."""
    for (block, action, operator), amount in amounts.items():
        key = Key(block, action, *behalf, operator)
        total[key] += amount * times
        if wanted := asked[block, action, operator]:
            scheduled[key] += wanted * times
    for block, action, operator in asked.keys() - amounts.keys():
        key = Key(block, action, *behalf, operator)
        scheduled[key] += asked[block, action, operator] * times


def run_program(hardware: HardwareConfig, program: Program) -> PieceRecord:
    """Run one program alone on a fresh machine; return what happened."""
    runner = PieceRunner(hardware, replay=False, trace=False)
    process = runner.env.process(runner.run(program.segments, program.kind, "-"))
    record = runner.env.run(until=process)
    assert isinstance(record, PieceRecord)
    return record
