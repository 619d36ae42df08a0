"""Cycles against EdgeBERT's SystemC, SCALE-Sim and ONNXim."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from accelsim.accelerators.edgebert.parts import parts_of
from accelsim.evaluation import single
from accelsim.inputs.shipped import shipped_file
from accelsim.machine.schema import HardwareConfig, load_hardware
from accelsim.model.operators import CONVOLUTION, Operator, Window
from accelsim.model.tensors import Parameter, Role
from accelsim.program import Product, Segment
from accelsim.study.validation.check import Check, read_rows

_SYSTEMC = "harvard-acc/EdgeBERT hw/cmod, simulated"
_SCALESIM = "SCALE-Sim 3.0.0"
_ONNXIM = "PSAL-POSTECH/ONNXim"
# Allowed by the purpose of each: the SystemC is approximated, SCALE-Sim's schedule is the same.
_DEEP_MATMUL, _OTHER, _EQUAL, _NEAR = 0.005, 0.02, 0.0, 0.05


def edgebert_checks(folder: Path) -> Iterator[Check]:
    """Compare single operators on the machine as coded with the SystemC's measured cycles."""
    hardware = load_hardware(shipped_file("hwconfigs/edgebert.yaml"))
    intervals = "sfu.initiation_intervals={softmax: 3, layer_norm: 3, entropy: 4}"
    emulated = load_hardware(shipped_file("hwconfigs/edgebert.yaml"), (intervals,))
    for row in read_rows(folder, "edgebert_cycles.csv"):
        if not row["how_obtained"].startswith("measured") or not row["cycles"]:
            continue
        machine = emulated if "II of FSM" in row["op"] else hardware
        cycles = _edgebert_cycles(machine, row)
        if cycles is None:
            continue
        deep = row["op"].startswith("matmul") and int(row["M"]) >= 32
        yield Check(
            "EdgeBERT SystemC",
            f"{row['op']} {_shape(row)}",
            "cycles",
            float(row["cycles"]),
            cycles,
            _DEEP_MATMUL if deep else _OTHER,
            _SYSTEMC,
        )


def _shape(row: dict[str, str]) -> str:
    names = ("N0", "N1", "M", "num_vector", "num_timestep", "vectors")
    return ", ".join(f"{name} {row[name]}" for name in names if row[name])


def _edgebert_cycles(hardware: HardwareConfig, row: dict[str, str]) -> float | None:
    """Return our cycles for a row, or None for a scope that a command does not have."""
    made = _command(hardware, row)
    return None if made is None else single.run_alone(hardware, made).cycles


def _command(hardware: HardwareConfig, row: dict[str, str]) -> Segment | None:
    operator, size = row["op"], parts_of(hardware).pe_array.vector_size
    if operator == "one 32-bit config register write":
        return single.register_write(hardware)
    if row["scope"] != "start-command write to IRQ" or "concurrent" in operator:
        return None
    if operator.startswith("matmul"):
        shape = (int(row["N1"]), int(row["N0"]), int(row["M"]))
        density = float(row["mask_density"])
        return single.matmul(hardware, *shape, density, density)
    if operator.startswith("dvfs"):
        return single.special_function(hardware, "dvfs_lookup", 1, 1)
    if function := _function(operator):
        rows, columns = int(row["num_timestep"]), size * int(row["num_vector"])
        return single.special_function(hardware, function, rows, columns)
    return _transfer(hardware, operator, int(row["vectors"]))


def _transfer(hardware: HardwareConfig, operator: str, vectors: int) -> Segment | None:
    size = parts_of(hardware).pe_array.vector_size
    make = single.store if "write-back" in operator else single.load
    kind, unit = ("mask", size // 8) if operator.startswith("mask") else ("data", size)
    return make(hardware, kind, unit * vectors)


def _function(operator: str) -> str | None:
    names = {
        "entropy": "entropy",
        "element add": "add",
        "layernorm": "layer_norm",
        "softmax": "softmax",
    }
    return next((ours for theirs, ours in names.items() if operator.startswith(theirs)), None)


def scalesim_checks(folder: Path) -> Iterator[Check]:
    """Compare products of a systolic array that never stalls: cycles must be equal."""
    machines: dict[tuple[str, str, str], HardwareConfig] = {}
    for row in read_rows(folder, "scalesim_cycles.csv"):
        array = (row["dataflow"], row["array_rows"], row["array_columns"])
        if array not in machines:
            keys = ("dataflow", "rows", "columns")
            overrides = [f"pe_array.{k}={v}" for k, v in zip(keys, array, strict=True)]
            path = shipped_file("hwconfigs/systolic_npu.yaml")
            machines[array] = load_hardware(path, tuple(overrides))
        shape = (int(row["rows"]), int(row["columns"]), int(row["depth"]))
        made = single.matmul(machines[array], *shape)
        yield Check(
            "SCALE-Sim",
            f"{array[0]} {array[1]}x{array[2]}: {shape[0]}x{shape[2]}x{shape[1]}",
            "cycles",
            float(row["total_cycles"]),
            single.run_alone(machines[array], made).cycles,
            _EQUAL,
            _SCALESIM,
        )


def convolution_checks(folder: Path) -> Iterator[Check]:
    """Compare convolutions, lowered to products, with SCALE-Sim's: cycles must be equal."""
    for row in read_rows(folder, "scalesim_convolutions.csv"):
        keys = ("dataflow", "array_rows", "array_columns")
        dataflow, rows, columns = (row[key] for key in keys)
        array = (f"pe_array.dataflow={dataflow}", f"pe_array.rows={rows}")
        machine = load_hardware(
            shipped_file("hwconfigs/systolic_npu.yaml"), (*array, f"pe_array.columns={columns}")
        )
        layer = _layer(row)
        made = single.matmul(machine, layer.rows, layer.columns, layer.depth)
        yield Check(
            "SCALE-Sim, convolutions",
            f"{dataflow} {rows}x{columns}: {row['layer']}",
            "cycles",
            float(row["total_cycles"]),
            single.run_alone(machine, made).cycles,
            _EQUAL,
            _SCALESIM,
        )


def _layer(row: dict[str, str]) -> Operator:
    """Return a layer of a topology, which counts a last step that only begins in the picture."""
    names = ("height", "width", "kernel_height", "kernel_width", "channels", "filters", "stride")
    high, wide, tall, broad, channels, filters, stride = (int(row[name]) for name in names)
    beyond = (0, 0, (tall - high) % stride, (broad - wide) % stride)
    window = Window((high, wide), (tall, broad), (stride, stride), beyond)
    depth = channels * window.taps
    weight = Parameter("weight", (filters, depth), Role.BACKBONE)
    return Operator(
        row["layer"],
        CONVOLUTION,
        window.rows,
        filters,
        depth,
        parameters=(weight,),
        window=window,
    )


def onnxim_checks(folder: Path) -> Iterator[Check]:
    """Compare compiled products whose operands stream from a DRAM of one port."""
    hardware = load_hardware(shipped_file("hwconfigs/systolic_npu_onnxim.yaml"))
    for row in read_rows(folder, "onnxim_cycles.csv"):
        asked = Product(int(row["rows"]), int(row["columns"]), int(row["depth"]))
        bandwidth = 1e9 * float(row["bandwidth_gb_per_s"])
        # 100 cycles of a DRAM that gives 32 bytes a cycle.
        made = single.streamed_matmul(
            hardware, asked, single.Streaming(bandwidth, 100 * 32 / bandwidth)
        )
        yield Check(
            "ONNXim",
            f"{row['name']} at {row['bandwidth_gb_per_s']} GB/s ({row['moment']})",
            "cycles",
            float(row["cycles"]),
            made.cycles if row["moment"] == "computed" else made.written_cycles,
            _NEAR,
            _ONNXIM,
        )
