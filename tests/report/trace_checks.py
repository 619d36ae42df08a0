"""Timelines of small workloads, read back."""

from __future__ import annotations

from functools import lru_cache

from trace_decoder import Trace, decode

from accelsim.account.metrics import measure
from accelsim.engine.run import Options, Window
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.stages import design_of, first_window, requests_of, run_case
from accelsim.report.timeline import timeline
from accelsim.report.timeline.levels import USUAL, Level, plan_of
from accelsim.units import to_ticks
from accelsim.workload.schema import load_workload

MAIN = "workloads/mti_mnli_mrpc_qnli.yaml"
NPU = "workloads/mti_systolic_npu.yaml"
_MODEL = (
    "model={name: custom, family: albert, vocabulary_size: 1000, embedding_size: 32, "
    "hidden_size: 64, layers: 3, heads: 2, intermediate_size: 256, maximum_positions: 128, "
    "type_vocabulary_size: 2, shared_layers: true, pooler: true}",
    "sequence_length=32",
)
SHORT = (*_MODEL, "requests.sentences_per_task=2")
# Sleeps in every state, scales its voltage, and now and then lets a request wait.
SLEEPY = (
    *_MODEL,
    "requests={pattern: poisson, mean_interval: 5 ms, duration: 40 ms, lengths: full, seed: 3}",
    "idle={policy: timeout, clock_gated_after: 0 s, retention_after: 300 us, off_after: 1 ms}",
    "early_exit={exit_layer: {mean: 2}, prediction: exact, latency_target: 1 ms}",
    "hardware.power.regulator={kind: buck, efficiency: 1}",
    "hardware.power.gated_leakage=0.01",
    "hardware.power.wake_up_energy=20 nJ",
    "hardware.scaling.settle_energy=5 nJ",
    "hardware.scaling.memories=true",
)
AWAKE = (*SLEEPY, "hardware.dram.idle_state=power_down", "hardware.power.clock_gating=blocks")
WHOLE = Window()


def between(start: float, end: float) -> Window:
    """Return the window between two times in seconds."""
    return Window(to_ticks(start), to_ticks(end))


@lru_cache
def simulated(
    *overrides: str, workload: str = MAIN, trace: bool = True, window: Window | None = None
) -> dict[str, CaseResult]:
    loaded = load_workload(workload, overrides)
    requests = requests_of(loaded)
    shown = window or first_window(loaded, requests)
    found = {}
    # Two machines, a vanilla and an adapter's, have all that a timeline shows; of arrays one has.
    for name, case in [*loaded.cases.items()][: 2 if workload == MAIN else 1]:
        design = design_of(loaded, case)
        options = Options(trace=trace, window=shown)
        service = loaded.config.service_of(case.config)
        run = run_case(loaded, case, design, requests, options)
        found[name] = CaseResult(case, service, design, run, measure(design, run, 1))
    return found


@lru_cache
def file_of(
    *overrides: str,
    workload: str = MAIN,
    level: Level | None = Level.USE,
    window: Window | None = None,
    file_format: str = "pftrace",
) -> bytes:
    cases = simulated(*overrides, workload=workload, window=window)
    plans = {name: plan_of(name, case, level, USUAL // 4) for name, case in cases.items()}
    return b"".join(timeline(plans, file_format, {"version": "1.2.3", "workload": "mti"}))


@lru_cache
def trace_of(
    *overrides: str,
    workload: str = MAIN,
    level: Level | None = Level.USE,
    window: Window | None = None,
) -> Trace:
    return decode(file_of(*overrides, workload=workload, level=level, window=window))
