"""The host controller: takes requests, switches tasks, runs programs, lets the chip sleep.

What depends on run-time state lives here; mapping decides programs, policies order and sleep.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from functools import cached_property

from accelsim.accelerators.design import Design
from accelsim.engine.answers import Answer, Answers
from accelsim.engine.early_exit import Departure, ExitPlan, choose_point, exit_plan
from accelsim.engine.idle_costs import NO_COSTS, IdleCosts, IdlePlanner
from accelsim.engine.ledger import Ledger
from accelsim.engine.pieces import PieceRecord, PieceRunner, Process, run_program
from accelsim.engine.residency import Missing, Residency
from accelsim.engine.run import (
    Execution,
    Options,
    Part,
    ProgramTotal,
    RequestOutcome,
    Run,
    StateSpan,
    Window,
)
from accelsim.engine.streams import Stream, WaitingRequests
from accelsim.engine.stretches import Ran, Stretches
from accelsim.errors import ProgramError
from accelsim.inputs.memo import Memo
from accelsim.machine.chip_state import NOMINAL, ChipState, PowerState
from accelsim.machine.operating_points import OperatingPoint
from accelsim.mapping.cache import InferenceProgram
from accelsim.policies.idle import IdlePlan
from accelsim.policies.service import ServiceConfig
from accelsim.program import Program, ProgramKind
from accelsim.requests.request import Request
from accelsim.units import Tick, to_ticks


def simulate_design(
    design: Design,
    stream: Stream,
    service: ServiceConfig,
    *,
    costs: IdleCosts | None = None,
    horizon: Tick = 0,
    options: Options,
    memo: Memo | None = None,
) -> Run:
    """Serve all requests of a stream on a design and return what happened.

    ``costs`` are what an idle policy may know; after the last request the chip is idle until
    ``horizon``. Segments that ``memo`` knows are not simulated.
    """
    costs = costs or NO_COSTS
    return _Controller(design, stream, service, costs, horizon, options, memo).run()


# Made once: an idle device stays in one of them a hundred thousand times a day.
_ASLEEP = {power: ChipState(power) for power in PowerState}


class _Controller(Answers):
    def __init__(
        self,
        design: Design,
        stream: Stream,
        service: ServiceConfig,
        costs: IdleCosts,
        horizon: Tick,
        options: Options,
        memo: Memo | None,
    ) -> None:
        super().__init__(design, stream, WaitingRequests(service.policy))
        self.service = service
        self.horizon = horizon
        self.options = options
        self.runner = PieceRunner(
            design.hardware, replay=options.replay, trace=options.trace, memo=memo
        )
        self.env = self.runner.env
        self.window = options.window or Window()
        self.stretches = Stretches(self.runner)
        self.residency = Residency(
            design.hardware, design.placements, service.residency, design.pinned
        )
        self.idleness = IdlePlanner(service.idle, costs, self.residency, design.hardware.name)
        self.states: Counter[ChipState] = Counter()
        self.totals = {
            kind.value: defaultdict[str, ProgramTotal](ProgramTotal) for kind in ProgramKind
        }
        self.executions: list[Execution] = []
        self.spans: list[StateSpan] = []
        self.plans: Counter[IdlePlan] = Counter()
        self.swaps: Counter[tuple[str, str]] = Counter()
        self.present: str | None = None
        # Models whose shared parameters were lost and not needed since.
        self.absent: frozenset[str] = frozenset()

    def run(self) -> Run:
        finished = self.env.process(self._serve_all())
        try:
            self.env.run(until=finished)
        except RuntimeError as error:
            if "until" not in str(error):
                raise
            raise ProgramError("the simulation stopped before all requests were served") from None
        self.stretches.settle(self.states)
        ledger = Ledger(chip_states=self.states)
        self.runner.settle(ledger)
        self._close_totals()
        return Run(
            makespan=self.env.now,
            ledger=ledger,
            window=self.window,
            executions=tuple(self.executions),
            states=tuple(self.spans),
            requests=tuple(self.outcomes),
            totals={
                (kind, task): total
                for kind in ProgramKind
                for task, total in self.totals[kind.value].items()
            },
            ran=self.runner.ran(),
            event_count=self.env.event_count,
            simulated=self.runner.simulated,
            replayed=self.runner.replayed,
            traced=self.options.trace,
            idle_plans=self.plans,
            task_bits=self.residency.most,
            steps=self.steps,
            swaps=self.swaps,
            step_ticks=self.step_ticks,
        )

    def _close_totals(self) -> None:
        for (piece, account), times in self.runner.tally.items():
            total = self._total(account.kind, account.task)
            for port, busy in piece.busy.items():
                total.busy[port] += busy * times
            for state, ticks in piece.dram_residency.items():
                total.dram_residency[state] += ticks * times

    def _total(self, kind: ProgramKind, task: str) -> ProgramTotal:
        return self.totals[kind.value][task]

    # -- requests ------------------------------------------------------------------------------

    def _serve_all(self) -> Process:
        while True:
            self.waiting.add(self.stream.take(self.env.now))
            if self.waiting:
                yield from self._serve(self.waiting.take(self.present, self.env.now))
                continue
            if (following := self.stream.following(self.env.now)) is None:
                break
            yield from self._idle(following)
        if self.horizon > self.env.now:
            yield from self._idle(None)

    def _serve(self, request: Request) -> Process:
        start, task = self.env.now, request.task
        exits, asked = self.service.early_exit, None
        if request.deadline is None or exits is None or exits.latency_target is None:
            tokens = self.design.padded(task, request.tokens)
            asked = (task, tokens, request.exit_layer, request.predicted_layer)
        outcome: RequestOutcome = yield from self._remembered(asked, self._take_up(request))
        self.present = task
        if outcome.number != request.number:
            outcome = outcome.again(request, start)
        answer = Answer(request, outcome)
        if answer.complete:
            self.finish(outcome)
        else:
            yield from self.generate(answer)

    def _remembered(self, asked: Hashable, work: Process) -> Process:
        """Do some work; or let happen and return what came of it in an equal state.

        ``asked`` is what the work depends on beside the state; None: on what is not told.
        """
        shown = self.window.may_show(self.env.now, len(self.outcomes))
        if asked is None or shown or not self.options.replay:
            return (yield from work)
        stretches, residency = self.stretches, self.residency
        state = (asked, residency.contents, self.absent)
        known = stretches.find(state)
        if known is not None and stretches.repeat(known):
            result, contents, self.absent, swaps = known.left
            residency.return_to(contents)
            if swaps:
                self.swaps.update(swaps)
            return result
        key, before = stretches.begin(state), self.swaps.copy()
        result = yield from work
        stretches.end(key, (result, residency.contents, self.absent, self.swaps - before))
        return result

    def _take_up(self, request: Request) -> Process:
        """Bring in what a request needs, and answer it; return what became of it so far."""
        start, task = self.env.now, request.task
        yield from self._bring(self.design.placements[task].model, request)
        absent = self.residency.absent(task)
        for number, part in enumerate(absent):
            yield from self.execute(self.design.swaps[part], request, again=number > 0)
            self.swaps[task, part[1]] += 1
        missing = self.residency.missing(task)
        if missing is not Missing.NOTHING:
            whole = missing is Missing.ALL
            programs = self.design.switches if whole else self.design.restores
            yield from self.execute(programs[task], request, again=bool(absent))
        self.residency.admit(task)
        switched = bool(absent) or missing is not Missing.NOTHING
        answer: Answer = yield from self.answer(request)
        return answer.outcome._replace(start=start, switched=switched)

    def answer(self, request: Request, seat: int = 0) -> Process:
        """Compute what is asked, of a language model the prompt; return the Answer."""
        start, tokens = self.env.now, self.design.padded(request.task, request.tokens)
        yield from self._read_ahead(request, tokens)
        departure = yield from self._infer(self.design.inferences[request.task, tokens], request)
        outcome = RequestOutcome(
            request.number, request.round, request.task, request.arrival, start, departure.end,
            tokens, request.deadline, False,
            departure.layers, request.predicted_layer, request.exit_layer, departure.point,
            departure.late, request.new_tokens, departure.end if request.new_tokens else None, seat,
        )  # fmt: skip
        return Answer(request, outcome)

    def finish(self, outcome: RequestOutcome) -> None:
        """Note what became of a request."""
        self.outcomes.append(outcome)
        if self.options.progress:
            self.options.progress()

    def _bring(self, model: str, request: Request) -> Process:
        """Load what the tasks of a model share, if a power-off has lost it."""
        if model in self.absent:
            yield from self.execute(self.design.loads[model], request, again=True)
            self.absent -= {model}

    # -- inference -----------------------------------------------------------------------------

    def _infer(self, inference: InferenceProgram, request: Request) -> Process:
        program, early_exit = inference.program, self.service.early_exit
        if early_exit is None or not inference.exits:
            yield from self.execute(program, request)
            return Departure(self.env.now)
        plan = exit_plan(request, len(inference.exits), early_exit)
        part = slice(inference.exits[plan.layers - 1])
        points = self.design.hardware.lower_points
        if early_exit.latency_target is None or not points:
            yield from self.execute(program, request, part)
            departure = Departure(self.env.now, plan.layers)
        else:
            departure = yield from self._infer_scaled(inference, request, plan, points)
        self.runner.drop_levels()
        return departure

    def _read_ahead(self, request: Request, tokens: int) -> Process:
        """Run the chunks of a long prompt before the last; none of them needs the head."""
        for end in self.design.chunks_before(request.task, tokens):
            chunk = self.design.inferences[request.task, end]
            yield from self.execute(chunk.program, request, chunk.body, again=True)
            self.runner.drop_levels()

    def _infer_scaled(
        self,
        inference: InferenceProgram,
        request: Request,
        plan: ExitPlan,
        points: Sequence[OperatingPoint],
    ) -> Process:
        """Run the first layer at the nominal point, then the rest at the lowest that will do."""
        early_exit = self.service.early_exit
        assert early_exit is not None
        program, exits, start = inference.program, inference.exits, self.env.now
        first = yield from self.execute(program, request, slice(exits[0]))
        # What follows the segments before the layers is a layer with its check.
        layer = first.duration - first.parts[inference.before][0]
        point = None
        if min(plan.layers, plan.planned) > 1:
            left = self._time_left(request, start, early_exit.latency_target or 0.0)
            work = layer * (plan.planned - 1)
            point = choose_point(points, self.runner.machine.period, work, left)
        planned, last = exits[min(plan.layers, plan.planned) - 1], exits[plan.layers - 1]
        yield from self._run_at(point, request, program, exits[0], planned)
        yield from self._run_at(None, request, program, planned, last)
        end = self.env.now
        yield from self._scale(None, request)
        late = end > start + to_ticks(early_exit.latency_target or 0.0)
        return Departure(end, plan.layers, point.name if point else NOMINAL, late)

    def _time_left(self, request: Request, start: Tick, target: float) -> Tick:
        """Return the ticks until the latency target or the deadline, settling taken off."""
        until = start + to_ticks(target)
        if request.deadline is not None:
            until = min(until, request.deadline)
        return until - self.env.now - self._settling

    @cached_property
    def _settling(self) -> Tick:
        return run_program(self.design.hardware, self.design.settle).duration

    def _run_at(
        self,
        point: OperatingPoint | None,
        request: Request,
        program: Program,
        first: int,
        last: int,
    ) -> Process:
        if first < last:
            yield from self._scale(point, request)
            yield from self.execute(program, request, slice(first, last), again=True)

    def _scale(self, point: OperatingPoint | None, request: Request) -> Process:
        if (point.name if point else NOMINAL) == self.runner.point:
            return
        # The clock stands still while regulator and clock settle; that costs as at the old point.
        yield from self.execute(self.design.settle, request)
        self.runner.move_to(point)

    # -- idleness ------------------------------------------------------------------------------

    def _idle(self, following: Request | None) -> Process:
        """Let the time until the next arrival pass, or that until the horizon."""
        now = self.env.now
        arrival = following.arrival if following else None
        gap = None if arrival is None else arrival - now
        plan, costs = self.idleness.plan(gap, self.absent)
        self.plans[plan] += 1
        until = self.horizon if arrival is None else arrival
        if plan.wakes_early and arrival is not None:
            until = max(now, arrival - costs[plan.steps[-1][1]].wake_time)
        state, begins = PowerState.IDLE, now
        for state, stay in plan.stays(until - now):
            self._stay(state, begins, begins + stay)
            begins += stay
        if not self.env.skip(until - now):
            yield self.env.timeout(until - now)
        if arrival is None:
            return
        yield from self._remembered(state, self._wake(state))
        if (left := arrival - self.env.now) > 0:
            self._stay(PowerState.IDLE, self.env.now, arrival)
            if not self.env.skip(left):
                yield self.env.timeout(left)

    def _stay(self, state: PowerState, start: Tick, end: Tick) -> None:
        stay = _ASLEEP[state]
        self.states[stay] += end - start
        if self.window.shows(start, end, len(self.outcomes)):
            self.spans.append(StateSpan(start, end, stay))

    def _wake(self, state: PowerState) -> Process:
        if state is PowerState.OFF:
            self.residency.power_off()
            self.absent = frozenset(self.design.loads)
            self.runner.drop_levels()
        if wake := self.design.wakes.get(state):
            yield from self.execute(wake, None)

    # -- programs ------------------------------------------------------------------------------

    def execute(
        self,
        program: Program,
        request: Request | None,
        part: slice = slice(None),
        *,
        again: bool = False,
    ) -> Process:
        """Run a part of a program's segments; ``again`` continues one that was counted."""
        start, runner = self.env.now, self.runner
        task, number = (request.task, request.number) if request else ("-", len(self.outcomes))
        # A program ends after its start, at an unknown time: it may be seen if it begins in time.
        shown = self.window.may_show(start, len(self.outcomes))
        before = runner.take_background() if shown else None
        record: PieceRecord = yield from runner.run(
            program.segments[part], program.kind, task, program.layers[part]
        )
        end = self.env.now
        self.states[runner.state] += end - start
        total = self._total(program.kind, task)
        account = runner.account(program.kind, task, program.layers[part])
        self.stretches.note(Ran(record, account, runner.state, total, not again))
        total.count += not again
        total.ticks += end - start
        if before is not None and self.window.shows(start, end, len(self.outcomes)):
            parts = tuple(Part(start + at, runner.point, part) for at, part in record.parts)
            residency = runner.take_background() - before
            self.executions.append(
                Execution(program.kind, program.name, task, number, start, end, parts, residency)
            )
        return record
