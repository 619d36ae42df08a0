"""Edges of early exit with voltage scaling, of being late, and of waking early."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import pytest
from small_workload import executions_of, small_workload

from accelsim.engine import simulator
from accelsim.engine.run import Options, Run
from accelsim.evaluation import compilation
from accelsim.evaluation.stages import design_of, requests_of, run_case
from accelsim.machine.chip_state import PowerState
from accelsim.model.graph import LayerGraph
from accelsim.policies.idle import IdlePlan, IdlePolicy, StateCost
from accelsim.program import ProgramKind
from accelsim.units import Tick

STREAM = "requests={pattern: poisson, mean_interval: 2 ms, duration: 60 ms, lengths: full}"
EXITS = "early_exit={exit_layer: {mean: 2}, prediction: exact, latency_target: %s}"


def serve(*overrides: str, idle: IdlePolicy | None = None) -> Run:
    workload = small_workload(STREAM, *overrides)
    if idle:
        workload = replace(workload, config=workload.config.model_copy(update={"idle": idle}))
    case = workload.cases["adapter_slc"]
    made = design_of(workload, case)
    return run_case(workload, case, made, requests_of(workload), Options())


def test_only_what_follows_the_first_layer_is_scaled() -> None:
    run = serve(EXITS % "1 s")
    assert {1, 2, 3} == {request.layers for request in run.requests}
    scaled = 0
    for request in run.requests:
        assert request.point == ("nominal" if request.layers == 1 else "0.50 V")
        scaled += request.layers != 1
    # Down and up again for each of them, and nothing for those of one layer.
    assert run.total(ProgramKind.SCALE).count == 2 * scaled
    parts: dict[int, int] = {}
    for execution in executions_of(run, ProgramKind.INFER):
        if execution.request is not None:
            parts[execution.request] = parts.get(execution.request, 0) + 1
    by_number = {request.number: request.layers for request in run.requests}
    assert {(n, by_number[r] == 1) for r, n in parts.items()} == {(1, True), (2, False)}


def test_a_sentence_is_late_one_femtosecond_after_its_target() -> None:
    first = serve("early_exit={exit_layer: {mean: 1}, prediction: exact}").requests[-1]
    assert not first.switched
    took = first.end - first.start
    exact = "early_exit={exit_layer: {mean: 1}, prediction: exact, latency_target: %s fs}"
    for target, late in ((took, False), (took - 1, True)):
        request = serve(exact % target).requests[-1]
        assert (request.end - request.start, request.late) == (took, late)


@pytest.mark.parametrize("before", [0, 1])
def test_a_layer_is_planned_for_by_what_belongs_to_it(
    before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, works = compilation.task_graph, []

    def moved(*given: Any) -> LayerGraph:
        """Return a graph whose embedding belongs to the first layer."""
        graph = build(*given)
        changed = (replace(o, layer=0) if "embedding" in o.name else o for o in graph.operators)
        return LayerGraph(changed, graph.edges, sequence_length=graph.sequence_length)

    def chosen(points: object, nominal: Tick, work: Tick, available: Tick) -> None:
        works.append(work)

    if not before:
        monkeypatch.setattr(compilation, "task_graph", moved)
    monkeypatch.setattr(simulator, "choose_point", chosen)
    run = serve("early_exit={exit_layer: 3, prediction: exact, latency_target: 1 s}")
    first = executions_of(run, ProgramKind.INFER)[0]
    assert works[0] == 2 * (first.end - first.parts[before].began) > 0
    assert first.parts[0].began < first.parts[-1].began


class Hasty(IdlePolicy):
    """Goes off at once and wakes for the next arrival, however near it is."""

    policy: Literal["hasty"] = "hasty"

    def plan(self, gap: Tick | None, costs: Mapping[PowerState, StateCost]) -> IdlePlan:
        return IdlePlan(((0, PowerState.OFF),), wakes_early=True)


@pytest.mark.parametrize(("interval", "near"), [("400 us", True), ("20 ms", False)])
def test_waking_early_is_ready_at_the_arrival_or_as_soon_as_it_can_be(
    interval: str, near: bool
) -> None:
    stream = STREAM.replace("2 ms", interval).replace("60 ms", "40 ms")
    run = serve(stream, "hardware.power.wake_up_time=300 us", idle=Hasty(policy="hasty"))
    last = hurried = 0
    for request in run.requests:
        ready = max(request.arrival, last)
        # Less than a wake time of idleness: the device is late by what is missing.
        short = last + 3 * 10**11 > request.arrival > last
        assert request.start > ready if short else request.start >= ready
        hurried += short
        last = request.end
    assert bool(hurried) == near
