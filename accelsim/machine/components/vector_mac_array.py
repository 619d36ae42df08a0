"""The processing unit: n vector MACs of width n, output stationary."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from accelsim.inputs.quantities import Count
from accelsim.inputs.validation import RuleError
from accelsim.machine.components.arithmetic import PADDED, multipliers
from accelsim.machine.components.base import ClockedBlock, Datapath, Datasheet
from accelsim.machine.site import Site
from accelsim.machine.timing.pe_pipeline import PeTiming, Pipeline
from accelsim.machine.timing.pe_timing import product_cycles
from accelsim.program import Product, Use
from accelsim.units import ceil_div

# What a systolic array has in place of a vector size.
_SYSTOLIC = ("dataflow", "rows", "columns")
_HINT = (
    "unknown key; a vector_mac_array has no {}; take hwconfigs/systolic_npu.yaml, or kind: "
    "systolic_array with accelerator: systolic_npu"
)


class PeArrayConfig(ClockedBlock, Datapath):
    """n vector MACs of width n, output stationary, as EdgeBERT's processing unit.

    ``tile_schedule``: ``serial`` receives the n vectors of a tile, then computes (2n + 1 cycles,
    EdgeBERT's code); ``overlapped`` receives the next tile meanwhile (n cycles).
    ``write_port``: sums are written through the port that operands are read from (``shared``,
    EdgeBERT's code) or through one of their ``own``. ``command_cycles``: from the start write to
    the unit and from its completion to the interrupt. ``padding``: a dot product with a null vector
    is ``gated``, as that of a padded row or column, while padded elements of a vector are
    multiplied; or all padding is ``computed``.
    """

    kind: Literal["vector_mac_array"]
    vector_size: Annotated[int, Field(gt=0, le=256)]
    tile_schedule: Literal["serial", "overlapped"]
    write_port: Literal["shared", "own"]
    command_cycles: Count
    padding: Literal["gated", "computed"]

    @model_validator(mode="before")
    @classmethod
    def _no_dataflow(cls, data: Any) -> Any:
        given = [key for key in _SYSTOLIC if isinstance(data, dict) and key in data]
        if given:
            raise RuleError(*(((key,), _HINT.format(key)) for key in given))
        return data

    @property
    def lanes(self) -> int:
        """Elements of a vector."""
        return self.vector_size

    def padded_macs(self, asked: Product) -> int:
        """Return the multiplications of padding that are not gated."""
        rows, columns, size = asked.rows, asked.columns, self.vector_size
        if self.padding == "computed":
            rows, columns = ceil_div(rows, size) * size, ceil_div(columns, size) * size
        padded = rows * columns * ceil_div(asked.depth, size) * size
        return asked.groups * padded - asked.amount

    def cycles(self, use: Use, site: Site) -> int:
        """Cycles of a panel C[rows x columns] = A[rows x depth] W[columns x depth]^T.

        Rows, columns and depth are cut into n x n x n tiles, partial tiles cost whole ones;
        ``pe_pipeline`` says what a tile and the flush of its sums cost.
        """
        if use.action.startswith(PADDED):
            return 0
        panel = use.expect(Product)
        return panel.groups * panel_cycles(self, panel.rows, panel.columns, panel.depth)

    def datasheet(self, name: str, site: Site) -> Datasheet:
        """Multipliers with adder trees; sums of the active row are clocked, a column's a lane."""
        return multipliers(self.vector_size**2, self.kind, site)


def panel_cycles(config: PeArrayConfig, rows: int, columns: int, depth: int) -> int:
    """Return the cycles of one panel from start command to interrupt."""
    return product_cycles(_timing(config), rows, columns, depth) + config.command_cycles


def loaded_cycles(
    config: PeArrayConfig, asked: Product, loads: tuple[int, int], arrival: int
) -> tuple[int, int]:
    """Return the cycles of a panel and what it delays a load meanwhile.

    ``loads`` are mask and data words into the memories that take the sums, in turn with sums and
    reads where ``write_port`` is shared; otherwise nothing meets. The first comes ``arrival``
    cycles after the panel's first read. Every cycle is stepped through.
    """
    cycles = panel_cycles(config, asked.rows, asked.columns, asked.depth)
    if config.write_port != "shared":
        return cycles, 0
    size = config.vector_size
    outputs = ceil_div(asked.rows, size) * ceil_div(asked.columns, size)
    timing = (_timing(config), outputs, ceil_div(asked.depth, size), loads, arrival)
    product = Pipeline(*timing).run() + config.command_cycles
    return product, Pipeline(*timing).run_loads() - max(loads)


def _timing(config: PeArrayConfig) -> PeTiming:
    return PeTiming(config.vector_size, config.tile_schedule, config.write_port == "shared")


def port_vectors(config: PeArrayConfig, rows: int, columns: int, depth: int) -> int:
    """Return the vectors that each operand buffer's port delivers for a panel, one a cycle."""
    size = config.vector_size
    return ceil_div(rows, size) * ceil_div(columns, size) * ceil_div(depth, size) * size


def operand_passes(config: PeArrayConfig, rows: int, columns: int) -> tuple[int, int]:
    """Return how often each weight and each activation of a panel is read from its buffer.

    The vector MACs keep sums alone, so every tile re-reads both operands.
    """
    return ceil_div(rows, config.vector_size), ceil_div(columns, config.vector_size)
