"""Accounts of a published gain: closed forms by hand, and what each choice may change."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import pytest

from accelsim.errors import ConfigError
from accelsim.inputs.memo import Memo
from accelsim.memory.dram import load_dram
from accelsim.report.headline import headline_report, headline_verdict
from accelsim.study.headline import Account, Gains, Pricing, find_gains
from accelsim.workload.schema import load_workload

MAIN = "workloads/mti_mnli_mrpc_qnli.yaml"
PLAIN = Account("shipped", "stated", 1, "loaded", leakage=False, cold_home="stream")


@lru_cache
def gains() -> dict[tuple[str, Account], Gains]:
    return {(each.design, each.account): each for each in find_gains(load_workload(MAIN))}


def of(account: Account, design: str = "adapter_slc") -> Gains:
    return gains()[design, account]


def test_every_account_stands_once_and_the_nearest_comes_first() -> None:
    found = find_gains(load_workload(MAIN))
    # Two pairs, three styles, two densities; five of passes and adapters; leakage; four homes.
    assert len(found) == len(gains()) == 2 * 3 * 2 * 5 * 2 * 4
    assert [each.distance for each in found] == sorted(each.distance for each in found)
    assert all(each.distance >= 1 for each in found)


def pricing(case: str) -> Pricing:
    workload = load_workload(MAIN)
    return Pricing(workload, workload.cases[case], Memo())


@pytest.mark.parametrize("case", ["vanilla_slc", "adapter_mixed"])
def test_a_visit_is_a_load_and_its_passes(case: str) -> None:
    priced = pricing(case)
    load, one, twelve = (priced.cost(replace(PLAIN, passes=n), loads=True) for n in (0, 1, 12))
    for figure in ("energy", "latency"):
        first, second, last = (getattr(cost, figure) for cost in (load, one, twelve))
        assert last - first == pytest.approx(12 * (second - first))
    kept = priced.cost(PLAIN, loads=False)
    assert kept.energy == pytest.approx(one.energy - load.energy)
    assert kept.latency == pytest.approx(one.latency - load.latency)


def test_a_load_by_hand() -> None:
    """Vanilla: every bit of the task's parameters leaves DRAM and is written once, word by word."""
    priced = pricing("vanilla_slc")
    machine = priced.case.hardware
    part, sram = load_dram("lpddr4_3200"), machine.regions["sram"]
    graph = priced.workload.config.model.build(sequence_length=128, classes=3)
    task = [p for p in graph.parameters if "embedding" not in p.name]
    matrices = sum(p.elements for p in task if len(p.shape) > 1)
    vectors = sum(p.elements for p in task if len(p.shape) == 1)
    bits = 8 * (matrices * 21 / 100 + vectors) + matrices
    words = bits / 128
    load = priced.cost(replace(PLAIN, passes=0), loads=True)
    joules = bits / 8 * part.stream_energy("read") + words * sram.write_energy
    # Each matrix rounds its values up to a bit, the whole up to a byte and a word.
    assert load.energy == pytest.approx(joules, rel=1e-4)
    assert load.latency == pytest.approx(bits / 8 / part.peak_bandwidth, rel=1e-4)
    apart = priced.cost(replace(PLAIN, passes=0, cold_home="32 B"), loads=True)
    timing = part.timing
    access = timing.activate_to_column + timing.read_latency + part.burst_time
    assert apart.latency == pytest.approx(bits / 256 * access, rel=1e-4)


def test_leakage_is_paid_for_as_long_as_a_visit_takes() -> None:
    priced = pricing("adapter_slc")
    without, leaking = (priced.cost(replace(PLAIN, leakage=on), loads=True) for on in (False, True))
    regions = priced.case.hardware.regions
    watts = regions["rram"].leakage + regions["sram"].leakage
    assert leaking.energy - without.energy == pytest.approx(watts * without.latency)
    assert leaking.latency == without.latency


def test_an_assumed_energy_of_dram_is_marked_and_moves_no_time() -> None:
    serial = replace(PLAIN, cold_home="32 B")
    assumed = replace(PLAIN, cold_home="20 pJ/b")
    assert (serial.free, assumed.free) == (False, True)
    assert of(serial).latency == of(assumed).latency
    cost = pricing("vanilla_slc").cost
    cheap = cost(replace(PLAIN, cold_home="4 pJ/b"), loads=True).energy
    dear = cost(assumed, loads=True).energy
    moved = place_bits()
    assert dear - cheap == pytest.approx(16e-12 * moved, rel=1e-5)


def place_bits() -> float:
    priced = pricing("vanilla_slc")
    apart = priced.cost(replace(PLAIN, passes=0, cold_home="32 B"), loads=True)
    part = load_dram("lpddr4_3200")
    timing = part.timing
    access = timing.activate_to_column + timing.read_latency + part.burst_time
    return apart.latency / access * 256


def test_area_counts_nothing_that_happens() -> None:
    areas = {(each.design, each.account.style): each.area for each in gains().values()}
    assert len(areas) == 6
    for each in gains().values():
        assert each.area == areas[each.design, each.account.style]


def test_equal_densities_only_move_the_baseline_and_only_up() -> None:
    stated, equal = of(PLAIN), of(replace(PLAIN, densities="equal"))
    assert equal.energy > stated.energy
    assert equal.area == stated.area


def test_the_verdict_tells_the_nearest_and_how_many_are_near() -> None:
    found = find_gains(load_workload(MAIN))
    own = [each for each in found if not each.account.free]
    first, second, *others = headline_verdict(found)
    near = sum(each.distance <= 1.25 for each in own)
    assert first.startswith(f"{near} of 240 accounts without a free number are within 25 %")
    assert f"{own[0].area:.2f}x / {own[0].energy:.1f}x / {own[0].latency:.1f}x" in second
    assert len(others) == 2


def test_all_accounts_are_in_the_data() -> None:
    workload = load_workload(MAIN)
    report = headline_report(workload, find_gains(workload), ["accelsim"])
    assert report.data is not None
    assert len(report.data.records) == len(report.document["accounts"]) == 480
    assert report.document["accounts"][0].keys() >= {"area", "energy", "latency", "distance"}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (("published=null",), "needs published"),
        (("published.energy=null",), "published: no figure of energy; an account is measured"),
        (("hardware.dram=null",), "no DRAM to load from"),
    ],
)
def test_a_workload_without_the_means_is_refused(changes: tuple[str, ...], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        find_gains(load_workload(MAIN, changes))
