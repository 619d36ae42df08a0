"""Row-wise stages: runs of operators whose output rows depend on the same input rows only.

A stage is worked off in blocks of rows, so that only its inputs and outputs ever lie in the
activation memory as a whole. Element-wise operators that follow a product are its epilogue: they
run panel by panel behind it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from accelsim.errors import CapacityError
from accelsim.mapping import accesses
from accelsim.mapping.accesses import BUS, Part, merge_uses, part_of
from accelsim.mapping.emitter import LOAD, Emitter, Operand
from accelsim.mapping.estimate import exposed_norm_cycles, pass_cycles
from accelsim.mapping.values import Rows, Value, split_rows
from accelsim.memory.placement import DRAM, Placement
from accelsim.memory.storage import StoredTensor
from accelsim.model.operators import Operator, OperatorKind
from accelsim.program import Use
from accelsim.units import ceil_div, format_bytes

_ELEMENTWISE = frozenset({OperatorKind.ADD, OperatorKind.GELU, OperatorKind.TANH})


@dataclass(frozen=True)
class Context:
    """What every stage of a model needs to know.

    ``producers`` are the operators that an operator reads, in operand order; ``last_reader`` maps
    an operator to the last one that reads its output; ``crossing`` are the operators whose
    output leaves its stage; ``addresses`` are DRAM addresses by name. With ``spill``, crossing
    outputs lie in DRAM.
    """

    placement: Placement
    producers: dict[str, tuple[Operator, ...]]
    last_reader: dict[str, str]
    crossing: frozenset[str]
    addresses: dict[str, int]
    spill: bool
    _parts: dict[tuple[str, int, int], Part] = field(default_factory=dict)

    def stored(self, operator: Operator) -> list[StoredTensor]:
        """Return the stored parameters of an operator."""
        return [self.placement.tensors[p.name] for p in operator.parameters]

    def part(self, tensor: StoredTensor, start: int, stop: int) -> Part:
        """Return the part of the elements start..stop of a tensor; equal parts are one object."""
        key = (tensor.parameter.name, start, stop)
        if key not in self._parts:
            self._parts[key] = part_of(tensor, start, stop)
        return self._parts[key]

    def is_last(self, producer: str, reader: Operator) -> bool:
        """Say whether nothing reads the producer's output after this operator."""
        return self.last_reader.get(producer) == reader.name


def label_of(operator: Operator) -> str:
    """Return the operator's name without the number of its layer: ``encoder.query``."""
    return operator.name.replace(f".{operator.layer}.", ".", 1)


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
        hardware, total = emitter.hardware, 0
        for operator in self._operators:
            if operator.kind is OperatorKind.LAYER_NORM:
                total += exposed_norm_cycles(hardware, operator, block)
            elif operator.kind is OperatorKind.MATMUL:
                stored = self._context.stored(operator)
                for rows, times in _pass_rows(emitter, operator, block).items():
                    total += times * pass_cycles(hardware, operator, stored, rows)
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
            if operator.kind is OperatorKind.GATHER:
                self._gather(operator, rows)
            elif operator.kind is OperatorKind.MATMUL:
                done.update(self._matmul(operator, rows, done))
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
        uses = accesses.read_part(emitter.hardware, row, address)
        stride = ceil_div(tensor.value_bits + tensor.mask_bits, 8) // distinct
        scattered = {DRAM: (address, distinct, stride)}
        reads = [
            Use(use.block, use.action, use.amount * distinct, scattered.get(use.block, use.shape))
            for use in uses
        ]
        crossing = row.data_bytes + row.mask_bytes
        path = Use(BUS, "transfer", distinct * crossing, (distinct * crossing, 0))
        elements = count * operator.columns
        decoded = ceil_div(elements, emitter.vector_size) if tensor.masked else 0
        decode = Use(accesses.CODEC, "decode", decoded)
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

    def _by_rows(self, operator: Operator, rows: Rows) -> None:
        """Emit an operator that needs whole rows, one tile of rows at a time."""
        for first, last in split_rows(rows[1] - rows[0], self.emitter.vector_size):
            self._elementwise(operator, (rows[0] + first, rows[0] + last), operator.columns)

    def _norm_operand(self, operator: Operator) -> Operand | None:
        if operator.kind is not OperatorKind.LAYER_NORM:
            return None
        if operator.name not in self.norms:
            tensors = self.context.stored(operator)
            parts = [self.context.part(t, 0, t.parameter.elements) for t in tensors]
            address = self.context.addresses.get(tensors[0].parameter.name, 0)
            loaded = self.emitter.load_auxiliary(label_of(operator), parts, address)
            self.norms[operator.name] = loaded
        return self.norms[operator.name]


def operand_blocks(emitter: Emitter, operator: Operator, rows: Rows) -> list[Rows]:
    """Split the rows so that each block of a matmul's moving operand fits its buffer.

    Blocks are whole tiles. Raises CapacityError when not even one row of tiles fits.
    """
    count, tile = rows[1] - rows[0], emitter.vector_size
    capacity = emitter.plan.capacity(accesses.ACTIVATION_BUFFER)
    largest = capacity // operator.depth
    if largest >= count:
        return [rows]
    if largest < tile:
        raise CapacityError(
            f"{operator.name}: {tile} rows of {operator.depth} elements need "
            f"{format_bytes(tile * operator.depth)}; activation_buffer has "
            f"{format_bytes(capacity)}; enlarge activation_buffer.data"
        )
    blocks = split_rows(count, largest // tile * tile)
    return [(rows[0] + first, rows[0] + last) for first, last in blocks]


def _pass_rows(emitter: Emitter, operator: Operator, block: int) -> Counter[int]:
    """Return how often the weights stream past how many rows."""
    whole, rest = divmod(operator.rows, block)
    passes: Counter[int] = Counter()
    for size, times in ((block, whole), (rest, 1)):
        for first, last in operand_blocks(emitter, operator, (0, size)) if size else ():
            passes[last - first] += times
    return passes


def weight_panels(emitter: Emitter, tensor: StoredTensor, name: str) -> list[Rows]:
    """Split the output columns of a weight matrix into panels that fit the weight buffer.

    With double buffering two panels fit, so the next loads while one is in use; if only one tile
    fits, it takes the whole buffer and loads wait. Panels are whole tiles. Raises CapacityError
    when not even one tile fits.
    """
    columns, depth = tensor.parameter.shape
    shares = (2, 1) if emitter.hardware.overlap.double_buffering else (1,)
    for share in shares:
        widest = _panel_width(emitter, tensor, share)
        if widest < columns:
            widest = widest // emitter.vector_size * emitter.vector_size
        if widest > 0:
            return split_rows(columns, widest)
    raise CapacityError(
        f"{name}: a panel of {min(emitter.vector_size, columns)} x {depth} weights does not fit "
        "weight_buffer; enlarge weight_buffer.data and .masks"
    )


def _panel_width(emitter: Emitter, tensor: StoredTensor, share: int) -> int:
    """Return the columns of weights and bias that fit a share of the buffer, data and masks."""
    buffer, (columns, depth) = emitter.hardware.weight_buffer, tensor.parameter.shape
    column_bits = (depth * tensor.density + 1) * tensor.bits
    # The rounding of the last value and of its byte, and of the byte of the bias.
    rounding = ceil_div(tensor.bits, 8) + 2
    by_data = int(8 * (buffer.data // share - rounding) / column_bits)
    mask_bits = ceil_div(depth, emitter.vector_size) * emitter.vector_size
    by_masks = 8 * (buffer.masks // share) // mask_bits if tensor.masked else columns
    return min(by_data, by_masks, columns)


def load_panel(context: Context, emitter: Emitter, operator: Operator, columns: Rows) -> Operand:
    """Load the weights and biases of some output columns into the weight buffer."""
    weight, *bias = context.stored(operator)
    first, last = columns
    parts = [context.part(weight, first * operator.depth, last * operator.depth)]
    parts += [context.part(tensor, first, last) for tensor in bias]
    address = context.addresses.get(weight.parameter.name, 0)
    vectors = (last - first) * ceil_div(operator.depth, emitter.vector_size)
    return emitter.load_weights(label_of(operator), parts, vectors, address)
