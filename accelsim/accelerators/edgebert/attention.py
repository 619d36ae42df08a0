"""Self-attention, head by head: project, score, normalise, and weigh the values.

Only one or two heads lie in the activation memory at a time. While the special-function unit
normalises the scores of one unit (a head, or some rows of it), the PE array works on the next.
"""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.accelerators.edgebert.emitter import Emitter, Operand
from accelsim.accelerators.edgebert.panels import load_panel, operand_blocks, weight_panels
from accelsim.errors import MappingError
from accelsim.mapping.context import Context, label_of
from accelsim.mapping.values import Rows, Value, split_rows
from accelsim.model.operators import ATTENTION_CONTEXT, ATTENTION_SCORES, MATMUL, SOFTMAX, Operator


@dataclass(frozen=True)
class AttentionVariant:
    """How much is in flight: rows of scores at a time, and whether units overlap."""

    score_rows: int
    pipelined: bool

    def __str__(self) -> str:
        order = "overlapped" if self.pipelined else "one after the other"
        return f"heads {order}, {self.score_rows} rows of scores at a time"


@dataclass
class _Head:
    """Activations of one head, and its keys and values in the weight buffer."""

    query: Value
    key: Value
    value: Value
    stationary_key: Operand | None = None
    stationary_value: Operand | None = None


class AttentionStage:
    """Query, key and value projections, scores, softmax and context of one layer."""

    def __init__(self, context: Context, operators: list[Operator]) -> None:
        self._context = context
        producers = context.producers
        by_kind = {operator.kind: operator for operator in operators}
        self.scores = by_kind[ATTENTION_SCORES]
        self.softmax = by_kind[SOFTMAX]
        self.weighted = by_kind[ATTENTION_CONTEXT]
        query, key = producers[self.scores.name]
        value = producers[self.weighted.name][1]
        self.projections = (query, key, value)
        for projection in self.projections:
            if projection.kind is not MATMUL:
                raise MappingError(
                    f"{projection.name}: expected a matmul before attention, got {projection.kind}"
                )

    @property
    def rows(self) -> int:
        """Rows of the scores of one head."""
        return self.scores.rows

    def emit(self, emitter: Emitter, variant: AttentionVariant) -> None:
        """Append the tasks of all heads. Raises NoRoomError when too much is in flight."""
        run = _AttentionRun(self._context, emitter, self)
        waiting: tuple[_Head, int, Rows] | None = None
        for head in range(self.scores.batch):
            tensors = run.project(head)
            for rows in split_rows(self.rows, variant.score_rows):
                run.score(tensors, head, rows)
                if not variant.pipelined:
                    run.weigh(tensors, head, rows)
                    continue
                if waiting:
                    run.weigh(*waiting)
                waiting = (tensors, head, rows)
        if waiting:
            run.weigh(*waiting)


class _AttentionRun:
    """The state of one emission."""

    def __init__(self, context: Context, emitter: Emitter, stage: AttentionStage) -> None:
        self.context = context
        self.emitter = emitter
        self.stage = stage
        context_operator = stage.weighted
        self.out = emitter.new_value(
            context_operator.name,
            context_operator.rows,
            context_operator.batch * context_operator.columns,
            spilled=context.spill and context_operator.name in context.crossing,
            address=context.addresses.get(context_operator.name, 0),
        )

    def project(self, head: int) -> _Head:
        """Project the hidden state to the queries, keys and values of one head."""
        stage, emitter = self.stage, self.emitter
        sizes = (stage.scores.depth, stage.scores.depth, stage.weighted.columns)
        values = [
            emitter.new_value(f"{operator.name}[{head}]", operator.rows, size)
            for operator, size in zip(stage.projections, sizes, strict=True)
        ]
        every = (0, stage.projections[0].rows)
        for rows in operand_blocks(emitter, stage.projections[0], every):
            for operator, size, value in zip(stage.projections, sizes, values, strict=True):
                self._project(operator, (head * size, (head + 1) * size), value, rows)
        if head == stage.scores.batch - 1:
            self._retire_hidden()
        query, key, value = values
        return _Head(query, key, value)

    def _hidden(self, projection: Operator) -> Value:
        return self.emitter.values[self.context.producers[projection.name][0].name]

    def _project(self, operator: Operator, columns: Rows, out: Value, rows: Rows) -> None:
        emitter, label = self.emitter, label_of(operator)
        hidden = self._hidden(operator)
        widest = weight_panels(emitter, self.context.stored(operator)[0], operator.name)[0][1]
        for first, last in split_rows(columns[1] - columns[0], widest):
            panel = (columns[0] + first, columns[0] + last)
            stationary = load_panel(self.context, emitter, operator, panel)
            moving = emitter.operand(label, hidden, rows)
            shape = (rows[1] - rows[0], last - first, operator.depth)
            emitter.product(label, shape, moving, stationary, out, rows, set())
            emitter.drop(stationary)

    def _retire_hidden(self) -> None:
        """Release the hidden state if the projections were its last readers."""
        for operator in self.stage.projections:
            hidden = self._hidden(operator)
            if self.context.is_last(hidden.name, operator):
                last = self.emitter.plan.last_in_queue["pe"]
                self.emitter.retire(hidden, hidden.rows * hidden.columns, last)

    def score(self, head: _Head, number: int, rows: Rows) -> None:
        """Multiply queries by all keys of the head and normalise the rows in place."""
        stage, emitter = self.stage, self.emitter
        operator, label = stage.scores, label_of(stage.scores)
        every = (0, head.key.rows)
        if head.stationary_key is None:
            head.stationary_key = emitter.move_weights(label, head.key, every)
            emitter.retire(
                head.key, head.key.rows * head.key.columns, head.stationary_key.loaded_by
            )
        moving = emitter.operand(label, head.query, rows)
        name, count = self._scores_name(number, rows), rows[1] - rows[0]
        scores = emitter.new_value(name, count, operator.columns)
        shape = (count, operator.columns, operator.depth)
        mine = (0, count)
        task = emitter.product(label, shape, moving, head.stationary_key, scores, mine, set())
        emitter.retire(head.query, count * head.query.columns, task)
        emitter.drop_value_operands(head.query.name)
        if rows[1] == self.stage.rows:
            emitter.drop(head.stationary_key)
        shape2 = (count, operator.columns)
        emitter.special_function(
            SOFTMAX, label_of(stage.softmax), shape2, [scores], scores, mine, holds=[]
        )

    def weigh(self, head: _Head, number: int, rows: Rows) -> None:
        """Multiply the normalised scores by the values of the head."""
        emitter, operator = self.emitter, self.stage.weighted
        label = label_of(operator)
        every = (0, head.value.rows)
        if head.stationary_value is None:
            moved = emitter.move_weights(label, head.value, every)
            head.stationary_value = moved
            emitter.retire(head.value, head.value.rows * head.value.columns, moved.loaded_by)
        scores = emitter.values.pop(self._scores_name(number, rows))
        count = rows[1] - rows[0]
        moving = emitter.operand(label, scores, (0, count))
        emitter.retire(scores, count * scores.columns, moving.loaded_by)
        shape = (count, operator.columns, operator.depth)
        emitter.product(label, shape, moving, head.stationary_value, self.out, rows, set())
        emitter.drop_value_operands(scores.name)
        if rows[1] == self.stage.rows:
            emitter.drop(head.stationary_value)

    def _scores_name(self, number: int, rows: Rows) -> str:
        return f"{self.stage.scores.name}[{number}, {rows[0]}:{rows[1]}]"
