"""The host controller: takes requests in turn, switches tasks, runs programs, powers off.

All that depends on run-time state lives here; what a program does was decided by the mapping.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from typing import Any

from accelsim.blocks.machine import Machine
from accelsim.config.workload import RequestsConfig
from accelsim.engine.ledger import Key, Ledger, check_conservation
from accelsim.engine.requests import Request, round_robin
from accelsim.engine.residency import Residency
from accelsim.engine.run import Execution, RequestOutcome, Run
from accelsim.engine.segment_run import (
    BACKGROUND,
    CountingEnvironment,
    SegmentRecord,
    SegmentRun,
)
from accelsim.errors import ProgramError
from accelsim.mapping.accesses import buffer_capacities
from accelsim.mapping.design import Design
from accelsim.memory.placement import DRAM
from accelsim.program import Program, Segment
from accelsim.units import Tick, to_ticks

POINT = "nominal"
Process = Generator[Any, Any, None]


def simulate_design(
    design: Design,
    requests: RequestsConfig,
    *,
    replay: bool = True,
    trace: bool = False,
    progress: Callable[[], None] | None = None,
) -> Run:
    """Serve all requests on a design and return what happened.

    ``replay`` reuses the outcome of a segment that starts from an equal state; the result is
    the same to the last integer. ``progress`` is called after every request.
    """
    controller = _Controller(design, requests, replay=replay, trace=trace, progress=progress)
    return controller.run()


class _Controller:
    def __init__(
        self,
        design: Design,
        requests: RequestsConfig,
        *,
        replay: bool,
        trace: bool,
        progress: Callable[[], None] | None,
    ) -> None:
        self.design = design
        self.requests = requests
        self.replay = replay
        self.trace = trace
        self.progress = progress
        self.env = CountingEnvironment()
        self.machine = Machine(design.hardware)
        self.ledger = Ledger()
        self.residency = Residency(design.hardware, design.placements)
        self.levels: dict[str, int] = {}
        self.records: dict[object, SegmentRecord] = {}
        self.executions: list[Execution] = []
        self.outcomes: list[RequestOutcome] = []
        self.simulated = self.replayed = 0

    def run(self) -> Run:
        finished = self.env.process(self._serve())
        try:
            self.env.run(until=finished)
        except RuntimeError as error:
            if "until" not in str(error):
                raise
            raise ProgramError("the simulation stopped before all requests were served") from None
        self._settle()
        return Run(
            makespan=self.env.now,
            ledger=self.ledger,
            executions=tuple(self.executions),
            requests=tuple(self.outcomes),
            event_count=self.env.event_count,
            simulated=self.simulated,
            replayed=self.replayed,
            traced=self.trace,
        )

    # -- the host ------------------------------------------------------------------------------

    def _serve(self) -> Process:
        present = -1
        for request in round_robin(self.requests, list(self.design.placements)):
            if request.round != present:
                present = request.round
                yield from self._idle(request)
            yield from self._serve_request(request)
            if self.progress:
                self.progress()

    def _serve_request(self, request: Request) -> Process:
        start = self.env.now
        if request.task in self.residency:
            self.residency.touch(request.task)
        else:
            self.residency.admit(request.task)
            yield from self._execute(self.design.switches[request.task], request)
        yield from self._execute(self.design.inferences[request.task].program, request)
        outcome = RequestOutcome(request.number, request.round, request.task, start, self.env.now)
        self.outcomes.append(outcome)

    def _idle(self, following: Request) -> Process:
        """Let the idle time before a round pass, with the supply of the chip on or off."""
        gap = to_ticks(self.requests.idle_between_rounds)
        if not gap:
            return
        yield self.env.timeout(gap)
        if self.requests.power_off_when_idle:
            self.ledger.residency["chip", "off"] += gap
            self.residency.power_off()
            yield from self._execute(self.design.power_up, following)

    # -- programs ------------------------------------------------------------------------------

    def _execute(self, program: Program, request: Request) -> Process:
        start = self.env.now
        dram_before = self._take_background()
        parts: list[tuple[Tick, SegmentRecord]] = []
        for segment in program.segments:
            began = self.env.now
            record = yield from self._run_segment(segment)
            parts.append((began, record))
            self._count(record, program, request.task)
        execution = Execution(
            program.kind, program.name, request.task, request.number, start, self.env.now,
            tuple(parts), self._take_background() - dram_before,
        )  # fmt: skip
        self.executions.append(execution)

    def _take_background(self) -> Counter[str]:
        """Count the DRAM's commands of the time between programs; return its ticks by state."""
        dram = self.machine.dram
        if dram is None:
            return Counter()
        for action, amount in dram.take_background(self.env.now).items():
            self.ledger.amounts[Key(DRAM, action, POINT, "idle", "-", BACKGROUND)] += amount
        return dram.residency

    def _run_segment(self, segment: Segment) -> Generator[Any, Any, SegmentRecord]:
        # At a barrier every block is free; only buffers and the DRAM carry something over.
        self._take_background()
        dram = self.machine.dram
        uses_dram = dram is not None and DRAM in segment.blocks
        channel = dram.state_key(self.env.now) if dram and uses_dram else None
        state = (segment, tuple(sorted(self.levels.items())), channel)
        if self.replay and state in self.records:
            self.replayed += 1
            return (yield from self._replay_segment(self.records[state]))
        self.simulated += 1
        run = SegmentRun(self.env, self.machine, segment, self.levels, trace=self.trace)
        record: SegmentRecord = yield from run.run()
        self.records[state] = record
        return record

    def _replay_segment(self, record: SegmentRecord) -> Generator[Any, Any, SegmentRecord]:
        now = self.env.now
        for name, (busy, idle, last) in record.ports.items():
            self.machine.blocks[name].replay(now, busy, idle, last)
        self.levels.update(record.end_levels)
        yield self.env.timeout(record.duration)
        if record.dram and self.machine.dram:
            self.machine.dram.resume(record.dram, self.env.now, record.dram_residency)
        return record

    def _count(self, record: SegmentRecord, program: Program, task: str) -> None:
        kind = program.kind.value
        for (block, action, operator), amount in record.amounts.items():
            self.ledger.amounts[Key(block, action, POINT, kind, task, operator)] += amount
        for buffer, size in record.peak.items():
            self.ledger.peak[buffer] = max(size, self.ledger.peak.get(buffer, 0))

    # -- the end -------------------------------------------------------------------------------

    def _settle(self) -> None:
        ledger, makespan = self.ledger, self.env.now
        for name, block in self.machine.blocks.items():
            block.settle(makespan)
            ledger.busy[name], ledger.idle[name] = block.busy, block.idle
        ledger.residency["chip", "on"] = makespan - ledger.residency["chip", "off"]
        for state, ticks in self._take_background().items():
            ledger.residency[DRAM, state] += ticks
        capacities = buffer_capacities(self.design.hardware)
        check_conservation(ledger, self._scheduled(), makespan, capacities)

    def _scheduled(self) -> Counter[Key]:
        """Return the amounts that the programs ask for, from their static tasks alone."""
        runs: Counter[tuple[Segment, str, str]] = Counter()
        for execution in self.executions:
            for _, record in execution.segments:
                runs[record.segment, execution.kind.value, execution.task] += 1
        total: Counter[Key] = Counter()
        for (segment, kind, task), times in runs.items():
            for (block, action, operator), amount in segment.amounts.items():
                total[Key(block, action, POINT, kind, task, operator)] += amount * times
        return total
