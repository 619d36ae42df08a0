"""Works a stage off in blocks of rows: look-ups, products by panels, functions of whole rows.

Only the inputs and outputs of a stage ever lie in the activation memory as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from accelsim.mapping.context import Context
from accelsim.mapping.cutting import Stage
from accelsim.mapping.emitter import Emitter, Operand
from accelsim.mapping.units import Unit
from accelsim.mapping.values import Rows, Value, split_rows
from accelsim.model.operators import Operator, Reach
from accelsim.model.operators.matmul import LAST
from accelsim.program import Product
from accelsim.units import ceil_div


class UnitRun:
    """Emits units. ``heads`` are the outputs of which only some columns are made, by name."""

    def __init__(
        self,
        context: Context,
        emitter: Emitter,
        heads: Mapping[str, Value] | None = None,
    ) -> None:
        self.context = context
        self.emitter = emitter
        self.heads = heads
        self.parameters: dict[str, Operand] = {}
        self._known: dict[str, tuple[list[Value], list[Value]]] = {}

    def unit(self, unit: Unit, rows: Rows) -> None:
        """Append the tasks of a unit on some rows."""
        operator = unit.operators[0]
        if unit.products:
            self.products(unit, rows, (0, operator.columns))
        elif operator.kind.reach is Reach.TABLE:
            self.emitter.gather(operator, self._out(operator), rows)
        elif operator.kind.reach is Reach.STATE:
            self._keep(operator, rows)
        else:
            self.whole_rows(operator, rows)

    def finish(self) -> None:
        """Release the parameters of functions."""
        for operand in self.parameters.values():
            self.emitter.drop(operand)

    def products(self, unit: Unit, rows: Rows, columns: Rows) -> None:
        """Append products and what follows them, panel by panel."""
        tiling = self.emitter.tiling(unit.products, rows[1] - rows[0])
        beside = [self._inputs(product)[0] for product in unit.products]
        panels = split_rows(columns[1] - columns[0], tiling.columns)
        for start, stop in split_rows(rows[1] - rows[0], tiling.rows):
            block = (rows[0] + start, rows[0] + stop)
            for first, last in panels:
                panel = (columns[0] + first, columns[0] + last)
                ends = last == columns[1] - columns[0] if self.emitter.rereads else first == 0
                for operator in unit.operators:
                    if operator.kind.reach is not Reach.MATRIX:
                        self.function(operator, block, last - first)
                    elif operator.window:
                        self._convolution(operator, block, panel, tiling.groups)
                    else:
                        self._product(operator, beside, block, panel, retire=ends)

    def whole_rows(self, operator: Operator, rows: Rows) -> None:
        """Append a function, a tile of rows at a time; the host reads what stays in registers."""
        if self.emitter.keeps(operator):
            self.emitter.decide(operator, rows)
            return
        if operator.window:
            self._pool(operator, rows)
            return
        if operator.sources:
            self._rearrange(operator, rows)
            return
        for first, last in split_rows(rows[1] - rows[0], self.emitter.row_tile):
            self.function(operator, (rows[0] + first, rows[0] + last), operator.columns)

    def _keep(self, operator: Operator, rows: Rows) -> None:
        """Append what puts rows into a cache; of a longer input the last ones are kept."""
        (source,) = self._inputs(operator)
        task = self.emitter.keep(operator, source, rows)
        if not self._ending(operator):
            return
        if operator.rows == source.rows:
            self.emitter.retire(source, rows, (rows[1] - rows[0]) * source.columns, task)
        elif rows[1] == operator.rows:
            self.emitter.retire_whole(source, task)

    # -- values --------------------------------------------------------------------------------

    def _out(self, operator: Operator) -> Value:
        heads = self.heads
        return self.emitter.output(operator) if heads is None else heads[operator.name]

    def _values(self, operator: Operator) -> tuple[list[Value], list[Value]]:
        """Return the inputs, and those that nothing reads after it; of heads, those within."""
        if operator.name not in self._known:
            heads, context = self.heads or {}, self.context
            producers = context.producers[operator.name]
            inputs = [heads.get(p.name) or self.emitter.values[p.name] for p in producers]
            ending = [
                value
                for producer, value in zip(producers, inputs, strict=True)
                if context.is_last(producer.name, operator)
                and (self.heads is None or producer.name in self.heads)
            ]
            inputs = inputs if producers else self.emitter.outside(operator)
            self._known[operator.name] = inputs, ending
        return self._known[operator.name]

    def _inputs(self, operator: Operator) -> list[Value]:
        return self._values(operator)[0]

    def _ending(self, operator: Operator) -> list[Value]:
        return self._values(operator)[1]

    # -- operators -----------------------------------------------------------------------------

    def _product(
        self,
        operator: Operator,
        beside: Sequence[Value],
        rows: Rows,
        columns: Rows,
        *,
        retire: bool,
    ) -> None:
        emitter, source = self.emitter, self._inputs(operator)[0]
        stationary = emitter.stationary(operator, columns)
        some = operator.rows < source.rows
        skipped = source.rows - operator.rows if operator.form == LAST else 0
        read = (rows[0] + skipped, rows[1] + skipped)
        moving = emitter.moving(operator.label, source, read, beside)
        ending = self._ending(operator) if retire else []
        # Where only some rows are read the others are made before they are released.
        after = source.users((0, source.rows) if some else rows) if ending else set()
        asked = Product(rows[1] - rows[0], columns[1] - columns[0], operator.depth)
        out = self._out(operator)
        task = emitter.product(operator.label, asked, moving, stationary, out, rows, after)
        emitter.drop(stationary)
        if ending:
            if some:
                emitter.retire_whole(source, task)
            else:
                emitter.retire(source, rows, asked.rows * source.columns, task)

    def _convolution(self, operator: Operator, rows: Rows, columns: Rows, most: int) -> None:
        """Append the products of the groups that some columns belong to, each of its own depth.

        ``most`` whole ones go together: a pixel has their channels side by side.
        """
        emitter, out, task = self.emitter, self._out(operator), -1
        for first, groups, part in _by_group(operator, columns, most):
            windows = self._windows(operator, groups * operator.depth, first)
            stationary = emitter.stationary(operator, part)
            moving = emitter.moving(operator.label, windows, rows)
            width = (part[1] - part[0]) // groups
            asked = Product(rows[1] - rows[0], width, operator.depth, groups)
            task = emitter.product(operator.label, asked, moving, stationary, out, rows, set())
            emitter.drop(stationary)
        if (rows[1], columns[1]) == (operator.rows, operator.columns):
            self._end_picture(operator, task)

    def _pool(self, operator: Operator, rows: Rows) -> None:
        """Append a function of as many inputs as a window has pixels."""
        emitter, out, task = self.emitter, self._out(operator), -1
        assert operator.window
        pixels = [self._windows(operator, operator.columns)] * operator.window.taps
        parameters = self._parameters(operator)
        after = {parameters.loaded_by} if parameters else set()
        for first, last in split_rows(rows[1] - rows[0], emitter.row_tile):
            here = (rows[0] + first, rows[0] + last)
            shape = (last - first, operator.columns)
            holds = emitter.hold_for(out, here, shape[0] * shape[1])
            task = emitter.function(operator, shape, pixels, out, here, holds=holds, after=after)
        if parameters:
            parameters.last_user = task
        if rows[1] == operator.rows:
            self._end_picture(operator, task)

    def _rearrange(self, operator: Operator, rows: Rows) -> None:
        """Append what puts elements elsewhere: of each input its share of the rows [ours]."""
        emitter, out, width = self.emitter, self._out(operator), operator.columns
        inputs, task, start = self._inputs(operator), -1, 0
        whole = sum(value.rows * value.columns for value in inputs)
        for number, value in enumerate(inputs):
            end = start + value.rows * value.columns
            first, last = (operator.rows * each // whole for each in (start, end))
            share, start = (max(first, rows[0]), min(last, rows[1])), end
            read = [self._windows(operator, width, number)] * operator.kind.taps
            for begin, stop in split_rows(max(0, share[1] - share[0]), emitter.row_tile):
                here, shape = (share[0] + begin, share[0] + stop), (stop - begin, width)
                holds = emitter.hold_for(out, here, shape[0] * width)
                task = emitter.function(operator, shape, read, out, here, holds=holds)
        if rows[1] == operator.rows:
            self._end_picture(operator, task)

    def _windows(self, operator: Operator, width: int, part: int = 0) -> Value:
        """Return what the windows of a picture read, row by row, each element anew [ours].

        No line of the picture is kept for the next window: its memory is read for each. ``part`` is
        a group of channels of one picture, or the number of an input.
        """
        inputs = self._inputs(operator)
        picture = inputs[part if operator.sources else 0]
        written = enumerate(sorted(picture.writers((0, picture.rows))))
        tasks = {(0, operator.rows): {str(number): task for number, task in written}}
        away = ceil_div(operator.rows * picture.spilled, picture.rows)
        name = f"{picture.name} by {operator.name}[{part}]"
        return Value(name, operator.rows, width, away, picture.address, tasks)

    def _end_picture(self, operator: Operator, task: int) -> None:
        for value in self._ending(operator):
            self.emitter.retire_whole(value, task)

    def function(self, operator: Operator, rows: Rows, columns: int) -> None:
        """Append a function of some rows and columns."""
        emitter, out = self.emitter, self._out(operator)
        inputs, last = self._values(operator)
        if operator.kind.reach is Reach.ELEMENT:
            inputs = [self._repeated(value, operator) for value in inputs]
        ending = [value for value in last if value.rows == operator.rows]
        # The output takes the place of an input that ends here, if they share homes. An older
        # input is preferred to the product's own panel, which is then free again at once.
        alike = [value for value in ending if value.spilled == out.spilled]
        alone = operator.kind.keeps_width and not operator.parts
        carrier = alike[-1] if alike and alone else None
        count = rows[1] - rows[0]
        after = {task for value in ending for task in value.users(rows)}
        parameters = self._parameters(operator)
        if parameters:
            after.add(parameters.loaded_by)
        task = emitter.function(
            operator,
            (count, columns),
            inputs,
            out,
            rows,
            holds=[] if carrier else emitter.hold_for(out, rows, count * columns),
            after=after,
        )
        if parameters:
            parameters.last_user = task
        for value in ending:
            if value is not carrier:
                width = columns if alone else value.columns
                emitter.retire(value, rows, count * width, task)
        if rows[1] == operator.rows:
            for value in last:
                if value.rows < operator.rows:
                    emitter.retire_whole(value, task)

    def _repeated(self, value: Value, operator: Operator) -> Value:
        """Return an input of fewer rows as it is read: anew for each row [ours]."""
        if value.rows == operator.rows:
            return value
        tasks = {
            (0, operator.rows): {str(n): t for n, t in enumerate(value.writers((0, value.rows)))}
        }
        away = operator.rows if value.spilled else 0
        name = f"{value.name} by {operator.name}"
        return Value(name, operator.rows, value.columns, away, value.address, tasks)

    def _parameters(self, operator: Operator) -> Operand | None:
        if not operator.parameters:
            return None
        if operator.name not in self.parameters:
            self.parameters[operator.name] = self.emitter.vectors(operator)
        return self.parameters[operator.name]


def _by_group(operator: Operator, columns: Rows, most: int) -> Iterator[tuple[int, int, Rows]]:
    """Yield the groups that some columns belong to: the first, how many, and their columns."""
    width, (column, last) = operator.columns // operator.groups, columns
    while column < last:
        group, within = divmod(column, width)
        whole = 0 if within else min(most, last // width - group)
        stop = (group + whole) * width if whole else min(last, (group + 1) * width)
        yield group, max(1, whole), (column, stop)
        column = stop


class RowwiseStage:
    """One run of row-wise operators of equal row count."""

    def __init__(self, context: Context, stage: Stage) -> None:
        self.context = context
        self.units = stage.units
        self.rows = stage.operators[0].rows

    def emit(self, emitter: Emitter, block: int) -> None:
        """Append the tasks of the stage, ``block`` rows at a time.

        Raises NoRoomError when the blocks are too large for the activation memory.
        """
        run = UnitRun(self.context, emitter)
        for rows in split_rows(self.rows, block):
            for unit in self.units:
                run.unit(unit, rows)
        run.finish()
