"""How long a run and its programs took, how often they ran, and what they moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelsim.account.metrics import active_ticks
from accelsim.engine.run import ProgramTotal
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.metrics.base import Metric, MetricFamily
from accelsim.machine.components.off_chip import DRAM
from accelsim.units import Tick, to_seconds


def _programs(case: CaseResult) -> dict[str, ProgramTotal]:
    return {f"{kind.value}.{task}": total for (kind, task), total in case.run.totals.items()}


def _residency(states: Mapping[Any, Tick]) -> dict[str, float]:
    return {str(state): to_seconds(ticks) for state, ticks in states.items()}


def _planned(case: CaseResult) -> dict[str, float]:
    plan = case.run.usual_plan
    return {str(state): to_seconds(at) for at, state in plan.steps} if plan else {}


def _active(case: CaseResult) -> float:
    return to_seconds(active_ticks(case.run))


class Time(MetricFamily):
    """Times and counts."""

    name = "time"
    unpriced = True
    metrics = (
        Metric(
            "time.run",
            "time of the run",
            "s",
            lambda case: to_seconds(case.run.makespan),
            brief=False,
        ),
        Metric("time.active", "time of all programs", "s", _active, brief=False),
        Metric(
            "time.switch",
            "mean time of a switch",
            "s",
            lambda case: case.figures.switch_latency,
            brief=False,
        ),
        Metric(
            "time.inference",
            "mean time of an inference",
            "s",
            lambda case: case.figures.inference_latency,
        ),
        Metric(
            "time.chip",
            "time by state of the chip",
            "s",
            lambda case: _residency(case.run.ledger.chip_states),
        ),
        Metric("time.idle_until", "idle time until a state, as usually planned", "s", _planned),
        Metric(
            "time.dram",
            "time by state of the DRAM",
            "s",
            lambda case: _residency(case.run.ledger.dram_states),
        ),
        Metric(
            "time.busy",
            "busy time by port",
            "s",
            lambda case: {port: to_seconds(n) for port, n in case.run.ledger.busy.items()},
        ),
        Metric(
            "time.programs",
            "time of programs by kind and task",
            "s",
            lambda case: {name: to_seconds(one.ticks) for name, one in _programs(case).items()},
        ),
        Metric(
            "count.programs",
            "programs by kind and task",
            "1",
            lambda case: {name: one.count for name, one in _programs(case).items()},
        ),
        Metric("count.switches", "task switches", "1", lambda case: case.figures.switches),
        Metric(
            "count.inferences", "inferences", "1", lambda case: case.figures.inferences, brief=False
        ),
        Metric(
            "dram.read",
            "bytes read from DRAM",
            "B",
            lambda case: case.run.ledger.amount(DRAM, "read"),
        ),
        Metric(
            "dram.written",
            "bytes written to DRAM",
            "B",
            lambda case: case.run.ledger.amount(DRAM, "write"),
        ),
    )
