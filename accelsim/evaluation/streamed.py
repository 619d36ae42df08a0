"""A product whose operands stream from a DRAM of one port, compiled as a graph of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from accelsim.accelerators import accelerator_of
from accelsim.account.prices import price_list
from accelsim.errors import ConfigError
from accelsim.evaluation.single import OperatorResult, check_positive, check_work, run_segments
from accelsim.machine.components.off_chip import DRAM
from accelsim.machine.components.scratchpad import AccumulatorConfig, ScratchpadConfig
from accelsim.machine.components.simple_dram import SimpleDramConfig
from accelsim.machine.schema import HardwareConfig
from accelsim.machine.sections import HomeConfig
from accelsim.mapping.cache import SegmentCache
from accelsim.memory.storage import StorageConfig
from accelsim.model.builder import GraphBuilder
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import MATMUL
from accelsim.model.tensors import Role
from accelsim.placement.placement import place
from accelsim.program import Product
from accelsim.units import ceil_div, to_seconds

# Holds no activation: all of them stream.
_NO_ROOM = 1


@dataclass(frozen=True)
class Streaming:
    """A DRAM of one port to stream a product's operands from.

    ``bandwidth`` in B/s, ``latency`` in s; buffers in bytes, the machine's own where None.
    """

    bandwidth: float
    latency: float
    scratchpad: int | None = None
    accumulator: int | None = None


def streamed_matmul(hardware: HardwareConfig, asked: Product, via: Streaming) -> OperatorResult:
    """Return a product compiled as a graph of its own, its operands and results in DRAM.

    Raises ConfigError for a machine without a scratchpad.
    """
    check_positive(rows=asked.rows, columns=asked.columns, depth=asked.depth)
    lanes = hardware.datapath.lanes
    sizes = (asked.rows, asked.columns, asked.depth)
    check_work(math.prod(ceil_div(size, lanes) for size in sizes), "tiles")
    machine, graph = _streaming(hardware, via), _graph_of(asked)
    dense = {"format": "dense", "bits": 8}
    storage = StorageConfig.model_validate({role.value: dense for role in Role})
    placement = place(graph, storage, machine)
    accelerator = accelerator_of(machine)
    made = accelerator.infer(graph, placement, machine, 0, SegmentCache())
    (segment,) = made.program.segments
    result, record, servers = run_segments(machine, segment, trace=True)
    computed = max(
        span.end + servers.blocks[span.port].lag for span in record.spans if span.action == "mac"
    )
    watts = price_list(hardware).watts
    return replace(
        result,
        duration=computed,
        written=record.duration,
        leakage=to_seconds(record.duration) * math.fsum(watts.values()),
    )


def _streaming(hardware: HardwareConfig, via: Streaming) -> HardwareConfig:
    """Return the machine with everything in a DRAM of one port."""
    kinds = {ScratchpadConfig: via.scratchpad, AccumulatorConfig: via.accumulator}
    buffers = {n: each for n, each in hardware.further.items() if type(each) in kinds}
    if not buffers:
        raise ConfigError(
            f"--dram-bandwidth: machine '{hardware.name}' has no scratchpad to stream through; "
            "take --hw hwconfigs/systolic_npu.yaml"
        )
    sized = {
        name: each.model_copy(update={"capacity": size})
        for name, each in buffers.items()
        if (size := kinds[type(each)]) is not None
    }
    # An access of 32 bytes, as ONNXim's; a byte costs what it does on the machine's own part.
    own = hardware.dram
    priced = own.priced_like if isinstance(own, SimpleDramConfig) else own and own.technology
    dram = SimpleDramConfig.model_validate(
        {
            "kind": "simple_dram",
            "access": "32 B",
            "bandwidth": f"{via.bandwidth} B/s",
            "latency": f"{via.latency} s",
            "priced_like": priced,
        }
    )
    home = HomeConfig(values=DRAM, masks=DRAM)
    homes = {role.value: home for role in Role} | {"activation_spill": DRAM}
    name = hardware.placement.activations
    small = {"capacity": _NO_ROOM, "banks": 1, "extrapolate": True}
    memories = {**hardware.memories, name: hardware.memories[name].model_copy(update=small)}
    placement = hardware.placement.model_copy(update=homes)
    return hardware.changed(dram=dram, placement=placement, memories=memories, **sized)


def _graph_of(asked: Product) -> LayerGraph:
    """Return the graph of a product whose activations come from outside."""
    graph = GraphBuilder(asked.rows)
    weight = graph.parameter("matmul.weight", (asked.columns, asked.depth), Role.BACKBONE)
    sizes = {"rows": asked.rows, "columns": asked.columns, "depth": asked.depth}
    graph.place("matmul", MATMUL, parameters=(weight,), **sizes)
    return graph.build()
