"""What tasks waited for: laws of every segment that was watched."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import pytest
from small_workload import SMALL

from accelsim.account.waits import LEAD, Wait, arrows, levels, port_waits, steps
from accelsim.engine.run import Options
from accelsim.engine.segment_run import SegmentRecord, Span
from accelsim.evaluation.stages import run_workload
from accelsim.workload.schema import load_workload

# Systolic arrays load through many queues, which share ports and the DRAM in turn.
WORKLOADS = {
    "workloads/mti_mnli_mrpc_qnli.yaml": SMALL,
    "workloads/mti_systolic_npu.yaml": (
        *SMALL, "hardware.placement.backbone={values: dram, masks: dram}",
    ),
}  # fmt: skip
each = pytest.mark.parametrize("workload", WORKLOADS)


@lru_cache
def records(workload: str) -> tuple[SegmentRecord, ...]:
    results = run_workload(
        load_workload(workload, WORKLOADS[workload]), options=Options(trace=True)
    )
    runs = [case.run for case in results.cases.values()]
    parts = (part for run in runs for one in run.executions for part in one.parts)
    return tuple({id(part.record): part.record for part in parts}.values())


@each
def test_a_task_starts_when_the_last_that_it_waits_for_has_ended(workload: str) -> None:
    for record in records(workload):
        for row in steps(record).values():
            assert row[0].since == 0
            for step in row:
                ends = [record.ended[other] for other in step.task.after]
                assert step.start == max([step.since, *ends])
                assert step.end >= step.start
                assert (step.cause is not None) == (step.waited > 0)
                if step.cause:
                    assert record.ended[step.cause.id] == step.start


@each
def test_steps_of_a_queue_follow_one_another(workload: str) -> None:
    for record in records(workload):
        found = steps(record)
        assert sum(map(len, found.values())) == len(record.segment.tasks)
        for row in found.values():
            assert [step.since for step in row[1:]] == [step.end for step in row[:-1]]


@each
def test_spans_of_a_port_follow_one_another(workload: str) -> None:
    for record in records(workload):
        free: dict[str, int] = {}
        for span in record.spans:
            assert free.get(span.port, 0) <= span.start <= span.end
            free[span.port] = span.end


@each
def test_a_use_waits_for_what_holds_its_port_or_for_its_block(workload: str) -> None:
    reasons = set()
    for record, span, wait in waits(workload):
        assert wait.ticks >= 0
        assert bool(wait.reason) == (wait.ticks > 0)
        if wait.ticks and wait.reason != LEAD:
            holders = [o for o in record.spans if o.port == span.port and o.end == span.start]
            operators = {record.segment.tasks[other.task].operator for other in holders}
            assert wait.reason in operators
        reasons.add(wait.reason)
    assert len(reasons) > 5


def waits(workload: str) -> Iterator[tuple[SegmentRecord, Span, Wait]]:
    for record in records(workload)[:4]:
        for span, wait in zip(record.spans, port_waits(record), strict=True):
            yield record, span, wait


@each
def test_a_use_that_was_cut_goes_on_where_it_was(workload: str) -> None:
    for record in records(workload):
        done: dict[tuple[int, int], int] = {}
        for span in sorted(record.spans, key=lambda one: (one.start, one.end)):
            use = (span.task, span.use)
            assert span.done == done.get(use, 0)
            done[use] = span.done + span.end - span.start
            assert done[use] <= span.ticks


@each
def test_arrows_lead_forward_from_one_queue_to_another(workload: str) -> None:
    for record in records(workload):
        tasks = record.segment.tasks
        for earlier, later in arrows(record):
            assert earlier in tasks[later].after
            assert tasks[earlier].queue != tasks[later].queue
            assert record.ended[earlier] <= record.begun[later]
            if tasks[earlier].operator != tasks[later].operator:
                ended = [record.ended[other] for other in tasks[later].after]
                assert record.ended[earlier] == max(ended) == record.begun[later]


@each
def test_buffers_hold_what_tasks_take_until_they_give_it_back(workload: str) -> None:
    for record in records(workload):
        for buffer, row in levels(record).items():
            assert min(size for _, size in row) >= 0
            assert row[-1][1] == record.end_levels.get(buffer, 0)
            assert max(size for _, size in row) == record.peak[buffer]
            times = [tick for tick, _ in row[1:]]
            assert times == sorted(set(times))
