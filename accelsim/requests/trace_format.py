"""How the file of a trace is to be read: whose columns are whose, what to do with what is odd."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate, cycle, repeat
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from accelsim.errors import ConfigError
from accelsim.inputs.paths import KeyPath
from accelsim.inputs.validation import ConfigModel
from accelsim.requests.draws import stream, uniform
from accelsim.requests.request import RequestContext

Column = Literal[
    "arrival", "task", "tokens", "new_tokens", "exit_layer", "predicted_layer", "deadline"
]
# [CLS] and [SEP], of every part of a sentence that is split.
SPECIAL_TOKENS = 2

TooLong = Literal["refuse", "truncate", "split", "drop"]


def _form(value: object) -> str | None:
    forms = {str: "name", list: "turn", dict: "weights"}
    return next((form for kind, form in forms.items() if isinstance(value, kind)), None)


TaskRule = Annotated[
    Annotated[str, Tag("name")]
    | Annotated[list[str], Field(min_length=1), Tag("turn")]
    | Annotated[
        dict[str, Annotated[float, Field(gt=0, le=1e12)]], Field(min_length=1), Tag("weights")
    ],
    Discriminator(
        _form,
        custom_error_type="form",
        custom_error_message="Expected a task, [MNLI, QNLI] in turn or weights, {MNLI: 2, QNLI: 1}",
    ),
]


class TraceFormat(ConfigModel):
    """How the rows of a trace file become requests.

    ``columns`` says what the file calls a column of ours, times with their unit: ``{arrival:
    "arrived_at [s]", tokens: prompt}``; what it does not name is then left out. Times count from
    ``zero`` or from the ``first`` arrival, as dates and Unix epochs must. ``sort`` puts rows in
    order of arrival. ``task`` takes the place of a task column: one for all, several in turn, or
    drawn by weight. A sentence longer than ``sequence_length`` is refused, cut to it, split into
    sentences of the same arrival, or dropped.
    """

    columns: dict[Column, str] = Field(default_factory=dict)
    origin: Literal["zero", "first"] = "zero"
    sort: bool = False
    task: TaskRule | None = None
    too_long: TooLong = "refuse"
    seed: Annotated[int, Field(ge=0)] = 1

    def format_problems(self, context: RequestContext) -> Iterator[tuple[KeyPath, str]]:
        """Yield what does not fit this workload."""
        if self.too_long == "split" and context.sequence_length <= SPECIAL_TOKENS:
            room = f"{context.sequence_length} tokens have no room for text beside [CLS] and [SEP]"
            yield ("too_long",), f"{room}; raise sequence_length"
        for at, name in self._named_tasks():
            try:
                context.task_named(name)
            except ConfigError as error:
                yield ("task", *at), str(error)

    def _named_tasks(self) -> list[tuple[KeyPath, str]]:
        if self.task is None or isinstance(self.task, str):
            return [] if self.task is None else [((), self.task)]
        steps: Any = range(len(self.task)) if isinstance(self.task, list) else self.task
        return [((step,), name) for step, name in zip(steps, self.task, strict=True)]

    def tasks(self, context: RequestContext) -> Iterator[str | None]:
        """Yield the task of one row after another, in order of arrival; None: the row's own."""
        names = [context.task_named(name) for _, name in self._named_tasks()]
        if not isinstance(self.task, dict):
            return cycle(names) if names else repeat(None)
        sums, source = list(accumulate(self.task.values())), stream(self.seed, "tasks")
        return (names[bisect(sums, uniform(source) * sums[-1])] for _ in repeat(None))

    def task_note(self) -> Iterator[str]:
        """Yield in words where the tasks come from, if not from the file."""
        match self.task:
            case str():
                yield f"all for task {self.task}"
            case list():
                yield f"tasks {', '.join(self.task)} in turn"
            case dict():
                yield f"tasks drawn by weight, seed {self.seed}"
