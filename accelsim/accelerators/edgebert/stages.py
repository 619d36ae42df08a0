"""Row-wise stages: runs of operators whose output rows depend on the same input rows only.

A stage is worked off in blocks of rows, so that only its inputs and outputs ever lie in the
activation memory as a whole. Element-wise operators that follow a product are its epilogue: they
run panel by panel behind it.
"""

from __future__ import annotations

from collections import Counter

from accelsim.accelerators.edgebert.emitter import HOST, LOAD, MOVE, SFU, Emitter, Operand
from accelsim.accelerators.edgebert.estimate import exposed_norm_cycles, pass_cycles
from accelsim.accelerators.edgebert.panels import load_panel, operand_blocks, weight_panels
from accelsim.mapping import accesses
from accelsim.mapping.accesses import bus_use, merge_uses
from accelsim.mapping.context import Context, label_of
from accelsim.mapping.values import Rows, Value, split_rows
from accelsim.model.operators import ADD, ENTROPY, GATHER, GELU, LAYER_NORM, MATMUL, TANH, Operator
from accelsim.program import Command, Elements, Use, Vectors
from accelsim.units import ceil_div

_ELEMENTWISE = frozenset({ADD, GELU, TANH})
# Passes over the logits: the sums with their maximum, then the entropy (EdgeBERT, Enpy.h).
_ENTROPY_PASSES = 2
# A read of a configuration register takes 8 to 9 cycles, a write 4 (EdgeBERT's SystemC).
_WRITES_AS_LONG_AS_A_READ = 2


class RowwiseStage:
    """One run of row-wise operators of equal row count."""

    def __init__(self, context: Context, operators: list[Operator]) -> None:
        self._context = context
        self._operators = operators
        self._names = {operator.name for operator in operators}

    @property
    def rows(self) -> int:
        """Rows of every operator of the stage."""
        return self._operators[0].rows

    def estimated_cycles(self, emitter: Emitter, block: int) -> int:
        """Return about how long the stage takes with blocks of this many rows.

        Every block of a moving operand streams the weights of its matmul once: small ones wait
        for weights. A layer norm starts when its block is complete: the last one is exposed, and
        large ones hide less.
        """
        parts, total = emitter.parts, 0
        for operator in self._operators:
            if operator.kind is LAYER_NORM:
                total += exposed_norm_cycles(parts, operator, block)
            elif operator.kind is MATMUL:
                stored = self._context.stored(operator)
                for rows, times in _pass_rows(emitter, operator, block).items():
                    total += times * pass_cycles(parts, operator, stored, rows)
        return total

    def emit(self, emitter: Emitter, block: int) -> None:
        """Append the tasks of the stage, ``block`` rows at a time.

        Raises NoRoomError when the blocks are too large for the activation memory.
        """
        run = _StageRun(self._context, emitter, self._operators, self._names)
        for rows in split_rows(self.rows, block):
            run.emit_block(rows)
        run.finish()


class _StageRun:
    """The state of one emission of a stage."""

    def __init__(
        self, context: Context, emitter: Emitter, operators: list[Operator], names: set[str]
    ) -> None:
        self.context = context
        self.emitter = emitter
        self.operators = operators
        self.names = names
        self.norms: dict[str, Operand] = {}

    def emit_block(self, rows: Rows) -> None:
        done: set[str] = set()
        for operator in self.operators:
            if operator.name in done:
                continue
            done.add(operator.name)
            if operator.kind is GATHER:
                self._gather(operator, rows)
            elif operator.kind is MATMUL:
                done.update(self._matmul(operator, rows, done))
            elif operator.kind is ENTROPY:
                self._check_exit(operator, rows)
            else:
                self._by_rows(operator, rows)

    def finish(self) -> None:
        for operand in self.norms.values():
            self.emitter.drop(operand)

    # -- values --------------------------------------------------------------------------------

    def _out(self, operator: Operator) -> Value:
        values = self.emitter.values
        if operator.name not in values:
            spilled = self.context.spill and operator.name in self.context.crossing
            address = self.context.addresses.get(operator.name, 0)
            self.emitter.new_value(
                operator.name, operator.rows, operator.columns, spilled=spilled, address=address
            )
        return values[operator.name]

    def _inputs(self, operator: Operator) -> list[Value]:
        producers = self.context.producers[operator.name]
        return [self.emitter.values[producer.name] for producer in producers]

    def _last_inputs(self, operator: Operator, inputs: list[Value]) -> list[Value]:
        return [value for value in inputs if self.context.is_last(value.name, operator)]

    # -- operators -----------------------------------------------------------------------------

    def _gather(self, operator: Operator, rows: Rows) -> None:
        """Look up table rows in one scatter-gather transfer; equal rows are read once.

        Each row takes whole words of its memory. In DRAM the rows are spread over the table.
        """
        emitter, count = self.emitter, rows[1] - rows[0]
        tensor = self.context.stored(operator)[0]
        out = self._out(operator)
        distinct = min(count, tensor.parameter.shape[0])
        row = self.context.part(tensor, 0, operator.columns)
        address = self.context.addresses.get(tensor.parameter.name, 0)
        stride = ceil_div(tensor.value_bits + tensor.mask_bits, 8) // distinct
        reads = accesses.read_part(emitter.hardware, row, address, distinct, stride)
        crossing = row.data_bytes + row.mask_bytes
        path = bus_use(distinct * crossing)
        elements = count * operator.columns
        decoded = ceil_div(elements, emitter.vector_size) if tensor.masked else 0
        decode = Use(accesses.CODEC, "decode", Vectors(decoded, decoded))
        task = emitter.command(
            LOAD,
            label_of(operator),
            merge_uses([*reads, path, decode, *emitter.write_uses(out, rows, elements)]),
            (),
            emitter.hold_for(out, elements),
        )
        out.note_written(rows, LOAD, task)

    def _matmul(self, operator: Operator, rows: Rows, done: set[str]) -> list[str]:
        """Emit a product and its epilogue; return the names of the epilogue."""
        epilogue = self._epilogue(operator, done)
        source = self._inputs(operator)[0]
        for block in operand_blocks(self.emitter, operator, rows):
            first = True
            for columns in self._panels(operator):
                self._panel(operator, source, block, columns, epilogue, retire=first)
                first = False
        return [following.name for following in epilogue]

    def _panels(self, operator: Operator) -> list[Rows]:
        """Split the columns into panels of the weight buffer, two of which fit when it is split."""
        return weight_panels(self.emitter, self.context.stored(operator)[0], operator.name)

    def _panel(
        self,
        operator: Operator,
        source: Value,
        rows: Rows,
        columns: Rows,
        epilogue: list[Operator],
        *,
        retire: bool,
    ) -> None:
        emitter, label = self.emitter, label_of(operator)
        stationary = load_panel(self.context, emitter, operator, columns)
        moving = emitter.operand(label, source, rows)
        width = columns[1] - columns[0]
        shape = (rows[1] - rows[0], width, operator.depth)
        last = retire and self.context.is_last(source.name, operator)
        after = source.users(rows) if last else set()
        out = self._out(operator)
        task = emitter.product(label, shape, moving, stationary, out, rows, after)
        emitter.drop(stationary)
        if last:
            emitter.retire(source, self._retired(source, rows), task)
        for following in epilogue:
            self._elementwise(following, rows, width)

    def _retired(self, source: Value, rows: Rows) -> int:
        """Elements that end with these rows: all that remain when only the first is read."""
        count = rows[1] - rows[0]
        return (source.rows if self.operators[0].rows < source.rows else count) * source.columns

    def _epilogue(self, operator: Operator, done: set[str]) -> list[Operator]:
        """Element-wise operators that can follow each panel: all other inputs are there."""
        chain: list[Operator] = []
        available = done | {operator.name}
        for following in self.operators[self.operators.index(operator) + 1 :]:
            producers = {p.name for p in self.context.producers[following.name]}
            tail = chain[-1].name if chain else operator.name
            ready = producers & self.names <= available
            if following.kind not in _ELEMENTWISE or tail not in producers or not ready:
                break
            chain.append(following)
            available.add(following.name)
        return chain

    def _elementwise(self, operator: Operator, rows: Rows, columns: int) -> None:
        """Emit an element-wise operator or layer norm on some rows and columns."""
        emitter, inputs = self.emitter, self._inputs(operator)
        out = self._out(operator)
        ending = self._last_inputs(operator, inputs)
        # The output takes the place of an input that ends here, if they share a home. An older
        # input is preferred to the product's own panel, which is then free again at once.
        carrier = next((v for v in reversed(ending) if v.spilled == out.spilled), None)
        elements = (rows[1] - rows[0]) * columns
        after = {task for value in ending for task in value.users(rows)}
        norm = self._norm_operand(operator)
        if norm:
            after.add(norm.loaded_by)
        task = emitter.special_function(
            operator.kind,
            label_of(operator),
            (rows[1] - rows[0], columns),
            inputs,
            out,
            rows,
            holds=[] if carrier else emitter.hold_for(out, elements),
            after=after,
        )
        if norm:
            norm.last_user = task
        for value in ending:
            if value is not carrier:
                emitter.retire(value, elements, task)

    def _check_exit(self, operator: Operator, rows: Rows) -> None:
        """Compute the entropy of the logits; the host reads it from a register, and the logits.

        Which check a sentence leaves by is not known here, so the host takes them at every check.
        """
        emitter, logits = self.emitter, self._inputs(operator)[0]
        checked = Elements(operator.rows, operator.depth)
        reads = emitter.read_uses(logits, rows, checked.amount, _ENTROPY_PASSES)
        uses = [Use(accesses.SFU, operator.kind.name, checked), *reads]
        task = emitter.command(SFU, label_of(operator), uses, logits.writers(rows))
        logits.note_read(rows, SFU, task)
        read = Use(accesses.HOST, "register_write", Command(_WRITES_AS_LONG_AS_A_READ))
        emitter.plan.task(HOST, f"{label_of(operator)}.result", [read], {task})
        hand_over(emitter, self.context.producers[operator.name][0])

    def _by_rows(self, operator: Operator, rows: Rows) -> None:
        """Emit an operator that needs whole rows, one tile of rows at a time."""
        for first, last in split_rows(rows[1] - rows[0], self.emitter.vector_size):
            self._elementwise(operator, (rows[0] + first, rows[0] + last), operator.columns)

    def _norm_operand(self, operator: Operator) -> Operand | None:
        if operator.kind is not LAYER_NORM:
            return None
        if operator.name not in self.norms:
            tensors = self.context.stored(operator)
            parts = [self.context.part(t, 0, t.parameter.elements) for t in tensors]
            address = self.context.addresses.get(tensors[0].parameter.name, 0)
            loaded = self.emitter.load_auxiliary(label_of(operator), parts, address)
            self.norms[operator.name] = loaded
        return self.norms[operator.name]


def hand_over(emitter: Emitter, operator: Operator) -> None:
    """Let the host read a final result, which then leaves the activation memory."""
    value, rows = emitter.values[operator.name], (0, operator.rows)
    uses = emitter.read_uses(value, rows, operator.elements)
    label = f"{label_of(operator)}.result"
    task = emitter.command(MOVE, label, uses, value.users(rows))
    emitter.retire(value, operator.elements, task)


def _pass_rows(emitter: Emitter, operator: Operator, block: int) -> Counter[int]:
    """Return how often the weights stream past how many rows."""
    whole, rest = divmod(operator.rows, block)
    passes: Counter[int] = Counter()
    for size, times in ((block, whole), (rest, 1)):
        for first, last in operand_blocks(emitter, operator, (0, size)) if size else ():
            passes[last - first] += times
    return passes
