"""Single commands, as ``accelsim op`` runs them."""

from __future__ import annotations

from accelsim.accelerators.base import alone, lone_function
from accelsim.accelerators.systolic_npu.emitter import ARRAY, NpuEmitter
from accelsim.accelerators.systolic_npu.parts import Parts
from accelsim.accelerators.systolic_npu.tiles import product_uses
from accelsim.machine.schema import HardwareConfig
from accelsim.mapping.context import Context
from accelsim.mapping.plan import Plan
from accelsim.mapping.values import Value
from accelsim.placement.placement import Placement
from accelsim.program import Product, Segment


def product(parts: Parts, asked: Product) -> Segment:
    """Return a product of operands in the scratchpad, sums left in the accumulator."""
    uses = product_uses(parts.pe_array, asked, added=False)
    return alone("matmul", ARRAY, uses)


def function(machine: HardwareConfig, name: str, rows: int, columns: int) -> Segment:
    """Return one command of the vector unit, from and to the memory of activations."""
    operator, whole = lone_function(name, rows, columns), (0, rows)
    context = Context(Placement({}), {}, {}, frozenset(), {}, {})
    emitter = NpuEmitter(context, machine, Plan(name, machine.capacities, {}))
    shapes = enumerate(operator.kind.inputs(operator))
    inputs = [Value(f"{name}.{number}", count, width) for number, (count, width) in shapes]
    if operator.kind.keeps_width:
        emitter.function(operator, (rows, columns), inputs, Value(name, rows, columns), whole)
    else:
        emitter.decision(operator, inputs[0], whole)
    return emitter.plan.build()
