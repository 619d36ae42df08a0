"""Every task in turn, one sentence after another: the closed loop of the paper's experiment."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import ClassVar, Literal

from accelsim.inputs.paths import KeyPath
from accelsim.inputs.quantities import PositiveInt
from accelsim.requests.base import MAXIMUM_REQUESTS, ClosedLoop, Seed, too_many
from accelsim.requests.lengths import Lengths, LengthsConfig
from accelsim.requests.request import Request, RequestContext


class RoundRobin(ClosedLoop):
    """Every round asks ``sentences_per_task`` times for each task, in the workload's order.

    Sentences have ``sequence_length`` tokens unless ``lengths`` says otherwise: a round is a
    measurement, and like should be compared with like.
    """

    by_task: ClassVar[tuple[str, ...]] = ("lengths",)

    pattern: Literal["round_robin"]
    sentences_per_task: PositiveInt = 1
    lengths: LengthsConfig = "full"
    seed: Seed = 1

    @property
    def source(self) -> str:
        """How many sentences of each task make a round."""
        count = self.sentences_per_task
        return "1 sentence a task" if count == 1 else f"{count:,} sentences a task"

    def problems(self, context: RequestContext) -> Iterator[tuple[KeyPath, str]]:
        """Yield what is wrong in this workload."""
        yield from super().problems(context)
        count = self.rounds * self.sentences_per_task * len(context.tasks)
        if count > MAXIMUM_REQUESTS:
            yield ("rounds",), too_many(count)

    def make_requests(self, context: RequestContext) -> list[Request]:
        """Return the requests of all rounds."""
        lengths = Lengths(self.lengths, self.seed, context)
        order = product(range(self.rounds), context.tasks, range(self.sentences_per_task))
        asked = enumerate((turn, task) for turn, task, _ in order)
        return [Request(n, task, 0, lengths.draw(task), turn) for n, (turn, task) in asked]
