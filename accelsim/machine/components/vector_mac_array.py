"""The processing unit: n vector MACs of width n, output stationary."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from accelsim.machine.components.base import ANY, Datapath, Datasheet, Part, Price
from accelsim.machine.components.clocked import ClockedServer
from accelsim.machine.components.server import Server
from accelsim.machine.numbers import ArraySide, Count
from accelsim.machine.site import Site
from accelsim.machine.timing.pe_pipeline import PeTiming
from accelsim.machine.timing.pe_timing import product_cycles
from accelsim.machine.timing.systolic import reported_cycles
from accelsim.program import Product, Use
from accelsim.units import Tick, ceil_div


class PeArrayConfig(Datapath):
    """n vector MACs of width n, output stationary, as EdgeBERT's processing unit; or systolic.

    ``tile_schedule``: ``serial`` receives the n vectors of a tile, then computes (2n + 1 cycles,
    EdgeBERT's code); ``overlapped`` receives the next tile meanwhile (n cycles).
    ``write_port``: sums are written through the port that operands are read from (``shared``,
    EdgeBERT's code) or through one of their ``own``. ``command_cycles``: from the start write to
    the unit and from its completion to the interrupt.
    ``dataflow``: ``vector_mac`` is EdgeBERT's. The others are a systolic array of ``rows`` x
    ``columns`` elements (n x n unless told otherwise) that never stalls: each tile pays its own
    fill and drain, as SCALE-Sim counts.
    """

    kind: Literal["vector_mac_array"]
    vector_size: Annotated[int, Field(gt=0, le=256)]
    tile_schedule: Literal["serial", "overlapped"]
    write_port: Literal["shared", "own"]
    command_cycles: Count
    dataflow: Literal[
        "vector_mac", "weight_stationary", "output_stationary", "input_stationary"
    ] = "vector_mac"
    rows: ArraySide | None = None
    columns: ArraySide | None = None

    @model_validator(mode="after")
    def _only_systolic_arrays_have_a_shape(self) -> PeArrayConfig:
        if self.dataflow == "vector_mac" and (self.rows or self.columns):
            raise ValueError(
                "rows and columns shape a systolic array; set dataflow, or size vector_mac by "
                "vector_size"
            )
        return self

    @property
    def lanes(self) -> int:
        """Elements of a vector."""
        return self.vector_size

    @property
    def array_rows(self) -> int:
        """Rows of processing elements."""
        return self.rows or self.vector_size

    @property
    def array_columns(self) -> int:
        """Columns of processing elements."""
        return self.columns or self.vector_size

    def servers(self, name: str, site: Site) -> Mapping[str, Server]:
        """Return the array's server."""
        return {ANY: PeArray(name, self, site.period)}

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """A MAC is an 8-bit multiplication and a 16-bit addition."""
        multiply, add = site.logic.multiply_8_bit, site.logic.add_16_bit
        area = self.array_rows * self.array_columns * (multiply.area + add.area)
        return Datasheet(
            Part.COMPUTE,
            {"mac": Price("macs", multiply.energy + add.energy)},
            area=area,
            leakage=area * site.logic.leakage,
            source="; ".join(site.logic.sources),
        )

    def timing(self, name: str, site: Site) -> Hashable:
        """All of it."""
        return self


class PeArray(ClockedServer):
    """Cycles of a panel C[rows x columns] = A[rows x depth] W[columns x depth]^T.

    Rows, columns and depth are cut into n x n x n tiles, partial tiles cost whole ones;
    ``pe_pipeline`` says what a tile and the flush of its sums cost.
    """

    def __init__(self, name: str, config: PeArrayConfig, period: Tick) -> None:
        super().__init__(name, period)
        self._config = config

    def occupancy(self, use: Use, start: Tick) -> Tick:
        """Return the ticks of a panel."""
        panel = use.expect(Product)
        return panel_cycles(self._config, panel.rows, panel.columns, panel.depth) * self.period


def panel_cycles(config: PeArrayConfig, rows: int, columns: int, depth: int) -> int:
    """Return the cycles of one panel from start command to interrupt.

    A systolic array counts as SCALE-Sim reports: the index of its last cycle.
    """
    if config.dataflow != "vector_mac":
        array = (config.array_rows, config.array_columns)
        return reported_cycles(config.dataflow, *array, rows, columns, depth)
    shared = config.write_port == "shared"
    timing = PeTiming(config.vector_size, config.tile_schedule, shared)
    return product_cycles(timing, rows, columns, depth) + config.command_cycles


def port_vectors(config: PeArrayConfig, rows: int, columns: int, depth: int) -> int:
    """Return the vectors that each operand buffer's port delivers for a panel, one a cycle.

    The ports of a systolic array are as wide as its edge: one stands for none to wait for.
    """
    if config.dataflow != "vector_mac":
        return 1
    size = config.vector_size
    return ceil_div(rows, size) * ceil_div(columns, size) * ceil_div(depth, size) * size


def operand_passes(config: PeArrayConfig, rows: int, columns: int) -> tuple[int, int]:
    """Return how often each weight and each activation of a panel is read from its buffer.

    The vector MACs keep sums alone, so every tile re-reads both operands. A systolic array reads
    its stationary operand once; what streams is read again for each fold beside it.
    """
    height, width = config.array_rows, config.array_columns
    if config.dataflow == "weight_stationary":
        return 1, ceil_div(columns, width)
    if config.dataflow == "input_stationary":
        return ceil_div(rows, width), 1
    return ceil_div(rows, height), ceil_div(columns, width)
