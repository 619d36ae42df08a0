"""Every task in turn, one sentence after another: the closed loop of the paper's experiment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from accelsim.inputs.paths import KeyPath
from accelsim.inputs.quantities import SimulatedSeconds
from accelsim.requests.base import MAXIMUM_REQUESTS, RequestPattern, Seed, too_many
from accelsim.requests.lengths import Lengths, LengthsConfig
from accelsim.requests.request import Request, RequestContext

PositiveInt = Annotated[int, Field(gt=0, le=1_000_000)]


class RoundRobin(RequestPattern):
    """Every round asks ``sentences_per_task`` times for each task, in the workload's order.

    A sentence is asked for when the one before is done. Before each round the device is idle for
    ``idle_between_rounds``. Sentences have ``sequence_length`` tokens unless ``lengths`` says
    otherwise: a round is a measurement, and like should be compared with like.
    """

    closed_loop: ClassVar[bool] = True
    by_task: ClassVar[tuple[str, ...]] = ("lengths",)

    pattern: Literal["round_robin"]
    rounds: PositiveInt
    sentences_per_task: PositiveInt = 1
    idle_between_rounds: Annotated[
        SimulatedSeconds, Field(json_schema_extra={"default": "0 s"})
    ] = 0.0
    lengths: LengthsConfig = "full"
    seed: Seed = 1

    def problems(self, context: RequestContext) -> Iterator[tuple[KeyPath, str]]:
        """Yield what is wrong in this workload."""
        yield from super().problems(context)
        count = self.rounds * self.sentences_per_task * len(context.tasks)
        if count > MAXIMUM_REQUESTS:
            yield ("rounds",), too_many(count)

    def make_requests(self, context: RequestContext) -> list[Request]:
        """Return the requests of all rounds."""
        lengths = Lengths(self.lengths, self.seed, context)
        order = [
            (turn, task)
            for turn in range(self.rounds)
            for task in context.tasks
            for _ in range(self.sentences_per_task)
        ]
        return [
            Request(number, task, 0, lengths.draw(task), turn)
            for number, (turn, task) in enumerate(order)
        ]
