"""Self-attention, head by head: project, score, normalise, and weigh the values.

Only one or two heads lie in the activation memory at a time. While the scores of one unit (a head,
or some rows of it) are normalised, the array works on the next. Heads of one token that share keys
from a cache are rows of one product. Of causal scores some rows end at the last token of theirs, if
the machine maps them so: what lies behind is neither computed nor normalised nor weighed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from accelsim.machine.sections import MappingConfig
from accelsim.mapping.context import Context
from accelsim.mapping.cutting import Attention, Stage
from accelsim.mapping.emitter import Emitter, Operand
from accelsim.mapping.rowwise import UnitRun
from accelsim.mapping.values import Rows, Value, split_rows
from accelsim.model.operators import Operator, Reach
from accelsim.model.operators.attention_scores import CAUSAL
from accelsim.program import Product


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
    """Activations of one head, and its keys and values where the array reads them."""

    query: Value
    key: Value
    value: Value
    stationary_key: Operand | None = None
    stationary_value: Operand | None = None


def staircases(scores: Operator) -> set[int]:
    """Return how many pairs of a query and a key causal scores of a head can be cut down to."""
    rows, before = scores.rows, scores.columns - scores.rows
    found = set()
    for block in range(1, rows + 1):
        whole, rest = divmod(rows, block)
        stairs = block * whole * before + block**2 * whole * (whole + 1) // 2
        found.add(stairs + rest * scores.columns)
    return found


class AttentionStage:
    """What makes queries, keys and values, then scores, softmax and context of one layer."""

    def __init__(
        self, context: Context, stage: Stage, attention: Attention, mapping: MappingConfig
    ) -> None:
        self._context = context
        self.attention = attention
        # Rows of scores are as long as their last.
        causal = attention.scores.form == CAUSAL
        self.staircase = causal and mapping.causal == "staircase"
        made = [each for unit in stage.units for each in unit.operators]
        self.units = stage.units
        query, key = context.producers[attention.scores.name]
        self.operands = (query, key, context.producers[attention.weighted.name][1])
        self.products_end, self.stage_ends = self._ending(made)

    @property
    def rows(self) -> int:
        """Rows of the scores of one head."""
        return self.attention.scores.rows

    def columns(self, rows: Rows) -> int:
        """Return how many keys some rows of scores are for."""
        scores = self.attention.scores
        return scores.columns - (scores.rows - rows[1] if self.staircase else 0)

    def together(self, most: int) -> int:
        """Return how many heads are one product, of at most so many rows."""
        scores = self.attention.scores
        if scores.rows > 1 or self.operands[1].kind.reach is not Reach.STATE:
            return 1
        return max(n for n in range(1, most + 1) if scores.groups % n == 0)

    def _ending(self, made: list[Operator]) -> tuple[list[str], list[str]]:
        """Return what was made before and ends here: read by products of rows alone, and others."""
        context, own = self._context, {each.name for each in (*made, *self.attention.core)}
        readers: dict[str, list[Operator]] = {}
        for operator in (*made, *self.attention.core):
            for producer in context.producers[operator.name]:
                if producer.name not in own:
                    readers.setdefault(producer.name, []).append(operator)
        ending = {n: each for n, each in readers.items() if context.is_last(n, each[-1])}
        whole = {
            name
            for name, found in ending.items()
            if all(each in made and each.kind.reach is Reach.MATRIX for each in found)
        }
        return [n for n in ending if n in whole], [n for n in ending if n not in whole]

    def emit(self, emitter: Emitter, variant: AttentionVariant) -> None:
        """Append the tasks of all heads. Raises NoRoomError when too much is in flight."""
        run = _AttentionRun(self._context, emitter, self)
        waiting: tuple[_Head, int, Rows] | None = None
        for head in range(self.attention.scores.batch // run.together):
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
        run.retire(self.stage_ends)


class _AttentionRun:
    """The state of one emission."""

    def __init__(self, context: Context, emitter: Emitter, stage: AttentionStage) -> None:
        self.context = context
        self.emitter = emitter
        self.stage = stage
        self.attention = stage.attention
        self.heads = stage.attention.scores.batch
        self.together = many = stage.together(emitter.row_tile)
        out = emitter.output(stage.attention.weighted)
        # Heads that lie side by side in the row of a token are rows of their own here.
        self.out = replace(
            out, rows=out.rows * many, columns=out.columns // many, spilled=out.spilled * many
        )

    def project(self, number: int) -> _Head:
        """Make the queries, keys and values of one head, as far as they are not there."""
        stage, values = self.stage, {}
        for operator in (each for unit in stage.units for each in unit.operators):
            values[operator.name] = self.emitter.new_value(
                f"{operator.name}[{number}]", operator.rows, operator.columns // self.heads
            )
        run = UnitRun(self.context, self.emitter, values)
        for rows in self._blocks():
            for unit in stage.units:
                width = unit.operators[0].columns // self.heads
                if unit.products:
                    run.products(unit, rows, (number * width, (number + 1) * width))
                else:
                    run.function(unit.operators[0], rows, width)
        if number == self.heads - 1:
            self.retire(stage.products_end)
        scores, weighted = self.attention.scores, self.attention.weighted
        widths = (self.together * scores.depth, scores.depth, weighted.columns)
        query, key, value = (
            values.get(operand.name) or self._columns(operand, number, width)
            for operand, width in zip(stage.operands, widths, strict=True)
        )
        return _Head(query, key, value)

    def _blocks(self) -> list[Rows]:
        """Return the rows that all units can take at a time."""
        units, tiling = self.stage.units, self.emitter.tiling
        rows = max((each.rows for unit in units for each in unit.operators), default=0)
        blocks = [tiling(unit.products, rows).rows for unit in units if unit.products]
        return split_rows(rows, min(blocks, default=self.emitter.row_tile))

    def _columns(self, operator: Operator, number: int, width: int) -> Value:
        """Return the columns of a head of what was made before as a whole; it stays there."""
        whole = self.emitter.values[operator.name]
        name = f"{operator.name}[{number}]"
        # Heads of a cache lie one behind the other, and those that share keys read the same.
        head = number * self.together // self.attention.scores.groups
        before = whole.size(head * whole.rows * width) if whole.home else 0
        return replace(whole, name=name, columns=width, address=whole.address + before)

    def retire(self, names: list[str]) -> None:
        """Release values when the array has done all that was planned so far."""
        for name in names:
            self.emitter.retire_whole(self.emitter.values[name], self.emitter.last_product)

    def _is_own(self, value: Value) -> bool:
        """Say whether a value was made for its head alone."""
        return self.emitter.values.get(value.name) is value

    def _ends_alone(self, head: _Head, value: Value) -> bool:
        """Say whether a value was made for its head and is one operand alone."""
        operands = (head.query, head.key, head.value)
        return self._is_own(value) and sum(each is value for each in operands) == 1

    def _retire_shared(self, head: _Head, task: int) -> None:
        """Release what is several operands of a head when the head has ended."""
        operands = {each.name: each for each in (head.query, head.key, head.value)}
        for value in operands.values():
            if self._is_own(value) and not self._ends_alone(head, value):
                self.emitter.retire_whole(value, task)

    def _retire_moved(self, head: _Head, value: Value, operand: Operand) -> None:
        if self._ends_alone(head, value):
            self.emitter.retire_moved(value, operand)

    def score(self, head: _Head, number: int, rows: Rows) -> None:
        """Multiply queries by all keys of the head and normalise the rows in place."""
        emitter, operator = self.emitter, self.attention.scores
        every = (0, head.key.rows)
        if head.stationary_key is None:
            head.stationary_key = emitter.held(operator.label, head.key, every)
            self._retire_moved(head, head.key, head.stationary_key)
        moving = emitter.moving(operator.label, head.query, rows)
        name, count = self._scores_name(number, rows), self.together * (rows[1] - rows[0])
        columns = self.stage.columns(rows)
        scores = emitter.new_value(name, count, columns)
        asked, mine = Product(count, columns, operator.depth), (0, count)
        task = emitter.product(
            operator.label, asked, moving, head.stationary_key, scores, mine, set()
        )
        if self._ends_alone(head, head.query):
            emitter.retire(head.query, rows, count * head.query.columns, task)
        emitter.drop_moved(head.query.name)
        if rows[1] == self.stage.rows:
            emitter.drop(head.stationary_key)
        for function in self.attention.between:
            table = self._table(function, number, rows)
            after = {table.loaded_by} if table else ()
            size = (count, columns)
            task = emitter.function(function, size, [scores], scores, mine, after=after)
            if table:
                table.last_user = task
                emitter.drop(table)

    def _table(self, function: Operator, number: int, rows: Rows) -> Operand | None:
        """Load what a function adds to some rows of scores: those of its heads."""
        if not function.parameters:
            return None
        (table,) = function.parameters
        each = function.rows * function.columns
        if table.elements < each:
            return self.emitter.vectors(function)
        start = number * self.together * each % table.elements + rows[0] * function.columns
        count = self.together * (rows[1] - rows[0])
        return self.emitter.vectors(function, (start, start + count * function.columns))

    def weigh(self, head: _Head, number: int, rows: Rows) -> None:
        """Multiply the normalised scores by the values of the head."""
        emitter, operator = self.emitter, self.attention.weighted
        every = (0, head.value.rows)
        if head.stationary_value is None:
            moved = emitter.held(operator.label, head.value, every)
            head.stationary_value = moved
            self._retire_moved(head, head.value, moved)
        scores = emitter.values.pop(self._scores_name(number, rows))
        count = self.together * (rows[1] - rows[0])
        rows = (rows[0], rows[0] + count)
        moving = emitter.moving(operator.label, scores, (0, count))
        emitter.retire_moved(scores, moving)
        asked = Product(count, operator.columns, scores.columns)
        held = head.stationary_value
        task = emitter.product(operator.label, asked, moving, held, self.out, rows, set())
        emitter.drop_moved(scores.name)
        if rows[1] == self.out.rows:
            emitter.drop(held)
            self._retire_shared(head, task)

    def _scores_name(self, number: int, rows: Rows) -> str:
        return f"{self.attention.scores.name}[{number}, {rows[0]}:{rows[1]}]"
