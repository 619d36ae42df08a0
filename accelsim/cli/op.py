"""``accelsim op``: one operator alone on a machine."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import rich_click as click

from accelsim.cli.options import json_option, machine_set_option, parse_option, plugins_option
from accelsim.cli.output import show
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.evaluation.single import OperatorResult
    from accelsim.machine.schema import HardwareConfig

_DEFAULT_MACHINE = "hwconfigs/edgebert_overlapped.yaml"
Command = Callable[..., "OperatorResult"]
_SIZE = click.IntRange(max=10**12)


class _Operators(click.RichGroup):
    """Any other name is a function, which a plug-in or a machine's unit may know."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return what travels with accelsim; ``dvfs_lookup`` is no operator."""
        from accelsim.machine.components.function_unit import row_recipes

        return [*self.commands, *row_recipes(), "dvfs_lookup"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a product, a transfer or a function."""
        return super().get_command(ctx, cmd_name) or _function(cmd_name)


@click.group(cls=_Operators)
def op() -> None:
    """Run one operator alone on a machine and print cycles, accesses and energy.

    Cycles count from the start command to the interrupt; operands lie next to the array. Any
    function of elements or rows that a unit of the machine computes is a command, also one of
    --plugins.
    """


def _with_machine(make: Command) -> Callable[..., None]:
    """Give a command the options that all share: machine, overrides, JSON."""

    @click.option("--hw", default=_DEFAULT_MACHINE, help="Machine file.")
    @machine_set_option
    @json_option
    @plugins_option
    @functools.wraps(make)
    def command(hw: str, assignments: tuple[str, ...], as_json: bool, **sizes: Any) -> None:
        from accelsim.accelerators import load_machine
        from accelsim.report.operator import operator_report

        hardware = load_machine(hw, assignments)
        show(operator_report(hardware, make(hardware, **sizes)), as_json=as_json)

    return command


@op.command()
@click.option("--rows", type=_SIZE, required=True, help="Rows of A and C (tokens).")
@click.option("--columns", type=_SIZE, required=True, help="Columns of C, rows of W (features).")
@click.option("--depth", type=_SIZE, required=True, help="Length of the sums.")
@click.option("--density", type=float, default=1.0, help="Non-zeros of W.")
@click.option("--activation-density", type=float, default=1.0, help="Non-zeros of A.")
@click.option("--beside", metavar="KIND:VECTORS", help="A load meanwhile: load:256 or mask:256.")
@click.option("--dram-bandwidth", help="Stream the operands from DRAM, such as 16GB/s.")
@click.option("--dram-latency", default="200 ns", help="When streaming.")
@click.option("--scratchpad", help="When streaming, in place of the machine's.")
@click.option("--accumulator", help="When streaming, in place of the machine's.")
@_with_machine
def matmul(
    hardware: HardwareConfig,
    rows: int,
    columns: int,
    depth: int,
    density: float,
    activation_density: float,
    beside: str | None,
    dram_bandwidth: str | None,
    dram_latency: str,
    scratchpad: str | None,
    accumulator: str | None,
) -> OperatorResult:
    """C[rows x columns] = A[rows x depth] W[columns x depth]^T."""
    from accelsim.evaluation import single

    if dram_bandwidth is None:
        segment = single.matmul(hardware, rows, columns, depth, density, activation_density)
        if beside is None:
            return single.run_alone(hardware, segment)
        return single.run_beside(hardware, segment, *_load_of(beside))
    if beside is not None:
        raise ConfigError("--beside: operands that stream load anyway; leave --dram-bandwidth out")
    from accelsim.evaluation import streamed
    from accelsim.program import Product

    via = streamed.Streaming(
        _quantity("--dram-bandwidth", dram_bandwidth, "B/s"),
        _quantity("--dram-latency", dram_latency, "s"),
        _bytes("--scratchpad", scratchpad),
        _bytes("--accumulator", accumulator),
    )
    return streamed.streamed_matmul(hardware, Product(rows, columns, depth), via)


def _load_of(text: str) -> tuple[str, int]:
    kind, _, vectors = text.partition(":")
    kinds = {"load": "data", "mask": "mask"}
    if kind not in kinds or not re.fullmatch("[0-9]{1,9}", vectors):
        raise ConfigError(f"--beside: expected load:256 or mask:256 or the like, got '{text}'")
    return kinds[kind], int(vectors)


_MOST = {"B/s": 1e15, "s": 1.0, "B": 2.0**40}


def _quantity(option: str, text: str, dimension: str) -> float:
    value = parse_option(option, text, dimension)
    if not 0 < value <= _MOST[dimension]:
        raise ConfigError(
            f"{option}: expected more than 0 and at most {_MOST[dimension]:g} {dimension}, "
            f"got '{text}'"
        )
    return value


def _bytes(option: str, text: str | None) -> int | None:
    return None if text is None else int(_quantity(option, text, "B"))


def _function(name: str) -> click.Command:
    @click.command(name, help=f"One {name} command of the unit that computes it.")
    @click.option("--rows", type=_SIZE)
    @click.option("--columns", type=_SIZE)
    @_with_machine
    def command(hardware: HardwareConfig, rows: int | None, columns: int | None) -> OperatorResult:
        from accelsim.evaluation import single

        # Not click: a name that is none of any operator is to be told before what it lacks.
        single.check_function(hardware, name, op.commands)
        if rows is None or columns is None:
            raise ConfigError(f"op {name}: expected --rows and --columns, such as --rows 128")
        segment = single.special_function(hardware, name, rows, columns)
        return single.run_alone(hardware, segment)

    return command


def _transfer(name: str, text: str) -> None:
    @op.command(name, help=text)
    @click.argument("kind", type=click.Choice(["data", "mask"]))
    @click.option("--bytes", "size", type=_SIZE, required=True, help="Bytes to move.")
    @_with_machine
    def command(hardware: HardwareConfig, kind: str, size: int) -> OperatorResult:
        from accelsim.evaluation import single

        return single.run_alone(hardware, getattr(single, name)(hardware, kind, size))


_transfer("load", "One load over the bus: data, or masks at one mask word a cycle.")
_transfer("store", "One write-back over the bus: data, or masks at one mask word a cycle.")


@op.command()
@click.option("--pattern", type=click.Choice(["sequential", "random"]), default="sequential")
@click.option("--bytes", "size", type=_SIZE, required=True, help="Bytes to read in all.")
@click.option("--access", type=_SIZE, default=64, help="Bytes of one access.")
@click.option("--seed", type=int, default=0, help="Seed of random addresses.")
@_with_machine
def dram(
    hardware: HardwareConfig, pattern: str, size: int, access: int, seed: int
) -> OperatorResult:
    """Read from DRAM, one access after the other."""
    from accelsim.evaluation import single

    segment = single.dram_reads(hardware, pattern, size, access, seed)
    return single.run_alone(hardware, segment)
