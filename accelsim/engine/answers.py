"""Answers that language models give token by token; several requests may share each pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from accelsim.accelerators.design import Design
from accelsim.engine.clock import CountingEnvironment
from accelsim.engine.pieces import Process
from accelsim.engine.run import RequestOutcome
from accelsim.engine.streams import Stream, WaitingRequests
from accelsim.program import Program
from accelsim.requests.request import Request
from accelsim.units import Tick


@dataclass(frozen=True)
class Answer:
    """A request, what became of it so far, and the tokens that it has; 1 for another answer."""

    request: Request
    outcome: RequestOutcome
    tokens: int = 1

    @property
    def complete(self) -> bool:
        """Whether all that was asked for is there."""
        return self.tokens >= (self.request.new_tokens or 1)

    def longer(self, now: Tick) -> Answer:
        """Return the answer with the token that came just now."""
        return replace(self, tokens=self.tokens + 1, outcome=self.outcome._replace(end=now))


class Answers(ABC):
    """The part of a controller that gives tokens, and what it counts."""

    def __init__(self, design: Design, stream: Stream, waiting: WaitingRequests) -> None:
        self.design = design
        self.stream = stream
        self.waiting = waiting
        self.env: CountingEnvironment
        self.outcomes: list[RequestOutcome] = []
        self.steps: Counter[tuple[str, tuple[int, ...]]] = Counter()
        self.step_ticks: Tick = 0
        self._programs: dict[tuple[str, tuple[int, ...]], Program] = {}

    @abstractmethod
    def answer(self, request: Request, seat: int) -> Process:
        """Compute what is asked, of a language model the prompt; return the Answer."""

    @abstractmethod
    def finish(self, outcome: RequestOutcome) -> None:
        """Note what became of a request."""

    @abstractmethod
    def execute(
        self,
        program: Program,
        request: Request | None,
        part: slice = slice(None),
        *,
        again: bool = False,
    ) -> Process:
        """Run a part of a program's segments; ``again`` continues one that was counted."""

    def generate(self, first: Answer) -> Process:
        """Give an answer its tokens, and those to requests of its task that come in meanwhile.

        Who has all leaves before the next step, and who is next comes in if there is a seat.
        """
        answers = [first]
        while answers := self._incomplete(answers):
            if len(answers) < self.design.batch and (request := self._next(first.request.task)):
                taken = {each.outcome.seat for each in answers}
                seat = min(set(range(self.design.batch)) - taken)
                answers.append((yield from self.answer(request, seat)))
                continue
            yield from self._step(answers)
            answers = [each.longer(self.env.now) for each in answers]

    def _incomplete(self, answers: Sequence[Answer]) -> list[Answer]:
        """Let complete answers go; return the others."""
        for each in answers:
            if each.complete:
                self.finish(each.outcome)
        return [each for each in answers if not each.complete]

    def _next(self, task: str) -> Request | None:
        self.waiting.add(self.stream.joining(self.env.now))
        return self.waiting.take_alike(task, self.env.now)

    def _step(self, answers: Sequence[Answer]) -> Process:
        """Run the pass that gives each answer a token."""
        start, oldest = self.env.now, answers[0].request
        tokens = (each.request.tokens + each.tokens for each in answers)
        step = (oldest.task, tuple(sorted(map(self.design.rows_of, tokens))))
        if step not in self._programs:
            self._programs[step] = self.design.step(*step)
        self.steps[step] += 1
        yield from self.execute(self._programs[step], oldest, again=True)
        self.step_ticks += self.env.now - start
