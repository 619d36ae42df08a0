"""Wear: writes counted, spread by rule, and a design that writes RRAM at every switch fails."""

from __future__ import annotations

import math

import pytest
from small_workload import small_results

from accelsim.account.lifetime import RegionLifetime, lifetimes
from accelsim.evaluation.cases import CaseResult
from accelsim.policies.service import ResidencyPolicy
from accelsim.report.cautions import retention_texts
from accelsim.units import to_seconds

CASE = "vanilla_slc"
TASKS_IN_RRAM = f"cases.{CASE}.hardware.placement.task={{values: rram, masks: rram}}"
ONE_TASK = "residency=one_task"
LRU: ResidencyPolicy = "least_recently_used"
# Three requests a second.
POISSON = "requests={pattern: poisson, mean_interval: 1 s, duration: 30 s}"
YEAR = 365.25 * 86_400


def result(*overrides: str) -> CaseResult:
    return small_results(*overrides)[CASE]


def wear(*overrides: str) -> dict[str, RegionLifetime]:
    found = result(*overrides)
    return lifetimes(found.design, found.run, "one_task" if ONE_TASK in overrides else LRU)


def loads(found: CaseResult) -> dict[str, int]:
    count = dict.fromkeys(found.design.placements, 0)
    for outcome in found.run.requests:
        count[outcome.task] += outcome.switched
    return count


def test_writing_rram_at_every_switch_fails_visibly() -> None:
    found = wear(POISSON, TASKS_IN_RRAM, ONE_TASK)["rram"]
    assert found.region.array.technology == "RRAM"
    # About two switches a second against a million writes: days.
    assert 0.01 < found.years() < 0.1
    assert not found.lasts()
    # Not even ideal wear levelling saves it, for the memory is written as a whole.
    assert found.years(levelled=True) < 10


def test_as_shipped_no_memory_wears_out() -> None:
    for found in wear(POISSON, ONE_TASK).values():
        # RRAM is written again every 35 days, a million times.
        kept = math.inf if not found.retention else 1e6 * 3e6 / YEAR
        assert math.isclose(found.years(), kept)
        assert found.lasts()


def test_sram_is_written_without_end() -> None:
    found = wear(POISSON, ONE_TASK)["sram"]
    assert found.worst_writes > 1
    assert found.endurance == {}
    assert found.years() == math.inf


def test_tasks_with_room_of_their_own_wear_by_their_own_loads() -> None:
    # Off after every request: all must be loaded again where nothing keeps it.
    volatile = (POISSON, "idle={policy: timeout, off_after: 0 s}")
    found = result(*volatile)
    count = loads(found)
    assert min(count.values()) > 1
    assert wear(*volatile)["sram"].worst_writes == max(count.values())


def test_tasks_that_overlay_wear_by_all_loads() -> None:
    # Room for two of the three tasks.
    probe = result()
    bits = probe.design.placements["MNLI"].bits(task_specific=True)["sram"]
    tight = (POISSON, f"hardware.memories.sram.capacity={2 * bits // 8 // 1024 + 8} KiB",
             "hardware.memories.sram.extrapolate=true")  # fmt: skip
    found = result(*tight)
    count = loads(found)
    assert wear(*tight)["sram"].worst_writes == sum(count.values()) > max(count.values())


def test_a_reload_of_what_was_lost_spares_what_was_kept() -> None:
    # Values in RRAM survive the power-off, masks in SRAM do not.
    mixed = (
        POISSON,
        f"cases.{CASE}.hardware.placement.task={{values: rram, masks: sram}}",
        "idle={policy: timeout, off_after: 0 s}",
    )
    found = wear(*mixed)
    assert found["rram"].worst_writes == 1
    assert found["sram"].worst_writes == max(loads(result(*mixed)).values()) > 1


def test_shared_parameters_are_written_when_the_device_wakes() -> None:
    all_sram = (
        POISSON,
        "idle={policy: timeout, off_after: 0 s}",
        f"cases.{CASE}.hardware.placement.backbone={{values: sram, masks: sram}}",
        f"cases.{CASE}.hardware.placement.embedding={{values: sram, masks: sram}}",
    )
    found = result(*all_sram)
    wakes = sum(t.count for (kind, _), t in found.run.totals.items() if kind == "power_up")
    assert wear(*all_sram)["sram"].worst_writes == wakes > max(loads(found).values())


def test_levelled_writes_are_words_over_words() -> None:
    found = result(POISSON, TASKS_IN_RRAM, ONE_TASK)
    rram = wear(POISSON, TASKS_IN_RRAM, ONE_TASK)["rram"]
    memory = found.case.hardware.memories["rram"]
    words = found.run.ledger.amount("rram", "write")
    assert rram.words_written == words
    assert math.isclose(rram.even_writes, words * memory.word / (8 * memory.capacity))
    assert rram.even_writes < rram.worst_writes == sum(loads(found).values())


def test_years_are_endurance_over_the_rate_of_writes() -> None:
    found = result(POISSON, TASKS_IN_RRAM, ONE_TASK)
    rram = wear(POISSON, TASKS_IN_RRAM, ONE_TASK)["rram"]
    loaded = sum(loads(found).values()) / to_seconds(found.run.makespan)
    # What is held is written again when its retention is over.
    assert math.isclose(rram.years("typical"), 1e6 / (loaded + 1 / 3e6) / YEAR)
    assert rram.region.array.grade == "typical"
    assert rram.years() == rram.years("typical")
    assert math.isclose(rram.years("low"), 1e8 / (loaded + 1 / 3e8) / YEAR)
    assert math.isclose(rram.years("high"), 1e3 / (loaded + 1 / 2.4e3) / YEAR)
    assert rram.lasts(rram.years())
    assert not rram.lasts(1.001 * rram.years())


def test_activations_in_rram_wear_faster_than_parameters() -> None:
    in_rram = (POISSON, "hardware.memories.activation_sram.technology=rram")
    found = wear(*in_rram)["activation_sram"]
    written = result(*in_rram).run.ledger
    held = written.peak["activation_sram"] / 16
    assert math.isclose(found.worst_writes, found.words_written / held)
    assert found.even_writes < found.worst_writes
    assert found.years() < wear(POISSON, TASKS_IN_RRAM, ONE_TASK)["rram"].years()
    assert not found.lasts()


@pytest.mark.parametrize("buffer", ["weight_buffer", "activation_buffer", "auxiliary_memory"])
def test_buffers_count_bytes(buffer: str) -> None:
    found, region = result(POISSON), wear(POISSON)[buffer]
    written = found.run.ledger.amount(buffer, "write")
    assert math.isclose(region.words_written * 16, written)
    held = sum(n for name, n in found.run.ledger.peak.items() if name.startswith(buffer))
    assert math.isclose(region.worst_writes, written / held)
    assert region.even_writes <= region.worst_writes


def test_a_grade_that_holds_40_minutes_does_not_last() -> None:
    high = "hardware.process.grade=high"
    found = wear(high)["rram"]
    # Nothing of the run writes it, but 1000 writes are over after 1000 retentions.
    assert found.worst_writes == 0
    assert math.isclose(found.years(), 1e3 * 2.4e3 / YEAR)
    assert not found.lasts()
    assert found.rewrites_a_day == 36
    text = " ".join(retention_texts(result(high)))
    assert "holds data too short: rram for 40 min at grade high" in text
    assert "36 times a day: the energy is in these figures" in text
    assert wear()["rram"].lasts()
    assert not list(retention_texts(result()))


SLEEPY = "requests={pattern: poisson, mean_interval: 10 s, duration: 100 s}"
OFF = "idle={policy: timeout, off_after: 1 s}"
HIGH = "hardware.process.grade=high"
NEVER = "hardware.memories.rram.refresh=none"
HOURLY = "hardware.memories.rram.refresh=1 h"


@pytest.mark.parametrize("overrides", [(), (SLEEPY, OFF)])
def test_what_fades_is_written_again_in_every_state_of_the_chip(overrides: tuple[str, ...]) -> None:
    """The mean: the joules of one writing for each retention that passes, asleep or not."""
    paid, free = result(HIGH, *overrides), result(HIGH, NEVER, *overrides)
    cost = paid.programming["rram"].joules
    seconds = to_seconds(paid.run.makespan)
    for one, every in ((paid, 2.4e3), (result(HIGH, HOURLY, *overrides), 3600.0)):
        spent = one.figures.account.leakage_of("rram") - free.figures.account.leakage_of("rram")
        assert math.isclose(spent, cost * seconds / every, rel_tol=1e-6)
        added = one.figures.account.total - free.figures.account.total
        assert math.isclose(added, spent, rel_tol=1e-6)
    assert any("off" in str(state) for state in paid.run.ledger.chip_states) == bool(overrides)


def test_who_writes_too_late_or_never_is_told_and_wears_less() -> None:
    for late, days in ((NEVER, 0), (HOURLY, 24)):
        assert wear(HIGH, late)["rram"].rewrites_a_day == days
        assert "its contents are lost" in " ".join(retention_texts(result(HIGH, late)))
    often = "hardware.memories.rram.refresh=30 min"
    assert wear(HIGH, often)["rram"].rewrites_a_day == 48
    assert "the energy is in these figures" in " ".join(retention_texts(result(HIGH, often)))
    assert wear(HIGH, NEVER)["rram"].lasts()
