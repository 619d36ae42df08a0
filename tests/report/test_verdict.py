"""The first lines of a run: sentences from figures, and what must be said without being asked."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import pytest
from small_workload import SMALL, small_workload

from accelsim.account.cautions import reloading, saturation, spill
from accelsim.evaluation.comparison import find_gains
from accelsim.evaluation.reasons import reasons
from accelsim.evaluation.result import Result
from accelsim.evaluation.stages import run_workload
from accelsim.report.cautions import cautions
from accelsim.report.results import results_document
from accelsim.report.run import run_report
from accelsim.report.table import Prose, Table
from accelsim.report.text import number
from accelsim.report.verdict import verdict
from accelsim.units import to_seconds
from accelsim.workload.schema import load_workload

STREAM = "requests={pattern: poisson, mean_interval: %s, duration: 1 s, seed: 2}"


@lru_cache
def examined(*changes: str) -> Result:
    return run_workload(small_workload(*changes))


def said(result: Result, kind: str) -> list[str]:
    return [text for text in cautions(result) if text.startswith(kind)]


def as_printed(gain: float) -> str:
    return number(max(gain, 1 / gain), padded=True)


@pytest.mark.parametrize("changes", [(), (STREAM % "10 ms",)], ids=["rounds", "stream"])
def test_three_sentences_quote_the_gains(changes: tuple[str, ...]) -> None:
    result = examined(*changes)
    sentences = verdict(result)
    assert len(sentences) == 3
    quoted = set(re.findall(r"(\S+)x (?:less|more) ", sentences[0]))
    scopes = ("switch", "system") if result.closed_loop else ("request", "system")
    for comparison in find_gains(result):
        assert comparison.design in sentences[0]
        gains = {(g.scope, g.metric): g.value for g in comparison.gains if g.scope in scopes}
        wanted = {as_printed(gain) for gain in gains.values()} - {"1.00"}
        assert wanted <= quoted
    assert sentences[1].startswith("Why (")
    assert sentences[2].startswith("What would change it: without ")


def test_a_gain_is_never_told_as_a_loss() -> None:
    found = find_gains(examined())
    (text, *_) = verdict(examined())
    for one in found:
        gain = next(g.value for g in one.gains if (g.scope, g.metric) == ("system", "latency"))
        word = "less" if gain > 1 else "more"
        assert re.search(rf"{as_printed(gain)}x {word} time", text)


def test_reasons_add_up_to_the_gain() -> None:
    result = examined("residency=one_task")
    for comparison in find_gains(result):
        one = reasons(result, comparison)
        gains = {(g.scope, g.metric): g.value for g in comparison.gains}
        assert one.energy.gain == pytest.approx(gains["system", "energy"])
        assert sum(part.saved for part in one.parts.values()) == pytest.approx(one.energy.saved)
        left = one.parts[one.largest]
        assert one.without_largest.before + left.before == pytest.approx(one.energy.before)
        assert one.switch_bytes is not None
        assert one.inferences is not None
        design = result[comparison.design].figures
        switches = design.switches / design.rounds * design.scopes["switch"].energy
        assert one.inferences.after + switches == pytest.approx(one.energy.after)


def test_designs_without_a_baseline_are_ranked() -> None:
    bare = {name: f"cases.{name}.baseline=null" for name in ("adapter_mixed", "adapter_slc")}
    result = examined(*bare.values())
    least = min(result.cases, key=lambda name: result[name].figures.scopes["system"].energy)
    first, why, turns = verdict(result)
    assert first.startswith(f"least energy a round {least}: ")
    assert why.startswith(f"Why: {least} spends ")
    assert f"{least} would take" in turns


# -- what must be said -----------------------------------------------------------------------------


def test_a_stream_is_saturated_where_it_brings_more_than_can_be_served() -> None:
    for interval, expected in (("1 us", True), ("100 ms", False)):
        stream = STREAM.replace("1 s,", "2 ms,") if expected else STREAM
        result = examined(stream % interval)
        horizon = result.workload.config.requests.horizon()
        for case in result.cases.values():
            found = saturation(case.run, horizon)
            assert bool(found) is expected
            if found and horizon:
                assert found.offered == len(case.run.requests) / to_seconds(horizon)
                assert found.served < found.offered
        assert bool(said(result, "saturated: ")) is expected
        # What a wait comes to says nothing of a design then.
        assert (" time" in verdict(result)[0]) is not expected
        # Designs that are saturated alike are told of in one line, with what differs.
        assert len(said(result, "saturated: ")) == expected


def test_saturation_begins_where_service_fills_the_stream() -> None:
    run = examined(STREAM % "10 ms")["adapter_slc"].run
    served = sum(one.end - one.start for one in run.requests)
    assert saturation(run, served - served // 1000) is not None
    assert saturation(run, served + served // 1000) is None


def test_reloading_ends_where_all_tasks_have_room() -> None:
    change = "cases.vanilla_slc.hardware.memories.sram.capacity={}"
    small, large = examined(change.format("32 KiB")), examined(change.format("4 MiB"))
    found = reloading(small["vanilla_slc"].design, small["vanilla_slc"].run)
    assert found is not None
    assert found.needed["sram"] > found.capacity["sram"] == 32 * 1024
    assert reloading(large["vanilla_slc"].design, large["vanilla_slc"].run) is None
    (text,) = (one for one in said(small, "not resident: ") if "vanilla_slc" in one)
    assert "32 KiB" in text
    assert not [one for one in said(large, "not resident: ") if "vanilla_slc" in one]


def test_what_holds_all_tasks_to_the_last_word_is_not_short() -> None:
    change = "cases.vanilla_slc.hardware.memories.sram.capacity={} B"
    small = examined("cases.vanilla_slc.hardware.memories.sram.capacity=32 KiB")["vanilla_slc"]
    found = reloading(small.design, small.run)
    assert found is not None
    exact = examined(change.format(found.needed["sram"]), "residency=one_task")["vanilla_slc"]
    found = reloading(exact.design, exact.run)
    assert found is not None
    assert found.needed == {}


def test_spills_are_told_with_their_energy() -> None:
    result = examined(
        "sequence_length=128", "cases.adapter_slc.hardware.memories.activation_sram.capacity=16KiB"
    )
    case = result["adapter_slc"]
    found = spill(case.design, case.run, case.figures.account)
    assert found is not None
    dram = [key for key in case.figures.account.dynamic if key.block == "dram"]
    spent = sum(
        case.figures.account.dynamic[key]
        for key in dram
        if key.program == "infer" and key.operator != "background"
    )
    assert found.joules == pytest.approx(spent)
    assert found.share == pytest.approx(spent / case.figures.account.total)
    (text,) = said(result, "spilled: ")
    assert text.startswith("spilled: activation_sram is too small for ")
    assert text.endswith("(adapter_slc)")


def test_wear_extrapolation_and_waste_are_told() -> None:
    slc = "cases.adapter_slc.hardware.memories."
    result = examined(
        "cases.adapter_slc.hardware.placement.task={values: rram, masks: rram}",
        slc + "rram.capacity=512MiB",
        slc + "rram.extrapolate=true",
        "cases.vanilla_slc.hardware.placement.backbone={values: sram, masks: sram}",
        "cases.vanilla_slc.hardware.placement.embedding={values: sram, masks: sram}",
    )
    (worn,) = said(result, "wears out: ")
    assert worn.startswith("wears out: rram after ")
    (unused,) = (text for text in said(result, "unused: ") if "vanilla_slc" in text)
    assert "nothing lies in rram, " in unused
    (beyond,) = said(result, "extrapolated: ")
    assert beyond.startswith("extrapolated: rram: ")
    case = results_document(result, [])["cases"]["vanilla_slc"]
    (waste,) = (one for one in case["unused_memories"] if one["name"] == "rram")
    region = result["vanilla_slc"].footprints["rram"].region
    assert waste["area_mm2"] == pytest.approx(1e6 * region.area)
    assert waste["leakage_mW"] == pytest.approx(1e3 * region.leakage)


@pytest.mark.parametrize(
    ("capacity", "told"), [("8 MiB", True), ("fit", False), ("0.125 MiB", False)]
)
def test_a_memory_that_is_nearly_empty_is_told(capacity: str, told: bool) -> None:
    result = examined(f"cases.adapter_slc.hardware.memories.rram.capacity={capacity}")
    found = [text for text in said(result, "mostly empty: rram ") if "adapter_slc" in text]
    assert bool(found) is told
    one = result["adapter_slc"].footprints["rram"]
    assert told is (one.fill < 0.1 and capacity != "fit")


def test_what_keeps_a_chip_from_powering_off_is_told_where_another_does() -> None:
    slc = "cases.adapter_slc."
    bare = (f"{slc}hardware.dram=null", f"{slc}storage.task.format=dense")
    stream = STREAM.replace("1 s", "2 s") % "400 ms"
    result = examined(stream, "idle={policy: break_even}", *bare)
    (text,) = said(result, "never off: ")
    assert text.startswith("never off: sram holds parameters of ")
    assert text.endswith("(adapter_slc)")
    awake = examined(stream, *bare)
    assert not said(awake, "never off: ")  # nobody powers off


def test_the_report_begins_with_verdict_and_cautions() -> None:
    result = examined()
    report = run_report(result, [])
    tones = [one.tone for one in report.verdict if isinstance(one, Prose)]
    assert tones == ["strong"] * 3 + ["warning"] * len(cautions(result))
    document: dict[str, Any] = json.loads(json.dumps(report.document))
    assert document["cautions"] == list(cautions(result))


def test_each_design_has_one_short_table() -> None:
    for changes in ((), (STREAM % "10 ms",)):
        report = run_report(examined(*changes), [])
        shown = [one for one in report.sections if isinstance(one, Table)]
        assert len(shown) == 3 + 4
        assert all(len(table.rows) <= 6 for table in shown[-4:])


@pytest.mark.parametrize("changes", [(), (STREAM % "10 ms",)], ids=["rounds", "stream"])
def test_power_is_a_figure_of_a_design_only_where_arrivals_fix_the_rate(
    changes: tuple[str, ...],
) -> None:
    report = run_report(examined(*changes), [])
    brief, whole = (
        [str(row[0]) for row in one.rows if row]
        for title in ("Figures", "All figures")
        for one in (*report.sections, *report.details)
        if isinstance(one, Table) and one.title == title
    )
    told = "" if changes else "; back to back: a slower chip does less"
    for title in ("energy of a day like the run", "mean power"):
        assert (title in brief) is bool(changes)
        assert title + told in whole


def test_parts_side_by_side_are_those_of_each_design() -> None:
    result = examined()
    (parts,) = (
        one
        for one in run_report(result, []).sections
        if isinstance(one, Table) and one.title == "Energy of a round by part"
    )
    names = [column.title for column in parts.columns[1:]]
    assert names == list(result.cases)
    for number_, name in enumerate(names, 1):
        *rows, total = [row[number_] for row in parts.rows if row]
        energy = result[name].figures.scopes["system"].energy
        assert total == pytest.approx(energy)
        assert sum(value for value in rows if isinstance(value, float)) == pytest.approx(energy)


def test_no_text_of_a_file_heads_the_report() -> None:
    lying = (*SMALL, "description=0.125 MiB SRAM", "cases.adapter_slc.hardware.description=lies")
    report = run_report(run_workload(load_workload("workloads/mti_mnli_mrpc_qnli.yaml", lying)), [])
    shown = [str(vars(one)) for one in (*report.sections, *report.verdict)]
    about = [line for line in report.about if not line.startswith("changed: ")]
    assert not [text for text in (*shown, *about) if "0.125" in text or "lies" in text]
