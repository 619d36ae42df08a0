"""The whole experiment on the systolic machine, and graphs of other shapes."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import pytest
from compiled_encoder import Compiled, amounts_of, run_segments
from other_graphs import GRAPHS
from small_workload import SMALL

from accelsim.accelerators import find_accelerator
from accelsim.cli.main import run_command_line
from accelsim.engine.run import Options
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.stages import run_workload
from accelsim.machine.chip_state import PowerState
from accelsim.machine.components.arithmetic import PADDED
from accelsim.mapping.cache import SegmentCache
from accelsim.model.operators import ADD, Reach
from accelsim.placement.placement import place
from accelsim.program import ProgramKind
from accelsim.workload.schema import load_workload

WORKLOAD = "workloads/mti_systolic_npu.yaml"
EXITS = "{heads: shared, exit_layer: {mean: 2}%s}"


@lru_cache
def cases(*settings: str) -> dict[str, CaseResult]:
    return dict(run_workload(load_workload(WORKLOAD, (*SMALL, *settings))).cases)


def test_tasks_switch_between_their_inferences() -> None:
    found = cases("residency=one_task")
    for case in found.values():
        assert case.run.total(ProgramKind.SWITCH).count == 6
        assert case.run.total(ProgramKind.INFER).count == 6
        assert case.run.ledger.amount("dram", "read") > 0
    assert found["adapter"].figures.switch_latency < found["vanilla"].figures.switch_latency


def test_every_parameter_of_a_case_is_read_from_its_home() -> None:
    ledger = cases()["adapter"].run.ledger
    for memory in ("rram", "rram_masks", "sram"):
        assert ledger.amount(memory, "read") > 0
    assert ledger.amount("codec", "decode") > 0


def test_a_stream_sleeps_and_wakes() -> None:
    stream = "requests={pattern: poisson, mean_interval: 1 ms, duration: 100 ms, seed: 3}"
    idle = "idle={policy: timeout, retention_after: 100 us, off_after: 2 ms}"
    found = cases(stream, idle, "pad_to=16")["adapter"]
    states = {state.power for state in found.run.ledger.chip_states}
    assert {PowerState.ACTIVE, PowerState.RETENTION, PowerState.OFF} <= states
    assert len(found.run.requests) > 50


def test_sentences_leave_early_and_slow_the_clock_down() -> None:
    stream = "requests={pattern: poisson, mean_interval: 10 ms, duration: 200 ms, seed: 3}"
    whole = cases(stream)["adapter"]
    early = cases(stream, f"cases.adapter.early_exit={EXITS % ''}")["adapter"]
    assert early.figures.inference_latency < whole.figures.inference_latency
    target = ", prediction: {errors: {'0': 1}}, latency_target: 5 ms"
    scaled = cases(stream, f"cases.adapter.early_exit={EXITS % target}")["adapter"]
    assert scaled.run.total(ProgramKind.SCALE).count > 0
    assert {state.point for state in scaled.run.ledger.chip_states} > {"nominal"}


def test_activations_and_parameters_may_lie_in_dram() -> None:
    memory = "hardware.memories.activation_sram"
    small = (f"{memory}.capacity=6 KiB", f"{memory}.extrapolate=true")
    backbone = "hardware.placement.backbone={values: dram, masks: dram}"
    on_chip, off_chip = cases(), cases(*small, backbone)
    assert off_chip["adapter"].design.inference("MNLI").spilled
    for name in on_chip:
        before, after = (found[name].run.ledger for found in (on_chip, off_chip))
        assert after.amount("dram", "write") > before.amount("dram", "write") == 0
        assert after.amount("pe_array", "mac") == before.amount("pe_array", "mac")


def test_without_dram_everything_stays_on_the_chip() -> None:
    case = cases("hardware.dram=null")["adapter"]
    assert case.run.ledger.amount("pe_array", "mac") == cases()["adapter"].run.ledger.amount(
        "pe_array", "mac"
    )


def test_replay_changes_nothing() -> None:
    workload = load_workload(WORKLOAD, SMALL)
    with_replay, without = (
        run_workload(workload, options=Options(replay=replay)) for replay in (True, False)
    )
    for name, case in with_replay.cases.items():
        assert case.run.makespan == without[name].run.makespan
        assert case.run.ledger == without[name].run.ledger


def test_faults_are_studied(tmp_path: object) -> None:
    settings = [part for setting in SMALL for part in ("--set", setting)]
    options = ["--seeds", "2", "--sentences", "4", "--schemes", "slc,mlc3", "--out", str(tmp_path)]
    assert run_command_line(["faults", WORKLOAD, *settings, *options]) == 0


# Graphs of other shapes.

MACHINES = {
    "overlapped": (),
    "serial": ("hardware.pe_array.fold_schedule=serial",),
    "tall": ("hardware.pe_array.rows=32", "hardware.pe_array.columns=4"),
    "input_stationary": ("hardware.pe_array.dataflow=input_stationary",),
    "tight": (
        "hardware.scratchpad.capacity=4 KiB",
        "hardware.accumulator.capacity=2 KiB",
        "hardware.memories.activation_sram.capacity=8 KiB",
        "hardware.memories.activation_sram.extrapolate=true",
    ),
}


@lru_cache
def compiled(name: str, machine: str) -> Compiled:
    loaded = load_workload(WORKLOAD, MACHINES[machine]).cases["adapter"]
    graph, hardware = GRAPHS[name](), loaded.hardware
    placement = place(graph, loaded.config.storage, hardware)
    accelerator = find_accelerator(hardware.accelerator)
    made = accelerator.infer(graph, placement, hardware, 0, SegmentCache())
    return Compiled(graph, placement, hardware, made)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("machine", MACHINES)
def test_all_work_is_done_once_and_nothing_is_left_behind(name: str, machine: str) -> None:
    made = compiled(name, machine)
    done: Counter[tuple[str, str]] = Counter()
    for (block, action, label), amount in amounts_of(made.segments).items():
        if block in ("pe_array", "vector_unit") and not action.startswith(PADDED):
            done[label, action] += amount
    asked: Counter[tuple[str, str]] = Counter()
    for operator in made.graph.operators:
        if operator.macs:
            asked[operator.label, "mac"] += operator.macs
        elif operator.kind.reach in (Reach.ELEMENT, Reach.ROW):
            width = operator.columns if operator.kind.keeps_width else operator.depth
            sums = len(made.graph.predecessors(operator)) - 1 if operator.kind is ADD else 1
            elements = operator.batch * operator.rows * width
            asked[operator.label, operator.kind.name] += sums * elements
    assert done == asked
    assert all(record.duration for record in run_segments(made))
    left: Counter[str] = Counter()
    for segment in made.segments:
        for task in segment.tasks:
            for buffer, size in task.holds:
                left[buffer] += size
            for buffer, size in task.releases:
                left[buffer] -= size
    assert not any(left.values())
