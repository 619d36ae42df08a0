"""What the net freezes: runs of the shipped workloads and variants of them, and commands."""

from __future__ import annotations

from dataclasses import dataclass

MAIN = "workloads/mti_mnli_mrpc_qnli.yaml"
DAY = "workloads/poisson_day.yaml"
VOICE = "workloads/voice_assistant_day.yaml"
EXITS = "workloads/early_exit.yaml"
NPU = "workloads/mti_systolic_npu.yaml"


@dataclass(frozen=True)
class Case:
    """A workload with assignments, or a command line that prints JSON."""

    name: str
    workload: str = ""
    assignments: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


NO_DRAM = (
    "cases.adapter.hardware.placement.task={values: rram_masks, masks: rram_masks}",
    "cases.adapter.hardware.memories.rram_masks.capacity=2 MiB",
    "cases.adapter.hardware.dram=null",
)
HIGH = "cases.adapter_mixed.storage.%s.cells={high: [{bits: 4, bits_per_cell: 1}]}"
HIGH_HOME = (
    "cases.adapter_mixed.hardware.placement.%s={values: rram, masks: rram_masks, high: rram_masks}"
)
STORED = "{format: bitmask, bits: 8, density: %s}"
ONE_CASE = (
    "cases={adapter: {hardware: ../hwconfigs/%s.yaml, "
    "adaptation: {method: houlsby, bottleneck: 32}, storage: {"
    f"embedding: {STORED % 0.26}, backbone: {STORED % 0.27}, "
    "task: {format: dense, bits: 8}}}}"
)
SPANS = "[128, 64, 0, 16, 0, 0, 32, 8, 0, 128, 1, 0]"
STREAM = "requests={pattern: %s, duration: 3 s, seed: 3}"
BURSTS = "bursts, mean_interval: 300 ms, requests_per_burst: 4, gap: 5 ms"
# The small model of tests/small_workload.py.
SMALL = (
    "model={name: custom, family: albert, vocabulary_size: 1000, embedding_size: 32, "
    "hidden_size: 64, layers: 3, heads: 2, intermediate_size: 256, maximum_positions: 128, "
    "type_vocabulary_size: 2, shared_layers: true, pooler: true}",
    "sequence_length=32",
)
SMALL_BERT = (
    SMALL[0]
    .replace("family: albert", "family: bert")
    .replace("embedding_size: 32", "embedding_size: 64")
    .replace("shared_layers: true", "shared_layers: false")
)


def _both(setting: str, *cases: str) -> tuple[str, ...]:
    """Return a setting for each of the cases."""
    return tuple(f"cases.{case}.{setting}" for case in cases)


_ADAPTERS = ("adapter_mixed", "adapter_slc")
_ALL = ("vanilla_mixed", *_ADAPTERS, "vanilla_slc")

_MAIN_VARIANTS: dict[str, tuple[str, ...]] = {
    "main": (),
    "spill_256": ("sequence_length=256",),
    "sequence_17": ("sequence_length=17",),
    "sequence_64": ("sequence_length=64",),
    "no_command_queue": ("hardware.host.command_queue=false",),
    "spans": (f"attention_spans={{MNLI: {SPANS}, QNLI: {SPANS}}}",),
    "backbone_in_dram": _both(
        "hardware.placement.backbone={values: dram, masks: dram}", *_ADAPTERS
    ),
    "embedding_in_dram": ("hardware.placement.embedding={values: dram, masks: dram}",),
    "high_bits": (
        "cases.adapter_mixed.hardware.memories.rram_masks.capacity=4 MiB",
        *(text % role for role in ("backbone", "embedding") for text in (HIGH, HIGH_HOME)),
    ),
    "secded": (
        "hardware.memories.rram.capacity=6 MiB",
        *_both("hardware.memories.rram_masks.capacity=3 MiB", "adapter_mixed", "vanilla_mixed"),
        *_both("storage.backbone.protection={values: secded, masks: secded}", *_ALL),
        *_both("storage.embedding.protection={masks: secded}", *_ADAPTERS),
    ),
    "gray_cells": _both("storage.backbone.cells={coding: gray}", "adapter_mixed", "vanilla_mixed"),
    "measured_weights": _both("weights={seed: 1}", "adapter_mixed", "vanilla_mixed"),
    "off_between_rounds": (
        "requests.idle_between_rounds=1 s",
        "idle={policy: timeout, off_after: 0 s}",
    ),
    "retention": (
        "requests.idle_between_rounds=100 ms",
        "idle={policy: timeout, clock_gated_after: 1 ms, retention_after: 2 ms}",
    ),
    "nine_tasks": (
        "tasks=[MNLI, MRPC, QNLI, QQP, SST-2, RTE, CoLA, STS-B, WNLI]",
        "requests.rounds=2",
    ),
    "more_sentences": ("requests.rounds=3", "requests.sentences_per_task=2"),
    "serial_tiles": ("hardware.pe_array.tile_schedule=serial",),
    "no_double_buffering": ("hardware.overlap.double_buffering=false",),
    "no_function_overlap": ("hardware.overlap.special_functions=false",),
    "sfu_pipelined": ("hardware.sfu.pipelined=true",),
    "edgebert": (ONE_CASE % "edgebert",),
    "edgebert_overlapped": (ONE_CASE % "edgebert_overlapped",),
    "dram_standby": ("hardware.dram.idle_state=standby",),
    "dram_two_devices": ("hardware.dram.devices=2", "hardware.dram.idle_state=power_down"),
    "bottleneck_8": _both("adaptation.bottleneck=8", *_ADAPTERS),
    "bottleneck_64": (
        *_both("adaptation.bottleneck=64", *_ADAPTERS),
        *_both("hardware.memories.sram.capacity=256 KiB", *_ADAPTERS),
    ),
    "silicon": ("hardware.process.source=silicon",),
    "lstp_310": ("hardware.process.roadmap=LSTP", "hardware.process.temperature=310 K"),
    "high_grade": ("hardware.process.grade=high",),
    "logic_high_gated": ("hardware.process.logic=high", "hardware.power.clock_gating=blocks"),
    "read_energy_arrays": (
        "hardware.memories.sram.target=ReadEnergy",
        "hardware.memories.rram.target=ReadEnergy",
    ),
    "sram_routing": ("hardware.memories.sram.technology=sram",),
    "vector_8": ("hardware.pe_array.vector_size=8",),
    "small_model": SMALL,
    "small_bert": (SMALL_BERT, "sequence_length=32"),
    "one_task_resident": (
        "residency=one_task",
        *_both("adaptation.bottleneck=8", *_ADAPTERS),
    ),
    "task_affinity": (
        STREAM % "poisson, mean_interval: 80 ms",
        "pad_to=16",
        "policy={name: task_affinity, maximum_delay: 200 ms}",
    ),
    "periodic": (STREAM % "periodic, period: 250 ms", "idle={policy: oracle}"),
    "bursts": (STREAM % BURSTS, "pad_to=32", "idle={policy: timeout, off_after: 20 ms}"),
}

_NPU_VARIANTS: dict[str, tuple[str, ...]] = {
    "": (),
    "_output_stationary": ("hardware.pe_array.dataflow=output_stationary",),
    "_input_stationary": ("hardware.pe_array.dataflow=input_stationary",),
    "_serial_folds": ("hardware.pe_array.fold_schedule=serial",),
    "_64": ("hardware.pe_array.rows=64", "hardware.pe_array.columns=64"),
    "_spill_256": ("sequence_length=256",),
    "_backbone_in_dram": ("hardware.placement.backbone={values: dram, masks: dram}",),
    "_stream": (
        STREAM % "poisson, mean_interval: 100 ms",
        "pad_to=16",
        "idle={policy: timeout, retention_after: 1 ms, off_after: 50 ms}",
    ),
}

# The shipped workloads that are short enough to be run as they are.
_WHOLE = ("chime", "lora_assistant", "memti", "resnet8", "siracusa", "yoloc")

RUNS = [
    *(Case(name, MAIN, assignments) for name, assignments in _MAIN_VARIANTS.items()),
    *(Case(f"npu{name}", NPU, assignments) for name, assignments in _NPU_VARIANTS.items()),
    Case("poisson_half_hour", DAY, ("requests.duration=30 min",)),
    Case("voice_assistant_day", VOICE),
    Case("voice_gate", "workloads/voice_gate.yaml", ("requests.duration=2 min",)),
    *(Case(name, f"workloads/{name}.yaml") for name in _WHOLE),
    Case("no_dram", VOICE, ("requests.duration=12 h", *NO_DRAM)),
    Case("early_exit", EXITS),
    Case("early_exit_short", EXITS, ("requests.duration=5 s", "pad_to=16", "sequence_length=64")),
    Case(
        "early_exit_scaled_memories",
        EXITS,
        ("requests.duration=5 s", "hardware.scaling.memories=true"),
    ),
    Case(
        "early_exit_as_coded",
        EXITS,
        (
            "requests.duration=5 s",
            "hardware.overlap={double_buffering: false, special_functions: false}",
            "hardware.host.command_queue=false",
        ),
    ),
]

_KEPT = ("--store", "OUT/rows", "--jobs", "0")
_HW = ("--hw", "hwconfigs/edgebert.yaml")
_MATMUL = ("op", "matmul", "--rows", "128", "--columns", "256", "--depth", "768")
_SIZES = ("--rows", "48", "--columns", "768")
_NPU = ("--hw", "hwconfigs/systolic_npu.yaml")
_IDLE = (
    "--set",
    "cases.adapter_mixed.idle={policy: timeout, retention_after: 0 s}",
    "--set",
    "cases.vanilla_mixed.idle={policy: timeout, off_after: 0 s}",
)
_SMALL = tuple(part for assignment in SMALL for part in ("--set", assignment))
_FAULTS = ("faults", MAIN, *_SMALL, "--seeds", "3", "--sentences", "6", "--out", "OUT")

_COMMANDS: dict[str, tuple[str, ...]] = {
    "op_matmul": _MATMUL,
    "op_matmul_density": (*_MATMUL, "--density", "0.3", "--activation-density", "0.5"),
    "op_matmul_partial_tiles": (*_MATMUL[:2], "--rows", "17", "--columns", "33", "--depth", "5"),
    "op_matmul_as_coded": (*_MATMUL, *_HW),
    "op_matmul_weight_stationary": (*_MATMUL, *_NPU),
    "op_matmul_input_stationary": (*_MATMUL, *_NPU, "--set", "pe_array.dataflow=input_stationary"),
    "op_matmul_streamed": (*_MATMUL, *_NPU, "--dram-bandwidth", "4 GB/s"),
    "op_layer_norm_npu": ("op", "layer_norm", *_SIZES, *_NPU),
    "op_softmax": ("op", "softmax", *_SIZES),
    "op_softmax_as_coded": ("op", "softmax", *_SIZES, *_HW),
    "op_layer_norm": ("op", "layer_norm", *_SIZES),
    "op_gelu": ("op", "gelu", *_SIZES),
    "op_tanh_pipelined": ("op", "tanh", *_SIZES, "--set", "sfu.pipelined=true"),
    "op_add": ("op", "add", *_SIZES),
    "op_entropy": ("op", "entropy", "--rows", "1", "--columns", "16"),
    "op_dvfs_lookup": ("op", "dvfs_lookup", "--rows", "1", "--columns", "16"),
    "op_load_data": ("op", "load", "data", "--bytes", "100000"),
    "op_load_mask": ("op", "load", "mask", "--bytes", "3000"),
    "op_store_data": ("op", "store", "data", "--bytes", "50000"),
    "op_dram_sequential": ("op", "dram", "--bytes", "262144"),
    "op_dram_random": ("op", "dram", "--pattern", "random", "--bytes", "65536", "--seed", "2"),
    "tech": ("tech",),
    "tech_rram": (
        *("tech", "RRAM", "--bits-per-cell", "2", "--capacity", "4.5MiB", "--word", "128"),
        *("--target", "ReadEDP"),
    ),
    "tech_sram": ("tech", "SRAM_htree", "--capacity", "200KiB", "--word", "128"),
    "tech_extrapolated": ("tech", "STT", "--capacity", "32MiB", "--extrapolate"),
    "crossover": ("crossover", MAIN, "--requests", "9", *_IDLE, *_KEPT),
    "scaling": ("scaling", MAIN, "--tasks", "1,3,9", *_KEPT),
    "faults": (*_FAULTS, "--schemes", "slc,mixed2,mlc3", "--fault-rates", "1e-4,1e-2"),
    "validate": ("validate",),
}

COMMANDS = [Case(name, command=command) for name, command in _COMMANDS.items()]
CASES = {case.name: case for case in (*RUNS, *COMMANDS)}
