"""A request: one sentence (or pair of sentences) to classify, and when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from accelsim.errors import ConfigError
from accelsim.inputs.document import describe
from accelsim.inputs.paths import suggest
from accelsim.units import Tick

# [ours] As long as any simulated time may be (SimulatedSeconds): four months.
LONGEST_SECONDS = 10**7


@dataclass(frozen=True, slots=True)
class Request:
    """One sentence to classify.

    ``number`` counts from 0 in order of arrival. ``arrival`` is absolute; in a closed loop it is 0,
    and set when the sentence is asked for. ``tokens`` is the true length with special tokens.
    ``round`` is that of a closed loop. ``exit_layer`` is the number of layers, from 1, after which
    the entropy is below the threshold, ``predicted_layer`` what the predictor says of it after
    the first layer; None: not given. ``deadline`` is absolute; None: there is none. A language
    model answers with ``new_tokens``; None: not given.
    """

    number: int
    task: str
    arrival: Tick
    tokens: int
    round: int = 0
    exit_layer: int | None = None
    predicted_layer: int | None = None
    deadline: Tick | None = None
    new_tokens: int | None = None


class Requests(list[Request]):
    """Requests in order of arrival, and what a report must say of how they were read."""

    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RequestContext:
    """What the requests of a workload may depend on.

    ``tasks`` in the workload's order, ``layers`` of its model, and the ``folder`` of the workload
    file, from which the path of a trace counts.
    """

    tasks: tuple[str, ...]
    sequence_length: int
    layers: int
    folder: Path

    def task_named(self, text: str) -> str:
        """Return the workload's spelling of a task. Raises ConfigError for one that is not its."""
        found = {task.lower(): task for task in self.tasks}.get(text.lower())
        if found is None:
            hint = suggest(text, self.tasks, "its tasks")
            raise ConfigError(
                f"{describe(text)} is not among the workload's tasks; {hint}; or add it to tasks"
            )
        return found
