"""What a time is made of: what programs waited for, along their critical paths, and what is idle.

A critical path goes from the task of a segment that ended last back to its start, through what each
task waited for longest; its ticks are all of the segment's. What lies beside it cost no time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from accelsim.account.service import ALL, nearest_rank
from accelsim.account.waits import PathPiece, critical_path
from accelsim.engine.run import Execution, RequestOutcome
from accelsim.engine.segment_run import SegmentRecord
from accelsim.evaluation.cases import CaseResult
from accelsim.machine.servers import Machine
from accelsim.program import ProgramKind
from accelsim.study.why.trail import ROUNDS, Entry, scope_account
from accelsim.units import Tick, to_seconds

# In the place of a block: the chip as a whole.
CHIP = "chip"
Found = tuple[list[Entry], str]
# A block and what it does.
_Piece = tuple[str, str]
_RUN = "the run"
_LOADS = (ProgramKind.SWITCH, ProgramKind.POWER_UP)
_RANKS = {"p50": 50, "p95": 95, "p99": 99, "maximum": 100}
_REQUEST = {"latency.request": "latency.mean.all", "latency.request_p99": "latency.p99.all"}


def time_entries(case: CaseResult, key: str) -> Found | None:
    """Return the entries of a time and by what they are divided; None for a figure that is none.

    The run was watched from begin to end.
    """
    times = _Times(case)
    known: dict[str, Callable[[], Found]] = {
        "latency.switch": lambda: (times.mean([ProgramKind.SWITCH]), "the run's switches"),
        "time.switch": lambda: (times.mean([ProgramKind.SWITCH]), "the run's switches"),
        "time.inference": lambda: (times.mean([ProgramKind.INFER]), "the run's inferences"),
        "latency.memory": lambda: (times.memory(), ROUNDS),
        "latency.memory_one_pass": lambda: (times.one_pass(), "the visits of a task"),
        "latency.system": lambda: (times.round(ProgramKind), ROUNDS),
        "time.active": lambda: (times.along(times.programs(ProgramKind)), _RUN),
        "time.run": lambda: (times.all(), _RUN),
    }
    if key in known:
        return known[key]()
    metric, _, label = _REQUEST.get(key, key).partition(".")
    which, _, name = label.partition(".")
    if metric == "time" and which == "busy":
        return times.busy(name, ProgramKind), _RUN
    if metric == "time" and which == "programs":
        return times.along(e for e in case.run.executions if f"{e.kind}.{e.task}" == name), _RUN
    if metric in ("latency", "waiting", "service") and which in ("mean", *_RANKS):
        return times.of_requests(metric, which, name)
    return None


class _Times:
    """The times of a run, in seconds of what they are spent on."""

    def __init__(self, case: CaseResult) -> None:
        self.case, self.run, self.sheets = case, case.run, case.figures.prices.sheets
        self.servers = Machine(case.design.hardware)
        self.lags = {name: server.lag for name, server in self.servers.blocks.items()}
        self.known: dict[int, list[PathPiece]] = {}

    def programs(self, kinds: Iterable[ProgramKind]) -> Iterator[Execution]:
        """Yield the executions of some kinds of program."""
        wanted = set(kinds)
        return (each for each in self.run.executions if each.kind in wanted)

    def along(
        self, executions: Iterable[Execution], divisor: float = 1.0, repeated: float = 1.0
    ) -> list[Entry]:
        """Return what executions spend their time on, along their critical paths.

        Switches count by the share of them that is ``repeated``.
        """
        seconds, amounts = defaultdict[_Piece, float](float), defaultdict[_Piece, float](float)
        for execution in executions:
            share = repeated if execution.kind is ProgramKind.SWITCH else 1.0
            for piece in (p for part in execution.parts for p in self._path(part.record)):
                seconds[piece.block, piece.what] += share * to_seconds(piece.ticks)
                amounts[piece.block, piece.what] += share * piece.amount
        return [self._entry(*key, spent, amounts[key], divisor) for key, spent in seconds.items()]

    def round(self, kinds: Iterable[ProgramKind]) -> list[Entry]:
        """Return what programs of some kinds take a round: what is loaded once is part of none."""
        scopes = scope_account(self.case)
        return self.along(self.programs(kinds), scopes.rounds, scopes.repeated)

    def _path(self, record: SegmentRecord) -> list[PathPiece]:
        known = self.known.get(id(record))
        if known is None:
            known = self.known[id(record)] = list(critical_path(record, self.lags))
        return known

    def _entry(self, block: str, what: str, seconds: float, amount: float, divisor: float) -> Entry:
        action = self.sheets[block].prices.get(what)
        unit, price = (action.unit, seconds / amount) if action and amount else ("", None)
        return Entry(block, what, amount / divisor, unit, price, seconds / divisor)

    def mean(self, kinds: Iterable[ProgramKind]) -> list[Entry]:
        """Return what a program of some kinds spends its time on, on average."""
        found = list(self.programs(kinds))
        return self.along(found, sum(self.run.total(kind).count for kind in kinds))

    def all(self) -> list[Entry]:
        """Return what the whole run is spent on: programs, and stays in states of the chip."""
        stays = Counter[str]()
        for stay in self.run.states:
            stays[str(stay.state)] += stay.end - stay.start
        idle = (_stay(state, to_seconds(ticks)) for state, ticks in stays.items() if ticks)
        return [*self.along(self.programs(ProgramKind)), *idle]

    def busy(self, port: str, kinds: Iterable[str], divisor: float = 1.0) -> list[Entry]:
        """Return the actions for which a port was booked by programs of some kinds."""
        ticks, amounts = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        kinds = set(kinds)
        for behalf, work in self.run.work.items():
            for (block, action, operator), spent in work.busy.items():
                if behalf.program in kinds and self.servers.port(block, action).name == port:
                    ticks[block, action] += spent
                    amounts[block, action] += work.amounts[block, action, operator]
        return [
            self._entry(*key, to_seconds(spent), amounts[key], divisor)
            for key, spent in ticks.items()
        ]

    def memory(self) -> list[Entry]:
        """Return the loads of a round, then the busiest block of the parameters' path."""
        scopes, rounds = scope_account(self.case), self.case.figures.rounds
        booked = self.run.total(ProgramKind.INFER).busy
        ports = [port for port in scopes.path if port in self.run.ledger.busy]
        busiest = max(ports, key=booked.__getitem__)
        return self.round(_LOADS) + self.busy(busiest, [ProgramKind.INFER], rounds)

    def one_pass(self) -> list[Entry]:
        """Return a switch, then of each task the memory that takes longest to read its words."""
        scopes, found = scope_account(self.case), Counter[str]()
        loads = self.along(self.programs([ProgramKind.SWITCH]), scopes.share)
        visited = sum(scopes.visits.values())
        for task, words in scopes.words_once.items():
            slowest = scopes.slowest(words)
            found[slowest] += scopes.visits[task] * words[slowest]
        for memory, total in found.items():
            region = self.case.design.hardware.regions[memory]
            price, amount = region.array.read_latency / region.banks, total / visited
            loads.append(
                Entry(memory, "read each word once", amount, "words", price, amount * price)
            )
        return loads

    def of_requests(self, metric: str, which: str, task: str) -> Found | None:
        """Return what requests of a task wait for and are served by; None for no such task.

        Of a percentile the request that has it.
        """
        chosen = [one for one in self.run.requests if task in (ALL, one.task)]
        if not chosen:
            return None
        per = "requests"
        if which != "mean":
            ordered = sorted(_length(one, metric) for one in chosen)
            wanted = nearest_rank(ordered, _RANKS[which])
            chosen = [next(one for one in chosen if _length(one, metric) == wanted)]
            per = f"request {chosen[0].number} alone, which has this figure"
        entries: list[Entry] = []
        if metric != "service":
            entries += self._waits(chosen)
        if metric != "waiting":
            ends = {one.number: one.end for one in chosen}
            own = (e for e in self.run.executions if e.end <= ends.get(e.request, -1))
            entries += self.along((e for e in own if e.task != "-"), len(chosen))
        return entries, per

    def _waits(self, chosen: list[RequestOutcome]) -> list[Entry]:
        """Return what the chip does between arrivals and starts."""
        whole, found = sum(one.start - one.arrival for one in chosen), Counter[str]()
        for kind in ProgramKind:
            until = _Spent(list(self.programs([kind])))
            found[f"waits: {kind}"] = sum(until(o.start) - until(o.arrival) for o in chosen)
        found["waits: no program"] = whole - found.total()
        return [_stay(what, to_seconds(t) / len(chosen)) for what, t in found.items() if t]


def _length(one: RequestOutcome, metric: str) -> Tick:
    begin = one.start if metric == "service" else one.arrival
    return (one.start if metric == "waiting" else one.end) - begin


def _stay(what: str, seconds: float) -> Entry:
    return Entry(CHIP, what, seconds, "s", 1.0, seconds)


class _Spent:
    """The ticks that executions, one after the other, have taken until a tick."""

    def __init__(self, executions: list[Execution]) -> None:
        self.starts = [each.start for each in executions]
        self.lengths = [each.duration for each in executions]
        self.before = [0, *accumulate(self.lengths)]

    def __call__(self, tick: Tick) -> Tick:
        n = bisect_right(self.starts, tick)
        if not n:
            return 0
        return self.before[n - 1] + min(self.lengths[n - 1], tick - self.starts[n - 1])
