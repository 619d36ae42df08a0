"""The README's example of each thing that can be added: the main job runs with it from outside."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from readme_examples import README, example
from toy_files import run, write

import accelsim
from accelsim.accelerators import ACCELERATORS
from accelsim.evaluation.metrics import METRIC_FAMILIES
from accelsim.inputs.memo import Memo
from accelsim.inputs.plugins import Registry
from accelsim.machine.sections import COMPONENTS
from accelsim.mapping.cutting import cut
from accelsim.model.adaptations import ADAPTATIONS
from accelsim.model.families import MODEL_FAMILIES
from accelsim.model.operators import OPERATOR_KINDS
from accelsim.policies.idle import IDLE_POLICIES
from accelsim.policies.scheduling import SCHEDULING_POLICIES
from accelsim.report.media import MEDIA
from accelsim.requests.patterns import REQUEST_PATTERNS
from accelsim.requests.patterns.at_rate import request_shape
from accelsim.study.scaling import find_scaling
from accelsim.workload.request_rules import request_context
from accelsim.workload.schema import load_workload

ALL: tuple[Registry[Any], ...] = (
    *(OPERATOR_KINDS, MODEL_FAMILIES, ADAPTATIONS, COMPONENTS, ACCELERATORS, REQUEST_PATTERNS),
    *(SCHEDULING_POLICIES, IDLE_POLICIES, METRIC_FAMILIES, MEDIA),
)
STREAM = "requests={pattern: poisson, mean_interval: 60 us, duration: 4 ms}"
TINY = ("model={name: tiny-1}", "cases.case.adaptation={method: full}")


def test_every_example_is_about_ten_lines_long() -> None:
    headings = re.findall(r"^## (.*)$", README, re.MULTILINE)
    assert len(headings) == 13
    for heading in headings[:-1]:
        lines = [line for line in example(heading).splitlines() if line.strip()]
        assert len([line for line in lines if "import" not in line]) <= 20, heading


def test_the_table_says_what_there_is() -> None:
    rows = re.findall(r"^\| ([a-z ]+) \| `(\S+)` \| `(\w+)` \| `(\S+)` \|$", README, re.MULTILINE)
    table = {(folder, base, group) for _, folder, base, group in rows}
    folders = {each: each._package.removeprefix("accelsim.").replace(".", "/") for each in ALL}
    assert table == {(f"{folders[e]}/", e._base.__name__, e._group) for e in ALL}


def test_an_operator_kind_is_timed_and_priced_by_its_recipe(tmp_path: Path) -> None:
    family = example("A model family")
    squared = family.replace("ADD, SILU", "ADD, find_kind").replace("SILU,", 'find_kind("square"),')
    silu = run(write(tmp_path, workload="plugins: [mine.py]", mine=family), *TINY)
    (tmp_path / "square.py").write_text(example("An operator kind"))
    plugins = "plugins: [mine.py, square.py]"
    square = run(write(tmp_path, workload=plugins, mine=squared), *TINY)
    # Both sweep once; a SiLU has two additions more.
    assert square["time.inference_s"] == silu["time.inference_s"]
    assert 0 < square["energy.part.compute_J"] < silu["energy.part.compute_J"]


def test_a_kind_is_placed_in_a_family_that_exists(tmp_path: Path) -> None:
    file = write(tmp_path, workload="plugins: [mine.py]", mine=example("An operator kind"))
    squared, plain = (
        (f"model={{name: {name}, vocabulary_size: 500, hidden_size: 32, layers: 2, heads: 1, "
         "intermediate_size: 64}", "cases.case.adaptation={method: full}")
        for name in ("squared-bert", "bert-base")
    )  # fmt: skip
    assert run(file, *plain)["time.inference_s"] < run(file, *squared)["time.inference_s"]
    graph = accelsim.find_model("squared-bert").build(sequence_length=16, classes=2)
    placed = [each.layer for each in graph.operators if each.kind.name == "square"]
    assert placed == list(range(12))


def test_an_edited_kind_has_the_figures_of_a_fresh_process(tmp_path: Path) -> None:
    family = example("A model family")
    squared = family.replace("ADD, SILU", "ADD, find_kind").replace("SILU,", 'find_kind("square"),')
    points = []
    for folder, sweeps in ((tmp_path / "one", 1), (tmp_path / "two", 9)):
        kind = example("An operator kind").replace("sweeps=1", f"sweeps={sweeps}")
        file = write(folder, workload="plugins: [mine.py, square.py]", mine=squared, square=kind)
        case = ("cases.case.hardware=hwconfigs/systolic_npu.yaml", *TINY)
        points.append(accelsim.Point(file, case))
    fresh = []
    for point in points:
        cut.cache_clear()
        fresh.append(dict(accelsim.evaluate(point)))
    assert fresh[0] != fresh[1]
    for memo in (Memo(), None):
        assert [dict(accelsim.evaluate(point, memo)) for point in points] == fresh


def test_a_component_stands_in_a_machine(tmp_path: Path) -> None:
    stream = STREAM.replace("60 us", "1 ms"), "idle={policy: timeout, off_after: 100 us}"
    without = run(write(tmp_path), *stream)
    detector = "detector: {kind: wake_word_detector, draws: 50 uW}\nplugins: [detector.py]"
    found = run(write(tmp_path, machine=detector, detector=example("A component")), *stream)
    assert found["time.run_s"] == without["time.run_s"]
    assert found["time.chip.off_s"] > 1e-3
    more = found["energy.system_J"] - without["energy.system_J"]
    assert more == pytest.approx(50e-6 * found["time.run_s"])


SLOW_BUS = """
from typing import Literal
from accelsim.machine.components.bus import BusConfig

class SlowBus(BusConfig):
    kind: Literal["slow_bus"]

    def cycles(self, use, site):
        return 2 * super().cycles(use, site)
"""


def test_a_component_takes_the_place_of_another(tmp_path: Path) -> None:
    short = "sequence_length=16"  # everything fits at once: there is one plan, however slow the bus
    without = run(write(tmp_path), short)
    machine = "bus: {kind: slow_bus}\nplugins: [bus.py]"
    found = run(write(tmp_path, machine=machine, bus=SLOW_BUS), short)
    assert found["time.busy.bus_s"] == pytest.approx(2 * without["time.busy.bus_s"])
    bus = "energy.part.bus_and_host_J"
    assert found[bus] == without[bus]


def test_an_accelerator_compiles_for_a_machine(tmp_path: Path) -> None:
    without = run(write(tmp_path))
    machine = "accelerator: autonomous\nplugins: [mine.py]"
    found = run(write(tmp_path, machine=machine, mine=example("An accelerator")))
    assert 0 < found["latency.switch_s"] <= without["latency.switch_s"]
    assert found["time.busy.host_s"] < without["time.busy.host_s"]
    assert found["time.inference_s"] == without["time.inference_s"]


def test_a_pattern_asks_for_sentences(tmp_path: Path) -> None:
    requests = "requests={pattern: together, interval: 1 s, times: 9}"
    file = write(tmp_path, workload="plugins: [mine.py]", mine=example("A request pattern"))
    found = run(file, requests)
    assert (found["requests.MNLI"], found["requests.all"]) == (9, 18)
    assert found["time.run_s"] == pytest.approx(8, rel=1e-3)


TURNS = """
from typing import Literal
from accelsim.requests.base import ClosedLoop
from accelsim.requests.request import Request

class Turns(ClosedLoop):
    pattern: Literal["turns"]

    def make_requests(self, context):
        asked = [(turn, task) for turn in range(self.rounds) for task in context.tasks]
        return [Request(n, task, 0, 32, turn) for n, (turn, task) in enumerate(asked)]
"""


def test_a_closed_loop_is_treated_as_the_round_robin_is(tmp_path: Path) -> None:
    file, found = write(tmp_path, workload="plugins: [mine.py]", mine=TURNS), []
    for name in ("round_robin", "turns"):
        setting = f"requests={{pattern: {name}, rounds: 3, idle_between_rounds: 1 ms}}"
        figures, workload = run(file, setting), load_workload(file, (setting,))
        context = request_context(workload.config, workload.path.parent)
        shape = request_shape(workload.config.requests, context, 5)
        found.append((figures, shape, find_scaling(workload, (1, 2))))
    assert found[0] == found[1]
    assert found[0][0]["time.run_s"] > 3e-3
    assert len(found[0][1].requests) == 4


def test_a_scheduling_policy_serves_the_shortest_first(tmp_path: Path) -> None:
    file = write(tmp_path, workload="pad_to: 1\nplugins: [mine.py]",
                 mine=example("A scheduling policy"))  # fmt: skip
    first, shortest = (
        run(file, STREAM, f"policy={{name: {name}}}") for name in ("fifo", "shortest")
    )
    assert shortest["requests.all"] == first["requests.all"] > 20
    assert shortest["waiting.mean.all_s"] < first["waiting.mean.all_s"]


def test_an_idle_policy_puts_the_device_to_sleep(tmp_path: Path) -> None:
    file = write(tmp_path, workload="plugins: [mine.py]", mine=example("An idle policy"))
    stream = STREAM.replace("60 us", "1 ms")
    nap = run(file, stream, "idle={policy: nap, after: 100 us}")
    assert nap["time.chip.off_s"] > 0
    assert nap == run(file, stream, "idle={policy: timeout, off_after: 100 us}")


def test_a_family_is_a_model(tmp_path: Path) -> None:
    file = write(tmp_path, mine=example("A model family"))
    options = ("--plugins", str(tmp_path / "mine.py"))
    full = "cases.case.adaptation={method: full}"
    two, four = (
        run(file, f"model={{name: tiny-1, layers: {layers}}}", full, options=options)
        for layers in (2, 4)
    )
    assert 0 < two["time.inference_s"] < four["time.inference_s"]


def test_an_adaptation_says_what_is_of_a_task(tmp_path: Path) -> None:
    file = write(tmp_path, workload="plugins: [mine.py]", mine=example("An adaptation"))
    houlsby, vectors = run(file), run(file, "cases.case.adaptation={method: vectors}")
    assert 0 < vectors["memory.held.sram_B"] < houlsby["memory.held.sram_B"]
    assert vectors["time.inference_s"] < houlsby["time.inference_s"]


def test_a_metric_and_a_medium_are_everywhere(tmp_path: Path) -> None:
    examples = {"metric": example("A figure"), "medium": example("An output medium")}
    file = write(tmp_path, workload="plugins: [.]", **examples)
    found = run(file, options=("--write", "json,csv,txt,md"))
    joules = found["energy.sentence_J"]
    assert joules == accelsim.evaluate(accelsim.Point(file))["case.energy.sentence"]
    with (tmp_path / "out" / "results.csv").open(newline="") as rows:
        assert [float(row["energy.sentence_J"]) for row in csv.DictReader(rows)] == [joules]
    assert "energy of a sentence" in (tmp_path / "out" / "results.txt").read_text()
    assert (tmp_path / "out" / "results.md").read_text().startswith("# outside")


def test_a_figure_may_have_a_product_as_its_unit(tmp_path: Path) -> None:
    plain = example("A figure").replace('"J"', '"J*s/MAC"')
    for unit, name, read in (
        ("J s", "J_s", r"energy of a sentence +\d+(\.\d+)? [unm]J s\n"),
        ("J*s/MAC", "J_s_per_MAC", r"energy of a sentence, J\*s/MAC +\d\S+\n"),
    ):
        source = plain.replace("J*s/MAC", unit)
        assert source != example("A figure")
        file = write(tmp_path, workload="plugins: [mine.py]", mine=source)
        found = run(file, options=("--write", "txt"))[f"energy.sentence_{name}"]
        assert found == accelsim.evaluate(accelsim.Point(file))["case.energy.sentence"]
        assert re.search(read, (tmp_path / "out" / "results.txt").read_text()), unit


def test_a_technology_needs_no_code(tmp_path: Path) -> None:
    technology = tmp_path / "mine.yaml"
    without = run(write(tmp_path))
    technology.write_text(example("A memory technology", "yaml"))
    found = run(write(tmp_path, machine=f"memories: {{rram: {{technology: {technology}}}}}"))
    assert 0.5e-6 < found["memory.area.rram_m2"] < 3.7e-6
    assert found["memory.leakage.rram_W"] != without["memory.leakage.rram_W"]
    assert found["memory.area.sram_m2"] == without["memory.area.sram_m2"]
