"""Scaling with the number of tasks: exact storage, marginal rounds, what does not fit."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import pytest
from small_workload import small_results, small_workload

from accelsim.errors import CapacityError, ConfigError
from accelsim.model.tasks import GLUE_TASKS
from accelsim.study.scaling import (
    Scaling,
    ScalingPoint,
    find_scaling,
    resident_area,
    scaling_tasks,
)
from accelsim.study.store import IN_MEMORY, Store
from accelsim.study.sweep.space import remembered
from accelsim.study.sweep.table import StudyTable
from accelsim.workload.schema import Workload
from accelsim.workload.tasks import known_task

# Never two tasks at once: every request of another task is a switch.
ALONE = "residency=one_task"


CASES = ("vanilla_slc", "adapter_slc")


def two_cases(*overrides: str) -> Workload:
    workload = small_workload(*overrides)
    return replace(workload, cases={name: workload.cases[name] for name in CASES})


@lru_cache
def scaling(*overrides: str, counts: tuple[int, ...] = (1, 2, 3, 9)) -> Scaling:
    return find_scaling(two_cases(*overrides), counts)


def points(case: str, *overrides: str) -> tuple[ScalingPoint, ...]:
    return scaling(*overrides).cases[case]


def test_the_workloads_tasks_come_first() -> None:
    tasks = scaling_tasks(small_workload("tasks=[STS-B, RTE]"))
    assert tasks[:2] == ("STS-B", "RTE")
    assert sorted(tasks) == sorted(task.name for task in GLUE_TASKS)


def test_only_the_classifier_differs_between_tasks() -> None:
    # Stored bits are linear in the tasks but for the classifiers' outputs: 64 weights of a row
    # at the density of the case, a mask bit each, and a bias of 8 bits.
    found = scaling(counts=tuple(range(1, 10)))
    for case, weight in {"vanilla_slc": 0.21 * 8 + 1, "adapter_slc": 8}.items():
        sizes = [point.stored_bytes for point in found.cases[case]]
        added = [after - before for before, after in pairwise(sizes)]
        outputs = [known_task(task).classes for task in found.tasks[1:]]
        for size, count in zip(added, outputs, strict=True):
            of_two = added[outputs.index(2)]
            assert math.isclose(size - of_two, (count - 2) * (64 * weight + 8) / 8, abs_tol=3)


def test_vanilla_stores_its_model_again_and_the_adapter_does_not() -> None:
    narrow = "cases.adapter_slc.adaptation.bottleneck=8"
    vanilla, adapter = points("vanilla_slc", narrow), points("adapter_slc", narrow)
    of_vanilla, of_adapter = (p[1].stored_bytes - p[0].stored_bytes for p in (vanilla, adapter))
    # All but the embedding table belongs to the task.
    assert of_vanilla > 0.5 * vanilla[0].stored_bytes
    assert of_adapter < 0.2 * of_vanilla


def test_what_lies_in_dram_is_stored_and_not_resident() -> None:
    in_dram = "hardware.placement.embedding={values: dram, masks: dram}"
    there, here = points("adapter_slc", in_dram), points("adapter_slc")
    for away, home in zip(there, here, strict=True):
        assert away.stored_bytes == home.stored_bytes == home.resident_bytes
        assert away.resident_bytes < home.resident_bytes


def test_the_capacity_of_all_tasks_is_just_enough() -> None:
    # Without DRAM all tasks must fit at once: what the study asks for does, less does not.
    need = find_scaling(two_cases(), [3]).cases["vanilla_slc"][0]
    bits = small_results()["vanilla_slc"].design.placements["MNLI"].bits(task_specific=False)
    sram = need.resident_bytes - bits["rram"] // 8
    extended = "hardware.memories.sram.extrapolate=true"

    def with_sram(size: int) -> None:
        fitting = two_cases(
            "hardware.dram=null", extended, f"hardware.memories.sram.capacity={size} B"
        )
        found = find_scaling(fitting, [3]).cases["vanilla_slc"][0]
        assert (found.served is not None) == (size >= sram)

    with_sram(sram + 16)
    with_sram(sram - 16)


def test_tasks_that_fit_are_loaded_once() -> None:
    for case in CASES:
        for point in points(case):
            assert point.served is not None
            assert point.served.switches == 0
            assert point.served.dram_bytes == 0


def test_tasks_that_do_not_fit_are_loaded_at_every_request() -> None:
    for case in CASES:
        one, *more = points(case, ALONE)
        assert one.served is not None
        assert one.served.switches == 0
        for point in more:
            assert point.served is not None
            assert point.served.switches == 1
            per_task = (point.stored_bytes - one.stored_bytes) / (point.tasks - 1)
            assert math.isclose(point.served.dram_bytes, per_task, rel_tol=0.05)
            assert point.served.energy > one.served.energy


def test_a_further_round_is_the_difference_of_plain_runs() -> None:
    runs = {n: small_results(ALONE, f"requests.rounds={n}")["vanilla_slc"] for n in (1, 5)}
    totals = {n: result.figures.account.total for n, result in runs.items()}
    served = points("vanilla_slc", ALONE)[2].served
    assert served is not None
    assert math.isclose(served.energy, (totals[5] - totals[1]) / 12, rel_tol=1e-3)
    switch = runs[5].figures.scopes["switch"]
    assert served.switch_energy is not None
    assert served.switch_latency is not None
    assert math.isclose(served.switch_energy, switch.energy, rel_tol=1e-2)
    assert math.isclose(served.switch_latency, switch.latency, rel_tol=1e-2)


def test_idle_time_between_rounds_is_paid() -> None:
    idle = "requests={pattern: round_robin, rounds: 1, idle_between_rounds: 10 ms}"
    waiting, busy = points("vanilla_slc", idle), points("vanilla_slc")
    for long, short in zip(waiting, busy, strict=True):
        assert long.served is not None
        assert short.served is not None
        extra = (long.served.energy - short.served.energy) * long.tasks
        prices = small_results()["vanilla_slc"].figures.prices
        # Leakage, and the clocks that run on at 1 GHz.
        watts = sum(prices.watts.values()) + 1e9 * sum(prices.cycles.values())
        assert watts * 10e-3 < extra < 1.2 * watts * 10e-3


def test_open_streams_are_served_in_turn() -> None:
    poisson = "requests={pattern: poisson, mean_interval: 1 s, duration: 10 s}"
    assert points("adapter_slc", poisson) == points("adapter_slc")


def test_without_dram_what_does_not_fit_is_not_served_and_still_measured() -> None:
    alone = ["hardware.dram=null", "hardware.memories.sram.capacity=128 KiB"]
    found = points("vanilla_slc", *alone)
    assert [point.served is not None for point in found] == [True, True, True, False]
    assert found[-1].stored_bytes == points("vanilla_slc")[-1].stored_bytes


def test_rows_are_in_the_store_and_the_same_question_asks_for_none() -> None:
    kept = Store(IN_MEMORY)
    first = find_scaling(two_cases(), [1, 3], store=kept)
    assert kept.count() == 4
    assert find_scaling(two_cases(), [1, 3], store=kept) == first
    assert kept.count() == 4
    (source,) = kept.studies()
    table = list(StudyTable(remembered(kept.made(source)), kept))
    assert [(row["tasks"], row["rounds"]) for row in table] == [
        ("1", 1), ("1", 5), ("3", 1), ("3", 5),
    ]  # fmt: skip
    assert table[3]["adapter_slc.requests.all"] == 15


def test_one_task_that_does_not_fit_is_an_error() -> None:
    tiny = small_workload(
        "hardware.memories.sram.capacity=8 KiB", "hardware.memories.sram.extrapolate=true"
    )
    with pytest.raises(
        CapacityError, match=r"memory 'sram' has .* free; raise hardware\.memories\.sram"
    ):
        find_scaling(tiny, [1])


# -- area --------------------------------------------------------------------------------------


def test_a_memory_of_its_own_size_has_its_own_area() -> None:
    for case in small_workload().cases.values():
        table = case.hardware.regions
        for memory, config in case.hardware.memories.items():
            found = resident_area(case.hardware, memory, config.capacity)
            assert found == table[memory].area


@pytest.mark.parametrize("memory", ["rram", "sram"])
def test_more_capacity_takes_more_area(memory: str) -> None:
    hardware = small_workload().cases["adapter_slc"].hardware
    areas = [resident_area(hardware, memory, 4096 * 2**n) for n in range(15)]
    assert all(small < large for small, large in pairwise(areas))
    # Beyond the largest array of the table there are banks of it.
    assert 1.5 < areas[-1] / areas[-2] < 2.5


@pytest.mark.parametrize("counts", [[], [0, 1], [10]])
def test_bad_numbers_of_tasks(counts: list[int]) -> None:
    message = r"^--tasks: expected numbers from 1 to 9, such as 1\.\.9 or 3$"
    with pytest.raises(ConfigError, match=message):
        find_scaling(small_workload(), counts)
