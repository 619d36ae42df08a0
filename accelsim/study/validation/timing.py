"""Cycles against EdgeBERT's SystemC, SCALE-Sim and ONNXim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from accelsim.accelerators.edgebert.parts import parts_of
from accelsim.engine.pieces import run_program
from accelsim.evaluation import single, streamed
from accelsim.evaluation.compilation import Compilation
from accelsim.inputs.memo import Memo
from accelsim.inputs.shipped import shipped_file
from accelsim.machine.schema import HardwareConfig, load_hardware
from accelsim.model.operators import Window
from accelsim.program import Product, Segment
from accelsim.study.validation.check import Check, read_rows
from accelsim.units import to_seconds
from accelsim.workload.schema import load_workload

_SYSTEMC = "harvard-acc/EdgeBERT hw/cmod, simulated"
_SCALESIM = "SCALE-Sim 3.0.0"
_ONNXIM = "PSAL-POSTECH/ONNXim"
# Allowed by the purpose of each: the SystemC is approximated, SCALE-Sim's schedule is the same.
_DEEP_MATMUL, _OTHER, _EQUAL, _NEAR = 0.005, 0.02, 0.0, 0.05
# Functions by what their rows of the SystemC begin with.
_FUNCTIONS = {
    "entropy": "entropy",
    "element add": "add",
    "layernorm": "layer_norm",
    "softmax": "softmax",
}


def edgebert_checks(folder: Path) -> Iterator[Check]:
    """Compare single operators on the machine as coded with the SystemC's measured cycles."""
    path = shipped_file("hwconfigs/edgebert.yaml")
    intervals = "sfu.initiation_intervals={softmax: 3, layer_norm: 3, entropy: 4}"
    hardware, emulated = load_hardware(path), load_hardware(path, (intervals,))
    for row in read_rows(folder, "edgebert_cycles.csv"):
        measured = row["how_obtained"].startswith("measured") and row["cycles"]
        machine = emulated if "II of FSM" in row["op"] else hardware
        made = _command(machine, row) if measured else None
        if made is None:
            continue
        cycles, told = single.run_alone(machine, made).cycles, f"{row['op']} {_shape(row)}"
        deep = row["op"].startswith("matmul") and int(row["M"]) >= 32
        known, allowed = float(row["cycles"]), _DEEP_MATMUL if deep else _OTHER
        yield Check("EdgeBERT SystemC", told, "cycles", known, cycles, allowed, _SYSTEMC)


def _shape(row: dict[str, str]) -> str:
    names = ("N0", "N1", "M", "num_vector", "num_timestep", "vectors")
    return ", ".join(f"{name} {row[name]}" for name in names if row[name])


def _command(hardware: HardwareConfig, row: dict[str, str]) -> Segment | None:
    """Return the command of a row, None for a scope that a command does not have."""
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
    function = next((f for begin, f in _FUNCTIONS.items() if operator.startswith(begin)), None)
    if function:
        rows, columns = int(row["num_timestep"]), size * int(row["num_vector"])
        return single.special_function(hardware, function, rows, columns)
    make = single.store if "write-back" in operator else single.load
    kind, unit = ("mask", size // 8) if operator.startswith("mask") else ("data", size)
    return make(hardware, kind, unit * int(row["vectors"]))


def scalesim_checks(folder: Path) -> Iterator[Check]:
    """Compare products of a systolic array that never stalls: cycles must be equal."""
    for row in read_rows(folder, "scalesim_cycles.csv"):
        rows, columns, depth = (int(row[name]) for name in ("rows", "columns", "depth"))
        shape, told = (rows, columns, depth), f"{rows}x{depth}x{columns}"
        yield _scalesim_check("SCALE-Sim", row, shape, told)


def convolution_checks(folder: Path) -> Iterator[Check]:
    """Compare convolutions, lowered to products, with SCALE-Sim's: cycles must be equal."""
    for row in read_rows(folder, "scalesim_convolutions.csv"):
        yield _scalesim_check("SCALE-Sim, convolutions", row, _product(row), row["layer"])


def _scalesim_check(
    group: str, row: dict[str, str], shape: tuple[int, int, int], what: str
) -> Check:
    """Compare the cycles of a product of (rows, columns, depth) with those of SCALE-Sim."""
    dataflow, rows, columns = (row[key] for key in ("dataflow", "array_rows", "array_columns"))
    machine = _array(dataflow, rows, columns)
    cycles = single.run_alone(machine, single.matmul(machine, *shape)).cycles
    told, known = f"{dataflow} {rows}x{columns}: {what}", float(row["total_cycles"])
    return Check(group, told, "cycles", known, cycles, _EQUAL, _SCALESIM)


@lru_cache(maxsize=16)
def _array(dataflow: str, rows: str, columns: str) -> HardwareConfig:
    keys = {"dataflow": dataflow, "rows": rows, "columns": columns}
    overrides = tuple(f"pe_array.{key}={value}" for key, value in keys.items())
    return load_hardware(shipped_file("hwconfigs/systolic_npu.yaml"), overrides)


def _product(row: dict[str, str]) -> tuple[int, int, int]:
    """Return the product of a layer; a last step that only begins in the picture counts."""
    names = ("height", "width", "kernel_height", "kernel_width", "channels", "filters", "stride")
    high, wide, tall, broad, channels, filters, stride = (int(row[name]) for name in names)
    beyond = (0, 0, (tall - high) % stride, (broad - wide) % stride)
    window = Window((high, wide), (tall, broad), (stride, stride), beyond)
    return window.rows, filters, channels * window.taps


def onnxim_checks(folder: Path) -> Iterator[Check]:
    """Compare compiled products whose operands stream from a DRAM of one port."""
    hardware = load_hardware(shipped_file("hwconfigs/systolic_npu_onnxim.yaml"))
    for row in read_rows(folder, "onnxim_cycles.csv"):
        asked = Product(int(row["rows"]), int(row["columns"]), int(row["depth"]))
        bandwidth = 1e9 * float(row["bandwidth_gb_per_s"])
        # 100 cycles of a DRAM that gives 32 bytes a cycle.
        via = streamed.Streaming(bandwidth, 100 * 32 / bandwidth)
        made = streamed.streamed_matmul(hardware, asked, via)
        cycles = made.cycles if row["moment"] == "computed" else made.written_cycles
        told = f"{row['name']} at {row['bandwidth_gb_per_s']} GB/s ({row['moment']})"
        yield Check("ONNXim", told, "cycles", float(row["cycles"]), cycles, _NEAR, _ONNXIM)


_LLMCOMPASS = "PrincetonUniversity/LLMCompass"
# A step is bound by the DRAM in both. A prompt is not: LLMCompass moves every activation to the
# DRAM and back and multiplies the whole causal square.
_ALLOWED = {"step": 0.1, "prompt": None}
_DENSE = "{format: dense, bits: 8}"


def llmcompass_checks(folder: Path) -> Iterator[Check]:
    """Compare one block of GPT's kind: what a second one adds to the first."""
    for row in read_rows(folder, "llmcompass_blocks.csv"):
        phase, known = row["phase"], float(row["seconds"])
        told = f"{phase}, {row['hidden_size']} wide, {row['tokens']} tokens"
        ours = _seconds(row, 2) - _seconds(row, 1)
        told += f", {row['batch']} requests"
        yield Check("LLMCompass", told, "s", known, ours, _ALLOWED[phase], _LLMCOMPASS)


def _seconds(row: Mapping[str, str], layers: int) -> float:
    """Return the time of a prompt, or of a step of so many requests, of a model alone."""
    sizes = f"hidden_size: {row['hidden_size']}, heads: {row['heads']}, layers: {layers}"
    storage = ", ".join(f"{role}: {_DENSE}" for role in ("embedding", "backbone", "task"))
    machine = shipped_file("hwconfigs/systolic_npu_llmcompass.yaml")
    tokens, requests = int(row["tokens"]), int(row["batch"])
    overrides = (
        f"model={{name: custom, family: gpt2, {sizes}, vocabulary_size: 256, "
        "maximum_positions: 2048, tied_embeddings: false}",
        f"sequence_length={tokens}",
        f"generate={{new_tokens: 2, cache_block: 1, batch: {requests}}}",
        f"cases={{one: {{hardware: {machine}, adaptation: {{method: head}}, "
        f"storage: {{{storage}}}}}}}",
        "published=null",
    )
    workload = load_workload(shipped_file("workloads/chime.yaml"), overrides)
    case = workload.cases["one"]
    stage = Compilation(workload.config, case, {"": (tokens,)}, None, Memo(), (tokens,))
    made = stage.steps(requests) if row["phase"] == "step" else stage.inferences()
    return to_seconds(run_program(case.hardware, made["chat", tokens].program).duration)
