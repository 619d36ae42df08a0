"""Sizes that are worked out: what is needed is there, one step less is too little."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_workload import MAIN, SMALL, small_workload

from accelsim.accelerators import load_machine
from accelsim.accelerators.design import Design
from accelsim.engine.run import Options, Window
from accelsim.errors import CapacityError, ConfigError
from accelsim.evaluation.examine import examine, resolve
from accelsim.evaluation.point import Point
from accelsim.evaluation.stages import design_of
from accelsim.inputs.document import Document
from accelsim.inputs.memo import Memo
from accelsim.machine.fit import Fit, check_fits
from accelsim.mapping.cache import InferenceProgram
from accelsim.mapping.emission import Emission
from accelsim.report.origin import changes
from accelsim.study.scaling import find_scaling
from accelsim.units import format_bytes
from tests.evaluation.test_generation import loaded

CASE = "adapter_slc"
STEP = 1024
_MEMO = Memo()


def design(*overrides: str, case: str = CASE) -> Design:
    workload = small_workload(*overrides)
    return design_of(workload, workload.cases[case], _MEMO)


def capacity(of: Design, memory: str) -> int:
    return of.hardware.memories[memory].capacity


def setting(memory: str, size: object) -> str:
    return f"hardware.memories.{memory}.capacity={size}"


def spilled(of: Design) -> list[str]:
    return [name for inference in of.inferences.values() for name in inference.spilled]


@pytest.mark.parametrize("case", ["vanilla_mixed", "adapter_slc"])
def test_a_memory_of_parameters_holds_what_it_must_and_no_step_more(case: str) -> None:
    size = capacity(design(setting("sram", "fit"), case=case), "sram")
    assert not size % STEP
    assert design(setting("sram", f"{size} B"), case=case)
    with pytest.raises(CapacityError, match=f"capacity to {size // STEP} KiB or more"):
        design(setting("sram", f"{size - STEP} B"), case=case)


def test_cases_of_one_machine_file_have_their_own_sizes() -> None:
    workload = resolve(Point(MAIN, (*SMALL, setting("sram", "fit"))))
    sizes = {name: case.hardware.memories["sram"].capacity for name, case in workload.cases.items()}
    assert sizes["vanilla_slc"] > 2 * sizes["adapter_slc"]
    assert sizes["vanilla_slc"] == sizes["vanilla_mixed"]


def test_a_margin_is_of_what_is_needed() -> None:
    size, more = (
        capacity(design(setting("sram", fit), case="vanilla_slc"), "sram")
        for fit in ("fit", "fit + 50 %")
    )
    assert more / STEP == pytest.approx(1.5 * size / STEP, abs=1.5)


def test_banks_that_exist_are_filled() -> None:
    wanted = "fit + 3 % in banks"
    found = design(setting("sram", wanted), case="vanilla_slc")
    region = found.hardware.regions["sram"]
    assert sum(region.array.banks) == region.capacity
    assert region.capacity >= capacity(design(setting("sram", "fit"), case="vanilla_slc"), "sram")


def test_equal_banks_divide_the_size() -> None:
    found = design(setting("sram", "fit"), "hardware.memories.sram.banks=3", case="vanilla_slc")
    assert not capacity(found, "sram") % (3 * STEP)


def test_no_memory_is_smaller_than_the_least_array() -> None:
    few = f"cases.{CASE}.adaptation={{method: houlsby, bottleneck: 1}}"
    region = design(setting("sram", "fit"), few).hardware.regions["sram"]
    assert region.array.banks == (region.capacity,)
    with pytest.raises(ConfigError, match="outside the table"):
        _ = design(setting("sram", f"{region.capacity - STEP} B"), few).hardware.regions


def test_pinned_tasks_and_those_without_dram_count_in_full() -> None:
    own, pinned, resident = (
        capacity(design(setting("sram", "fit"), *more, case="vanilla_slc"), "sram")
        for more in (
            (),
            ("tasks={MNLI: {}, MRPC: {pinned: true}, QNLI: {}}",),
            ("hardware.dram=null",),
        )
    )
    assert pinned == pytest.approx(2 * own, abs=2 * STEP)
    assert resident == pytest.approx(3 * own, abs=3 * STEP)


def test_activations_just_stay_on_the_chip() -> None:
    found = design(setting("activation_sram", "fit"))
    size = capacity(found, "activation_sram")
    assert not spilled(found)
    assert spilled(design(setting("activation_sram", f"{size - STEP} B")))


def test_what_does_not_fit_is_known_for_other_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    emitted: list[Any] = []
    emit = Emission._try
    monkeypatch.setattr(Emission, "_try", lambda *given: (emitted.append(given), emit(*given))[1])

    def designed(size: int, memo: Memo) -> Design:
        asked = (setting("activation_sram", f"{size} B"), "sequence_length=64")
        workload = loaded(f"cases.npu.{asked[0]}", asked[1])
        return design_of(workload, workload.cases["npu"], memo)

    def tasks(programs: dict[tuple[str, int], InferenceProgram]) -> list[Any]:
        return [segment.tasks for each in programs.values() for segment in each.program.segments]

    memo = Memo()
    counts = []
    for size in (12_000, 12_016, 12_032, 12_048):
        emitted.clear()
        known, anew = designed(size, memo).inferences, len(emitted)
        counts.append(anew)
        assert tasks(known) == tasks(designed(size, Memo()).inferences)
        assert anew < len(emitted) - anew or size == 12_000
    assert counts[0] > 10 * sum(counts[1:]), counts


_BUFFERS = ("weight_buffer.data", "auxiliary_memory.capacity")


@pytest.mark.parametrize("smaller", _BUFFERS)
def test_buffers_just_do_all_at_once(smaller: str) -> None:
    found = design(*(f"hardware.{key}=fit" for key in _BUFFERS))
    assert not spilled(found)
    sizes = {key: found.hardware.capacities[key.partition(".")[0]] for key in _BUFFERS}
    sizes[smaller] -= STEP
    with pytest.raises((CapacityError, ConfigError)):
        design(*(f"hardware.{key}={size} B" for key, size in sizes.items()))


def test_what_came_out_is_told_and_the_same_as_written_by_hand() -> None:
    point = Point(MAIN, (*SMALL, setting("sram", "fit")), (CASE,))
    options = Options(window=Window(requests=0))
    fitted = examine(point, options=options)
    size = fitted.workload.cases[CASE].hardware.memories["sram"].capacity
    by_hand = Point(MAIN, (*SMALL, setting("sram", f"{size} B")), (CASE,))
    assert fitted[CASE].figures.account == examine(by_hand, options=options)[CASE].figures.account
    told = f"sized to fit, {CASE}: memories.sram.capacity {format_bytes(size)} (fit)"
    assert told in changes(fitted.workload)


def test_scaling_sizes_each_number_of_tasks_anew() -> None:
    workload = small_workload(setting("sram", "fit"), "hardware.dram=null")
    chosen = replace(workload, cases={CASE: workload.cases[CASE]})
    assert all(point.served for point in find_scaling(chosen, (1, 5)).cases[CASE])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("hardware.memories.sram.word=fit", "expected a quantity in b, got 'fit'"),
        ("hardware.memories.sram.capacity=fit - 3", "fit, fit . 10 % or fit in banks; else give"),
        ("memories.sram.capacity=fit", "a machine's own; set hardware.memories.sram.capacity"),
    ],
)
def test_a_fit_of_what_has_none_is_refused(wrong: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small_workload(wrong)


def test_a_component_whose_filling_nobody_plans_cannot_fit() -> None:
    machine, document = load_machine("hwconfigs/adapter_slc.yaml"), Document({}, {}, Path("m.yaml"))
    with pytest.raises(ConfigError, match=r"m.yaml:1: bus.capacity: 'fit' is for memories and buf"):
        check_fits(document, machine, {("bus", "capacity"): Fit()})


def test_a_machine_without_a_workload_cannot_fit() -> None:
    with pytest.raises(ConfigError, match="of a workload's machines, which say what must be held"):
        load_machine("hwconfigs/adapter_slc.yaml", ("memories.sram.capacity=fit",))
