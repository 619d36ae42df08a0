"""Single commands, as ``accelsim op`` runs them."""

from __future__ import annotations

from accelsim.accelerators.base import alone
from accelsim.accelerators.systolic_npu.emitter import ARRAY, NpuEmitter, product_uses
from accelsim.accelerators.systolic_npu.parts import BUS, SCRATCHPAD, Parts
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.accesses import buffer_use
from accelsim.mapping.context import Context
from accelsim.mapping.emitter import LOAD
from accelsim.mapping.plan import Plan
from accelsim.mapping.values import Value
from accelsim.model.operators import Operator, find_kind
from accelsim.model.operators.window import Window
from accelsim.model.tensors import Parameter, Role
from accelsim.placement.placement import Placement
from accelsim.program import Product, Segment, Transfer, Use


def product(parts: Parts, asked: Product) -> Segment:
    """Return a product of operands in the scratchpad, sums left in the accumulator."""
    uses = product_uses(parts.pe_array, asked, added=False)
    return alone("matmul", ARRAY, uses)


def function(machine: HardwareConfig, name: str, rows: int, columns: int) -> Segment:
    """Return one command of the vector unit, from and to the memory of activations."""
    operator, whole = _operator(name, rows, columns), (0, rows)
    context = Context(Placement({}), {}, {}, frozenset(), {}, {})
    emitter = NpuEmitter(context, machine, Plan(name, machine.capacities, {}))
    shapes = enumerate(operator.kind.inputs(operator))
    inputs = [Value(f"{name}.{number}", count, width) for number, (count, width) in shapes]
    if operator.kind.keeps_width:
        emitter.function(operator, (rows, columns), inputs, Value(name, rows, columns), whole)
    else:
        emitter.decision(operator, inputs[0], whole)
    return emitter.plan.build()


def _operator(name: str, rows: int, depth: int) -> Operator:
    kind = find_kind(name)
    columns = depth if kind.keeps_width else 1
    vectors = (Parameter(f"{n}", (columns,), Role.BACKBONE) for n in range(kind.vectors))
    # Without a picture the window of a pooling is one pixel.
    window = Window((rows, 1), (1, 1)) if kind.windowed else None
    return Operator(name, kind, rows, columns, depth, parameters=tuple(vectors), window=window)


def transfer(parts: Parts, action: str, moved: Transfer) -> Segment:
    """Return one transfer into the scratchpad, or one back."""
    name, side = ("load", "write") if action == "transfer" else ("store", "read")
    into = buffer_use(parts.pe_array.lanes, SCRATCHPAD, side, moved.amount)
    return alone(name, LOAD, [Use(BUS, action, moved), into])
